"""What whole calls cost the client's CPU, against the bare SDK call with `json`.

Both sides speak to a stub in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from pydantic import TypeAdapter

from benchmarks.clouds import Cloud, clouds, stubbed
from benchmarks.measure import Call, Comparison, compare
from benchmarks.page import Benchmark
from benchmarks.shapes import HUNDREDS, LARGE, MIDDLE, SHAPES, SMALL, THOUSANDS
from bucketpoint import Checkpoint
from bucketpoint.core import codec

__all__ = ["CALLS", "TARGETS", "Result", "measure", "new_checkpoint", "new_id"]

TARGETS = {SMALL: 1.10, MIDDLE: 1.00, LARGE: 1.00, HUNDREDS: 1.30, THOUSANDS: 2.00}

Sides = tuple[Call, Call]
"""What is compared: without the library, and with it."""

_numbers = count()


@dataclass(frozen=True)
class Result:
    """One operation on one shape in one cloud."""

    cloud: str
    operation: str
    shape: str
    cpu: Comparison
    target: float | None


def new_id() -> str:
    """Name a run that nobody has seen."""
    return f"run-{next(_numbers)}"


def new_checkpoint(shape: str) -> Checkpoint:
    """Make a checkpoint as loading does, a model of values that it shares with nobody."""
    checkpoint = Checkpoint.from_document(codec.decode(codec.encode(SHAPES[shape]())))
    checkpoint.execution_id = new_id()
    return checkpoint


def save(cloud: Cloud, shape: str) -> Sides:
    """Save over the version last written."""
    document, checkpoint = SHAPES[shape](), new_checkpoint(shape)
    bare, checkpointer = cloud.bare(new_id()), cloud.checkpointer()
    return lambda: bare.save(document), lambda: checkpointer.save_checkpoint(checkpoint)


def load(cloud: Cloud, shape: str) -> Sides:
    """Load the very same object."""
    checkpoint = new_checkpoint(shape)
    bare, checkpointer = cloud.bare(checkpoint.execution_id), cloud.checkpointer()
    checkpointer.save_checkpoint(checkpoint)
    return bare.load, lambda: checkpointer.load_checkpoint(checkpoint.execution_id)


def update(cloud: Cloud, shape: str) -> Sides:
    """Change a run that was seen before; the bare way remembers nothing, so it reads first."""
    checkpoint = new_checkpoint(shape)
    bare, checkpointer = cloud.bare(new_id()), cloud.checkpointer()
    bare.save(SHAPES[shape]())
    checkpointer.save_checkpoint(checkpoint)

    def bare_update() -> None:
        document = bare.load()
        document["variables"]["n"] = 1
        bare.save(document)

    def change(loaded: Checkpoint) -> None:
        loaded.variables["n"] = 1

    return bare_update, lambda: checkpointer.atomic_update(checkpoint.execution_id, change)


def first_save(cloud: Cloud, shape: str) -> Sides:
    """Save runs that nobody has seen, and that are not there."""
    document, checkpoint = SHAPES[shape](), new_checkpoint(shape)
    checkpointer = cloud.checkpointer()

    def our_save() -> None:
        checkpoint.execution_id = new_id()
        checkpointer.save_checkpoint(checkpoint)

    return lambda: cloud.bare(new_id()).save(document), our_save


OPERATIONS: dict[str, tuple[Callable[[Cloud, str], Sides], Sequence[str]]] = {
    "save": (save, [*TARGETS]),
    "load": (load, [*TARGETS]),
    "atomic_update": (update, [SMALL, MIDDLE]),
    "first save": (first_save, [SMALL]),
}
"""What is measured, and on which shapes."""

TARGETED = {"save", "load"}


def measure() -> list[Result]:
    """Measure every operation in every cloud."""
    with stubbed() as stub:
        return [
            Result(
                cloud.name,
                operation,
                shape,
                compare(*sides(cloud, shape)),
                TARGETS[shape] if operation in TARGETED else None,
            )
            for cloud in clouds(stub.url)
            for operation, (sides, shapes) in OPERATIONS.items()
            for shape in shapes
        ]


CALLS = Benchmark(
    name="calls",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "cloud": lambda result: result.cloud,
        "operation": lambda result: result.operation,
        "document": lambda result: result.shape,
        "bare SDK, µs": lambda result: f"{result.cpu.bare:,.0f}",
        "bucketpoint, µs": lambda result: f"{result.cpu.ours:,.0f}",
        "CPU ratio": lambda result: result.cpu.shown,
        "target": lambda result: result.cpu.judged(result.target),
    },
)
