"""Each fault of the network at each operation: applied exactly once, or told that nobody knows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from types import NoneType
from typing import Any, cast

import pytest

from bucketpoint import (
    BucketCheckpointer,
    BucketpointError,
    Checkpoint,
    DeadlineExceededError,
    OutcomeUnknownError,
    RetryPolicy,
    StoreUnavailableError,
    Version,
)
from bucketpoint.stores.contract import Condition, IfVersion, Store, StoredObject
from bucketpoint.testing.proxy import (
    Duplicate,
    HangAfter,
    HangBefore,
    Late,
    LostAnswer,
    LostRequest,
    Truncated,
    WireFault,
)
from tests.emulators.proxied import ProxiedBucket

LASTING = """
fault            create   save     update   delete   claim    load

lost request     unknown  unknown  unknown  unknown  unknown  unavailable
500 before       unknown  unknown  unknown  unknown  unknown  unavailable
503 before       unknown  unknown  unknown  unknown  unknown  unavailable
429 before       unknown  unknown  unknown  unknown  unknown  unavailable
408 before       unknown  unknown  unknown  unknown  unknown  unavailable
409 before       unknown  unknown  unknown  unknown  unknown  unavailable
412 before       unknown  unknown  unknown  unknown  unknown  unavailable
hang before      unknown  unknown  unknown  unknown  unknown  unavailable
late             unknown  unknown  unknown  unknown  unknown  unavailable

lost answer      done     done     done     done     done     unavailable
500 after        done     done     done     done     done     unavailable
503 after        done     done     done     done     done     unavailable
429 after        done     done     done     done     done     unavailable
408 after        done     done     done     done     done     unavailable
409 after        done     done     done     done     done     unavailable
412 after        done     done     done     done     done     unavailable
hang after       done     done     done     done     done     unavailable
truncated        done     done     done     done     done     unavailable
duplicate        done     done     done     done     done     done
"""
"""How a call ends when the fault happens to every write, or for a load to every read.

A fault that happens once ends no call. Whatever was not applied while the fault lasted, may have
been, as far as the caller can tell: a request without an answer may still be on its way, and even
a refusal may be of its second delivery. What was applied is found in the table of writers.
"""

ENDS = {"done": NoneType, "unavailable": StoreUnavailableError, "unknown": OutcomeUnknownError}
ATTEMPTS = 3
PATIENCE_S = 0.5
DEADLINE_S = 1.0

Call = Callable[[], Any]
Operation = Callable[[ProxiedBucket, BucketCheckpointer], tuple[str, Call]]


def faults(bucket: ProxiedBucket) -> dict[str, WireFault]:
    """The faults of the table, in the words of the bucket's cloud."""
    statuses = bucket.cloud.reasons
    return {
        "lost request": LostRequest(),
        "lost answer": LostAnswer(),
        **{f"{status} before": bucket.answered(status) for status in statuses},
        **{f"{status} after": bucket.answered(status, is_applied=True) for status in statuses},
        "hang before": HangBefore(),
        "hang after": HangAfter(),
        "truncated": Truncated(),
        "late": Late(),
        "duplicate": Duplicate(),
    }


# --- the operations: each prepares a run, and returns its name and the call --------------------------


def create(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    run = bucket.new_run()
    new = Checkpoint(execution_id=run)
    return run, lambda: checkpointer.save_checkpoint(new, if_absent=True)


def save(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    seen = bucket.started(checkpointer)
    seen.variables = {"changed": True}
    return seen.execution_id, lambda: checkpointer.save_checkpoint(seen)


def update(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    run = bucket.started(checkpointer).execution_id

    def change(checkpoint: Checkpoint) -> None:
        checkpoint.variables = {"changed": True}

    return run, lambda: checkpointer.atomic_update(run, change)


def delete(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    run = bucket.started(checkpointer).execution_id
    return run, lambda: checkpointer.delete_checkpoint(run)


def claim(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    run = bucket.started(checkpointer).execution_id
    return run, checkpointer.claim(run, owner="worker-1", ttl=timedelta(minutes=1)).acquire


def load(bucket: ProxiedBucket, checkpointer: BucketCheckpointer) -> tuple[str, Call]:
    run = bucket.started(checkpointer).execution_id
    return run, lambda: checkpointer.load_checkpoint(run)


OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation for operation in (create, save, update, delete, claim, load)
}


def cells() -> list[tuple[str, str, str]]:
    """Fault, operation and end of each cell of the table."""
    header, *rows = (line.split() for line in LASTING.splitlines() if line)
    _, *operations = header
    return [
        (" ".join(row[: -len(operations)]), operation, end)
        for row in rows
        for operation, end in zip(operations, row[-len(operations) :], strict=True)
    ]


# --- the tests ----------------------------------------------------------------------------------------


class Impatient:
    """A store that waits but shortly for answers that will not come, and patiently for others."""

    def __init__(self, store: Store) -> None:
        self.url = store.url
        self.capabilities = store.capabilities
        self._store = store
        self._reads = False
        self._left: float = 0

    def hurry(self, *, reads: bool, times: int | None) -> None:
        """From now on so many reads, or else writes, will hang; None is for all."""
        self._reads = reads
        self._left = math.inf if times is None else times

    def get(self, key: str, *, version_id: str | None, timeout: float) -> StoredObject | None:
        return self._store.get(
            key, version_id=version_id, timeout=self._patience(timeout, reads=True)
        )

    def put(self, key: str, body: bytes, *, when: Condition, timeout: float) -> Version:
        return self._store.put(key, body, when=when, timeout=self._patience(timeout, reads=False))

    def delete(self, key: str, *, when: IfVersion, timeout: float) -> bool:
        return self._store.delete(key, when=when, timeout=self._patience(timeout, reads=False))

    def _patience(self, timeout: float, *, reads: bool) -> float:
        if reads is not self._reads or self._left <= 0:
            return timeout
        self._left -= 1
        return min(timeout, PATIENCE_S)


@pytest.fixture(autouse=True)
def pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second between writes after a throttle, which test_storms.py measures."""
    monkeypatch.setattr("bucketpoint.core.retry._PACED_INTERVAL_S", 0.01)


def prepared(
    bucket: ProxiedBucket, fault: str, operation: str, *, times: int | None = None
) -> tuple[BucketCheckpointer, str, Call]:
    """Return a checkpointer, a run and the call on it; nothing has been counted yet."""
    retry = RetryPolicy(attempts=ATTEMPTS, outage_s=0.01, conflict_s=0.01)
    store = Impatient(bucket.store)
    checkpointer = bucket.checkpointer(cast("Store", store), retry=retry)
    run, call = OPERATIONS[operation](bucket, checkpointer)
    if is_hang(fault):
        store.hurry(reads=operation == "load", times=times)
    bucket.proxy.clear_log()
    return checkpointer, run, call


def is_hang(fault: str) -> bool:
    """Whether the fault takes time, so that a slow machine may see more of them."""
    return fault.startswith("hang")


def looks_first(operation: str) -> bool:
    """Whether an operation reads before it writes."""
    return operation in {"create", "claim"}


def break_requests(
    bucket: ProxiedBucket, fault: str, operation: str, *, times: int | None = None
) -> None:
    """Let the fault happen to the requests that the operation is there for."""
    break_some = bucket.break_reads if operation == "load" else bucket.break_writes
    break_some(faults(bucket)[fault], times=times)


@pytest.mark.parametrize(("fault", "operation", "end"), cells())
def test_a_fault_that_passes_ends_no_call(
    bucket: ProxiedBucket, fault: str, operation: str, end: str
) -> None:
    _, run, call = prepared(bucket, fault, operation, times=1)
    before = bucket.revision(run)
    break_requests(bucket, fault, operation, times=1)
    call()
    bucket.proxy.release()
    writes = 0 if operation == "load" else 1
    assert bucket.revision(run) == before + writes
    if not is_hang(fault):
        assert bucket.writes <= (writes if end == "done" else writes * 2)
        assert bucket.reads <= (2 if operation == "load" else 1 + looks_first(operation))


@pytest.fixture(scope="module")
def resending(s3_bucket: ProxiedBucket) -> Iterator[Store]:
    """A store with a client of the user's own that sends again by itself."""
    client = s3_bucket.cloud.retrying_client(s3_bucket.proxy.url)
    with closing(client), s3_bucket.cloud.checkpointer(s3_bucket.name, client=client) as own:
        yield own.store


@pytest.mark.parametrize(
    ("fault", "operation"),
    [(fault, operation) for fault, operation, _ in cells() if not is_hang(fault)],
)
def test_a_client_that_sends_again_by_itself_applies_nothing_twice(
    s3: ProxiedBucket, resending: Store, fault: str, operation: str
) -> None:
    run, call = OPERATIONS[operation](s3, s3.checkpointer(resending))
    before = s3.revision(run)
    break_requests(s3, fault, operation, times=1)
    s3.proxy.clear_log()
    call()
    s3.proxy.release()
    writes = 0 if operation == "load" else 1
    assert s3.revision(run) == before + writes
    assert s3.writes <= writes * 2


@pytest.mark.parametrize(("fault", "operation", "end"), cells())
def test_a_fault_that_lasts_ends_a_call_with_the_truth(
    bucket: ProxiedBucket, fault: str, operation: str, end: str
) -> None:
    checkpointer, run, call = prepared(bucket, fault, operation)
    before = bucket.revision(run)
    break_requests(bucket, fault, operation)
    error = error_of(call)
    assert type(error) is ENDS[end]
    assert bucket.writes <= ATTEMPTS
    assert bucket.reads <= ATTEMPTS + looks_first(operation)
    is_applied = end == "done" and operation != "load"
    assert bucket.revision(run) == before + is_applied
    if isinstance(error, OutcomeUnknownError):
        check_settling(bucket, checkpointer, error)


def error_of(call: Call) -> BucketpointError | None:
    """Make the call and return how it failed, if it did."""
    try:
        call()
    except BucketpointError as error:
        return error
    return None


def check_settling(
    bucket: ProxiedBucket, checkpointer: BucketCheckpointer, error: OutcomeUnknownError
) -> None:
    """What settling says is what has become of the write, and what becomes of it later."""
    run = str(error.execution_id)
    before = bucket.revision(run)
    bucket.proxy.clear()
    if any(status is not None for status in bucket.proxy.release()):
        assert checkpointer.settle(error) is True
        assert bucket.revision(run) == before + 1
        return
    with pytest.raises(OutcomeUnknownError):
        checkpointer.settle(error)
    bucket.direct.save_checkpoint(Checkpoint(execution_id=run))
    if before:
        assert error.settle() is False
    else:  # a purge might have made room for a create that is still under way
        with pytest.raises(OutcomeUnknownError):
            error.settle()
    assert bucket.revision(run) == before + 1


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_that_hangs_for_ever_keeps_no_call_beyond_its_deadline(
    bucket: ProxiedBucket, operation: str
) -> None:
    """The attempts would take minutes; a call without an unanswered write knows that it failed."""
    run, call = OPERATIONS[operation](bucket, bucket.checkpointer(timeout=DEADLINE_S))
    before = bucket.revision(run)
    bucket.proxy.clear_log()
    bucket.proxy.add(HangBefore())
    started = time.monotonic()
    with pytest.raises((OutcomeUnknownError, DeadlineExceededError)) as caught:
        call()
    assert time.monotonic() - started < DEADLINE_S + 10.0
    assert isinstance(caught.value, OutcomeUnknownError) == (bucket.writes > 0)
    assert bucket.revision(run) == before
