"""The asynchronous checkpointer: the same procedures, driven by an event loop.

A store that is asynchronous itself is awaited. Any other store's single requests run in a bounded
thread pool of the checkpointer's own, so that waits and retries hold no thread.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, Unpack

from bucketpoint.base import CheckpointerBase, CheckpointerOptions, ClaimBase
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.checkpointer import request
from bucketpoint.clouds import GCSCheckpointerOptions, S3CheckpointerOptions, with_store
from bucketpoint.core import claim as claims
from bucketpoint.core.claim import ClaimTerms
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.drive import drive_async
from bucketpoint.core.effects import (
    Call,
    Delete,
    Effect,
    Get,
    NewID,
    Procedure,
    Put,
    ReadClock,
    Sleep,
    WriterID,
)
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.save import save
from bucketpoint.core.session import StoredCheckpoint, out_of_time
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.deadlines import Deadline, for_call
from bucketpoint.errors import BucketpointError, OutcomeUnknownError
from bucketpoint.execution_locks import entered
from bucketpoint.stores.contract import AsyncStore, Store, Version
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.s3 import S3Store
from bucketpoint.stores.urls import open_store

__all__ = [
    "MAX_THREADS",
    "AsyncBucketCheckpointer",
    "AsyncClaim",
    "AsyncGCSCheckpointer",
    "AsyncS3Checkpointer",
    "open_async",
]

MAX_THREADS = 64
"""Requests that one checkpointer has under way at once on a store that is not asynchronous."""

T = TypeVar("T")

AsyncChange = Callable[[Checkpoint], Awaitable[Checkpoint | None] | Checkpoint | None]


class AsyncBucketCheckpointer(CheckpointerBase[Store | AsyncStore]):
    """`BucketCheckpointer` for asyncio: the same guarantees, names and arguments, awaited.

    A cancelled call that has a write under way waits for its end, so that no write of it lands
    after the caller has gone on.

    Example:
        >>> import asyncio
        >>> from bucketpoint import AsyncBucketCheckpointer, Checkpoint, MemoryStore
        >>> async def main() -> str:
        ...     async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
        ...         await checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        ...         return (await checkpointer.load_checkpoint("run-42")).execution_id
        >>> asyncio.run(main())
        'run-42'
    """

    def _prepare(self) -> None:
        self._locks = _TaskLocks()
        self._native = inspect.iscoroutinefunction(self._store.get)
        self._pool: ThreadPoolExecutor | None = None

    # --- the interface ----------------------------------------------------------------------

    async def save_checkpoint(
        self,
        checkpoint: Checkpoint,
        *,
        if_version: Version | None = None,
        if_absent: bool = False,
        overwrite: bool | None = None,
        timeout: float | None = None,
    ) -> Version:
        """See `BucketCheckpointer.save_checkpoint`."""
        procedure = save(
            self._session,
            checkpoint,
            if_version=if_version,
            if_absent=if_absent,
            overwrite=overwrite,
        )
        # A wrong argument is the procedure's to report.
        execution_id = getattr(checkpoint, "execution_id", "?")
        return await self._run(execution_id, procedure, timeout)

    async def load_checkpoint(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> Checkpoint:
        """See `BucketCheckpointer.load_checkpoint`."""
        procedure = load(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def get(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint | None:
        """See `BucketCheckpointer.get`."""
        procedure = get_stored(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def delete_checkpoint(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> None:
        """See `BucketCheckpointer.delete_checkpoint`."""
        procedure = delete(self._session, execution_id)
        await self._run(execution_id, procedure, timeout)

    async def atomic_update(
        self,
        execution_id: str,
        fn: AsyncChange,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `BucketCheckpointer.atomic_update`; `fn` may be a coroutine function."""
        procedure = update(self._session, execution_id, fn)
        return await self._run(execution_id, procedure, timeout)

    # --- beyond it --------------------------------------------------------------------------

    async def purge(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> bool:
        """See `BucketCheckpointer.purge`."""
        procedure = purge(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def settle(
        self,
        error: OutcomeUnknownError,
        *,
        timeout: float | None = None,
    ) -> bool:
        """See `BucketCheckpointer.settle`."""
        execution_id = self._execution_of(error)
        return await self._run(execution_id, settle(self._session, error), timeout)

    def claim(
        self,
        execution_id: str,
        *,
        owner: str,
        ttl: timedelta = timedelta(seconds=60),
        wait: timedelta = timedelta(0),
        takeover: bool = False,
    ) -> AsyncClaim:
        """See `BucketCheckpointer.claim`; an asynchronous context manager."""
        terms = ClaimTerms(execution_id, owner, ttl, wait, takeover)
        return AsyncClaim(self._session, self._run, self._wait, terms)

    async def close(self) -> None:
        """See `BucketCheckpointer.close`; ends the thread pool, too."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
        if self._close_store:
            closed = self._store.close()
            if inspect.isawaitable(closed):
                await closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- driving ----------------------------------------------------------------------------

    async def _run(
        self,
        execution_id: str,
        procedure: Procedure[T],
        timeout: float | None,
    ) -> T:
        self._check_process()
        target = self._session.target(execution_id)
        deadline = self._deadline(timeout)
        with entered(self, target):
            async with self._locks.held(target.key, deadline.remaining()) as held:
                if not held:
                    raise out_of_time(target)
                try:
                    return await drive_async(
                        procedure, lambda effect: self._perform(effect, deadline)
                    )
                except OutcomeUnknownError as error:
                    error.attach(self.settle)
                    raise

    async def _wait(self, procedure: Procedure[T], longest: timedelta) -> T:
        """Run a procedure that waits for others between calls of its own."""
        deadline = for_call(longest.total_seconds() + 1)
        return await drive_async(procedure, lambda effect: self._perform(effect, deadline))

    async def _perform(self, effect: Effect, deadline: Deadline) -> Any:
        match effect:
            case Get() | Put() | Delete():
                return await self._request(effect, self._runtime.request_timeout(deadline))
            case Sleep():
                return await asyncio.sleep(self._runtime.sleep_seconds(effect, deadline))
            case Call():
                result = effect.function(*effect.arguments)
                return await result if inspect.isawaitable(result) else result
            case ReadClock():
                return self._runtime.clock()
            case NewID():
                return self._runtime.new_id()
            case WriterID():
                return self._runtime.writer_id()

    async def _request(self, effect: Get | Put | Delete, timeout: float) -> Any:
        started = time.monotonic()
        try:
            result = await self._send(effect, timeout)
        except Exception as error:
            self._runtime.observe(effect, started, error)
            raise
        self._runtime.observe(effect, started, result)
        return result

    async def _send(self, effect: Get | Put | Delete, timeout: float) -> Any:
        if self._native:
            sending = asyncio.ensure_future(request(self._store, effect, timeout))
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="bucketpoint")
            sending = asyncio.get_running_loop().run_in_executor(
                self._pool, request, self._store, effect, timeout
            )
        return await _finished(sending)


async def _finished(sending: asyncio.Future[Any]) -> Any:
    """Await a request; a cancelled caller waits for its end before it goes on."""
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        while not sending.done():
            try:
                await asyncio.wait([sending])
            except asyncio.CancelledError:
                continue
        if not sending.cancelled():
            sending.exception()  # it is looked at, so asyncio does not report it as forgotten
        raise


class _TaskLocks:
    """A lock for each key that is in use on a loop, and none for the others."""

    def __init__(self) -> None:
        self._locks: dict[tuple[int, str], tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def held(self, key: str, timeout: float) -> AsyncGenerator[bool]:
        """Hold the key's lock; yields False when it could not be had within the timeout."""
        here = (id(asyncio.get_running_loop()), key)
        lock, users = self._locks.setdefault(here, (asyncio.Lock(), []))
        users.append(None)
        try:
            acquired = await _acquired(lock, timeout)
            try:
                yield acquired
            finally:
                if acquired:
                    lock.release()
        finally:
            users.pop()
            if not users:
                self._locks.pop(here, None)


async def _acquired(lock: asyncio.Lock, timeout: float) -> bool:
    try:
        async with asyncio.timeout(max(0.0, timeout)):
            return await lock.acquire()
    except TimeoutError:
        return False


class _Run(Protocol):
    def __call__(
        self, execution_id: str, procedure: Procedure[T], timeout: float | None, /
    ) -> Awaitable[T]: ...


class _Wait(Protocol):
    def __call__(self, procedure: Procedure[T], longest: timedelta, /) -> Awaitable[T]: ...


class AsyncClaim(ClaimBase[_Run, _Wait]):
    """`Claim` for asyncio: the same guarantees and names, awaited.

    Made by `AsyncBucketCheckpointer.claim`.

    Attributes:
        checkpoint: What was stored when the claim was taken.

    Example:
        >>> import asyncio
        >>> from bucketpoint import AsyncBucketCheckpointer, MemoryStore
        >>> async def main() -> None:
        ...     async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
        ...         async with checkpointer.claim("run-42", owner="worker-1") as claim:
        ...             await claim.save(claim.checkpoint)
        >>> asyncio.run(main())
    """

    async def acquire(self) -> Self:
        """See `Claim.acquire`."""

        async def take() -> tuple[claims.ClaimState, Checkpoint]:
            return await self._run(claims.take_claim(self._session, self._terms), None)

        self._state, self.checkpoint = await self._wait_for(
            claims.claim(self._terms, take), self._terms.wait
        )
        return self

    async def save(
        self,
        checkpoint: Checkpoint,
        *,
        timeout: float | None = None,
    ) -> Version:
        """See `Claim.save`."""
        procedure = claims.save_claimed(self._session, self._held(), checkpoint)
        return await self._run(procedure, timeout)

    async def load(self, *, timeout: float | None = None) -> Checkpoint:
        """See `Claim.load`."""
        return await self._run(claims.load_claimed(self._session, self._held()), timeout)

    async def update(
        self,
        fn: AsyncChange,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `Claim.update`; `fn` may be a coroutine function."""
        return await self._run(claims.update_claimed(self._session, self._held(), fn), timeout)

    async def renew(self, *, timeout: float | None = None) -> None:
        """See `Claim.renew`."""
        await self._run(claims.renew(self._session, self._held()), timeout)

    async def release(self, *, timeout: float | None = None) -> None:
        """See `Claim.release`."""
        await self._run(claims.release(self._session, self._held()), timeout)

    async def __aenter__(self) -> Self:
        return await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except BucketpointError as problem:
            self._log_unreleased(problem)

    async def _run(self, procedure: Procedure[T], timeout: float | None) -> T:
        return await self._run_for(self._terms.execution_id, procedure, timeout)


class AsyncS3Checkpointer(AsyncBucketCheckpointer):
    """`S3Checkpointer` for asyncio: the same arguments and names, awaited.

    Example:
        >>> from bucketpoint import AsyncS3Checkpointer
        >>> AsyncS3Checkpointer("my-bucket", region="eu-central-1")
        AsyncS3Checkpointer('s3://my-bucket', prefix='')
    """

    def __init__(self, bucket: str, **options: Unpack[S3CheckpointerOptions]) -> None:
        store, rest = with_store(S3Store, bucket, options)
        super().__init__(store, **rest)


class AsyncGCSCheckpointer(AsyncBucketCheckpointer):
    """`GCSCheckpointer` for asyncio: the same arguments and names, awaited.

    Example:
        >>> from bucketpoint import AsyncGCSCheckpointer
        >>> AsyncGCSCheckpointer("my-bucket", endpoint_url="http://127.0.0.1:4443")
        AsyncGCSCheckpointer('gs://my-bucket?endpoint_url=http://127.0.0.1:4443', prefix='')
    """

    def __init__(self, bucket: str, **options: Unpack[GCSCheckpointerOptions]) -> None:
        store, rest = with_store(GCSStore, bucket, options)
        super().__init__(store, **rest)


def open_async(
    url: str | None = None, **options: Unpack[CheckpointerOptions]
) -> AsyncBucketCheckpointer:
    """Return an asynchronous checkpointer on the store that the URL names; see `open`.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///folder` or `memory://name`, with
            options as query parameters. None reads the environment variable `BUCKETPOINT_URL`.
        **options: What `AsyncBucketCheckpointer` takes.

    Example:
        >>> import bucketpoint
        >>> bucketpoint.open_async("memory://demo")
        AsyncBucketCheckpointer('memory://demo', prefix='')
    """
    store, prefix = open_store(url)
    options.setdefault("prefix", prefix)
    options.setdefault("close_store", True)
    return AsyncBucketCheckpointer(store, **options)
