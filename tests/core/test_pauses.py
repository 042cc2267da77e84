"""The three-way merge of an operator's pause into a worker's snapshot."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bucketpoint import BranchState, Checkpoint, WaitState
from bucketpoint.core.pauses import merge_pauses, pauses_of, without_pauses
from bucketpoint.core.waits import freeze, thaw

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICKING = WaitState(kind="sleep", wake_at=NOW + HOUR, timeout=2 * HOUR)
OTHER = WaitState(kind="signal", topic="reply", wake_at=NOW + 3 * HOUR, timeout=3 * HOUR)


def checkpoint(**branch: Any) -> Checkpoint:
    return Checkpoint(
        execution_id="run-42", branch_states={"main": BranchState(id="main", **branch)}
    )


def paused(wait: WaitState | None = None, reason: str = "why") -> dict[str, Any]:
    return {"pause_requested": True, "pause_reason": reason, "wait": wait}


def merged(
    *, base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], later: timedelta = HOUR
) -> BranchState:
    given, stored, snapshot = checkpoint(**base), checkpoint(**theirs), checkpoint(**mine)
    result = merge_pauses(snapshot, pauses_of(given), pauses_of(stored), NOW + later)
    return result.branch_states["main"]


def test_a_snapshot_into_which_nothing_is_to_be_merged_is_the_very_same_object() -> None:
    mine = checkpoint(variables={"n": 1}, wait=TICKING)
    pauses = pauses_of(checkpoint(wait=TICKING))
    assert merge_pauses(mine, pauses, pauses, NOW) is mine


def test_the_snapshot_itself_is_not_changed() -> None:
    mine = checkpoint(variables={"n": 1}, wait=TICKING)
    before = mine.to_document()
    theirs = pauses_of(checkpoint(**paused(freeze(TICKING, NOW))))
    assert merge_pauses(mine, pauses_of(mine), theirs, NOW) != mine
    assert mine.to_document() == before


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "expected"),
    [
        pytest.param({}, paused(), {}, (True, "why"), id="a pause is kept"),
        pytest.param(paused(), {}, paused(), (False, ""), id="an unpause is kept"),
        pytest.param({}, paused(), paused(reason="own"), (True, "why"), id="theirs wins"),
        pytest.param(paused(), paused(), {}, (False, ""), id="the worker unpauses"),
        pytest.param({}, {}, paused(reason="own"), (True, "own"), id="the worker pauses"),
        pytest.param(
            paused(reason="a"), paused(reason="b"), paused(reason="a"), (True, "b"), id="why"
        ),
    ],
)
def test_theirs_wins_where_it_differs_from_base(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any], expected: tuple[bool, str]
) -> None:
    branch = merged(base=base, theirs=theirs, mine=mine)
    assert (branch.pause_requested, branch.pause_reason) == expected


def test_a_wait_that_the_worker_still_has_is_frozen_as_the_operator_froze_it() -> None:
    frozen = freeze(TICKING, NOW)
    branch = merged(base={"wait": TICKING}, theirs=paused(frozen), mine={"wait": TICKING})
    assert branch.wait == frozen
    assert frozen.remaining == HOUR


def test_a_wait_that_the_worker_still_has_is_thawed_as_the_operator_thawed_it() -> None:
    frozen = freeze(TICKING, NOW)
    thawed = thaw(frozen, NOW + timedelta(minutes=5))
    branch = merged(base=paused(frozen), theirs={"wait": thawed}, mine=paused(frozen))
    assert branch.wait == thawed
    assert not branch.pause_requested


def test_a_pause_and_an_unpause_between_two_saves_move_the_deadline() -> None:
    moved = thaw(freeze(TICKING, NOW), NOW + HOUR)
    assert moved.wake_at == NOW + 2 * HOUR
    branch = merged(base={"wait": TICKING}, theirs={"wait": moved}, mine={"wait": TICKING})
    assert branch.wait == moved


def test_a_pause_freezes_the_wait_that_the_worker_has_moved_on_to() -> None:
    theirs = paused(freeze(TICKING, NOW))
    branch = merged(base={"wait": TICKING}, theirs=theirs, mine={"wait": OTHER})
    assert branch.wait == freeze(OTHER, NOW + HOUR)
    assert branch.wait is not None
    assert (branch.wait.topic, branch.wait.remaining, branch.wait.wake_at) == (
        "reply",
        2 * HOUR,
        None,
    )


def test_an_unpause_thaws_the_wait_that_the_worker_has_moved_on_to() -> None:
    base, theirs = paused(freeze(TICKING, NOW)), {"wait": TICKING}
    branch = merged(base=base, theirs=theirs, mine=paused(freeze(OTHER, NOW)))
    assert branch.wait is not None
    assert (branch.wait.topic, branch.wait.wake_at) == ("reply", NOW + 4 * HOUR)


def test_a_worker_that_waits_for_nothing_any_more_gets_no_wait_back() -> None:
    theirs = paused(freeze(TICKING, NOW))
    branch = merged(base={"wait": TICKING}, theirs=theirs, mine={})
    assert branch.wait is None
    assert branch.pause_requested


def test_branches_that_the_operator_never_saw_are_left_alone() -> None:
    mine = Checkpoint(
        execution_id="run-42",
        branch_states={"main": BranchState(id="main"), "new": BranchState(id="new", wait=OTHER)},
    )
    theirs = pauses_of(checkpoint(**paused()))
    result = merge_pauses(mine, {}, theirs, NOW)
    assert result.branch_states["new"] == mine.branch_states["new"]
    assert result.branch_states["main"].pause_requested


def test_documents_are_compared_without_what_a_pause_changes_and_with_all_the_rest() -> None:
    plain = checkpoint(variables={"n": 1}, wait=TICKING).to_document()
    frozen = checkpoint(variables={"n": 1}, **paused(freeze(TICKING, NOW))).to_document()
    for document in (plain, frozen):
        document["checkpoint_at"] = "2026-01-02T03:04:05Z"
    assert plain != frozen
    assert without_pauses(plain) == without_pauses(frozen)
    frozen["branch_states"]["main"]["variables"] = {"n": 2}
    assert without_pauses(plain) != without_pauses(frozen)
