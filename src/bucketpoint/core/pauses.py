"""An operator's pause, merged into what a claimed worker saves.

The worker saves whole snapshots and may not know of a pause yet. So the pause fields are merged
three ways, on every claimed save: the base is what the worker was last given or itself wrote,
theirs is the document written upon, mine is the snapshot. Theirs wins where it differs from base.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bucketpoint.checkpoint import BranchState, Checkpoint, WaitState
from bucketpoint.core.waits import freeze, thaw

__all__ = ["Pause", "Pauses", "merge_pauses", "pauses_of", "without_pauses"]


@dataclass(frozen=True, slots=True)
class Pause:
    """The fields of one branch that pausing and unpausing change.

    Attributes:
        requested: A pause was asked for.
        reason: Why.
        wait: The branch's pending wait as it is stored, which a pause freezes.
    """

    requested: bool = False
    reason: str = ""
    wait: dict[str, Any] | None = None


Pauses = dict[str, Pause]

_NONE = Pause()


def pauses_of(checkpoint: Checkpoint) -> Pauses:
    """Return the pause fields of the branches that have any set; the others have `Pause()`."""
    return {
        name: _pause(branch)
        for name, branch in checkpoint.branch_states.items()
        if branch.wait is not None or branch.pause_requested or branch.pause_reason
    }


def _pause(branch: BranchState) -> Pause:
    wait = branch.wait.to_document() if branch.wait is not None else None
    return Pause(bool(branch.pause_requested), branch.pause_reason, wait)


def merge_pauses(mine: Checkpoint, base: Pauses, theirs: Pauses, now: datetime) -> Checkpoint:
    """Return the snapshot with the operator's pauses in it; the snapshot itself is not changed.

    Args:
        mine: The worker's snapshot.
        base: The pause fields that the worker was last given or wrote.
        theirs: Those of the document that is written upon.
        now: The time at which a wait of the snapshot is frozen or thawed.
    """
    changed = {
        name: _merged(branch, base.get(name, _NONE), theirs.get(name, _NONE), now)
        for name, branch in mine.branch_states.items()
        if theirs.get(name, _NONE) != base.get(name, _NONE)
    }
    if not changed:
        return mine
    return mine.model_copy(update={"branch_states": {**mine.branch_states, **changed}})


def _merged(branch: BranchState, base: Pause, theirs: Pause, now: datetime) -> BranchState:
    merged = branch.model_copy()
    if (theirs.requested, theirs.reason) != (base.requested, base.reason):
        merged.pause_requested = theirs.requested
        merged.pause_reason = theirs.reason
    if branch.wait is None:
        return merged
    if branch.wait.to_document() == base.wait and theirs.wait is not None:
        merged.wait = WaitState.model_validate(theirs.wait)
    elif theirs.requested != base.requested:
        # The worker has moved on to another wait: what happened to the old one happens to it.
        merged.wait = (freeze if theirs.requested else thaw)(branch.wait, now)
    return merged


_BRANCH_FIELDS = ("pause_requested", "pause_reason")
_WAIT_FIELDS = ("wake_at", "remaining")


def without_pauses(data: dict[str, Any]) -> dict[str, Any]:
    """Return decoded document data without the pause fields, to compare all the rest by."""
    bare = dict(data)
    if branches := data.get("branch_states"):
        bare["branch_states"] = {name: _bare_branch(branch) for name, branch in branches.items()}
    return bare


def _bare_branch(branch: dict[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in branch.items() if name not in _BRANCH_FIELDS}
    if wait := branch.get("wait"):
        bare["wait"] = {name: value for name, value in wait.items() if name not in _WAIT_FIELDS}
    return bare
