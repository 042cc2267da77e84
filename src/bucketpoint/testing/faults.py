"""A store whose requests go wrong on purpose, in the ways in which a network makes them go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import RLock
from typing import TypeVar

from bucketpoint.errors import BucketpointError, OutcomeUnknownError, StoreUnavailableError
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    Store,
    StoredObject,
    Version,
)

__all__ = [
    "Fault",
    "FaultPlan",
    "FaultyStore",
    "LoggedRequest",
    "Request",
    "RequestKind",
    "random_faults",
]

T = TypeVar("T")

_DONE = "done"


class Fault(StrEnum):
    """What happens to one request.

    A read never has an unknown outcome: where a write would have one, it is unavailable.
    """

    NEVER_SENT = "never_sent"
    """It does not reach the store: `StoreUnavailableError`."""
    THROTTLED = "throttled"
    """The store refuses it for now: `StoreUnavailableError` with `throttled`."""
    LOST_ANSWER = "lost_answer"
    """The store carries it out, and its answer is lost: `OutcomeUnknownError`."""
    LATE = "late"
    """`OutcomeUnknownError`, and it reaches the store at `release()`, or never."""
    DUPLICATE = "duplicate"
    """It reaches the store twice, and the second answer is the one that arrives."""


class RequestKind(StrEnum):
    """Which operation of the store a request is."""

    GET = "get"
    PUT = "put"
    DELETE = "delete"
    LIST = "list"
    LIST_VERSIONS = "list_versions"
    DELETE_VERSION = "delete_version"


_WRITES = frozenset({RequestKind.PUT, RequestKind.DELETE, RequestKind.DELETE_VERSION})


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the store.

    Attributes:
        number: Counts the store's requests from 1.
        kind: The operation.
        key: The object's key; the prefix for a listing.
    """

    number: int
    kind: RequestKind
    key: str


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request and what its caller was told.

    Attributes:
        request: The request.
        fault: What was done to it.
        outcome: `done`, or the `kind` of the error that was raised.
    """

    request: Request
    fault: Fault | None
    outcome: str


FaultPlan = Callable[[Request], Fault | None] | Mapping[int, Fault] | Sequence[Fault | None]
"""Which request goes wrong: a function, faults by request number, or one entry per request."""


def random_faults(
    seed: int, probability: float, faults: Sequence[Fault] = tuple(Fault)
) -> Callable[[Request], Fault | None]:
    """Return a plan that lets each request go wrong by chance, the same for the same seed.

    Args:
        seed: Decides which requests go wrong, in the order in which they are made.
        probability: Between 0 and 1, of each request.
        faults: What may happen to them, each as likely as the others.

    Example:
        >>> plan = random_faults(seed=7, probability=1.0, faults=[Fault.LATE])
        >>> plan(Request(1, RequestKind.PUT, "a")).value
        'late'
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeatable, not to be secret

    def plan(_: Request) -> Fault | None:
        return chance.choice(faults) if chance.random() < probability else None

    return plan


class FaultyStore:
    """Passes each request on to another store, except where the plan says what goes wrong.

    Without a plan it only counts. It may be used by several threads at once; a plan is asked for
    one request at a time. Since requests may arrive twice it never claims `single_delivery`.

    Args:
        store: What carries the requests out.
        plan: Which requests go wrong, and how.

    Example:
        >>> from bucketpoint.stores.contract import IfAbsent
        >>> from bucketpoint.stores.memory import MemoryStore
        >>> store = FaultyStore(MemoryStore(), {1: Fault.LOST_ANSWER})
        >>> try:
        ...     store.put("a", b"1", when=IfAbsent())
        ... except OutcomeUnknownError as error:
        ...     print(error)
        the answer to put 'a' was lost on purpose
        >>> store.get("a").body
        b'1'
        >>> [logged.outcome for logged in store.log]
        ['outcome_unknown', 'done']
    """

    def __init__(self, store: Store, plan: FaultPlan = ()) -> None:
        self._store = store
        self._plan = _as_function(plan)
        self._lock = RLock()  # a plan may read the log
        self._made = 0
        self._log: list[LoggedRequest] = []
        self._held: list[Callable[[], object]] = []

    @property
    def url(self) -> str:
        """The URL of the store within."""
        return self._store.url

    @property
    def capabilities(self) -> Capabilities:
        """Those of the store within, but for `single_delivery`."""
        return replace(self._store.capabilities, single_delivery=False)

    @property
    def log(self) -> tuple[LoggedRequest, ...]:
        """The requests that have been answered, in the order in which they were made."""
        with self._lock:
            return tuple(sorted(self._log, key=lambda logged: logged.request.number))

    def count(self, *kinds: RequestKind) -> int:
        """Return how many requests of these kinds (of all, without one) have been answered."""
        return sum(not kinds or logged.request.kind in kinds for logged in self.log)

    @property
    def held(self) -> int:
        """How many late requests have not reached the store yet."""
        with self._lock:
            return len(self._held)

    def release(self) -> list[str]:
        """Let the late requests reach the store now, in the order in which they were made.

        Returns:
            What came of each, which nobody else learns: `done`, or the `kind` of an error.
        """
        with self._lock:
            held, self._held = self._held, []
        return [_outcome(send) for send in held]

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`."""
        return self._perform(
            RequestKind.GET,
            key,
            lambda: self._store.get(key, version_id=version_id, timeout=timeout),
        )

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`."""
        return self._perform(
            RequestKind.PUT,
            key,
            lambda: self._store.put(key, body, when=when, timeout=timeout),
        )

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`."""
        return self._perform(
            RequestKind.DELETE,
            key,
            lambda: self._store.delete(key, when=when, timeout=timeout),
        )

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`. A listing is one request, made when its first object is asked for."""
        yield from self._perform(
            RequestKind.LIST,
            prefix,
            lambda: self._store.list(prefix, start_after=start_after, limit=limit, timeout=timeout),
        )

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`."""
        return self._perform(
            RequestKind.LIST_VERSIONS,
            key,
            lambda: self._store.list_versions(key, timeout=timeout),
        )

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`."""
        return self._perform(
            RequestKind.DELETE_VERSION,
            key,
            lambda: self._store.delete_version(key, version_id, timeout=timeout),
        )

    def close(self) -> None:
        """Do nothing: the store within belongs to whoever made it."""

    def _perform(self, kind: RequestKind, key: str, send: Callable[[], T]) -> T:
        with self._lock:
            self._made += 1
            request = Request(self._made, kind, key)
            fault = self._plan(request)
        outcome = _DONE
        try:
            return self._deliver(request, fault, send)
        except BucketpointError as error:
            outcome = error.kind.value
            raise
        finally:
            with self._lock:
                self._log.append(LoggedRequest(request, fault, outcome))

    def _deliver(self, request: Request, fault: Fault | None, send: Callable[[], T]) -> T:
        name = f"{request.kind} {request.key!r}"
        match fault:
            case None:
                return send()
            case Fault.DUPLICATE:
                send()
                return send()
            case Fault.NEVER_SENT:
                msg = f"{name} was not sent, on purpose"
                raise StoreUnavailableError(msg, key=request.key)
            case Fault.THROTTLED:
                msg = f"{name} was throttled, on purpose"
                raise StoreUnavailableError(msg, throttled=True, key=request.key)
            case Fault.LOST_ANSWER:
                with suppress(BucketpointError):
                    send()
            case Fault.LATE if request.kind in _WRITES:
                with self._lock:
                    self._held.append(send)
            case Fault.LATE:
                pass
        msg = f"the answer to {name} was lost on purpose"
        if request.kind in _WRITES:
            raise OutcomeUnknownError(msg, key=request.key)
        raise StoreUnavailableError(msg, key=request.key)


def _as_function(plan: FaultPlan) -> Callable[[Request], Fault | None]:
    if callable(plan):
        return plan
    if isinstance(plan, Mapping):
        by_number = dict(plan)
    else:
        by_number = {number: fault for number, fault in enumerate(plan, start=1) if fault}
    return lambda request: by_number.get(request.number)


def _outcome(send: Callable[[], object]) -> str:
    try:
        send()
    except BucketpointError as error:
        return error.kind.value
    return _DONE
