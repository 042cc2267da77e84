"""What the synchronous and the asynchronous checkpointer have in common."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, TypedDict, TypeVar

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import claim as claims
from bucketpoint.core.claim import ClaimTerms
from bucketpoint.core.retry import RetryPolicy
from bucketpoint.core.session import Session, Settings
from bucketpoint.core.write import Evidence
from bucketpoint.deadlines import Deadline, check_seconds, for_call
from bucketpoint.errors import BucketpointError, InvalidInputError, OutcomeUnknownError
from bucketpoint.runtime import Observer, Runtime, logger
from bucketpoint.stores.contract import AsyncStore, Store

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "CheckpointerBase",
    "CheckpointerOptions",
    "ClaimBase",
]

DEFAULT_TIMEOUT_S = 30.0
_DEFAULTS = Settings()

AnyStore = TypeVar("AnyStore", bound=Store | AsyncStore)
AnyRun = TypeVar("AnyRun")
AnyWait = TypeVar("AnyWait")


class ClaimBase(Generic[AnyRun, AnyWait]):
    """A claim that was asked for, and, once it is taken, what the worker knows of it."""

    checkpoint: Checkpoint

    def __init__(self, session: Session, run: AnyRun, wait: AnyWait, terms: ClaimTerms) -> None:
        self._session = session
        self._run_for = run
        self._wait_for = wait
        self._terms = terms
        self._state: claims.ClaimState | None = None

    def _held(self) -> claims.ClaimState:
        if self._state is None:
            msg = "the claim has not been taken yet: use it in a with statement, or call acquire()"
            raise InvalidInputError(msg)
        return self._state

    def _log_unreleased(self, problem: BucketpointError) -> None:
        """The work done under the claim is safe, and it expires by itself: nothing to raise."""
        execution_id = self._terms.execution_id
        logger.warning("the claim on %r was not released: %s", execution_id, problem.kind)


class CheckpointerOptions(TypedDict, total=False):
    """The arguments of a checkpointer that `open` and `open_async` pass on; described there."""

    prefix: str
    overwrite: bool
    timeout: float
    retry: RetryPolicy | None
    default: Callable[[Any], Any] | None
    max_bytes: int
    purge_grace: timedelta
    observer: Observer | None
    remembered_entries: int
    remembered_bytes: int
    remembered_summaries: int
    close_store: bool


class CheckpointerBase(Generic[AnyStore]):
    """The settings and the session of one checkpointer; see `BucketCheckpointer` for both."""

    def __init__(
        self,
        store: AnyStore,
        *,
        prefix: str = "",
        overwrite: bool = False,
        timeout: float = DEFAULT_TIMEOUT_S,
        retry: RetryPolicy | None = None,
        default: Callable[[Any], Any] | None = None,
        max_bytes: int = _DEFAULTS.max_bytes,
        purge_grace: timedelta = _DEFAULTS.purge_grace,
        observer: Observer | None = None,
        remembered_entries: int = _DEFAULTS.remembered_entries,
        remembered_bytes: int = _DEFAULTS.remembered_bytes,
        remembered_summaries: int = _DEFAULTS.remembered_summaries,
        close_store: bool = False,
    ) -> None:
        settings = Settings(
            prefix=prefix,
            overwrite=overwrite,
            default=default,
            max_bytes=max_bytes,
            retry=retry or RetryPolicy(),
            purge_grace=purge_grace,
            remembered_entries=remembered_entries,
            remembered_bytes=remembered_bytes,
            remembered_summaries=remembered_summaries,
        )
        self._store = store
        self._close_store = close_store
        self._timeout = check_seconds(timeout, "timeout")
        self._runtime = Runtime(observer)
        self._settings = settings
        self._begin_process()

    def _begin_process(self) -> None:
        """Make what a forked process must not share: locks, threads, and what was last seen."""
        store = self._store
        self._process = os.getpid()
        self._session = Session(
            store.url, store.capabilities, self._settings, lock=threading.Lock()
        )
        self._prepare()

    def _check_process(self) -> None:
        if self._process != os.getpid():
            self._begin_process()

    def _prepare(self) -> None:
        """Make what only one of the twins needs."""

    @property
    def store(self) -> AnyStore:
        """The store that was given."""
        return self._store

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self._store.url!r}, prefix={self._session.settings.prefix!r})"
        )

    def _deadline(self, timeout: float | None) -> Deadline:
        return for_call(self._timeout if timeout is None else check_seconds(timeout, "timeout"))

    @staticmethod
    def _execution_of(error: OutcomeUnknownError) -> str:
        evidence = getattr(error, "evidence", None)
        if isinstance(evidence, Evidence):
            return evidence.target.execution_id
        msg = "this error did not come from a checkpointer, so there is nothing to settle it by"
        raise InvalidInputError(msg)
