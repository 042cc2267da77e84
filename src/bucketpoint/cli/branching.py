"""Pausing and unpausing: one update of the run for all branches that are meant."""

from __future__ import annotations

from collections.abc import Callable

from bucketpoint.checkpoint import BranchState, Checkpoint
from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.core.waits import FINISHED
from bucketpoint.errors import BranchNotFoundError

__all__ = ["change_branches", "describe"]


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
        paused_only: Of all, only those that are paused.

    Raises:
        BranchNotFoundError: The run has no branch of that name.
        NoCheckpointError: There is no such run.
    """
    changed: list[str] = []

    def edit(checkpoint: Checkpoint) -> None:
        changed[:] = names or (
            name
            for name, branch in checkpoint.branch_states.items()
            if branch.status not in FINISHED and (branch.pause_requested or not paused_only)
        )
        for name in changed:
            branch = checkpoint.branch_states.get(name)
            if branch is None:
                known = ", ".join(checkpoint.branch_states) or "none"
                message = f"execution {execution_id!r} has no branch {name!r}, only: {known}"
                raise BranchNotFoundError(message, execution_id=execution_id)
            change(branch)

    checkpointer.atomic_update(execution_id, edit)
    return tuple(changed)


def describe(names: tuple[str, ...]) -> str:
    """Name branches in a sentence."""
    if not names:
        return "no branch is"
    return f"branch {names[0]} is" if len(names) == 1 else f"branches {', '.join(names)} are"
