"""Pausing and unpausing: one update of the run for all branches that are meant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from bucketpoint.checkpoint import BranchState, Checkpoint, ExecutionStatus
from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.core.waits import FINISHED
from bucketpoint.errors import BranchNotFoundError

__all__ = ["change_branches", "describe", "is_paused"]


class _NothingToDo(Exception):  # noqa: N818 - a signal, which leaves what is stored as it is
    """No branch would change."""


def change_branches(
    checkpointer: BucketCheckpointer,
    execution_id: str,
    names: tuple[str, ...],
    change: Callable[[BranchState], None],
    *,
    paused_only: bool = False,
) -> tuple[str, ...]:
    """Change branches in one atomic update, and return their names.

    Args:
        checkpointer: Where the run is.
        execution_id: The run.
        names: The branches; none for all that have not ended.
        change: Changes one.
        paused_only: Of these, only those that are paused; without any, nothing is written.

    Raises:
        BranchNotFoundError: The run has no branch of that name.
        NoCheckpointError: There is no such run.
    """
    changed: list[str] = []

    def edit(checkpoint: Checkpoint) -> None:
        branches = checkpoint.branch_states
        for name in names:
            if name not in branches:
                known = ", ".join(branches) or "none"
                message = f"execution {execution_id!r} has no branch {name!r}, only: {known}"
                raise BranchNotFoundError(message, execution_id=execution_id)
        meant = names or (name for name in branches if branches[name].status not in FINISHED)
        changed[:] = (name for name in meant if is_paused(branches[name]) or not paused_only)
        if paused_only and not changed:
            raise _NothingToDo
        for name in changed:
            change(branches[name])

    with suppress(_NothingToDo):
        checkpointer.atomic_update(execution_id, edit)
    return tuple(changed)


def is_paused(branch: BranchState) -> bool:
    """Tell whether a branch stays where it is until it is unpaused."""
    return branch.pause_requested or branch.status == ExecutionStatus.PAUSED


def describe(names: tuple[str, ...]) -> str:
    """Name branches in a sentence."""
    if not names:
        return "no branch is"
    return f"branch {names[0]} is" if len(names) == 1 else f"branches {', '.join(names)} are"
