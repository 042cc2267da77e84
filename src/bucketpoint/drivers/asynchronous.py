"""Performs the effects of procedures for callers that await.

A store that is asynchronous itself is awaited. Any other store's single requests run in a bounded
thread pool of the checkpointer's own, so that waits and retries hold no thread.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

from bucketpoint.base import CheckpointerBase
from bucketpoint.core.drive import drive_async, drive_each_async
from bucketpoint.core.effects import (
    Await,
    Begin,
    Call,
    Effect,
    NewID,
    OpenListing,
    Procedure,
    ReadClock,
    Request,
    Sleep,
    Stream,
    WriterID,
)
from bucketpoint.core.session import out_of_time
from bucketpoint.deadlines import Deadline, check_seconds, for_call
from bucketpoint.drivers.requests import MAX_THREADS, Listing, request, request_async
from bucketpoint.errors import OutcomeUnknownError
from bucketpoint.execution_locks import entered
from bucketpoint.stores.contract import AsyncStore, Store

__all__ = ["AsyncDriver"]

T = TypeVar("T")


class AsyncDriver(CheckpointerBase[Store | AsyncStore]):
    """Runs procedures as part of the caller's task."""

    _pool: ThreadPoolExecutor | None

    async def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> bool:
        """Look again what became of the write of this error."""
        raise NotImplementedError

    async def close(self) -> None:
        """See `BucketCheckpointer.close`; ends the thread pool, too."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
        if self._close_store:
            closed = self._store.close()
            if inspect.isawaitable(closed):
                await closed

    def _prepare(self) -> None:
        self._locks = _TaskLocks()
        self._native = inspect.iscoroutinefunction(self._store.get)
        self._pool = None

    async def _run(
        self,
        execution_id: str,
        procedure: Procedure[T],
        timeout: float | None,
    ) -> T:
        """Run a procedure about one execution, alone among this checkpointer's calls on it."""
        deadline = self._deadline(timeout)
        return await self._alone(execution_id, procedure, lambda: deadline)

    async def _run_long(
        self, execution_id: str, procedure: Procedure[T], timeout: float | None
    ) -> T:
        """Run a procedure as `_run` does; the timeout is for each of its requests."""
        return await self._alone(execution_id, procedure, lambda: self._deadline(timeout))

    async def _alone(
        self, execution_id: str, procedure: Procedure[T], deadline: Callable[[], Deadline]
    ) -> T:
        self._check_process()
        target = self._session.target(execution_id)
        with entered(self, target):
            async with self._locks.held(target.key, deadline().remaining()) as held:
                if not held:
                    raise out_of_time(target)
                try:
                    return await drive_async(
                        procedure, lambda effect: self._perform(effect, deadline())
                    )
                except OutcomeUnknownError as error:
                    error.attach(self.settle)
                    raise

    def _run_each(self, stream: Stream, timeout: float | None) -> AsyncGenerator[Any]:
        """Run a stream as far as its values are wanted; the timeout is for each of its requests."""
        self._check_process()
        seconds = self._timeout if timeout is None else check_seconds(timeout, "timeout")
        return self._each(stream, seconds)

    async def _each(self, stream: Stream, seconds: float) -> AsyncGenerator[Any]:
        begun: set[asyncio.Future[Any]] = set()

        async def perform(effect: Effect) -> Any:
            match effect:
                case Begin(requests):
                    timeout = self._runtime.request_timeout(for_call(seconds))
                    readings = [
                        asyncio.ensure_future(self._request(request, timeout))
                        for request in requests
                    ]
                    begun.update(readings)
                    return readings
                case Await(readings):
                    outcomes = await asyncio.gather(*readings, return_exceptions=True)
                    begun.difference_update(readings)
                    return outcomes
                case _:
                    return await self._perform(effect, for_call(seconds))

        try:
            async for value in drive_each_async(stream, perform):
                yield value
        finally:
            for reading in begun:
                reading.cancel()
            await asyncio.gather(*begun, return_exceptions=True)

    async def _wait(self, procedure: Procedure[T], longest: timedelta) -> T:
        """Run a procedure that waits for others between calls of its own."""
        deadline = for_call(longest.total_seconds() + 1)
        return await drive_async(procedure, lambda effect: self._perform(effect, deadline))

    async def _perform(self, effect: Effect, deadline: Deadline) -> Any:
        match effect:
            case Sleep():
                return await asyncio.sleep(self._runtime.sleep_seconds(effect, deadline))
            case Call():
                result = effect.function(*effect.arguments)
                return await result if inspect.isawaitable(result) else result
            case ReadClock() | NewID() | WriterID():
                return self._runtime.answer(effect)
            case OpenListing():
                return Listing.opened(self._store, effect, deadline.remaining())
            case Begin() | Await():
                msg = "only a stream begins what it awaits later"
                raise TypeError(msg)
            case _:
                return await self._request(effect, self._runtime.request_timeout(deadline))

    async def _request(self, effect: Request, timeout: float) -> Any:
        started = time.monotonic()
        try:
            result = await self._send(effect, timeout)
        except Exception as error:
            self._runtime.observe(effect, started, error)
            raise
        self._runtime.observe(effect, started, result)
        return result

    async def _send(self, effect: Request, timeout: float) -> Any:
        if self._native:
            store = cast("AsyncStore", self._store)
            sending: asyncio.Future[Any] = asyncio.ensure_future(
                request_async(store, effect, timeout)
            )
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="bucketpoint")
            sending = asyncio.get_running_loop().run_in_executor(
                self._pool, request, cast("Store", self._store), effect, timeout
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
