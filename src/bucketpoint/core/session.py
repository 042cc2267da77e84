"""What the procedures of one checkpointer share: settings, and what was last seen of each run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

from bucketpoint.arguments import is_a
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.core.document import MEMBER, Document, Member
from bucketpoint.core.effects import Clock, DeadlinePassed, Procedure, get, read_clock
from bucketpoint.core.keys import execution_key, trim_prefix
from bucketpoint.core.pauses import Pauses, pauses_of
from bucketpoint.core.retry import Pacing, RetryPolicy
from bucketpoint.core.summaries import Summarised
from bucketpoint.errors import (
    BucketpointError,
    CheckpointTooLargeError,
    DeadlineExceededError,
    InvalidInputError,
    NoCheckpointError,
    StoredDataError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import Capabilities, StoredObject, Version

__all__ = [
    "Origin",
    "Remembered",
    "Seen",
    "Session",
    "Settings",
    "Snapshot",
    "StoredCheckpoint",
    "Target",
    "check_readable",
    "no_checkpoint",
    "origin_of",
    "out_of_time",
    "set_origin",
]

T = TypeVar("T")

_RECENT_S = 10.0
"""How long a write builds on what was last seen. Had 17 others written since, the table could not
prove that a refused write was not this one's own, delivered twice: it would end as unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one checkpointer behaves; every field is an argument of its constructor.

    Attributes:
        prefix: What the keys begin with; slashes around it are trimmed.
        overwrite: Saves replace whatever is stored (last writer wins), unless a call says else.
        default: Called with each value that is not JSON; returns what to store instead.
        max_bytes: Documents above this size are refused, both ways.
        retry: How conflicts and outages are dealt with.
        purge_grace: Age a tombstone must have before `purge` removes it.
        remembered_entries: Executions whose last seen state is kept, to save requests.
        remembered_bytes: Bytes kept for that at most, and for the summaries again as many.
        remembered_summaries: Executions whose summary is kept, so that listing again reads only
            what changed.
    """

    prefix: str = ""
    overwrite: bool = False
    default: Callable[[Any], Any] | None = None
    max_bytes: int = 64 * 1024 * 1024
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    purge_grace: timedelta = timedelta(days=1)
    remembered_entries: int = 1000
    remembered_bytes: int = 64 * 1024 * 1024
    remembered_summaries: int = 50_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", trim_prefix(self.prefix))
        for name in ("max_bytes", "remembered_entries", "remembered_bytes", "remembered_summaries"):
            value = getattr(self, name)
            if not is_a(value, int) or is_a(value, bool) or value < 0:
                msg = f"{name} must be an integer of at least 0, not {value!r}"
                raise InvalidInputError(msg)
        if not is_a(self.purge_grace, timedelta) or self.purge_grace <= timedelta(0):
            msg = "purge_grace must be a positive timedelta: it is what keeps late writes from reviving a run"
            raise InvalidInputError(msg)


class Target(NamedTuple):
    """The object that a call is about; of a listing, no execution and what all keys begin with."""

    execution_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at an object showed, or what this checkpointer wrote there itself.

    Attributes:
        version: Its version; None where nothing was stored.
        document: The document; None where nothing was stored.
        modified_at: When it was written, by the store's clock; None when not looked at since.
        served_at: When the look was answered, by the same clock.
        at: When that was, by this host's clocks; None before it is remembered.
    """

    version: Version | None
    document: Document | None
    modified_at: datetime | None = None
    served_at: datetime | None = None
    at: Clock | None = None

    @property
    def size(self) -> int:
        """Bytes that are kept of it."""
        return len(self.document.body) if self.document is not None else 0

    @property
    def live(self) -> bool:
        """There is a document, and it is no tombstone."""
        return self.document is not None and not self.document.deleted

    def to_keep(self, at: Clock) -> Seen:
        """The same with the stored bytes only, and with the time."""
        document = self.document.without_data() if self.document is not None else None
        # Not dataclasses.replace, which takes longer than all the rest of remembering.
        return Seen(self.version, document, self.modified_at, self.served_at, at)

    @property
    def age(self) -> timedelta:
        """Time between the write and the look, by the store's clock alone."""
        if self.modified_at is None or self.served_at is None:
            return timedelta(0)
        return self.served_at - self.modified_at


@dataclass(frozen=True, slots=True)
class Origin:
    """Which stored state a `Checkpoint` object is; saving it again writes on exactly that one.

    Attributes:
        store: The store's URL.
        key: The object's key.
        version: The version that was loaded or saved.
        lineage: The lineage of that version; None for a document of another program.
        revision: Its revision; 0 for a document of another program.
        pauses: Its pause fields then: what an operator changes since is told by them.
        unsettled: Operations that tried to save this very object with an unknown outcome; the
            version that one of them made is as good as `version`.
        looked_up: The version was asked for by its ID: to save it is to go back to it, perhaps.
    """

    store: str
    key: str
    version: Version
    lineage: str | None
    revision: int
    pauses: Pauses
    unsettled: tuple[tuple[str, str], ...] = ()
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkpoint object at the moment of its encoding: the object may change, this does not.

    Attributes:
        checkpoint: The object.
        data: Its encoded document, without the member.
        pauses: Its pause fields.
    """

    checkpoint: Checkpoint
    data: bytes
    pauses: Pauses


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint together with what the store knows of it.

    Attributes:
        checkpoint: The checkpoint; saving it again writes on exactly this version.
        version: The store's version of it.
        revision: Our count of the run's writes; None for a document of another program.
        modified_at: When it was written, by the store's clock; None straight after a write, when
            the store has not been asked.
    """

    checkpoint: Checkpoint
    version: Version
    revision: int | None
    modified_at: datetime | None


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


Kept = TypeVar("Kept", bound=_Sized)


class Remembered(Generic[Kept]):
    """What was last seen under each key, bounded in entries and bytes; losing one costs a request."""

    def __init__(
        self, entries: int, size: int, lock: AbstractContextManager[Any] | None = None
    ) -> None:
        self._max_entries = entries
        self._max_bytes = size
        self._bytes = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = lock if lock is not None else nullcontext()

    def get(self, key: str) -> Kept | None:
        """Return what was last seen under the key."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def put(self, key: str, seen: Kept) -> None:
        """Remember what was just seen, forgetting the least recently used where it is too much."""
        with self._lock:
            self._drop(key)
            self._kept[key] = seen
            self._bytes += seen.size
            while self._kept and (
                len(self._kept) > self._max_entries or self._bytes > self._max_bytes
            ):
                self._drop(next(iter(self._kept)))

    def forget(self, key: str) -> None:
        """Make the next call look."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size


class Session:
    """One checkpointer's side of every conversation with one store."""

    def __init__(
        self,
        store_url: str,
        capabilities: Capabilities,
        settings: Settings,
        *,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.store_url = store_url
        self.capabilities = capabilities
        self.settings = settings
        size = settings.remembered_bytes
        self.remembered = Remembered[Seen](settings.remembered_entries, size, lock)
        self.summaries = Remembered[Summarised](settings.remembered_summaries, size, lock)
        self.pacing = Pacing()

    def target(self, execution_id: str) -> Target:
        """Name the object of an execution, or raise `InvalidExecutionIDError`."""
        return Target(execution_id, execution_key(self.settings.prefix, execution_id))

    def snapshot(self, checkpoint: Checkpoint, target: Target) -> Snapshot:
        """Encode a checkpoint for storing, or raise an `InvalidInputError`."""
        try:
            data = codec.encode(_own_members(checkpoint), self.settings.default)
            return Snapshot(checkpoint, data, pauses_of(checkpoint))
        except InvalidInputError as error:
            error.about(execution_id=target.execution_id, key=target.key)
            raise

    def too_large(self, size: int, target: Target) -> CheckpointTooLargeError | None:
        """Return the error for a document above the size limit, which is in bytes."""
        if size <= self.settings.max_bytes:
            return None
        msg = (
            f"the document has {size:,} bytes and the limit is {self.settings.max_bytes:,}: "
            "store large values elsewhere and keep their address in the checkpoint, or raise "
            "max_bytes"
        )
        return CheckpointTooLargeError(msg, execution_id=target.execution_id, key=target.key)

    def look_once(self, target: Target) -> Procedure[Seen]:
        """Read the object and remember what was seen."""
        found = yield from get(target.key)
        seen = Seen(None, None) if found is None else self.seen_in(found, target)
        yield from self.remember(target, seen)
        return seen

    def remember(self, target: Target, seen: Seen) -> Procedure[None]:
        """Keep what was just seen, for the next write to build on."""
        now = yield from read_clock()
        self.remembered.put(target.key, seen.to_keep(now))

    def recall(self, target: Target) -> Procedure[Seen | None]:
        """Return what was last seen, unless that was too long ago to build on."""
        seen = self.remembered.get(target.key)
        if seen is None or seen.at is None or self.capabilities.single_delivery:
            return seen
        now = yield from read_clock()
        return seen if now.since(seen.at) < _RECENT_S else None

    def look(self, target: Target) -> Procedure[Seen]:
        """Read the object, asking again while the store does not answer."""
        return self.persist(target, lambda: self.look_once(target))

    def seen_in(self, found: StoredObject, target: Target) -> Seen:
        """Read what is stored; what is wrong with it becomes the document's problem."""
        document = Document.parse(found.body)
        document.problem = self.too_large(len(found.body), target) or document.problem
        return Seen(found.version, document, found.modified_at, found.served_at)

    def persist(self, target: Target, read: Callable[[], Procedure[T]]) -> Procedure[T]:
        """Make a read, again and again while the store does not answer."""
        failures = 0
        last_failure: StoreUnavailableError | None = None
        try:
            while True:
                try:
                    return (yield from read())
                except StoreUnavailableError as error:
                    last_failure = error
                    failures += 1
                    if failures >= self.settings.retry.attempts:
                        raise
                yield from self.settings.retry.after_outage(failures)
        except DeadlinePassed:
            raise out_of_time(target, last_failure) from last_failure

    def remember_origin(
        self, snapshot: Snapshot, target: Target, version: Version, member: Member | None
    ) -> None:
        """Make the object know which stored version it is."""
        lineage, revision = (member.lineage, member.revision) if member else (None, 0)
        origin = Origin(self.store_url, target.key, version, lineage, revision, snapshot.pauses)
        set_origin(snapshot.checkpoint, origin)

    def origin_here(self, checkpoint: Checkpoint, target: Target) -> Origin | None:
        """Return which version of this very object the checkpoint is, if it is any."""
        origin = origin_of(checkpoint)
        if origin is None or (origin.store, origin.key) != (self.store_url, target.key):
            return None
        return origin

    def checkpoint_of(self, seen: Seen, target: Target) -> Checkpoint:
        """Make the checkpoint of what was seen.

        Raises:
            NoCheckpointError: Nothing is there, or a tombstone.
            StoredDataError: What is there is no checkpoint that can be read.
        """
        if seen.document is None or seen.version is None or seen.document.deleted:
            raise no_checkpoint(target)
        check_readable(seen, target)
        try:
            checkpoint = Checkpoint.from_document(seen.document.take_data())
        except StoredDataError as error:
            error.about(execution_id=target.execution_id, key=target.key)
            raise
        snapshot = Snapshot(checkpoint, b"", pauses_of(checkpoint))
        self.remember_origin(snapshot, target, seen.version, seen.document.member)
        return checkpoint

    def stored_in(self, seen: Seen, target: Target) -> StoredCheckpoint:
        """Make the checkpoint of what was seen, with what the store knows of it; see above."""
        if seen.document is None or seen.version is None:
            raise no_checkpoint(target)
        checkpoint = self.checkpoint_of(seen, target)
        member = seen.document.member
        revision = member.revision if member is not None else None
        return StoredCheckpoint(checkpoint, seen.version, revision, seen.modified_at)


def _own_members(checkpoint: Checkpoint) -> dict[str, Any]:
    data = checkpoint.to_document()
    if MEMBER in data:
        msg = f"{MEMBER!r} is a reserved member of the document: give yours another name"
        raise InvalidInputError(msg)
    return data


def origin_of(checkpoint: Checkpoint) -> Origin | None:
    """Return which stored version the object is, if it is any."""
    origin = _own_slots(checkpoint)["_origin"]
    return origin if isinstance(origin, Origin) else None


def set_origin(checkpoint: Checkpoint, origin: Origin) -> None:
    """Make the object know which stored version it is."""
    _own_slots(checkpoint)["_origin"] = origin


def _own_slots(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the private attributes, which pydantic finds only after a long search."""
    return cast("dict[str, Any]", checkpoint.__pydantic_private__)


def no_checkpoint(target: Target) -> NoCheckpointError:
    """The error for an execution that has no checkpoint."""
    msg = (
        f"no checkpoint found for execution {target.execution_id!r}: save one first, or check the "
        "execution ID, the bucket and the prefix"
    )
    return NoCheckpointError(msg, execution_id=target.execution_id, key=target.key)


def out_of_time(
    target: Target, last_failure: BucketpointError | None = None
) -> DeadlineExceededError:
    """The error for a call whose time ran out before anything was applied."""
    advice = (
        "call again, with a longer timeout if the store is slow"
        if last_failure is None
        else f"the last failure: {last_failure}"
    )
    subject = f"call on execution {target.execution_id!r}" if target.execution_id else "listing"
    msg = f"the time for this {subject} ran out; nothing was applied; {advice}"
    return DeadlineExceededError(msg, execution_id=target.execution_id, key=target.key)


def check_readable(seen: Seen, target: Target) -> None:
    """Raise what is wrong with the document that was seen, if anything is."""
    problem = seen.document.problem if seen.document is not None else None
    if problem is not None:
        # A fresh one: the document may be remembered, and an error belongs to one call.
        msg = f"what is stored for execution {target.execution_id!r} cannot be read: {problem}"
        raise type(problem)(msg, execution_id=target.execution_id, key=target.key)
