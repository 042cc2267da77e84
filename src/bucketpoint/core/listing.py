"""Listing executions: pages of keys, reads that go on ahead, and what was read before remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bucketpoint.checkpoint import ExecutionSummary
from bucketpoint.core.effects import (
    Procedure,
    Stream,
    await_begun,
    begin_gets,
    emit,
    get,
    next_page,
    open_listing,
)
from bucketpoint.core.keys import execution_id_of, execution_key, keys_prefix
from bucketpoint.core.query import Query
from bucketpoint.core.session import Session, Target
from bucketpoint.core.summaries import Gist, Kind, Summarised, gist_of, unreadable
from bucketpoint.errors import StoreUnavailableError
from bucketpoint.stores.contract import ObjectInfo, StoredObject
from bucketpoint.timestamps import Timestamp

__all__ = ["Listed", "ListingProgress", "list_executions", "scan"]

_PAGE = 1000
"""Keys that S3 and GCS tell of at once."""

_MAX_READS = 32
_MAX_READ_BYTES = 32 * 1024 * 1024
"""Reads that are under way at once at most, and bytes of what they read."""


@dataclass(frozen=True, slots=True)
class ListingProgress:
    """How far a listing is.

    Attributes:
        listed: Executions whose keys were seen.
        read: Checkpoints that were read; the others were excluded, or are remembered.
        emitted: Executions that were handed out.

    Example:
        >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> version = checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        >>> [run] = checkpointer.list_executions(progress=print)
        ListingProgress(listed=1, read=0, emitted=0)
        ListingProgress(listed=1, read=1, emitted=1)
    """

    listed: int
    read: int
    emitted: int


class Listed(NamedTuple):
    """One execution that a listing came by.

    Attributes:
        execution_id: The execution.
        modified_at: When what is stored was written, by the store's clock.
        gist: What is stored.
    """

    execution_id: str
    modified_at: datetime
    gist: Gist

    def summary(self) -> ExecutionSummary:
        """Return what users read of it."""
        gist = self.gist
        members: dict[str, Any] = {
            "execution_id": self.execution_id,
            "workflow_name": gist.workflow_name,
            "status": gist.status,
            "modified_at": _text(self.modified_at),
        }
        if gist.start_time is not None:
            members["start_time"] = gist.start_time
            members["duration"] = gist.duration
        if gist.end_time is not None:
            members["end_time"] = gist.end_time
        if gist.error:
            members["error"] = gist.error
        if gist.next_wake_at is not None:
            members["next_wake_at"] = str(gist.next_wake_at)
        return ExecutionSummary.model_validate(members)


_OFFSET = -len("+00:00")


def _text(moment: datetime) -> str:
    """Write a time; most stores give the plain ones, which Python itself writes fastest."""
    if moment.__class__ is datetime and moment.tzinfo is UTC:
        return moment.isoformat()[:_OFFSET] + "Z"
    return str(Timestamp.of(moment))


@dataclass(slots=True, eq=False)
class _Due:
    """An execution that is to be handed out when those before it are.

    Attributes:
        target: Its object.
        info: What the listing told of that.
        gist: What is stored, once it is known.
        begun: The read that was begun where it was not known.
        found: What that read.
    """

    target: Target
    info: ObjectInfo
    gist: Gist | None
    begun: Any = None
    found: StoredObject | None = None

    def listed(self, gist: Gist) -> Listed:
        """Return what the listing came by, when that is known."""
        written = self.info if self.found is None else self.found
        return Listed(self.target.execution_id, written.modified_at, gist)


def list_executions(
    session: Session, query: Query, progress: Callable[[ListingProgress], None] | None
) -> Stream:
    """Emit a summary of each execution that is wanted, in the order of keys; of no tombstone."""

    def summary(listed: Listed) -> ExecutionSummary | None:
        return None if listed.gist.kind is Kind.TOMBSTONE else listed.summary()

    return scan(session, query, summary, progress)


def scan(
    session: Session,
    query: Query,
    choose: Callable[[Listed], Any],
    progress: Callable[[ListingProgress], None] | None = None,
    start_after: str | None = None,
) -> Stream:
    """Emit what `choose` makes of each execution that is wanted, in the order of keys.

    Args:
        session: The checkpointer's.
        query: What is wanted.
        choose: Returns what to emit; None for nothing.
        progress: Told how far it is.
        start_after: Begin behind this execution.
    """
    return _Scan(session, query, choose, progress, start_after).run()


class _Scan:
    """One listing on its way."""

    def __init__(
        self,
        session: Session,
        query: Query,
        choose: Callable[[Listed], Any],
        progress: Callable[[ListingProgress], None] | None,
        start_after: str | None,
    ) -> None:
        prefix = session.settings.prefix
        self._session = session
        self._query = query
        self._choose = choose
        self._progress = progress
        self._whole = Target("", keys_prefix(prefix, query.id_prefix))
        self._last_key = None if start_after is None else execution_key(prefix, start_after)
        self._listing: Any = None
        self._due: deque[_Due] = deque()
        self._bytes = 0
        self._listed = self._read = self._emitted = 0

    def run(self) -> Stream:
        page_is_full = True
        while page_is_full and not self._is_enough():
            page = yield from self._session.persist(self._whole, self._next_page)
            page_is_full = len(page) == _PAGE
            for info in page:
                self._add(info)
                while self._is_full() and not self._is_enough():
                    yield from self._begin()
                    yield from self._hand_out()
                if self._is_enough():
                    return
            yield from self._begin()
            self._report()
        while self._due and not self._is_enough():
            yield from self._hand_out()

    def _next_page(self) -> Procedure[list[ObjectInfo]]:
        if self._listing is None:
            self._listing = yield from open_listing(self._whole.key, self._last_key)
        try:
            page = yield from next_page(self._listing, _PAGE)
        except BaseException:
            self._listing = None  # it is at its end: go on with another
            raise
        if page:
            self._last_key = page[-1].key
        return page

    def _add(self, info: ObjectInfo) -> None:
        """Note the execution of an object, unless it is known that it is not wanted."""
        execution_id = execution_id_of(self._session.settings.prefix, info.key)
        if execution_id is None:
            return
        self._listed += 1
        if self._query.wants_time(info.modified_at):
            target = Target(execution_id, info.key)
            gist = self._known(target, info)
            if gist is None:
                self._bytes += info.size
            self._due.append(_Due(target, info, gist))

    def _known(self, target: Target, info: ObjectInfo) -> Gist | None:
        """Return what need not be read."""
        known = self._session.summaries.get(info.key)
        if known is not None and known.version == info.version:
            return known.gist
        too_large = self._session.too_large(info.size, target)
        return None if too_large is None else unreadable(too_large)

    def _begin(self) -> Procedure[None]:
        """Begin the reads of all that is due."""
        due = [each for each in self._due if each.gist is None and each.begun is None]
        if due:
            begun = yield from begin_gets([each.info.key for each in due])
            for each, reading in zip(due, begun, strict=True):
                each.begun = reading

    def _is_full(self) -> bool:
        """Tell whether no more may be due: not more than are wanted, as far as that is known."""
        most = _MAX_READS
        left = self._left()
        if left is not None and not self._query.chooses_by_content:
            most = min(most, left)
        return len(self._due) >= max(1, most) or self._bytes > _MAX_READ_BYTES

    def _left(self) -> int | None:
        """How many are still wanted; None for all there are."""
        return None if self._query.limit is None else self._query.limit - self._emitted

    def _is_enough(self) -> bool:
        return self._left() == 0

    def _hand_out(self) -> Stream:
        """Hand out the first half of what is due; what precedes a failure before that is raised.

        In stages, each of which does one thing many times over: that takes two thirds of the time
        of doing everything to one after the other.
        """
        first = [self._due.popleft() for _ in range((len(self._due) + 1) // 2)]
        failure = yield from self._finish_reading(first)
        self._summarise(first)
        listed = [due.listed(due.gist) for due in first if due.gist is not None]
        values = [self._choose(each) for each in listed if self._query.wants(each.gist)]
        chosen = [value for value in values if value is not None][: self._left()]
        self._emitted += len(chosen)
        self._report()
        yield from emit(chosen)
        if failure is not None and not self._is_enough():
            raise failure

    def _finish_reading(self, first: list[_Due]) -> Procedure[Exception | None]:
        """Wait for what was begun; return why one failed, and take it and all behind it away."""
        reading = [due for due in first if due.begun is not None]
        outcomes = (yield from await_begun([due.begun for due in reading])) if reading else []
        for due, outcome in zip(reading, outcomes, strict=True):
            self._bytes -= due.info.size
            self._read += 1
            if not isinstance(outcome, BaseException):
                due.found = outcome
                continue
            try:
                due.found = yield from self._read_after(outcome, due.target)
            except Exception as failure:  # noqa: BLE001 - raised when those before are handed out
                del first[first.index(due) :]
                return failure
        return None

    def _read_after(self, failure: BaseException, target: Target) -> Procedure[StoredObject | None]:
        """Read again what could not be read, if the store had only no answer."""
        if not isinstance(failure, StoreUnavailableError):
            raise failure
        yield from self._session.settings.retry.after_outage(1)
        return (yield from self._session.persist(target, lambda: get(target.key)))

    def _summarise(self, first: list[_Due]) -> None:
        """Note the gist of what was read, unless it was written at a time that is not wanted."""
        wanted = [
            (due, found)
            for due in first
            if (found := due.found) is not None and self._query.wants_time(found.modified_at)
        ]
        gists = [self._gist(found, due.target) for due, found in wanted]
        for (due, found), gist in zip(wanted, gists, strict=True):
            due.gist = gist
            self._session.summaries.put(due.info.key, Summarised(found.version, gist))

    def _gist(self, found: StoredObject, target: Target) -> Gist:
        too_large = self._session.too_large(len(found.body), target)
        return gist_of(found.body) if too_large is None else unreadable(too_large)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(ListingProgress(self._listed, self._read, self._emitted))
