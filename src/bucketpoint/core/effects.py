"""What a procedure may ask of the world: small frozen values that a driver performs.

A procedure is a generator. It yields effects and receives their results, or has their errors
raised inside it. The functions at the end are its vocabulary, and the one place where the
untyped value that a generator receives gets its type.

Before each store request and each sleep a driver checks the deadline; when it has passed, it
raises `DeadlinePassed` at the yield instead of performing the effect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from bucketpoint.stores.contract import Condition, IfVersion, StoredObject, Version

__all__ = [
    "Call",
    "Clock",
    "DeadlinePassed",
    "Delete",
    "Effect",
    "Get",
    "NewID",
    "Procedure",
    "Put",
    "ReadClock",
    "Sleep",
    "WriterID",
    "call",
    "delete",
    "get",
    "new_id",
    "put",
    "read_clock",
    "sleep",
    "writer_id",
]

T = TypeVar("T")


class DeadlinePassed(Exception):  # noqa: N818 - a signal from driver to procedure, never seen by users
    """The time given for the call is used up; the effect was not performed."""


@dataclass(frozen=True, slots=True)
class Get:
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


Effect = Get | Put | Delete | Sleep | ReadClock | NewID | WriterID | Call
Procedure = Generator[Effect, Any, T]


def get(key: str, version_id: str | None = None) -> Procedure[StoredObject | None]:
    """Read an object."""
    return cast("StoredObject | None", (yield Get(key, version_id)))


def put(key: str, body: bytes, when: Condition, attempt: int = 1) -> Procedure[Version]:
    """Make one attempt to write."""
    return cast("Version", (yield Put(key, body, when, attempt)))


def delete(key: str, when: IfVersion) -> Procedure[bool]:
    """Make one attempt to remove."""
    return cast("bool", (yield Delete(key, when)))


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
