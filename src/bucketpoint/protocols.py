"""The interface that engines call and that every checkpointer has, synchronous or awaited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from bucketpoint.checkpoint import Checkpoint

__all__ = ["AsyncAtomicCheckpointer", "AsyncCheckpointer", "AtomicCheckpointer", "Checkpointer"]


@runtime_checkable
class Checkpointer(Protocol):
    """Keeps the latest checkpoint of each execution."""

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        """Persist the snapshot under its `execution_id`, in place of the one before.

        The `schema_version` is recorded as it is.
        """
        ...

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        """Return the latest checkpoint.

        Raises:
            NoCheckpointError: There is none.
            UnsupportedSchemaError: Its schema version is below 1 or above
                `CHECKPOINT_SCHEMA_VERSION`.
        """
        ...

    def delete_checkpoint(self, execution_id: str, /) -> object:
        """Remove the checkpoint; deleting what is not there succeeds."""
        ...


@runtime_checkable
class AtomicCheckpointer(Checkpointer, Protocol):
    """A checkpointer that can also change a checkpoint in one step."""

    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Checkpoint | None], /
    ) -> object:
        """Load, run `fn` on the loaded copy and save, atomic to all other writers.

        `fn` edits its argument, or returns another checkpoint. It may run several times, so it
        must have no other effects. If it raises, nothing is saved and the very same exception
        comes out.

        Raises:
            NoCheckpointError: There is no checkpoint; `fn` was not called.
        """
        ...


@runtime_checkable
class AsyncCheckpointer(Protocol):
    """See `Checkpointer`; every call is awaited."""

    async def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        """See `Checkpointer.save_checkpoint`."""
        ...

    async def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        """See `Checkpointer.load_checkpoint`."""
        ...

    async def delete_checkpoint(self, execution_id: str, /) -> object:
        """See `Checkpointer.delete_checkpoint`."""
        ...


@runtime_checkable
class AsyncAtomicCheckpointer(AsyncCheckpointer, Protocol):
    """See `AtomicCheckpointer`; every call is awaited."""

    async def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | Awaitable[Checkpoint | None] | None],
        /,
    ) -> object:
        """See `AtomicCheckpointer.atomic_update`; `fn` may be a coroutine function."""
        ...
