"""What the branches of a run wait for: when it ends, and what a pause does to it.

A frozen wait has a `timeout` and no `wake_at`; what is left of it stands in `remaining`, which is
missing when nothing is left. A wait without any deadline has no `timeout` either, and neither
freezing nor thawing changes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bucketpoint.checkpoint import BranchState, Checkpoint, ExecutionStatus, WaitState
from bucketpoint.timestamps import Duration, Timestamp

__all__ = [
    "FINISHED",
    "ZERO_TIME",
    "freeze",
    "next_wake_at",
    "next_wake_of",
    "pause",
    "thaw",
    "unpause",
]

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""What the format's engines take for no time at all."""

FINISHED = frozenset({ExecutionStatus.COMPLETED, ExecutionStatus.FAILED})
_STILL = FINISHED | {ExecutionStatus.PAUSED}

_NOTHING = Duration()
_LEAST = Duration(nanoseconds=1)
_MOST = Duration(nanoseconds=2**63 - 1)


def freeze(wait: WaitState, now: datetime) -> WaitState:
    """Return the wait with its deadline turned into what is left of it.

    Args:
        wait: The wait; it is not changed. One that has no deadline comes back as it is.
        now: The time of the pause, with a time zone.
    """
    deadline = wait.wake_at
    if deadline is None or deadline == ZERO_TIME:
        return wait
    # Without a timeout, only something left tells a frozen wait from one without a deadline.
    least = _NOTHING if wait.timeout else _LEAST
    remaining = min(max(deadline - Timestamp.of(now), least), _MOST)
    return wait.model_copy(update={"wake_at": None, "remaining": remaining})


def thaw(wait: WaitState, now: datetime) -> WaitState:
    """Return the wait with what was left of it turned into a deadline again.

    Args:
        wait: The wait; it is not changed. One that is not frozen comes back as it is.
        now: The time of the unpause, with a time zone.
    """
    ticking = wait.wake_at is not None and wait.wake_at != ZERO_TIME
    if ticking or not (wait.timeout or wait.remaining):
        return wait
    wake_at = Timestamp.of(now) + (wait.remaining or _NOTHING)
    return wait.model_copy(update={"wake_at": wake_at, "remaining": None})


def pause(branch: BranchState, reason: str, now: datetime) -> None:
    """Make the branch stay where it is; time stands still for what it waits for.

    Args:
        branch: The branch, which is changed.
        reason: Why, for people to read.
        now: The time of the pause, with a time zone.
    """
    branch.pause_requested = True
    branch.pause_reason = reason
    if branch.wait is not None:
        branch.wait = freeze(branch.wait, now)


def unpause(branch: BranchState, now: datetime) -> None:
    """Let the branch go on; what it waits for ends as far away as it was when it was paused.

    Args:
        branch: The branch, which is changed.
        now: The time of the unpause, with a time zone.
    """
    branch.pause_requested = False
    branch.pause_reason = ""
    if branch.wait is not None:
        branch.wait = thaw(branch.wait, now)


def next_wake_at(checkpoint: Checkpoint) -> Timestamp | None:
    """When a scheduler should resume the execution, as far as time alone decides.

    That is the earliest deadline among the waits of its branches, which may be past. Branches
    that are paused or have ended wait for no time.

    Args:
        checkpoint: The execution's checkpoint.

    Returns:
        The time, or None when it waits for no time.

    Example:
        >>> from bucketpoint import BranchState, Checkpoint, Timestamp, WaitState
        >>> wait = WaitState(kind="sleep", wake_at=Timestamp.parse("2030-01-01T00:00:00Z"))
        >>> main = BranchState(id="main", status="suspended", wait=wait)
        >>> str(next_wake_at(Checkpoint(execution_id="run-42", branch_states={"main": main})))
        '2030-01-01T00:00:00Z'
    """
    return next_wake_of(checkpoint.status, checkpoint.branch_states.values())


def next_wake_of(status: str, branches: Iterable[BranchState]) -> Timestamp | None:
    """When a scheduler should resume an execution of this status with these branches."""
    if status in FINISHED:
        return None
    times = (time for branch in branches if (time := _wake_at(branch)) is not None)
    return min(times, default=None)


def _wake_at(branch: BranchState) -> Timestamp | None:
    if branch.wait is None or branch.pause_requested or branch.status in _STILL:
        return None
    wake_at = branch.wait.wake_at
    return None if wake_at == ZERO_TIME else wake_at
