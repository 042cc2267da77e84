"""Requests that arrive after their caller has gone on: none changes a run wrongly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    ConflictError,
    FenceViolationError,
    NoCheckpointError,
    OutcomeUnknownError,
    RetryPolicy,
    VersionConflictError,
)
from bucketpoint.testing.proxy import Exchange, Late, Response, WireFault
from tests.emulators.proxied import ProxiedBucket

GRACE = timedelta(seconds=2)
"""A grace that a test can wait for; at least half of it passes, for stores tell whole seconds."""


@dataclass(frozen=True)
class Meanwhile(WireFault):
    """The answer is lost, and before its client can look, somebody else acts."""

    act: Callable[[], Any]

    def apply(self, exchange: Exchange) -> Response | None:
        exchange.forward()
        self.act()
        return None


@pytest.fixture
def writer(bucket: ProxiedBucket) -> BucketCheckpointer:
    """A writer that looks once and gives up."""
    return bucket.checkpointer(retry=RetryPolicy(attempts=1, outage_s=0, conflict_s=0))


def give_up(bucket: ProxiedBucket, call: Callable[[], Any]) -> OutcomeUnknownError:
    """Make a call whose write is still on its way when the caller gives up."""
    bucket.break_writes(Late(), times=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        call()
    assert bucket.proxy.held == 1
    return caught.value


def count(checkpoint: Checkpoint, step: int = 1) -> None:
    """Add to a counter, by which a step that is done twice is seen."""
    assert checkpoint.variables is not None
    checkpoint.variables["count"] += step


def counted(bucket: ProxiedBucket, run: str) -> int:
    """Return where the counter of a run stands."""
    checkpoint = bucket.direct.load_checkpoint(run)
    assert checkpoint.variables is not None
    return int(checkpoint.variables["count"])


def is_deleted(bucket: ProxiedBucket, run: str) -> bool:
    """Whether a run is gone for whoever loads it."""
    with pytest.raises(NoCheckpointError):
        bucket.direct.load_checkpoint(run)
    return True


# --- after the caller gave up -------------------------------------------------------------------------


def test_a_late_save_does_not_undo_what_others_wrote_since(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    seen = bucket.started(writer, count=0)
    count(seen)
    error = give_up(bucket, lambda: writer.save_checkpoint(seen))
    bucket.direct.atomic_update(seen.execution_id, lambda checkpoint: count(checkpoint, 10))
    assert bucket.proxy.release() == [412]
    assert counted(bucket, seen.execution_id) == 10
    assert error.settle() is False


def test_a_late_save_that_lands_is_known_to_have_landed(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    seen = bucket.started(writer, count=0)
    count(seen)
    error = give_up(bucket, lambda: writer.save_checkpoint(seen))
    assert bucket.proxy.release() == [200]
    assert error.settle() is True
    count(seen)
    writer.save_checkpoint(seen)
    assert counted(bucket, seen.execution_id) == 2
    assert bucket.revision(seen.execution_id) == 3


def test_a_save_that_was_repeated_since_does_not_land_again(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    seen = bucket.started(writer, count=0)
    count(seen)
    give_up(bucket, lambda: writer.save_checkpoint(seen))
    count(seen)
    writer.save_checkpoint(seen)
    assert bucket.proxy.release() == [412]
    assert counted(bucket, seen.execution_id) == 2
    assert bucket.revision(seen.execution_id) == 2


def test_a_late_update_is_not_applied_to_a_run_that_was_deleted_since(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.started(writer, count=0).execution_id
    error = give_up(bucket, lambda: writer.atomic_update(run, count))
    bucket.direct.delete_checkpoint(run)
    assert bucket.proxy.release() == [412]
    assert is_deleted(bucket, run)
    assert error.settle() is False


def test_a_late_delete_spares_a_run_that_went_on(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.started(writer, count=0).execution_id
    error = give_up(bucket, lambda: writer.delete_checkpoint(run))
    bucket.direct.atomic_update(run, count)
    assert bucket.proxy.release() == [412]
    assert counted(bucket, run) == 1
    assert error.settle() is False


def test_a_late_claim_does_not_fence_the_worker_that_was_faster(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.started(writer, count=0).execution_id
    error = give_up(bucket, writer.claim(run, owner="worker-1").acquire)
    with bucket.direct.claim(run, owner="worker-2") as claim:
        assert bucket.proxy.release() == [412]
        claim.update(count)
    assert counted(bucket, run) == 1
    assert error.settle() is False


def test_a_late_save_of_a_worker_that_lost_its_claim_does_not_land(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.started(writer, count=0).execution_id
    lost = writer.claim(run, owner="worker-1").acquire()
    count(lost.checkpoint)
    error = give_up(bucket, lambda: lost.save(lost.checkpoint))
    with bucket.direct.claim(run, owner="worker-2", takeover=True) as claim:
        assert bucket.proxy.release() == [412]
        claim.update(lambda checkpoint: count(checkpoint, 10))
        with pytest.raises(FenceViolationError):
            lost.save(lost.checkpoint)
    assert counted(bucket, run) == 10
    assert error.settle() is False


# --- creates, which are written on absence: it has no version -----------------------------------------


def test_a_late_create_does_not_bring_a_deleted_run_back(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.new_run()
    error = give_up(bucket, lambda: writer.save_checkpoint(Checkpoint(execution_id=run)))
    bucket.direct.delete_checkpoint(run)
    assert bucket.proxy.release() == [412]
    assert is_deleted(bucket, run)
    with pytest.raises(OutcomeUnknownError):
        error.settle()  # for all that it can see, a purge may make room once more


def test_the_first_sending_of_a_create_does_not_bring_the_run_back_either(
    bucket: ProxiedBucket,
) -> None:
    """The second one succeeded, so that the caller knows of nothing that is still on its way."""
    new = Checkpoint(execution_id=bucket.new_run())
    bucket.break_writes(Late(), times=1)
    bucket.checkpointer().save_checkpoint(new, if_absent=True)
    bucket.direct.delete_checkpoint(new.execution_id)
    assert bucket.proxy.release() == [412]
    assert is_deleted(bucket, new.execution_id)


def test_a_purge_within_the_grace_leaves_what_stops_a_late_create(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    new = Checkpoint(execution_id=bucket.new_run())
    give_up(bucket, lambda: writer.save_checkpoint(new))
    bucket.direct.delete_checkpoint(new.execution_id)
    assert bucket.direct.purge(new.execution_id) is False
    assert bucket.proxy.release() == [412]
    assert is_deleted(bucket, new.execution_id)


def test_a_create_that_was_deleted_and_purged_meanwhile_is_not_made_again(
    bucket: ProxiedBucket,
) -> None:
    """It landed, which after the purge nothing tells; half the grace is over, so it ends unknown."""
    run = bucket.new_run()
    janitor = bucket.checkpointer(bucket.direct.store, purge_grace=GRACE)

    def delete_and_purge() -> None:
        janitor.delete_checkpoint(run)
        while not janitor.purge(run):
            time.sleep(0.1)

    bucket.break_writes(Meanwhile(delete_and_purge), times=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        bucket.checkpointer(purge_grace=GRACE).save_checkpoint(Checkpoint(execution_id=run))
    assert bucket.writes == 1
    assert bucket.member(run) == {}
    with pytest.raises(OutcomeUnknownError):
        caught.value.settle()


# --- versions that seem to come back ------------------------------------------------------------------


def change_and_change_back(bucket: ProxiedBucket, run: str) -> None:
    """Let another writer make a change, and undo it."""
    bucket.direct.atomic_update(run, count)
    bucket.direct.atomic_update(run, lambda checkpoint: count(checkpoint, -1))


def test_a_run_that_was_changed_and_changed_back_is_another_version(bucket: ProxiedBucket) -> None:
    """S3's versions derive from the content, so the content must never be quite the same."""
    writer = bucket.checkpointer()
    seen = bucket.started(writer, count=0)
    before = writer.get(seen.execution_id)
    assert before is not None
    change_and_change_back(bucket, seen.execution_id)
    after = bucket.direct.get(seen.execution_id)
    assert after is not None
    assert after.checkpoint == before.checkpoint
    assert after.version != before.version
    count(seen)
    with pytest.raises(ConflictError, match="changed since"):
        writer.save_checkpoint(seen)
    with pytest.raises(VersionConflictError):
        writer.save_checkpoint(before.checkpoint, if_version=before.version)
    assert counted(bucket, seen.execution_id) == 0


def test_a_late_update_finds_no_run_that_was_changed_back_since(
    bucket: ProxiedBucket, writer: BucketCheckpointer
) -> None:
    run = bucket.started(writer, count=0).execution_id
    error = give_up(bucket, lambda: writer.atomic_update(run, count))
    change_and_change_back(bucket, run)
    assert bucket.proxy.release() == [412]
    assert counted(bucket, run) == 0
    assert error.settle() is False


def test_an_update_that_was_undone_before_its_caller_looked_is_not_done_again(
    bucket: ProxiedBucket,
) -> None:
    run = bucket.started(bucket.direct, count=0).execution_id
    undo = Meanwhile(lambda: bucket.direct.atomic_update(run, lambda each: count(each, -1)))
    bucket.break_writes(undo, times=1)
    stored = bucket.checkpointer().atomic_update(run, count)
    assert (stored.checkpoint.variables, stored.revision) == ({"count": 1}, 2)
    assert counted(bucket, run) == 0
    assert bucket.revision(run) == 3
