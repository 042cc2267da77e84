"""Performs the effects of procedures for callers that block."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bucketpoint.base import CheckpointerBase
from bucketpoint.core.drive import drive, drive_each
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
from bucketpoint.drivers.requests import MAX_THREADS, Listing, request
from bucketpoint.errors import InvalidInputError, OutcomeUnknownError
from bucketpoint.execution_locks import ThreadLocks, entered
from bucketpoint.stores.contract import Store

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["BlockingDriver"]

T = TypeVar("T")


class BlockingDriver(CheckpointerBase[Store]):
    """Runs procedures in the caller's thread; only reads that are begun ahead run in others."""

    _pool: ThreadPoolExecutor | None

    def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> bool:
        """Look again what became of the write of this error."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what was opened for this checkpointer; a store that was given stays open."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)
        if self._close_store:
            self._store.close()

    def _prepare(self) -> None:
        self._locks = ThreadLocks()
        self._pool = None

    def _run(self, execution_id: str, procedure: Procedure[T], timeout: float | None) -> T:
        """Run a procedure about one execution, alone among this checkpointer's calls on it."""
        deadline = self._deadline(timeout)
        return self._alone(execution_id, procedure, lambda: deadline)

    def _run_long(self, execution_id: str, procedure: Procedure[T], timeout: float | None) -> T:
        """Run a procedure as `_run` does; the timeout is for each of its requests."""
        return self._alone(execution_id, procedure, lambda: self._deadline(timeout))

    def _alone(
        self, execution_id: str, procedure: Procedure[T], deadline: Callable[[], Deadline]
    ) -> T:
        self._check_process()
        target = self._session.target(execution_id)
        with (
            entered(self, target),
            self._locks.held(target.key, deadline().remaining()) as held,
        ):
            if not held:
                raise out_of_time(target)
            try:
                return drive(procedure, lambda effect: self._perform(effect, deadline()))
            except OutcomeUnknownError as error:
                error.attach(self.settle)
                raise

    def _run_each(self, stream: Stream, timeout: float | None) -> Iterator[Any]:
        """Run a stream as far as its values are wanted; the timeout is for each of its requests."""
        self._check_process()
        seconds = self._timeout if timeout is None else check_seconds(timeout, "timeout")

        def perform(effect: Effect) -> Any:
            if isinstance(effect, Await):
                return [_outcome(begun) for begun in effect.begun]
            deadline = for_call(seconds)
            if isinstance(effect, Begin):
                return self._begun(effect.requests, self._runtime.request_timeout(deadline))
            return self._perform(effect, deadline)

        return drive_each(stream, perform)

    def _wait(self, procedure: Procedure[T], longest: timedelta) -> T:
        """Run a procedure that waits for others between calls of its own."""
        deadline = for_call(longest.total_seconds() + 1)
        return drive(procedure, lambda effect: self._perform(effect, deadline))

    def _perform(self, effect: Effect, deadline: Deadline) -> Any:
        match effect:
            case Sleep():
                return time.sleep(self._runtime.sleep_seconds(effect, deadline))
            case Call():
                return _called(effect)
            case ReadClock() | NewID() | WriterID():
                return self._runtime.answer(effect)
            case OpenListing():
                return Listing.opened(self._store, effect, deadline.remaining())
            case Begin() | Await():
                msg = "only a stream begins what it awaits later"
                raise TypeError(msg)
            case _:
                return self._request(effect, self._runtime.request_timeout(deadline))

    def _begun(self, requests: Sequence[Request], timeout: float) -> list[Callable[[], Any]]:
        """Begin requests, and return what waits for the result of each."""
        if self._store.capabilities.single_delivery:
            # Made when they are waited for: here a thread costs more than it saves.
            return [partial(self._request, request, timeout) for request in requests]
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="bucketpoint")
        pool = self._pool
        return [pool.submit(self._request, request, timeout).result for request in requests]

    def _request(self, effect: Request, timeout: float) -> Any:
        started = time.monotonic()
        try:
            result = request(self._store, effect, timeout)
        except Exception as error:
            self._runtime.observe(effect, started, error)
            raise
        self._runtime.observe(effect, started, result)
        return result


def _outcome(begun: Callable[[], Any]) -> Any:
    try:
        return begun()
    except Exception as error:  # noqa: BLE001 - the stream handles it
        return error


def _called(effect: Call) -> Any:
    result = effect.function(*effect.arguments)
    if inspect.iscoroutine(result):
        result.close()
        msg = "a coroutine function was given to a synchronous checkpointer: use the Async one"
        raise InvalidInputError(msg)
    return result
