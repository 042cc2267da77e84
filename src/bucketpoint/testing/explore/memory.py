"""What a client keeps between two of its operations, as objects for it and as plain values for us.

A client's next request is a pure function of the plain values and of the answers it has received
since, which is why an exploration can learn each step once and look it up ever after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, cast

from bucketpoint.checkpoint import BranchState, Checkpoint, ExecutionStatus
from bucketpoint.core import codec
from bucketpoint.core.claim import ClaimState, Unsettled
from bucketpoint.core.document import Document, Member
from bucketpoint.core.pauses import Pause, Pauses
from bucketpoint.core.session import (
    Origin,
    Seen,
    Session,
    Settings,
    Target,
    origin_of,
    set_origin,
)
from bucketpoint.core.write import Evidence, unknown_outcome
from bucketpoint.errors import OutcomeUnknownError
from bucketpoint.stores.contract import Capabilities, StoredObject, Version

__all__ = [
    "EXECUTION",
    "NOW",
    "OLD_MARK",
    "OLD_VERSION",
    "Claimed",
    "Environment",
    "Frozen",
    "Held",
    "Memory",
    "new_snapshot",
]

EXECUTION = "run"
"""All clients of an exploration work on this one execution."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_URL = "explored://"


PauseItems = tuple[tuple[str, Pause], ...]


class Held(NamedTuple):
    """A checkpoint object that a client holds, with the parts of its origin; None for no origin.

    `unsettled` are the operations that tried to save it, for us; `attempts` are the same for it.
    """

    body: bytes
    version: Version | None
    lineage: str | None
    revision: int
    pauses: PauseItems
    attempts: tuple[tuple[str, str], ...]
    unsettled: tuple[int, ...]


class Claimed(NamedTuple):
    """A client's claim; `known` is what its engine may find stored, `number` names the claim."""

    number: int
    known: frozenset[tuple[str, ...]]
    snapshot: Held
    terms: tuple[str, str, int, Version, bytes]
    stored: PauseItems
    given: PauseItems
    since: tuple[Version | None, int]
    unsettled: tuple[tuple[bytes, PauseItems], ...]
    ended: tuple[bool, bool]


class Frozen(NamedTuple):
    """Everything that a client's next operation depends on."""

    writer: str
    remembered: tuple[Version | None, bytes | None] | None = None
    held: Held | None = None
    version: Version | None = None
    claimed: Claimed | None = None
    doubt: tuple[Evidence, int] | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """What all clients of one exploration share."""

    capabilities: Capabilities
    settings: Settings
    members: dict[bytes, Member | None] = field(default_factory=dict[bytes, Member | None])

    def session(self) -> Session:
        """A session that remembers nothing."""
        return Session(_URL, self.capabilities, self.settings)

    def document(self, body: bytes) -> Document:
        """The document of these bytes; its member is read once."""
        if body not in self.members:
            self.members[body] = Document.parse(body).member
        return Document(body, self.members[body])


def new_snapshot(token: str) -> Checkpoint:
    """A checkpoint that a client builds from nothing, marked by the operation that saves it.

    It has ended, so that a collection may take it.
    """
    return Checkpoint(
        execution_id=EXECUTION,
        status=ExecutionStatus.FAILED,
        variables={"tokens": [token]},
        branch_states={"main": BranchState(id="main")},
        checkpoint_at=NOW,
    )


OLD_MARK = "old"
OLD_VERSION = StoredObject(
    codec.encode(new_snapshot(OLD_MARK).to_document()), Version("old"), "old", NOW, NOW
)
"""A version from before the exploration, to be restored."""


class Memory:
    """A client's session and what its user holds.

    Attributes:
        session: The session; it outlives operations, and not the process.
        writer: The client's ID as a writer.
        held: The checkpoint object last loaded or saved.
        unsettled: The operations that tried to save that very object with an unknown outcome.
        version: The version last returned to the user.
        claim: The claim, once there is one.
        claim_number: The operation that took it.
        known: What the claim's engine may find stored under its claim.
        snapshot: The engine's own checkpoint.
        doubt: The last unknown outcome and the operation that ended in it.
    """

    def __init__(self, environment: Environment, frozen: Frozen) -> None:
        self._environment = environment
        self.session = environment.session()
        self.target = self.session.target(EXECUTION)
        self.writer = frozen.writer
        if frozen.remembered is not None:
            version, body = frozen.remembered
            document = environment.document(body) if body is not None else None
            self.session.remembered.put(self.target.key, Seen(version, document))
        self.held, self.unsettled = _thaw(frozen.held, self.target)
        self.version = frozen.version
        self.doubt: tuple[OutcomeUnknownError, int] | None = None
        if frozen.doubt is not None:
            self.doubt = unknown_outcome(frozen.doubt[0]), frozen.doubt[1]
        self.claim: ClaimState | None = None
        self.claim_number = -1
        self.known: frozenset[tuple[str, ...]] = frozenset()
        self.snapshot: Checkpoint | None = None
        if frozen.claimed is not None:
            self._thaw_claim(frozen.claimed)

    def _thaw_claim(self, claimed: Claimed) -> None:
        lineage, owner, epoch, version, body = claimed.terms
        taken_on, floor = claimed.since
        lost, released = claimed.ended
        self.claim = ClaimState(
            target=self.target,
            owner=owner,
            lineage=lineage,
            epoch=epoch,
            version=version,
            body=body,
            stored=dict(claimed.stored),
            given=dict(claimed.given),
            taken_on=taken_on,
            floor=floor,
            unsettled=tuple(Unsettled(data, dict(given)) for data, given in claimed.unsettled),
            lost=lost,
            released=released,
        )
        self.claim_number = claimed.number
        self.known = claimed.known
        self.snapshot, _ = _thaw(claimed.snapshot, self.target)

    def freeze(self) -> Frozen:
        """Return all of it as plain values."""
        return Frozen(
            self.writer,
            self._remembered(),
            _freeze(self.held, self.unsettled) if self.held is not None else None,
            self.version,
            self._claimed(),
            (cast("Evidence", self.doubt[0].evidence), self.doubt[1]) if self.doubt else None,
        )

    def _remembered(self) -> tuple[Version | None, bytes | None] | None:
        seen = self.session.remembered.get(self.target.key)
        if seen is None:
            return None
        if seen.document is None:
            return seen.version, None
        body = seen.document.body
        assert self._environment.document(body).member == seen.document.member, (
            "a remembered document has another member than its bytes"
        )
        return seen.version, seen.document.body

    def _claimed(self) -> Claimed | None:
        claim = self.claim
        if claim is None or self.snapshot is None:
            return None
        return Claimed(
            self.claim_number,
            self.known,
            _freeze(self.snapshot, ()),
            (claim.lineage, claim.owner, claim.epoch, claim.version, claim.body),
            _items(claim.stored),
            _items(claim.given),
            (claim.taken_on, claim.floor),
            tuple((save.data, _items(save.given)) for save in claim.unsettled),
            (claim.lost, claim.released),
        )


def _items(pauses: Pauses) -> PauseItems:
    return tuple(sorted(pauses.items(), key=lambda item: item[0]))


def _freeze(checkpoint: Checkpoint, unsettled: tuple[int, ...]) -> Held:
    body = codec.encode(checkpoint.to_document())
    origin = origin_of(checkpoint)
    if origin is None:
        return Held(body, None, None, 0, (), (), unsettled)
    return Held(
        body,
        origin.version,
        origin.lineage,
        origin.revision,
        _items(origin.pauses),
        origin.unsettled,
        unsettled,
    )


def _thaw(held: Held | None, target: Target) -> tuple[Checkpoint | None, tuple[int, ...]]:
    if held is None:
        return None, ()
    checkpoint = Checkpoint.from_document(codec.decode(held.body))
    if held.version is not None:
        origin = Origin(
            _URL,
            target.key,
            held.version,
            held.lineage,
            held.revision,
            dict(held.pauses),
            held.attempts,
        )
        set_origin(checkpoint, origin)
    return checkpoint, held.unsettled
