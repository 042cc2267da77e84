"""A lease that is kept elsewhere is asked before each save."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BucketCheckpointer,
    Checkpoint,
    FenceViolationError,
    InvalidInputError,
    MemoryStore,
    with_fencing,
)


class LeaseLostError(Exception):
    """What a lease service says."""


class Lease:
    """A lease that can be lost, and counts how often it is asked."""

    def __init__(self) -> None:
        self.lost: Exception | None = None
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.lost is not None:
            raise self.lost

    async def check_async(self) -> None:
        await asyncio.sleep(0)
        self.check()


class PlainCheckpointer:
    """A checkpointer of somebody else, without atomic_update."""

    def __init__(self) -> None:
        self.saved: list[Checkpoint] = []

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.saved.append(checkpoint)

    def load_checkpoint(self, execution_id: str) -> Checkpoint:
        return self.saved[-1]

    def delete_checkpoint(self, execution_id: str) -> None:
        self.saved.clear()


def rename(checkpoint: Checkpoint) -> None:
    checkpoint.workflow_name = "renamed"


def calls(fenced: Any) -> list[Callable[[], Any]]:
    return [
        lambda: fenced.save_checkpoint(Checkpoint(execution_id="run-42")),
        lambda: fenced.atomic_update("run-42", rename),
    ]


def test_nothing_is_saved_once_the_lease_is_lost_and_the_cause_is_attached() -> None:
    inner, lease = BucketCheckpointer(MemoryStore()), Lease()
    fenced = with_fencing(inner, lease.check)
    for call in calls(fenced):
        call()
    assert lease.asked == 2
    before = inner.get("run-42")
    lease.lost = LeaseLostError("by another")
    for call in calls(fenced):
        with pytest.raises(FenceViolationError, match="lease is lost") as it:
            call()
        assert it.value.__cause__ is lease.lost
    after = inner.get("run-42")
    assert before is not None
    assert after is not None
    assert before.version == after.version


def test_a_fence_violation_comes_out_as_it_is() -> None:
    lease = Lease()
    lease.lost = FenceViolationError("mine")
    fenced = with_fencing(BucketCheckpointer(MemoryStore()), lease.check)
    with pytest.raises(FenceViolationError) as it:
        fenced.save_checkpoint(Checkpoint(execution_id="run-42"))
    assert it.value is lease.lost


def test_reading_and_deleting_are_not_fenced() -> None:
    lease = Lease()
    fenced = with_fencing(BucketCheckpointer(MemoryStore()), lease.check)
    fenced.save_checkpoint(Checkpoint(execution_id="run-42"))
    lease.lost = LeaseLostError()
    assert fenced.load_checkpoint("run-42").execution_id == "run-42"
    fenced.delete_checkpoint("run-42")


def test_fencing_hides_atomic_update_no_more_than_the_checkpointer_does() -> None:
    assert hasattr(with_fencing(BucketCheckpointer(MemoryStore()), Lease().check), "atomic_update")
    assert not hasattr(with_fencing(PlainCheckpointer(), Lease().check), "atomic_update")


def test_an_asynchronous_checkpointer_is_fenced_by_a_coroutine_function() -> None:
    lease = Lease()

    async def main() -> None:
        async with AsyncBucketCheckpointer(MemoryStore()) as inner:
            fenced = with_fencing(inner, lease.check_async)
            for call in calls(fenced):
                await call()
            lease.lost = LeaseLostError()
            for call in calls(fenced):
                with pytest.raises(FenceViolationError):
                    await call()
            assert (await fenced.load_checkpoint("run-42")).workflow_name == "renamed"
            await fenced.delete_checkpoint("run-42")

    asyncio.run(main())


def test_a_check_that_nothing_would_await_is_refused() -> None:
    lease, inner = Lease(), BucketCheckpointer(MemoryStore())
    with pytest.raises(InvalidInputError, match="nothing would"):
        with_fencing(inner, lease.check_async)
    before = inner.save_checkpoint(Checkpoint(execution_id="run-42"))
    fenced = with_fencing(inner, lambda: lease.check_async())  # noqa: PLW0108 - hides the coroutine
    for call in calls(fenced):
        with pytest.raises(InvalidInputError, match="nothing would"):
            call()
    after = inner.get("run-42")
    assert after is not None
    assert after.version == before
