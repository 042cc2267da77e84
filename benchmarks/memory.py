"""How much memory one call takes at its peak, against the bare SDK call with `json`.

Each is measured in a process of its own, as the operating system counts it (resident memory, on
Linux), so that what is allocated outside Python counts, too. A call on a small document comes
before; what is stored is then overwritten by, or loaded as, the large one.
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.clouds import CLOUDS, Cloud, stubbed
from benchmarks.measure import Call, Comparison, in_turn
from benchmarks.page import Benchmark
from benchmarks.shapes import HUGE, LARGE, SHAPES, SMALL
from bucketpoint import Checkpoint

__all__ = ["MEMORY", "Result", "measure"]

ROUNDS = 5
OPERATIONS = ("save", "load")
MEASURED_SHAPES = (LARGE, HUGE)
TARGET = 1.25
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Result:
    """One operation on one shape in one cloud; in megabytes."""

    cloud: str
    operation: str
    shape: str
    memory: Comparison


def measure() -> list[Result]:
    """Measure saving and loading in both clouds."""
    with stubbed() as stub:
        for make in CLOUDS.values():
            store_all(make(stub.url))
        return [
            Result(
                name,
                operation,
                shape,
                *in_turn(
                    partial(megabytes, stub.url, name, operation, shape, "bare"),
                    partial(megabytes, stub.url, name, operation, shape, "ours"),
                    ROUNDS,
                ),
            )
            for name in CLOUDS
            for operation in OPERATIONS
            for shape in MEASURED_SHAPES
        ]


def store_all(cloud: Cloud) -> None:
    """Store what is to be loaded."""
    with cloud.checkpointer() as checkpointer:
        for shape in (SMALL, *MEASURED_SHAPES):
            checkpointer.save_checkpoint(checkpoint_of(shape, stored_as(shape)))


def stored_as(shape: str) -> str:
    """Return the ID of the execution that has this shape."""
    return f"run-{[*SHAPES].index(shape)}"


def checkpoint_of(shape: str, execution_id: str) -> Checkpoint:
    return Checkpoint.from_document({**SHAPES[shape](), "execution_id": execution_id})


def megabytes(url: str, cloud: str, operation: str, shape: str, side: str) -> list[float]:
    """Measure in a fresh process, which uses the stub of this one."""
    command = [sys.executable, "-m", "benchmarks.memory", url, cloud, operation, shape, side]
    return [float(subprocess.check_output(command))]  # noqa: S603 - this very module


# --- in the fresh process ---------------------------------------------------------------------


def calls(cloud: Cloud, operation: str, shape: str, side: str) -> tuple[Call, Call]:
    """Return the call on a small document, and the one on the shape."""
    prepare = {
        ("save", "bare"): bare_save,
        ("save", "ours"): our_save,
        ("load", "bare"): bare_load,
        ("load", "ours"): our_load,
    }[operation, side]
    call: Callable[[str], Call] = prepare(cloud)
    return call(SMALL), call(shape)


def bare_save(cloud: Cloud) -> Callable[[str], Call]:
    bare = cloud.bare(f"run-of-{os.getpid()}")
    return lambda shape: partial(bare.save, SHAPES[shape]())


def our_save(cloud: Cloud) -> Callable[[str], Call]:
    save, execution_id = cloud.checkpointer().save_checkpoint, f"run-of-{os.getpid()}"
    return lambda shape: partial(save, checkpoint_of(shape, execution_id))


def bare_load(cloud: Cloud) -> Callable[[str], Call]:
    return lambda shape: cloud.bare(stored_as(shape)).load


def our_load(cloud: Cloud) -> Callable[[str], Call]:
    load = cloud.checkpointer().load_checkpoint
    return lambda shape: partial(load, stored_as(shape))


def peak(call: Call) -> int:
    """Return the bytes of resident memory that the call added at its peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    _RESET.write_text("5", encoding="ascii")  # the peak begins anew
    before = _kilobytes("VmRSS")
    kept = call()
    added = _kilobytes("VmHWM") - before
    del kept
    return added * 1024


def _kilobytes(name: str) -> int:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(url: str, name: str, operation: str, shape: str, side: str) -> None:
    """Print what one call takes."""
    small, large = calls(CLOUDS[name](url), operation, shape, side)
    small()
    print(peak(large) / 1e6)


MEMORY = Benchmark(
    name="memory",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "cloud": lambda result: result.cloud,
        "operation": lambda result: result.operation,
        "document": lambda result: result.shape,
        "bare SDK, MB": lambda result: f"{result.memory.bare:.1f}",
        "bucketpoint, MB": lambda result: f"{result.memory.ours:.1f}",
        "memory ratio": lambda result: result.memory.shown,
        "target": lambda result: result.memory.judged(TARGET),
    },
)

if __name__ == "__main__":
    main(*sys.argv[1:])
