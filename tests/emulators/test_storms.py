"""A store that asks for fewer requests gets fewer, and in the end what it was to store."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from bucketpoint import (
    Checkpoint,
    OutcomeUnknownError,
    RetryPolicy,
    StoreRequest,
    StoreUnavailableError,
)
from bucketpoint.testing.proxy import WireFault
from tests.emulators.proxied import ProxiedBucket

ATTEMPTS = 4
TIMEOUT_S = 2.5
PACED_S = 1.0

statuses = pytest.mark.parametrize("status", [429, 503])


@dataclass
class Writes:
    """When writes were sent, and when they were over; an observer."""

    sent: list[float] = field(default_factory=list[float])
    over: list[float] = field(default_factory=list[float])

    def __call__(self, request: StoreRequest) -> None:
        if request.kind == "put":
            self.over.append(time.monotonic())
            self.sent.append(self.over[-1] - request.seconds)


def throttled(bucket: ProxiedBucket, status: int) -> WireFault:
    """Return the answer with this status by which the cloud asks for fewer requests."""
    reason = {"s3": "SlowDown", "gcs": "rateLimitExceeded"}[bucket.cloud.name]
    return bucket.answered(status, reason)


@statuses
def test_a_throttled_object_is_written_once_a_second(bucket: ProxiedBucket, status: int) -> None:
    writes = Writes()
    checkpointer = bucket.checkpointer()
    seen = bucket.started(checkpointer)
    bucket.break_writes(throttled(bucket, status), times=1)
    patient = bucket.checkpointer(observer=writes)
    for _ in range(2):
        patient.atomic_update(seen.execution_id, lambda _: None)
    refused, *sent = writes.sent
    assert len(sent) == 2
    told = writes.over[0]
    assert refused < told <= sent[0] - PACED_S <= sent[1] - 2 * PACED_S
    assert bucket.revision(seen.execution_id) == 3


@statuses
def test_a_storm_of_throttles_is_answered_with_a_write_a_second(
    bucket: ProxiedBucket, status: int
) -> None:
    checkpointer = bucket.checkpointer()
    seen = bucket.started(checkpointer)
    bucket.proxy.clear_log()
    bucket.break_writes(throttled(bucket, status))
    with pytest.raises(OutcomeUnknownError):
        checkpointer.save_checkpoint(seen, timeout=TIMEOUT_S)
    assert bucket.writes <= 1 + TIMEOUT_S / PACED_S
    assert bucket.revision(seen.execution_id) == 1
    bucket.repair()
    checkpointer.save_checkpoint(seen)
    assert bucket.revision(seen.execution_id) == 2


@statuses
def test_a_storm_on_all_requests_ends_a_call_after_its_attempts(
    bucket: ProxiedBucket, status: int
) -> None:
    run = bucket.started(bucket.direct).execution_id
    checkpointer = bucket.checkpointer(retry=RetryPolicy(attempts=ATTEMPTS, outage_s=0.01))
    bucket.proxy.add(bucket.answered(status))
    for call in (
        lambda: checkpointer.load_checkpoint(run),
        lambda: checkpointer.save_checkpoint(Checkpoint(execution_id=run)),
        lambda: checkpointer.delete_checkpoint(run),
    ):
        bucket.proxy.clear_log()
        with pytest.raises(StoreUnavailableError, match="call again") as caught:
            call()
        assert type(caught.value) is StoreUnavailableError
        assert (bucket.reads, bucket.writes) == (ATTEMPTS, 0)
    assert bucket.revision(run) == 1
