"""What the codec costs the client's CPU, against the `json` module alone: no store, no network.

`to_document` and `encode` against `json.dumps(...).encode()`, `decode` and `from_document` against
`json.loads`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import TypeAdapter

from benchmarks.calls import TARGETS
from benchmarks.measure import Comparison, compare
from benchmarks.page import Benchmark
from benchmarks.shapes import SHAPES
from bucketpoint import Checkpoint
from bucketpoint.core import codec

__all__ = ["CODEC", "Result", "measure"]


@dataclass(frozen=True)
class Result:
    """One operation on one shape."""

    shape: str
    bytes: int
    operation: str
    cpu: Comparison


def measure() -> list[Result]:
    """Measure saving and loading of each shape."""
    return [result for shape in TARGETS for result in (save(shape), load(shape))]


def save(shape: str) -> Result:
    document = SHAPES[shape]()
    body = codec.encode(document)
    checkpoint = Checkpoint.from_document(codec.decode(body))
    cpu = compare(
        lambda: json.dumps(document).encode(), lambda: codec.encode(checkpoint.to_document())
    )
    return Result(shape, len(body), "save", cpu)


def load(shape: str) -> Result:
    body = codec.encode(SHAPES[shape]())
    cpu = compare(lambda: json.loads(body), lambda: Checkpoint.from_document(codec.decode(body)))
    return Result(shape, len(body), "load", cpu)


CODEC = Benchmark(
    name="codec",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "document": lambda result: result.shape,
        "bytes": lambda result: f"{result.bytes:,}",
        "operation": lambda result: result.operation,
        "json, µs": lambda result: f"{result.cpu.bare:,.0f}",
        "bucketpoint, µs": lambda result: f"{result.cpu.ours:,.0f}",
        "CPU ratio": lambda result: result.cpu.shown,
    },
)
