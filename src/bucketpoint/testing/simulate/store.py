"""The store of a simulation: strongly consistent objects with conditions, in virtual time."""

from __future__ import annotations

from datetime import timedelta

from bucketpoint.core.effects import Delete, Get, Put
from bucketpoint.errors import (
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import IfAbsent, StoredObject, Version
from bucketpoint.testing.explore.objects import Objects, Stored
from bucketpoint.testing.simulate.plan import EPOCH, Latency
from bucketpoint.testing.simulate.promises import Promises
from bucketpoint.testing.simulate.records import Record

__all__ = ["SimulatedStore", "describe", "unanswered", "unsent"]


class SimulatedStore:
    """Performs the requests that reach it, each in one instant, and has every write checked.

    Args:
        latency: What the store is like.
        promises: Told of each write that is applied.
    """

    def __init__(self, latency: Latency, promises: Promises) -> None:
        self._interval_s = latency.write_interval_s
        self._promises = promises
        self._objects = Objects(content_versions=latency.capabilities.content_versions)
        self._stored: dict[str, Stored] = {}
        self._written_s: dict[str, float] = {}

    def stored(self, key: str) -> Stored:
        """What lies under the key now."""
        return self._stored.get(key, self._objects.absent)

    def put_at_first(self, key: str, body: bytes) -> Version:
        """Store what is there before the simulation begins."""
        stored = self._stored[key] = self._objects.document(body, None, self.stored(key))
        self._written_s[key] = -self._interval_s
        assert stored.version is not None, "what is stored has a version"
        return stored.version

    def perform(self, request: Get | Put | Delete, record: Record, now_s: float) -> object:
        """Return the answer, or the error that is the answer."""
        if isinstance(request, Get):
            return self._get(request.key, now_s)
        before = self.stored(request.key)
        written_s = self._written_s.get(request.key)
        if written_s is not None and now_s < written_s + self._interval_s:
            return unanswered(request, "429: one write a second to one object", throttled=True)
        if isinstance(request, Delete) and before.version is None:
            return False
        base = None if isinstance(request.when, IfAbsent) else request.when.version
        if base != before.version:
            return PreconditionFailedError("412: the condition does not hold")
        after = (
            self._objects.document(request.body, record.number, before)
            if isinstance(request, Put)
            else self._objects.absence(before.writes + 1)
        )
        self._stored[request.key] = after
        self._written_s[request.key] = now_s
        self._promises.applied(record, before, after, now_s - max(0.0, written_s or 0.0))
        return after.version if isinstance(request, Put) else True

    def _get(self, key: str, now_s: float) -> StoredObject | None:
        stored = self.stored(key)
        if stored.version is None:
            return None
        modified = EPOCH + timedelta(seconds=max(0.0, self._written_s[key]))
        served = EPOCH + timedelta(seconds=now_s)
        return StoredObject(stored.body, stored.version, None, modified, served)


def unanswered(request: Get | Put | Delete, why: str, *, throttled: bool = False) -> Exception:
    """What the stores make of no answer, and of a 429; a read has no unknown outcome."""
    kind = StoreUnavailableError if isinstance(request, Get) else OutcomeUnknownError
    return kind(why, throttled=throttled)


def unsent(request: Get | Put | Delete, *, resent: bool) -> Exception:
    """What they make of a request that could not be sent; of an earlier sending nothing is known."""
    return unanswered(request, "not sent again") if resent else StoreUnavailableError("not sent")


def describe(answer: object, store: SimulatedStore, key: str) -> str:
    """An answer as a script says it."""
    match answer:
        case StoredObject() | None:
            return f"reads {_show(store.stored(key))}"
        case Version():
            return f"applied: {_show(store.stored(key))}"
        case PreconditionFailedError():
            return f"refused, there is {_show(store.stored(key))}"
        case OutcomeUnknownError():
            return "429"
        case _:
            return "removed" if answer else "nothing to remove"


def _show(stored: Stored) -> str:
    """A state as a script says it."""
    if stored.version is None:
        return "nothing"
    member = stored.member
    revision = f"revision {member.revision}" if member is not None else "without a revision"
    if stored.data is None:
        return f"a tombstone, {revision}"
    claim = f", claimed by {member.owner}" if member is not None and member.owner else ""
    last = f", ends in {stored.data.tokens[-1]}" if stored.data.tokens else ""
    return f"{revision}{last}{claim}"
