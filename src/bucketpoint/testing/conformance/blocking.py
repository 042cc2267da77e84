"""What is asynchronous, as the suites call it: each call waits for its end on a loop elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from threading import Thread
from typing import Any, Self, TypeVar, cast

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.protocols import AsyncAtomicCheckpointer, AsyncCheckpointer
from bucketpoint.stores.contract import (
    AsyncStore,
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)

__all__ = [
    "BlockingAtomicCheckpointer",
    "BlockingCheckpointer",
    "BlockingStore",
    "LoopThread",
    "blocking",
]

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own, so that calls of several threads meet on one loop."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="conformance-loop", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine on the loop, and return or raise what it does."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Yield the items, each fetched when it is asked for."""
        end = object()

        async def following() -> T | object:
            return await anext(items, end)

        while (item := self.run(following())) is not end:
            yield cast("T", item)


class BlockingStore:
    """An `AsyncStore` as a `Store`.

    Attributes:
        inner: The asynchronous store.
    """

    def __init__(self, inner: AsyncStore, loop: LoopThread) -> None:
        self.inner = inner
        self._loop = loop

    @property
    def url(self) -> str:
        """See `Store.url`."""
        return self.inner.url

    @property
    def capabilities(self) -> Capabilities:
        """See `Store.capabilities`."""
        return self.inner.capabilities

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`."""
        return self._loop.run(self.inner.get(key, version_id=version_id, timeout=timeout))

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`."""
        return self._loop.run(self.inner.put(key, body, when=when, timeout=timeout))

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`."""
        return self._loop.run(self.inner.delete(key, when=when, timeout=timeout))

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        return self._loop.iterate(
            self.inner.list(prefix, start_after=start_after, limit=limit, timeout=timeout)
        )

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`."""
        return self._loop.iterate(self.inner.list_versions(key, timeout=timeout))

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`."""
        self._loop.run(self.inner.delete_version(key, version_id, timeout=timeout))

    def close(self) -> None:
        """See `Store.close`."""
        self._loop.run(self.inner.close())


class BlockingCheckpointer:
    """An `AsyncCheckpointer` as a `Checkpointer`.

    Attributes:
        inner: The asynchronous checkpointer.
    """

    def __init__(self, inner: AsyncCheckpointer, loop: LoopThread) -> None:
        self.inner = inner
        self._loop = loop

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        """See `Checkpointer.save_checkpoint`."""
        return self._loop.run(self.inner.save_checkpoint(checkpoint))

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        """See `Checkpointer.load_checkpoint`."""
        return self._loop.run(self.inner.load_checkpoint(execution_id))

    def delete_checkpoint(self, execution_id: str, /) -> object:
        """See `Checkpointer.delete_checkpoint`."""
        return self._loop.run(self.inner.delete_checkpoint(execution_id))


class BlockingAtomicCheckpointer(BlockingCheckpointer):
    """An `AsyncAtomicCheckpointer` as an `AtomicCheckpointer`.

    `fn` becomes a coroutine function that runs it in a thread, so that others go on meanwhile.
    """

    inner: AsyncAtomicCheckpointer

    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Checkpoint | None], /
    ) -> object:
        """See `AtomicCheckpointer.atomic_update`."""

        async def in_a_thread(checkpoint: Checkpoint) -> Checkpoint | None:
            return await asyncio.to_thread(fn, checkpoint)

        return self._loop.run(self.inner.atomic_update(execution_id, in_a_thread))


def blocking(inner: AsyncCheckpointer, loop: LoopThread) -> BlockingCheckpointer:
    """Return the checkpointer with all of its methods, as a synchronous one."""
    if isinstance(inner, AsyncAtomicCheckpointer):
        return BlockingAtomicCheckpointer(inner, loop)
    return BlockingCheckpointer(inner, loop)
