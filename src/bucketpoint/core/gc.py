"""Garbage collection: old tombstones are purged, and finished runs deleted where that is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import partial

from bucketpoint.arguments import is_a
from bucketpoint.core.delete import cannot_purge, is_tombstone, remove_tombstone, tombstone
from bucketpoint.core.effects import Procedure, Stream, delete_version, list_versions, read_clock
from bucketpoint.core.history import check_writable
from bucketpoint.core.listing import Listed, ListingProgress, scan
from bucketpoint.core.query import Query, check_limit
from bucketpoint.core.save import exactly
from bucketpoint.core.session import Seen, Session, Target
from bucketpoint.core.summaries import Kind
from bucketpoint.core.waits import FINISHED
from bucketpoint.core.write import Decision, Refuse, write
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    InvalidInputError,
    OutcomeUnknownError,
    RetentionPolicyError,
    StoredDataError,
    VersionConflictError,
)

__all__ = ["OF_ONE_EXECUTION", "Collection", "GCReport", "Terms", "candidates", "collect"]

OF_ONE_EXECUTION = (StoredDataError, ConflictError, OutcomeUnknownError, RetentionPolicyError)
"""Errors that say nothing of other executions, so that the collection goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GCReport:
    """What one collection did.

    Attributes:
        examined: Executions that it came by.
        purged: Those whose tombstones were removed.
        deleted: Finished ones that were deleted; a later collection purges their tombstones.
        versions_removed: Earlier versions that were removed with them.
        failed: Those that could not be dealt with, each with the kind of the error.
        next: What to give as `start_after` to go on; None at the end.
        dry_run: It only looked: this is what it would have done.

    Example:
        >>> from datetime import timedelta
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> BucketCheckpointer(MemoryStore()).gc(older_than=timedelta(days=30)).examined
        0
    """

    examined: int
    purged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    versions_removed: int = 0
    failed: tuple[tuple[str, str], ...] = ()
    next: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What a collection may take.

    Attributes:
        older_than: Only what has not been written for so long.
        finished: Finished runs, too, and the versions of all that it takes.
        dry_run: Nothing; only look.
    """

    older_than: timedelta
    finished: bool = False
    dry_run: bool = False

    @classmethod
    def of(cls, session: Session, older_than: object, *, finished: bool, dry_run: bool) -> Terms:
        """Check the arguments of `gc`.

        Raises:
            InvalidInputError: `older_than` is no length of time.
            UnsupportedError: The store cannot remove tombstones, and nothing else is asked.
        """
        if not is_a(older_than, timedelta) or older_than <= timedelta(0):  # type: ignore[operator]  # is_a narrows nothing
            msg = "older_than must be a positive timedelta, such as timedelta(days=30)"
            raise InvalidInputError(msg)
        if not session.capabilities.conditional_delete and not finished:
            raise cannot_purge(session)
        return cls(older_than, finished, dry_run)  # type: ignore[arg-type]  # likewise


class Fate(Enum):
    """What became of an execution."""

    KEPT = "kept"
    PURGED = "purged"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Collected:
    """What was done about one execution."""

    fate: Fate
    versions_removed: int = 0


def candidates(
    session: Session,
    terms: Terms,
    start_after: str | None,
    progress: Callable[[ListingProgress], None] | None,
) -> Stream:
    """Emit each execution that may be due, in the order of keys."""
    now = (yield from read_clock()).now
    query = Query.of(modified_before=now - terms.older_than)

    def candidate(listed: Listed) -> str | None:
        gist = listed.gist
        is_tombstone = gist.kind is Kind.TOMBSTONE
        # What cannot be read is looked at again, so that the report names it.
        may_be_finished = gist.kind is Kind.UNREADABLE or gist.status in FINISHED
        may_be_due = is_tombstone or (terms.finished and may_be_finished)
        return listed.execution_id if may_be_due else None

    yield from scan(session, query, candidate, progress, start_after)


def collect(session: Session, execution_id: str, terms: Terms) -> Procedure[Collected]:
    """Take an execution if it is due, by one more look at it; never what was written since."""
    target = session.target(execution_id)
    seen = yield from session.look(target)
    if is_tombstone(seen):
        return (yield from _purge(session, target, seen, terms))
    if terms.finished and _is_due(session, target, seen, terms):
        return (yield from _delete(session, target, seen, terms))
    return Collected(Fate.KEPT)


def _is_due(session: Session, target: Target, seen: Seen, terms: Terms) -> bool:
    """Tell whether a run has ended, long ago, and no worker holds it."""
    if not seen.live or seen.age < terms.older_than:
        return False
    check_writable(seen)
    return not _is_held(seen) and session.checkpoint_of(seen, target).status in FINISHED


def _is_held(seen: Seen) -> bool:
    """Tell whether a worker holds a claim that has not expired."""
    member = seen.document.member if seen.document is not None else None
    if member is None or member.owner is None:
        return False
    return seen.age.total_seconds() < (member.ttl_s or 0.0)


def _delete(session: Session, target: Target, judged: Seen, terms: Terms) -> Procedure[Collected]:
    """Write a tombstone over exactly the version that was judged, and remove those before it."""
    if terms.dry_run:
        return Collected(Fate.DELETED)
    if judged.version is None:
        return Collected(Fate.KEPT)
    guard = exactly(judged.version, target)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        refusal = guard(seen)
        return Refuse(refusal) if refusal is not None else tombstone(target, seen)

    try:
        yield from write(session, target, decide)
    except VersionConflictError:
        return Collected(Fate.KEPT)  # somebody goes on with it
    return Collected(Fate.DELETED, (yield from _remove_versions(session, target)))


def _purge(session: Session, target: Target, seen: Seen, terms: Terms) -> Procedure[Collected]:
    """Remove a tombstone, the versions before it first: without it, nobody would find them."""
    long_ago = max(terms.older_than, session.settings.purge_grace)
    if not session.capabilities.conditional_delete or seen.age < long_ago:
        return Collected(Fate.KEPT)
    if terms.dry_run:
        return Collected(Fate.PURGED)
    removed = 0
    if terms.finished:
        removed += yield from _remove_versions(session, target)
    if not (yield from remove_tombstone(session, target, seen)):
        return Collected(Fate.KEPT, removed)
    if terms.finished:
        removed += yield from _remove_versions(session, target)
    return Collected(Fate.PURGED, removed)


def _remove_versions(session: Session, target: Target) -> Procedure[int]:
    """Remove all versions but a current document, the oldest first; return how many.

    A marker that the object was removed goes last: without it, the version before would be back.
    """
    if not session.capabilities.versions:
        return 0
    kept = yield from session.persist(target, lambda: list_versions(target.key))
    old = [version for version in reversed(kept) if version.is_deletion or not version.is_current]
    for version in old:
        remove = partial(delete_version, target.key, version.version_id)
        yield from session.persist(target, remove)
    return len(old)


class Collection:
    """One collection on its way: what it has done, and where it stops.

    Args:
        terms: What it may take.
        limit: Executions that it takes at most; None for all.
        progress: Told how far it is.
    """

    def __init__(
        self,
        terms: Terms,
        limit: int | None,
        progress: Callable[[ListingProgress], None] | None,
    ) -> None:
        check_limit(limit)
        self._terms = terms
        self._limit = limit
        self._progress = progress
        self._examined = 0
        self._purged: list[str] = []
        self._deleted: list[str] = []
        self._failed: list[tuple[str, str]] = []
        self._versions_removed = 0
        self._next: str | None = None

    def look_on(self, progress: ListingProgress) -> None:
        """Note how far the listing is."""
        self._examined = progress.listed
        if self._progress is not None:
            self._progress(progress)

    def add(self, execution_id: str, collected: Collected) -> None:
        """Note what was done about an execution."""
        self._versions_removed += collected.versions_removed
        if collected.fate is Fate.PURGED:
            self._purged.append(execution_id)
        elif collected.fate is Fate.DELETED:
            self._deleted.append(execution_id)
        if len(self._purged) + len(self._deleted) == self._limit:
            self._next = execution_id

    def fail(self, execution_id: str, error: BucketpointError) -> None:
        """Note that nothing could be done about an execution."""
        self._failed.append((execution_id, error.kind.value))

    @property
    def is_over(self) -> bool:
        """It has taken as many as it may."""
        return self._next is not None

    def report(self) -> GCReport:
        """Return what it has done."""
        return GCReport(
            examined=self._examined,
            purged=tuple(self._purged),
            deleted=tuple(self._deleted),
            versions_removed=self._versions_removed,
            failed=tuple(self._failed),
            next=self._next,
            dry_run=self._terms.dry_run,
        )
