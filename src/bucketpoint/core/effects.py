"""What a procedure may ask of the world: small frozen values that a driver performs.

A procedure is a generator. It yields effects and receives their results, or has their errors
raised inside it. The functions at the end are its vocabulary, and the one place where the
untyped value that a generator receives gets its type.

Before each store request and each sleep a driver checks the deadline; when it has passed, it
raises `DeadlinePassed` at the yield instead of performing the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast

from bucketpoint.stores.contract import (
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)

__all__ = [
    "Await",
    "Begin",
    "Call",
    "Clock",
    "DeadlinePassed",
    "Delete",
    "DeleteVersion",
    "Effect",
    "Emit",
    "Get",
    "ListVersions",
    "NewID",
    "NextPage",
    "OpenListing",
    "Procedure",
    "Put",
    "ReadClock",
    "Request",
    "Sleep",
    "Stream",
    "WriterID",
    "await_begun",
    "begin_gets",
    "call",
    "delete",
    "delete_version",
    "emit",
    "get",
    "list_versions",
    "new_id",
    "next_page",
    "open_listing",
    "put",
    "read_clock",
    "sleep",
    "writer_id",
]

T = TypeVar("T")


class DeadlinePassed(Exception):  # noqa: N818 - a signal from driver to procedure, never seen by users
    """The time given for the call is used up; the effect was not performed."""


class Get(NamedTuple):  # made in a third of a dataclass's time, and listings make many
    """Read an object; performed as `Store.get`."""

    key: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Make one attempt to write; performed as `Store.put`. `attempt` counts from 1."""

    key: str
    body: bytes
    when: Condition
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Delete:
    """Make one attempt to remove; performed as `Store.delete`."""

    key: str
    when: IfVersion


@dataclass(frozen=True, slots=True)
class OpenListing:
    """Make ready to list objects, without a request; performed into what `NextPage` takes.

    A listing in which a page has failed is at its end: open another behind the last key.
    """

    prefix: str
    start_after: str | None = None


@dataclass(frozen=True, slots=True)
class NextPage:
    """Read on in a listing, in ascending order of keys; nothing when it is at its end."""

    listing: Any
    size: int


@dataclass(frozen=True, slots=True)
class ListVersions:
    """List the kept versions of an object, newest first; performed as `Store.list_versions`.

    `limit` bounds the pages that are fetched; None is for all.
    """

    key: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteVersion:
    """Make one attempt to remove one kept version; performed as `Store.delete_version`."""

    key: str
    version_id: str


class Begin(NamedTuple):
    """Begin to read, and go on meanwhile; performed into a list of what `Await` takes.

    How many are under way at once is for the procedure to bound.
    """

    requests: Sequence[Get]


class Await(NamedTuple):
    """Wait for what was begun; performed into a list of what was read, or of why it was not."""

    begun: Sequence[Any]


class Emit(NamedTuple):
    """Hand values to whoever iterates over the procedure, and go on when the next is wanted."""

    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait: at least `at_least` seconds and at most `at_most`, drawn evenly between."""

    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class ReadClock:
    """Read this host's clocks; performed into a `Clock`."""


@dataclass(frozen=True, slots=True)
class NewID:
    """Draw a random ID that nobody has drawn before."""


@dataclass(frozen=True, slots=True)
class WriterID:
    """The random ID of this checkpointer in this process, drawn at its first use."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call the user's function; an asynchronous driver awaits an awaitable result."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """This host's time.

    Attributes:
        elapsed: Seconds since an unspecified start, by a clock that stands still in a frozen
            process.
        now: The wall clock, with a time zone.
    """

    elapsed: float
    now: datetime

    def since(self, earlier: Clock) -> float:
        """Seconds since another reading, those in which the process was frozen included."""
        return max(self.elapsed - earlier.elapsed, (self.now - earlier.now).total_seconds())


Request = Get | Put | Delete | ListVersions | DeleteVersion | NextPage
"""What is asked of the store, and told to the observer."""

Effect = Request | OpenListing | Begin | Await | Sleep | ReadClock | NewID | WriterID | Call
Procedure = Generator[Effect, Any, T]
"""Ends with a result."""

Stream = Generator[Effect | Emit, Any, None]
"""Emits values, as they are wanted."""


def get(key: str, version_id: str | None = None) -> Procedure[StoredObject | None]:
    """Read an object."""
    return cast("StoredObject | None", (yield Get(key, version_id)))


def put(key: str, body: bytes, when: Condition, attempt: int = 1) -> Procedure[Version]:
    """Make one attempt to write."""
    return cast("Version", (yield Put(key, body, when, attempt)))


def delete(key: str, when: IfVersion) -> Procedure[bool]:
    """Make one attempt to remove."""
    return cast("bool", (yield Delete(key, when)))


def open_listing(prefix: str, start_after: str | None = None) -> Procedure[Any]:
    """Make ready to list objects; `next_page` takes what this returns."""
    return (yield OpenListing(prefix, start_after))


def next_page(listing: Any, size: int) -> Procedure[list[ObjectInfo]]:
    """Read on in a listing."""
    return cast("list[ObjectInfo]", (yield NextPage(listing, size)))


def list_versions(key: str, limit: int | None = None) -> Procedure[list[ObjectVersion]]:
    """List the kept versions of an object, newest first."""
    return cast("list[ObjectVersion]", (yield ListVersions(key, limit)))


def delete_version(key: str, version_id: str) -> Procedure[None]:
    """Make one attempt to remove one kept version."""
    yield DeleteVersion(key, version_id)


def begin_gets(keys: Iterable[str]) -> Procedure[list[Any]]:
    """Begin to read objects; `await_begun` takes what this returns."""
    return cast("list[Any]", (yield Begin([Get(key) for key in keys])))


def await_begun(begun: Sequence[Any]) -> Procedure[list[StoredObject | BaseException | None]]:
    """Wait for reads that were begun; the error of one that failed stands in its place."""
    return cast("list[StoredObject | BaseException | None]", (yield Await(begun)))


def emit(values: Sequence[Any]) -> Stream:
    """Hand values to whoever iterates."""
    yield Emit(values)


def sleep(at_least: float, at_most: float) -> Procedure[None]:
    """Wait between the two numbers of seconds."""
    yield Sleep(at_least, at_most)


def read_clock() -> Procedure[Clock]:
    """Read this host's clocks."""
    return cast("Clock", (yield ReadClock()))


def new_id() -> Procedure[str]:
    """Draw a random ID."""
    return cast("str", (yield NewID()))


def writer_id() -> Procedure[str]:
    """Return the writer's ID."""
    return cast("str", (yield WriterID()))


def call(function: Callable[..., Any], *arguments: Any) -> Procedure[Any]:
    """Call the user's function."""
    return (yield Call(function, arguments))
