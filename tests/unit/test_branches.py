"""Pausing freezes a branch and its wait, unpausing thaws them, and nothing else changes."""

import asyncio
import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketpoint.branches import next_wake_at, pause_branch, unpause_branch
from bucketpoint.checkpoint import BranchState, Checkpoint, WaitState
from bucketpoint.core.waits import freeze, thaw
from bucketpoint.errors import BranchNotFoundError, InvalidInputError, NoCheckpointError
from bucketpoint.protocols import (
    AsyncAtomicCheckpointer,
    AsyncCheckpointer,
    AtomicCheckpointer,
    Checkpointer,
)
from bucketpoint.timestamps import Duration, Timestamp

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGNAL_FOR_AN_HOUR = {"kind": "signal", "topic": "t", "timeout": 3_600_000_000_000}


def wait(**members: Any) -> WaitState:
    return WaitState.model_validate({"kind": "sleep", **members})


# --- waits ----------------------------------------------------------------------------------------


def test_freezing_keeps_what_is_left_until_the_deadline() -> None:
    frozen = freeze(WaitState(kind="sleep", wake_at=NOON + HOUR, timeout=2 * HOUR), NOON)
    assert frozen.to_document() == {
        "kind": "sleep",
        "timeout": 7_200_000_000_000,
        "remaining": 3_600_000_000_000,
    }


def test_freezing_after_the_deadline_leaves_nothing() -> None:
    frozen = freeze(WaitState(kind="sleep", wake_at=NOON - HOUR, timeout=HOUR), NOON)
    assert (frozen.wake_at, frozen.remaining) == (None, Duration())
    assert thaw(frozen, NOON).wake_at == NOON
    stored = {name: value for name, value in frozen.to_document().items() if value}
    assert thaw(wait(**stored), NOON).wake_at == NOON


def test_a_wait_without_a_deadline_is_neither_frozen_nor_thawed() -> None:
    endless = WaitState(kind="signal", topic="t")
    assert freeze(endless, NOON) is endless
    assert thaw(endless, NOON) is endless


@pytest.mark.parametrize("wake_at", [None, "0001-01-01T00:00:00Z"], ids=["null", "zero time"])
def test_the_zero_time_is_no_deadline(wake_at: str | None) -> None:
    endless = wait(wake_at=wake_at)
    assert freeze(endless, NOON) is endless
    assert thaw(endless, NOON) is endless


def test_a_second_freeze_and_a_second_thaw_change_nothing() -> None:
    ticking = WaitState(kind="sleep", wake_at=NOON + HOUR, timeout=HOUR)
    frozen = freeze(ticking, NOON)
    assert freeze(frozen, NOON + HOUR) is frozen
    assert thaw(ticking, NOON) is ticking


def test_a_wait_that_has_only_a_deadline_still_has_one_after_freezing_too_late() -> None:
    frozen = freeze(WaitState(kind="signal", topic="t", wake_at=NOON - HOUR), NOON)
    assert frozen.remaining == Duration(nanoseconds=1)
    assert thaw(frozen, NOON).wake_at == Timestamp.of(NOON) + Duration(nanoseconds=1)


def test_a_deadline_beyond_what_the_format_can_count_is_frozen_as_far_as_it_can() -> None:
    frozen = freeze(wait(wake_at="9999-12-31T23:59:59Z", timeout=1), NOON)
    assert frozen.remaining == Duration(nanoseconds=2**63 - 1)


def test_freezing_and_thawing_leave_the_given_wait_alone() -> None:
    ticking = WaitState(kind="sleep", wake_at=NOON + HOUR, timeout=HOUR)
    before = copy.deepcopy(ticking)
    frozen = freeze(ticking, NOON)
    frozen_before = copy.deepcopy(frozen)
    thaw(frozen, NOON)
    assert (ticking, frozen) == (before, frozen_before)


def test_a_time_without_a_zone_is_refused() -> None:
    ticking = WaitState(kind="sleep", wake_at=NOON + HOUR, timeout=HOUR)
    naive = datetime(2026, 1, 2)  # noqa: DTZ001 - that is the point
    with pytest.raises(InvalidInputError, match="time zone"):
        freeze(ticking, naive)
    with pytest.raises(InvalidInputError, match="time zone"):
        thaw(freeze(ticking, NOON), naive)


@given(
    st.integers(0, 10**18).map(lambda n: Duration(nanoseconds=n)),
    st.integers(0, 10**18).map(lambda n: Duration(nanoseconds=n)),
)
def test_a_pause_moves_the_deadline_by_its_own_length_to_the_nanosecond(
    left: Duration, pause: Duration
) -> None:
    start = Timestamp.of(NOON)
    ticking = WaitState(kind="sleep", wake_at=start + left, timeout=Duration(nanoseconds=1))
    thawed = thaw(freeze(ticking, start), start + pause)
    assert thawed.wake_at == start + left + pause
    assert thawed.model_copy(update={"wake_at": start + left}) == ticking


# --- pausing through any checkpointer -------------------------------------------------------------


class Plain:
    """The least a checkpointer has."""

    def __init__(self, *checkpoints: Checkpoint) -> None:
        self.stored = {each.execution_id: each.to_document() for each in checkpoints}
        self.calls: list[str] = []

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> None:
        self.calls.append("save")
        self.stored[checkpoint.execution_id] = copy.deepcopy(checkpoint.to_document())

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        self.calls.append("load")
        if execution_id not in self.stored:
            raise NoCheckpointError("none", execution_id=execution_id)
        return Checkpoint.from_document(copy.deepcopy(self.stored[execution_id]))

    def delete_checkpoint(self, execution_id: str, /) -> None:
        self.stored.pop(execution_id, None)


class Atomic(Plain):
    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Checkpoint | None], /
    ) -> str:
        self.calls.append("update")
        fn(self.load_checkpoint(execution_id))  # as after a conflict
        checkpoint = self.load_checkpoint(execution_id)
        self.save_checkpoint(fn(checkpoint) or checkpoint)
        return "a version"


class AsyncPlain:
    def __init__(self, *checkpoints: Checkpoint) -> None:
        self.sync = Atomic(*checkpoints)

    async def save_checkpoint(self, checkpoint: Checkpoint, /) -> None:
        self.sync.save_checkpoint(checkpoint)

    async def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        return self.sync.load_checkpoint(execution_id)

    async def delete_checkpoint(self, execution_id: str, /) -> None:
        self.sync.delete_checkpoint(execution_id)


class AsyncAtomic(AsyncPlain):
    async def atomic_update(self, execution_id: str, fn: Any, /) -> str:
        return self.sync.atomic_update(execution_id, fn)


Call = Callable[..., object]


def call(function: Any, checkpointer: Any, *arguments: Any, **options: Any) -> object:
    """Call, and await what is to be awaited."""
    result = function(checkpointer, *arguments, **options)
    if not isinstance(checkpointer, AsyncPlain):
        return result

    async def awaited() -> object:
        return await result

    return asyncio.run(awaited())


def documents(checkpointer: Plain | AsyncPlain) -> dict[str, Any]:
    return checkpointer.stored if isinstance(checkpointer, Plain) else checkpointer.sync.stored


def suspended_run() -> Checkpoint:
    return Checkpoint.from_document(
        {
            "schema_version": 1,
            "id": "3",
            "execution_id": "run-42",
            "status": "suspended",
            "branch_states": {
                "main": {
                    "id": "main",
                    "status": "suspended",
                    "wait": {**SIGNAL_FOR_AN_HOUR, "wake_at": "2026-01-02T12:30:00Z"},
                    "new": 1,
                },
                "other": {"id": "other", "wait": None},
            },
            "checkpoint_at": "2026-01-02T11:30:00Z",
        }
    )


every_kind = pytest.mark.parametrize("kind", [Plain, Atomic, AsyncPlain, AsyncAtomic])


@every_kind
def test_pausing_and_unpausing_change_the_branch_and_nothing_else(kind: Any) -> None:
    before = suspended_run().to_document()
    checkpointer = kind(suspended_run())
    assert call(pause_branch, checkpointer, "run-42", "main", "why", now=NOON) is None
    paused = copy.deepcopy(documents(checkpointer)["run-42"])
    branch = paused["branch_states"]["main"]
    assert branch.pop("pause_requested") is True
    assert branch.pop("pause_reason") == "why"
    assert branch["wait"] == {**SIGNAL_FOR_AN_HOUR, "remaining": 1_800_000_000_000}
    branch["wait"] = before["branch_states"]["main"]["wait"]
    assert paused == before

    assert call(unpause_branch, checkpointer, "run-42", "main", now=NOON + 24 * HOUR) is None
    before["branch_states"]["main"]["wait"]["wake_at"] = "2026-01-03T12:30:00Z"
    assert documents(checkpointer)["run-42"] == before


@every_kind
def test_a_branch_that_does_not_exist_is_named(kind: Any) -> None:
    checkpointer = kind(suspended_run())
    for function in (pause_branch, unpause_branch):
        with pytest.raises(BranchNotFoundError) as caught:
            call(function, checkpointer, "run-42", "mian")
        assert str(caught.value) == 'branch "mian" not found (execution "run-42")'
        assert caught.value.execution_id == "run-42"
    assert documents(checkpointer)["run-42"] == suspended_run().to_document()


@every_kind
def test_an_execution_that_does_not_exist_is_an_error(kind: Any) -> None:
    with pytest.raises(NoCheckpointError):
        call(pause_branch, kind(), "run-42", "main")


def test_atomic_update_is_used_where_there_is_one() -> None:
    plain, atomic = Plain(suspended_run()), Atomic(suspended_run())
    pause_branch(plain, "run-42", "main")
    pause_branch(atomic, "run-42", "main")
    assert (plain.calls, atomic.calls[0]) == (["load", "save"], "update")


def test_pausing_again_changes_only_the_reason() -> None:
    checkpointer = Plain(suspended_run())
    pause_branch(checkpointer, "run-42", "main", "one", now=NOON)
    paused = copy.deepcopy(checkpointer.stored["run-42"])
    pause_branch(checkpointer, "run-42", "main", "two", now=NOON + HOUR)
    paused["branch_states"]["main"]["pause_reason"] = "two"
    assert checkpointer.stored["run-42"] == paused


def test_unpausing_what_is_not_paused_changes_nothing() -> None:
    checkpointer = Plain(suspended_run())
    unpause_branch(checkpointer, "run-42", "main")
    unpause_branch(checkpointer, "run-42", "other")
    assert checkpointer.stored["run-42"] == suspended_run().to_document()


def test_the_time_of_a_pause_is_the_hosts_unless_given() -> None:
    run = suspended_run()
    run.branch_states["main"].wait = WaitState(
        kind="sleep", wake_at=Timestamp.now() + HOUR, timeout=HOUR
    )
    checkpointer = Plain(run)
    pause_branch(checkpointer, "run-42", "main")
    paused = checkpointer.load_checkpoint("run-42").branch_states["main"].wait
    assert paused is not None
    assert paused.remaining is not None
    assert HOUR - timedelta(minutes=1) < paused.remaining <= HOUR


def test_the_protocols_tell_what_a_checkpointer_can_do() -> None:
    assert isinstance(Plain(), Checkpointer)
    assert not isinstance(Plain(), AtomicCheckpointer)
    assert isinstance(Atomic(), AtomicCheckpointer)
    assert isinstance(AsyncPlain(), AsyncCheckpointer)
    assert not isinstance(AsyncPlain(), AsyncAtomicCheckpointer)
    assert isinstance(AsyncAtomic(), AsyncAtomicCheckpointer)


# --- when to come back ----------------------------------------------------------------------------


def run_of(*branches: BranchState, status: str = "suspended") -> Checkpoint:
    states = {str(n): branch for n, branch in enumerate(branches)}
    return Checkpoint(execution_id="run-42", status=status, branch_states=states)


def sleeping(wake_at: datetime | None, **fields: Any) -> BranchState:
    state = WaitState(kind="sleep", wake_at=wake_at)
    return BranchState(status="suspended", wait=state).model_copy(update=fields)


def test_the_earliest_deadline_decides() -> None:
    run = run_of(sleeping(NOON + HOUR), sleeping(NOON), BranchState(), sleeping(None))
    assert next_wake_at(run) == NOON


def test_a_run_that_waits_for_no_time_has_no_time() -> None:
    assert next_wake_at(run_of()) is None
    assert next_wake_at(run_of(BranchState(), sleeping(None))) is None
    assert next_wake_at(run_of(sleeping(datetime(1, 1, 1, tzinfo=UTC)))) is None


@pytest.mark.parametrize(
    "fields", [{"status": "completed"}, {"status": "failed"}, {"status": "paused"}], ids=str
)
def test_a_branch_that_has_ended_or_is_paused_waits_for_no_time(fields: dict[str, Any]) -> None:
    assert next_wake_at(run_of(sleeping(NOON, **fields))) is None
    assert next_wake_at(run_of(sleeping(NOON, pause_requested=True))) is None


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_finished_run_waits_for_no_time(status: str) -> None:
    assert next_wake_at(run_of(sleeping(NOON), status=status)) is None


def test_a_branch_that_was_resumed_and_crashed_is_still_waited_for() -> None:
    assert next_wake_at(run_of(sleeping(NOON, status="running"), status="running")) == NOON
