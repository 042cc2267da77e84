"""What both drivers need to perform effects: clocks, random IDs, deadlines and the observer."""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bucketpoint.core.effects import (
    Clock,
    DeadlinePassed,
    DeleteVersion,
    ListVersions,
    NewID,
    NextPage,
    Put,
    ReadClock,
    Request,
    Sleep,
    WriterID,
)
from bucketpoint.deadlines import Deadline
from bucketpoint.errors import BucketpointError
from bucketpoint.stores.contract import StoredObject

__all__ = ["Observer", "Runtime", "StoreRequest"]

logger = logging.getLogger("bucketpoint")
logger.addHandler(logging.NullHandler())

_KINDS: dict[type[Any], str] = {
    NextPage: "list",
    ListVersions: "list_versions",
    DeleteVersion: "delete_version",
}
"""What the observer reads where it is not the effect's name."""

_chance = random.SystemRandom()
"""The operating system's: a memory image that is restored twice must not wait alike."""


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """One request to the store, as the observer is told of it.

    Attributes:
        kind: `get`, `put`, `delete`, `list`, `list_versions` or `delete_version`.
        key: The object's key; of a listing the prefix.
        size: Bytes of the body sent or received.
        seconds: How long it took.
        outcome: `ok`, `absent`, `precondition_failed`, `store_unavailable`, `outcome_unknown`, or
            the kind of another error.
        attempt: Counts the write attempts of one call, from 1; 1 for reads.

    Example:
        >>> StoreRequest("put", "executions/run-42.json", 512, 0.04, "ok", 1).outcome
        'ok'
    """

    kind: str
    key: str
    size: int
    seconds: float
    outcome: str
    attempt: int


Observer = Callable[[StoreRequest], None]
"""Called after each store request; for metrics and traces. What it raises is logged, not raised."""


class Runtime:
    """This process's clocks and randomness, and one writer's identity in it."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._writers: dict[int, str] = {}

    def new_id(self) -> str:
        """Draw 96 random bits from the operating system."""
        return secrets.token_urlsafe(12)

    def writer_id(self) -> str:
        """The writer's ID, another one in a forked process."""
        return self._writers.setdefault(os.getpid(), self.new_id())

    def clock(self) -> Clock:
        """Read the clocks."""
        return Clock(time.monotonic(), datetime.now(UTC))  # noqa: TID251 - this is where ReadClock ends

    def answer(self, effect: ReadClock | NewID | WriterID) -> Clock | str:
        """Perform an effect that asks this process alone."""
        match effect:
            case ReadClock():
                return self.clock()
            case NewID():
                return self.new_id()
            case WriterID():  # pragma: no branch - there are no others
                return self.writer_id()

    def sleep_seconds(self, effect: Sleep, deadline: Deadline) -> float:
        """Draw how long to sleep; a sleep that would outlast the deadline is not begun."""
        seconds = _chance.uniform(effect.at_least, effect.at_most)
        if seconds >= deadline.remaining():
            raise DeadlinePassed
        return seconds

    def request_timeout(self, deadline: Deadline) -> float:
        """Seconds that the next request may take."""
        remaining = deadline.remaining()
        if remaining <= 0:
            raise DeadlinePassed
        return remaining

    def observe(self, request: Request, started: float, result: object) -> None:
        """Tell the observer and the log how a request went; `result` is what it gave or raised."""
        if isinstance(request, NextPage) and result == [] and request.listing.pages > 1:
            return  # the page before said that it was the last: nothing was asked
        if self._observer is None and not logger.isEnabledFor(logging.DEBUG):
            return
        size = _size(request, result)
        attempt = request.attempt if isinstance(request, Put) else 1
        seconds = time.monotonic() - started
        kind = _KINDS.get(type(request)) or type(request).__name__.lower()
        key = request.listing.prefix if isinstance(request, NextPage) else request.key
        outcome = _outcome(request, result)
        if outcome not in {"ok", "absent"}:
            logger.debug("%s %s: %s (attempt %d)", kind, key, outcome, attempt)
        if self._observer is None:
            return
        try:
            self._observer(StoreRequest(kind, key, size, seconds, outcome, attempt))
        except Exception:
            logger.exception("the observer raised; the call goes on")


def _size(request: Request, result: object) -> int:
    if isinstance(request, Put):
        return len(request.body)
    return len(result.body) if isinstance(result, StoredObject) else 0


def _outcome(request: Request, result: object) -> str:
    match result:
        case None if isinstance(request, DeleteVersion):
            return "ok"
        case None | False:
            return "absent"
        case BucketpointError():
            return result.kind.value
        case BaseException():
            return "error"
        case _:
            return "ok"
