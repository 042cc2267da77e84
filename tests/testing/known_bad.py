"""Checkpointers that break one promise each, under the suite that must notice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import deepcopy
from inspect import isawaitable
from pathlib import Path
from typing import Any

from bucketpoint import Checkpoint, ConflictError, NoCheckpointError
from bucketpoint.protocols import AsyncAtomicCheckpointer, AtomicCheckpointer, Checkpointer
from bucketpoint.testing.conformance import (
    AsyncAtomicCheckpointerSuite,
    AtomicCheckpointerSuite,
    CheckpointerSuite,
)
from tests.testing.dict_checkpointers import (
    AsyncAtomicDictCheckpointer,
    AtomicDictCheckpointer,
    DictCheckpointer,
    Shelf,
)

Change = Callable[[Checkpoint], Checkpoint | None]


class Suite(AtomicCheckpointerSuite):
    """Makes two of the `kind` on one shelf."""

    kind: type[AtomicDictCheckpointer] = AtomicDictCheckpointer

    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return self.kind(Shelf())

    def make_another(self, checkpointer: AtomicDictCheckpointer) -> AtomicCheckpointer:
        return self.kind(checkpointer.shelf)


# --- whose object it is ---------------------------------------------------------------------------


class ReturnsItsOwnObject(AtomicDictCheckpointer):
    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        super().load_checkpoint(execution_id)
        return self.shelf.checkpoints[execution_id]


class TestReturnsItsOwnObject(Suite):
    kind = ReturnsItsOwnObject


class KeepsTheCallersObject(AtomicDictCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        self.shelf.checkpoints[checkpoint.execution_id] = checkpoint
        return None


class TestKeepsTheCallersObject(Suite):
    kind = KeepsTheCallersObject


class CopiesOneLevel(AtomicDictCheckpointer):
    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        super().load_checkpoint(execution_id)
        return self.shelf.checkpoints[execution_id].model_copy()


class TestCopiesOneLevel(Suite):
    kind = CopiesOneLevel


class KeepsWhatFnWasGiven(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        with self.shelf.lock:
            checkpoint = self.load_checkpoint(execution_id)
            self.shelf.checkpoints[execution_id] = fn(checkpoint) or checkpoint
        return None


class TestKeepsWhatFnWasGiven(Suite):
    kind = KeepsWhatFnWasGiven


# --- updates --------------------------------------------------------------------------------------


class LosesUpdates(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        checkpoint = self.load_checkpoint(execution_id)
        return self.save_checkpoint(fn(checkpoint) or checkpoint)


class TestLosesUpdates(Suite):
    kind = LosesUpdates


class LocksForItselfOnly(AtomicDictCheckpointer):
    """As a lock in one process does, which knows nothing of the next."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(Shelf(shelf.checkpoints))


class TestLocksForItselfOnly(Suite):
    kind = LocksForItselfOnly


class SavesWhenFnRaises(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        checkpoint = self.load_checkpoint(execution_id)
        try:
            return super().atomic_update(execution_id, lambda _: fn(checkpoint) or checkpoint)
        except Exception:
            self.save_checkpoint(checkpoint)
            raise


class TestSavesWhenFnRaises(Suite):
    kind = SavesWhenFnRaises


class SwallowsTheException(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        with suppress(ValueError):
            return super().atomic_update(execution_id, fn)
        return None


class TestSwallowsTheException(Suite):
    kind = SwallowsTheException


class WrapsTheException(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        try:
            return super().atomic_update(execution_id, fn)
        except ValueError as error:
            msg = "fn failed"
            raise ValueError(msg) from error


class TestWrapsTheException(Suite):
    kind = WrapsTheException


class RetriesAConflictOfFn(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        for _ in range(2):
            with suppress(ConflictError):
                return super().atomic_update(execution_id, fn)
        msg = "too many attempts"
        raise NoCheckpointError(msg)


class TestRetriesAConflictOfFn(Suite):
    kind = RetriesAConflictOfFn


class CallsFnForNothing(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        if execution_id not in self.shelf.checkpoints:
            fn(Checkpoint(execution_id=execution_id))
        return super().atomic_update(execution_id, fn)


class TestCallsFnForNothing(Suite):
    kind = CallsFnForNothing


class IgnoresWhatFnReturns(AtomicDictCheckpointer):
    def atomic_update(self, execution_id: str, fn: Change, /) -> object:
        def in_place(checkpoint: Checkpoint) -> None:
            fn(checkpoint)

        return super().atomic_update(execution_id, in_place)


class TestIgnoresWhatFnReturns(Suite):
    kind = IgnoresWhatFnReturns


# --- save, load, delete ---------------------------------------------------------------------------


class PlainSuite(CheckpointerSuite):
    """Makes two of the `kind` on one shelf."""

    kind: type[DictCheckpointer] = DictCheckpointer

    def make_checkpointer(self, folder: Path) -> Checkpointer:
        return self.kind(Shelf())

    def make_another(self, checkpointer: DictCheckpointer) -> Checkpointer:
        return self.kind(checkpointer.shelf)


class DeletesOnlyWhatIsThere(DictCheckpointer):
    def delete_checkpoint(self, execution_id: str, /) -> object:
        self.load_checkpoint(execution_id)
        return super().delete_checkpoint(execution_id)


class TestDeletesOnlyWhatIsThere(PlainSuite):
    kind = DeletesOnlyWhatIsThere


class LosesUnknownMembers(DictCheckpointer):
    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        checkpoint = super().load_checkpoint(execution_id)
        (checkpoint.model_extra or {}).clear()
        return checkpoint


class TestLosesUnknownMembers(PlainSuite):
    kind = LosesUnknownMembers


class RoundsTimes(DictCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        rounded = deepcopy(checkpoint)
        if rounded.start_time is not None:
            rounded.start_time = rounded.start_time.replace(microsecond=0)
        return super().save_checkpoint(rounded)


class TestRoundsTimes(PlainSuite):
    kind = RoundsTimes


class ReadsAnySchema(DictCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        copy = deepcopy(checkpoint)
        copy.schema_version = 1
        return super().save_checkpoint(copy)


class TestReadsAnySchema(PlainSuite):
    kind = ReadsAnySchema


class RemembersWhatItLoaded(DictCheckpointer):
    """A cache that nobody else's write makes invalid."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.cache: dict[str, Checkpoint] = {}

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        self.cache.pop(checkpoint.execution_id, None)
        return super().save_checkpoint(checkpoint)

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        if execution_id not in self.cache:
            self.cache[execution_id] = super().load_checkpoint(execution_id)
        return deepcopy(self.cache[execution_id])

    def delete_checkpoint(self, execution_id: str, /) -> object:
        self.cache.pop(execution_id, None)
        return super().delete_checkpoint(execution_id)


class TestRemembersWhatItLoaded(PlainSuite):
    kind = RemembersWhatItLoaded


class FoldsCase(DictCheckpointer):
    """As a disk does that takes `Run` and `run` for one name."""

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        self.shelf.checkpoints[checkpoint.execution_id.lower()] = deepcopy(checkpoint)
        return None

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        return super().load_checkpoint(execution_id.lower())

    def delete_checkpoint(self, execution_id: str, /) -> object:
        return super().delete_checkpoint(execution_id.lower())


class TestFoldsCase(PlainSuite):
    kind = FoldsCase


# --- what is declared, and not so -----------------------------------------------------------------


class TestKeepsWhatItSaysItLoses(PlainSuite):
    lost_documents = frozenset({"unknown members"})
    unusable_ids = frozenset({"slash"})


# --- asynchronous ---------------------------------------------------------------------------------


class AsyncLosesUpdates(AsyncAtomicDictCheckpointer):
    async def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | Awaitable[Checkpoint | None] | None],
        /,
    ) -> object:
        checkpoint = await self.load_checkpoint(execution_id)
        result: Any = fn(checkpoint)
        changed = await result if isawaitable(result) else result
        return await self.save_checkpoint(changed or checkpoint)


class TestAsyncLosesUpdates(AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncLosesUpdates(Shelf())


class AsyncNeverAwaitsFn(AsyncAtomicDictCheckpointer):
    """It takes a coroutine for the checkpoint that `fn` returns."""

    async def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | Awaitable[Checkpoint | None] | None],
        /,
    ) -> object:
        def plain(checkpoint: Checkpoint) -> None:
            result: Any = fn(checkpoint)
            if hasattr(result, "close"):
                result.close()

        return await super().atomic_update(execution_id, plain)


class TestAsyncNeverAwaitsFn(AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncNeverAwaitsFn(Shelf())


class AsyncAlwaysAwaitsFn(AsyncAtomicDictCheckpointer):
    async def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | Awaitable[Checkpoint | None] | None],
        /,
    ) -> object:
        async def awaited(checkpoint: Checkpoint) -> Checkpoint | None:
            result: Any = fn(checkpoint)
            changed: Checkpoint | None = await result
            return changed

        return await super().atomic_update(execution_id, awaited)


class TestAsyncAlwaysAwaitsFn(AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncAlwaysAwaitsFn(Shelf())
