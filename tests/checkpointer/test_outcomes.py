"""What is told of calls whose time or answers were lost."""

import os
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import bucketpoint
from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    DeadlineExceededError,
    InvalidInputError,
    MemoryStore,
    OutcomeUnknownError,
    ReentrantCallError,
    RetryPolicy,
    StoreRequest,
    StoreUnavailableError,
    Version,
)
from bucketpoint.stores.contract import Store
from bucketpoint.testing.faults import Fault, FaultyStore
from tests.checkpointer.steps import add_one, counted, renamed, run


def test_no_attempt_starts_after_the_deadline(
    make: Callable[..., Any], requests: list[StoreRequest]
) -> None:
    checkpointer = make(MemoryStore(), observer=requests.append)
    with pytest.raises(DeadlineExceededError, match="nothing was applied"):
        checkpointer.load_checkpoint("run-42", timeout=0)
    with bucketpoint.deadline(0), pytest.raises(DeadlineExceededError):
        checkpointer.save_checkpoint(run(), timeout=10)
    with bucketpoint.deadline(10), bucketpoint.deadline(0):  # noqa: SIM117 - nested on purpose
        with bucketpoint.deadline(10), pytest.raises(DeadlineExceededError):
            checkpointer.delete_checkpoint("run-42")
    assert counted(requests) == {}


def test_a_call_that_ran_out_of_time_tells_how_the_store_failed(make: Callable[..., Any]) -> None:
    checkpointer = make(FaultyStore(MemoryStore(), lambda _: Fault.NEVER_SENT))
    with pytest.raises(DeadlineExceededError) as it:
        checkpointer.load_checkpoint("run-42", timeout=0.5)
    assert type(it.value.__cause__) is StoreUnavailableError


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None, True])
def test_a_deadline_must_be_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(InvalidInputError), bucketpoint.deadline(seconds):
        pass


def test_calling_the_checkpointer_for_the_same_execution_from_inside_fn_raises_at_once(
    make: Callable[..., Any], store: Store
) -> None:
    sync = BucketCheckpointer(store)
    sync.save_checkpoint(run())
    sync.save_checkpoint(Checkpoint(execution_id="other"))

    def recurse(checkpoint: Checkpoint) -> None:
        sync.load_checkpoint("other")
        sync.load_checkpoint(checkpoint.execution_id)

    with pytest.raises(ReentrantCallError, match="would wait for itself"):
        sync.atomic_update("run-42", recurse)
    sync.atomic_update("run-42", add_one)


def test_a_lost_answer_is_found_out_by_looking(make: Callable[..., Any], store: Store) -> None:
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER})
    checkpointer = make(faulty)
    checkpointer.save_checkpoint(run())
    assert checkpointer.atomic_update("run-42", add_one).checkpoint.variables == {"n": 1}
    assert make(store).get("run-42").revision == 2


def test_an_outcome_that_cannot_be_told_is_settled_later(
    make: Callable[..., Any], store: Store
) -> None:
    quiet = make(store)
    quiet.save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    ours = make(faulty, retry=RetryPolicy(attempts=1))
    mine = ours.load_checkpoint("run-42")
    mine.workflow_name = "settled"
    with pytest.raises(OutcomeUnknownError, match="may have been applied") as it:
        ours.save_checkpoint(mine)
    error: OutcomeUnknownError = pickle.loads(pickle.dumps(it.value))  # noqa: S301 - our own
    with pytest.raises(RuntimeError, match=r"checkpointer\.settle"):
        error.settle()
    assert quiet.settle(error) is True
    assert ours.settle(it.value) is True
    # The object knows that it may be what was stored, so it can be saved again.
    ours.save_checkpoint(mine)
    assert quiet.get("run-42").revision == 3


def test_a_write_that_never_landed_is_settled_once_somebody_else_has_written(
    make: Callable[..., Any], store: Store
) -> None:
    quiet = make(store)
    quiet.save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LATE, 3: Fault.NEVER_SENT})
    ours = make(faulty, retry=RetryPolicy(attempts=1))
    ours.load_checkpoint("run-42")
    with pytest.raises(OutcomeUnknownError) as it:
        ours.atomic_update("run-42", add_one)
    with pytest.raises(OutcomeUnknownError):
        ours.settle(it.value)
    quiet.atomic_update("run-42", renamed)
    assert ours.settle(it.value) is False
    faulty.release()
    assert quiet.load_checkpoint("run-42").variables == {"n": 0}


def test_an_error_settles_itself() -> None:
    store = MemoryStore()
    BucketCheckpointer(store).save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    ours = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=1))
    ours.load_checkpoint("run-42")
    with pytest.raises(OutcomeUnknownError) as it:
        ours.atomic_update("run-42", add_one)
    assert it.value.settle() is True


def test_settling_needs_an_error_of_a_checkpointer_of_the_same_store(
    make: Callable[..., Any],
) -> None:
    checkpointer = make(MemoryStore())
    with pytest.raises(InvalidInputError, match="did not come from a checkpointer"):
        checkpointer.settle(OutcomeUnknownError("a store's own"))
    store = MemoryStore()
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    with pytest.raises(OutcomeUnknownError) as it:
        make(faulty, retry=RetryPolicy(attempts=1)).save_checkpoint(run())
    with pytest.raises(InvalidInputError, match="and this checkpointer is not"):
        checkpointer.settle(it.value)


def test_a_store_that_does_not_answer_is_said_to_be_unavailable(make: Callable[..., Any]) -> None:
    faulty = FaultyStore(MemoryStore(), lambda _request: Fault.NEVER_SENT)
    checkpointer = make(faulty, retry=RetryPolicy(attempts=2, outage_s=0))
    calls: list[Callable[[], Any]] = [
        lambda: checkpointer.load_checkpoint("run-42"),
        lambda: checkpointer.save_checkpoint(run()),
        lambda: checkpointer.delete_checkpoint("run-42"),
        lambda: checkpointer.atomic_update("run-42", add_one),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call()


def test_a_call_that_is_cut_off_leaves_no_outdated_state_behind() -> None:
    class CutOff(FaultyStore):
        cut = False

        def put(self, *args: Any, **kwargs: Any) -> Version:
            version = super().put(*args, **kwargs)
            if self.cut:
                self.cut = False
                raise KeyboardInterrupt
            return version

    store = CutOff(MemoryStore())
    checkpointer = BucketCheckpointer(store, retry=RetryPolicy(attempts=3))
    checkpointer.save_checkpoint(run())
    store.cut = True
    with pytest.raises(KeyboardInterrupt):
        checkpointer.atomic_update("run-42", add_one)
    checkpointer.atomic_update("run-42", add_one)
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 2}


def test_an_unknown_outcome_of_another_checkpointer_keeps_its_own_way_to_settle() -> None:
    doubt = [None, Fault.LOST_ANSWER, Fault.NEVER_SENT]
    elsewhere = FaultyStore(MemoryStore(), doubt * 2)  # fn runs on what is remembered, and again
    other = BucketCheckpointer(elsewhere, retry=RetryPolicy(attempts=1))
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(run())

    def save_elsewhere(checkpoint: Checkpoint) -> None:
        other.save_checkpoint(Checkpoint(execution_id=checkpoint.execution_id))

    with pytest.raises(OutcomeUnknownError) as it:
        checkpointer.atomic_update("run-42", save_elsewhere)
    assert it.value.settle() is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_another_writer_and_waits_for_no_lock_of_its_parent() -> None:
    store = MemoryStore()
    checkpointer = BucketCheckpointer(store)
    checkpointer.save_checkpoint(run())
    locked, done = threading.Event(), threading.Event()

    def hold(_: Checkpoint) -> None:
        locked.set()
        assert done.wait(60)

    holder = threading.Thread(target=checkpointer.atomic_update, args=("run-42", hold))
    holder.start()
    assert locked.wait(60)
    parent = checkpointer._runtime.writer_id()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads: the test
        child = os.fork()
    if child == 0:
        try:
            checkpointer.load_checkpoint("run-42", timeout=10)
            os._exit(0 if checkpointer._runtime.writer_id() != parent else 2)
        finally:
            os._exit(1)
    done.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("wrong", ["error", None, ValueError("mine")])
def test_only_an_unknown_outcome_can_be_settled(checkpointer: Any, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="nothing to settle"):
        checkpointer.settle(wrong)
