"""The suites of the asynchronous interfaces: the same tests, each call run on a loop in a thread."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bucketpoint.protocols import AsyncCheckpointer, AtomicCheckpointer, Checkpointer
from bucketpoint.stores.contract import AsyncStore, Store
from bucketpoint.testing.conformance.blocking import BlockingStore, LoopThread, blocking
from bucketpoint.testing.conformance.checkpointers import (
    RUN,
    AtomicCheckpointerSuite,
    CheckpointerSuite,
    add_one,
    number_in,
)
from bucketpoint.testing.conformance.documents import counter
from bucketpoint.testing.conformance.stores import StoreSuite
from bucketpoint.testing.conformance.subclassing import to_be_written

__all__ = ["AsyncAtomicCheckpointerSuite", "AsyncCheckpointerSuite", "AsyncStoreSuite"]


class _OnALoop:
    """A suite with a loop for each test.

    Attributes:
        loop: Runs the coroutines of the test.
    """

    loop: LoopThread

    @pytest.fixture(autouse=True)
    def _loop_of_the_test(self) -> Iterator[None]:
        with LoopThread() as self.loop:
            yield


class AsyncStoreSuite(_OnALoop, StoreSuite):
    """The contract of `AsyncStore`, as tests.

    **It deletes what is in the store.** The tests and what they can be told are those of
    `StoreSuite`. All that a subclass writes is awaited on the loop on which the store is used.

    Example:
        class TestMyStore(AsyncStoreSuite):
            async def make_async_store(self, folder: Path) -> AsyncStore:
                return MyAsyncStore(await empty_bucket())

            async def raw_put_async(self, store: AsyncStore, key: str, body: bytes) -> None:
                await my_client.upload(key, body)

            async def raw_get_async(self, store: AsyncStore, key: str) -> bytes | None:
                return await my_client.download(key)
    """

    @abstractmethod
    async def make_async_store(self, folder: Path) -> AsyncStore:
        """Return an empty store; the folder is empty too, and the test's own."""
        raise to_be_written(self, "make_async_store")

    @abstractmethod
    async def raw_put_async(self, store: Any, key: str, body: bytes) -> None:
        """Write an object as another program would, past the store."""
        raise to_be_written(self, "raw_put_async")

    @abstractmethod
    async def raw_get_async(self, store: Any, key: str) -> bytes | None:
        """Read an object as another program would, past the store."""
        raise to_be_written(self, "raw_get_async")

    def make_store(self, folder: Path) -> Store:
        """Return the asynchronous store behind a face that blocks."""
        return BlockingStore(self.loop.run(self.make_async_store(folder)), self.loop)

    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        """See `raw_put_async`."""
        self.loop.run(self.raw_put_async(_inner(store), key, body))

    def raw_get(self, store: Store, key: str) -> bytes | None:
        """See `raw_get_async`."""
        return self.loop.run(self.raw_get_async(_inner(store), key))


class AsyncCheckpointerSuite(_OnALoop, CheckpointerSuite):
    """The promises of `AsyncCheckpointer`, as tests.

    **It deletes what is in the storage.** The tests and what they can be told are those of
    `CheckpointerSuite`. All that a subclass writes is awaited on the loop on which the checkpointer
    is used.

    Example:
        class TestMyCheckpointer(AsyncCheckpointerSuite):
            async def make_async_checkpointer(self, folder: Path) -> AsyncCheckpointer:
                return await MyAsyncCheckpointer.connect(empty_database())
    """

    @abstractmethod
    async def make_async_checkpointer(self, folder: Path) -> AsyncCheckpointer:
        """Return a checkpointer on empty storage; the folder is empty too, and the test's own."""
        raise to_be_written(self, "make_async_checkpointer")

    async def make_another_async(self, checkpointer: Any) -> AsyncCheckpointer:
        """Return a second checkpointer on the same storage; without one, the threads share one."""
        shared: AsyncCheckpointer = checkpointer
        return shared

    async def close_async_checkpointer(self, checkpointer: Any) -> None:
        """Release it after a test: by its `close()`, if it has one."""
        close = getattr(checkpointer, "close", None)
        closed = None if close is None else close()
        if inspect.isawaitable(closed):
            await closed

    def make_checkpointer(self, folder: Path) -> Checkpointer:
        """Return the asynchronous checkpointer behind a face that blocks."""
        return blocking(self.loop.run(self.make_async_checkpointer(folder)), self.loop)

    def make_another(self, checkpointer: Any) -> Checkpointer:
        """See `make_another_async`."""
        another = self.loop.run(self.make_another_async(_inner(checkpointer)))
        return checkpointer if another is _inner(checkpointer) else blocking(another, self.loop)

    def close_checkpointer(self, checkpointer: Any) -> None:
        """See `close_async_checkpointer`."""
        self.loop.run(self.close_async_checkpointer(_inner(checkpointer)))


class AsyncAtomicCheckpointerSuite(AsyncCheckpointerSuite, AtomicCheckpointerSuite):
    """The promises of `AsyncAtomicCheckpointer`, as tests.

    **It deletes what is in the storage.** What to write in a subclass says
    `AsyncCheckpointerSuite`. In the shared tests `fn` is a coroutine function, which lets others go
    on while it waits.

    Example:
        class TestMyCheckpointer(AsyncAtomicCheckpointerSuite):
            async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
                return await MyAsyncCheckpointer.connect(empty_database())
    """

    def test_fn_may_be_a_plain_function(self, checkpointer: AtomicCheckpointer) -> None:
        """It is called, and nothing is awaited."""
        checkpointer.save_checkpoint(counter(RUN))
        self.loop.run(_inner(checkpointer).atomic_update(RUN, add_one))
        assert number_in(checkpointer) == 1


def _inner(blocked: Any) -> Any:
    """Return what is asynchronous behind a face that blocks."""
    return blocked.inner
