"""How many requests each operation sends, counted by the server that gets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from benchmarks.calls import new_checkpoint
from benchmarks.clouds import Cloud, clouds, stubbed
from benchmarks.measure import Call
from benchmarks.page import Benchmark
from benchmarks.services import Request
from benchmarks.shapes import SMALL
from benchmarks.stub import Stub
from bucketpoint import BucketCheckpointer, Checkpoint

__all__ = ["REQUESTS", "Result", "measure"]


@dataclass(frozen=True)
class Result:
    """What one operation sends, such as `1 GET + 1 PUT`; Google's saves are POSTs."""

    operation: str
    s3: str
    gcs: str


@dataclass(frozen=True)
class Processes:
    """Two processes that use one bucket.

    Attributes:
        old: The checkpointer of one that has been running for a while.
        new: Makes the checkpointer of one that begins.
    """

    old: BucketCheckpointer
    new: Callable[[], BucketCheckpointer]

    def saved(self) -> Checkpoint:
        """Return a checkpoint that the old one saved."""
        checkpoint = new_checkpoint(SMALL)
        self.old.save_checkpoint(checkpoint)
        return checkpoint


def save_again(processes: Processes) -> Call:
    checkpoint = processes.saved()
    return lambda: processes.old.save_checkpoint(checkpoint)


def save_first(processes: Processes) -> Call:
    checkpointer, checkpoint = processes.new(), new_checkpoint(SMALL)
    return lambda: checkpointer.save_checkpoint(checkpoint)


def save_new(processes: Processes) -> Call:
    checkpoint = new_checkpoint(SMALL)
    return lambda: processes.old.save_checkpoint(checkpoint)


def save_over(processes: Processes) -> Call:
    checkpointer, checkpoint = processes.new(), new_checkpoint(SMALL)
    checkpoint.execution_id = processes.saved().execution_id
    return lambda: checkpointer.save_checkpoint(checkpoint)


def load(processes: Processes) -> Call:
    checkpointer, execution_id = processes.new(), processes.saved().execution_id
    return lambda: checkpointer.load_checkpoint(execution_id)


def update_first(processes: Processes) -> Call:
    checkpointer, execution_id = processes.new(), processes.saved().execution_id
    return lambda: checkpointer.atomic_update(execution_id, change)


def update_later(processes: Processes) -> Call:
    execution_id = processes.saved().execution_id
    return lambda: processes.old.atomic_update(execution_id, change)


def change(checkpoint: Checkpoint) -> None:
    checkpoint.variables["n"] = 1


def delete_seen(processes: Processes) -> Call:
    execution_id = processes.saved().execution_id
    return lambda: processes.old.delete_checkpoint(execution_id)


def delete_unseen(processes: Processes) -> Call:
    checkpointer, execution_id = processes.new(), processes.saved().execution_id
    return lambda: checkpointer.delete_checkpoint(execution_id)


def claim(processes: Processes) -> Call:
    return processes.old.claim(processes.saved().execution_id, owner="bench").acquire


def claim_save(processes: Processes) -> Call:
    held = processes.old.claim(processes.saved().execution_id, owner="bench").acquire()
    return lambda: held.save(held.checkpoint)


def claim_release(processes: Processes) -> Call:
    return processes.old.claim(processes.saved().execution_id, owner="bench").acquire().release


OPERATIONS: dict[str, Callable[[Processes], Call]] = {
    "`save_checkpoint`, run seen before": save_again,
    "`save_checkpoint`, new run, first call of a process": save_first,
    "`save_checkpoint`, new run, later": save_new,
    "`save_checkpoint` of a built snapshot, run of another process": save_over,
    "`load_checkpoint`": load,
    "`atomic_update`, first in a process": update_first,
    "`atomic_update`, later": update_later,
    "`delete_checkpoint`, run seen before": delete_seen,
    "`delete_checkpoint`, run of another process": delete_unseen,
    "taking a claim": claim,
    "`claim.save`": claim_save,
    "releasing a claim": claim_release,
}
"""Each prepares a call and returns it; only that one is counted."""


def measure() -> list[Result]:
    """Count what every operation sends to both clouds."""
    with stubbed() as stub:
        columns = (counts(stub, cloud) for cloud in clouds(stub.url))
        rows = zip(OPERATIONS, *columns, strict=True)
        return [Result(operation, s3, gcs) for operation, s3, gcs in rows]


def counts(stub: Stub, cloud: Cloud) -> list[str]:
    """Return what the operations send, in their order."""
    processes = Processes(cloud.checkpointer(), cloud.checkpointer)
    shown: list[str] = []
    for prepare in OPERATIONS.values():
        call = prepare(processes)
        stub.requests()
        call()
        shown.append(methods(stub.requests()))
    return shown


def methods(requests: list[Request]) -> str:
    """Return the methods with their numbers, in the order in which they first came."""
    numbers = Counter(request.method for request in requests)
    return " + ".join(f"{number} {method}" for method, number in numbers.items())


REQUESTS = Benchmark(
    name="requests",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "operation": lambda result: result.operation,
        "S3": lambda result: result.s3,
        "GCS": lambda result: result.gcs,
    },
)
