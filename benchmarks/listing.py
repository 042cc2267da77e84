"""What listing costs the client's CPU, against `json.loads` of the same documents; in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from benchmarks.measure import Comparison, in_turn, microseconds
from benchmarks.page import Benchmark
from benchmarks.shapes import MIDDLE, SHAPES, SMALL
from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore

__all__ = ["LISTING", "TARGET", "Result", "measure"]

TARGET = 3.0
"""How many times the CPU of `json.loads` it may take."""

NUMBERS = {SMALL: 10_000, MIDDLE: 1_000}
ROUNDS = 7


@dataclass(frozen=True)
class Result:
    """One listing of so many executions; microseconds are those of one execution."""

    shape: str
    executions: int
    listing: str
    cpu: Comparison


def measure() -> list[Result]:
    """Measure the first listing of a process, and the next one, of which nothing has changed."""
    return [result for shape, number in NUMBERS.items() for result in listings(shape, number)]


def listings(shape: str, number: int) -> list[Result]:
    store = MemoryStore(keep_versions=0)
    writer = BucketCheckpointer(store)
    for index in range(number):
        document = SHAPES[shape]() | {"execution_id": f"run-{index:05}"}
        writer.save_checkpoint(Checkpoint.from_document(document))
    bodies = [stored.body for info in store.list("") if (stored := store.get(info.key))]

    def loads() -> None:
        for body in bodies:
            json.loads(body)

    def compare(listing: str, prepare: Callable[[], BucketCheckpointer]) -> Result:
        def listed() -> tuple[float]:
            checkpointer = prepare()
            return (microseconds(lambda: exhaust(checkpointer))[0] / number,)

        def bare() -> tuple[float]:
            return (microseconds(loads)[0] / number,)

        return Result(shape, number, listing, in_turn(bare, listed, ROUNDS)[0])

    again = BucketCheckpointer(store)
    exhaust(again)
    return [compare("first", lambda: BucketCheckpointer(store)), compare("again", lambda: again)]


def exhaust(checkpointer: BucketCheckpointer) -> None:
    """List all there is."""
    for _ in checkpointer.list_executions():
        pass


LISTING = Benchmark(
    name="listing",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "document": lambda result: result.shape,
        "executions": lambda result: f"{result.executions:,}",
        "listing": lambda result: result.listing,
        "json, µs each": lambda result: f"{result.cpu.bare:,.1f}",
        "bucketpoint, µs each": lambda result: f"{result.cpu.ours:,.1f}",
        "CPU ratio": lambda result: result.cpu.shown,
        "target": lambda result: result.cpu.judged(TARGET),
    },
)
