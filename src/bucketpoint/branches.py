"""What operators and schedulers do with a stored run: pause, unpause, and know when to come back.

The functions take any checkpointer. One that is asynchronous gives back an awaitable:
`await pause_branch(checkpointer, "run-42", "main")`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, overload

from bucketpoint.checkpoint import BranchState, Checkpoint
from bucketpoint.core.waits import next_wake_at, pause, unpause
from bucketpoint.errors import BranchNotFoundError
from bucketpoint.protocols import AsyncCheckpointer, Checkpointer
from bucketpoint.timestamps import Timestamp

__all__ = ["next_wake_at", "pause_branch", "unpause_branch"]

next_wake_at.__module__ = __name__  # where users find it; core, which needs it too, is not theirs


@overload
def pause_branch(
    checkpointer: Checkpointer,
    execution_id: str,
    branch_id: str,
    reason: str = "",
    *,
    now: datetime | None = None,
) -> None: ...
@overload
def pause_branch(
    checkpointer: AsyncCheckpointer,
    execution_id: str,
    branch_id: str,
    reason: str = "",
    *,
    now: datetime | None = None,
) -> Awaitable[None]: ...
def pause_branch(
    checkpointer: Any,
    execution_id: str,
    branch_id: str,
    reason: str = "",
    *,
    now: datetime | None = None,
) -> Any:
    """The branch stays where it is, from its next step on, until it is unpaused.

    Time stands still for what it waits for: what is left until its deadline is kept. Pausing a
    paused branch changes only the reason. The statuses are left to the engine.

    Args:
        checkpointer: Any checkpointer. With `atomic_update` nothing of other writers is lost.
        execution_id: The execution.
        branch_id: The branch.
        reason: Why, for people to read.
        now: The time of the pause; the host's unless given.

    Returns:
        Nothing, or for an asynchronous checkpointer an awaitable of nothing.

    Raises:
        NoCheckpointError: There is no checkpoint.
        BranchNotFoundError: The checkpoint has no such branch.

    Example:
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> run = Checkpoint(execution_id="run-42", branch_states={"main": BranchState(id="main")})
        >>> version = checkpointer.save_checkpoint(run)
        >>> pause_branch(checkpointer, "run-42", "main", reason="prices are wrong")
        >>> checkpointer.load_checkpoint("run-42").branch_states["main"].pause_reason
        'prices are wrong'
    """
    moment = now or Timestamp.now()
    return _edit_branch(
        checkpointer, execution_id, branch_id, lambda branch: pause(branch, reason, moment)
    )


@overload
def unpause_branch(
    checkpointer: Checkpointer, execution_id: str, branch_id: str, *, now: datetime | None = None
) -> None: ...
@overload
def unpause_branch(
    checkpointer: AsyncCheckpointer,
    execution_id: str,
    branch_id: str,
    *,
    now: datetime | None = None,
) -> Awaitable[None]: ...
def unpause_branch(
    checkpointer: Any, execution_id: str, branch_id: str, *, now: datetime | None = None
) -> Any:
    """The branch goes on when the execution is resumed next.

    A frozen wait gets a deadline again, as far away as it was when it was frozen. A wait that
    never had one still has none. Unpausing a branch that is not paused changes nothing in it.

    Args:
        checkpointer: Any checkpointer. With `atomic_update` nothing of other writers is lost.
        execution_id: The execution.
        branch_id: The branch.
        now: The time of the unpause; the host's unless given.

    Returns:
        Nothing, or for an asynchronous checkpointer an awaitable of nothing.

    Raises:
        NoCheckpointError: There is no checkpoint.
        BranchNotFoundError: The checkpoint has no such branch.

    Example:
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> run = Checkpoint(execution_id="run-42", branch_states={"main": BranchState(id="main")})
        >>> version = checkpointer.save_checkpoint(run)
        >>> pause_branch(checkpointer, "run-42", "main")
        >>> unpause_branch(checkpointer, "run-42", "main")
        >>> checkpointer.load_checkpoint("run-42").branch_states["main"].pause_requested
        False
    """
    moment = now or Timestamp.now()
    return _edit_branch(
        checkpointer, execution_id, branch_id, lambda branch: unpause(branch, moment)
    )


def _edit_branch(
    checkpointer: Any, execution_id: str, branch_id: str, edit: Callable[[BranchState], None]
) -> Any:
    def edit_checkpoint(checkpoint: Checkpoint) -> None:
        try:
            branch = checkpoint.branch_states[branch_id]
        except KeyError:
            raise BranchNotFoundError(
                f'branch "{branch_id}" not found (execution "{execution_id}")',
                execution_id=execution_id,
            ) from None
        edit(branch)

    if hasattr(checkpointer, "atomic_update"):
        done = checkpointer.atomic_update(execution_id, edit_checkpoint)
        return _nothing(done) if inspect.isawaitable(done) else None
    loaded = checkpointer.load_checkpoint(execution_id)
    if inspect.isawaitable(loaded):
        return _edit_loaded(checkpointer, loaded, edit_checkpoint)
    edit_checkpoint(loaded)
    checkpointer.save_checkpoint(loaded)
    return None


async def _nothing(done: Awaitable[object]) -> None:
    await done


async def _edit_loaded(
    checkpointer: AsyncCheckpointer,
    loading: Awaitable[Checkpoint],
    edit: Callable[[Checkpoint], None],
) -> None:
    checkpoint = await loading
    edit(checkpoint)
    await checkpointer.save_checkpoint(checkpoint)
