"""Claims: the right of one owner to write an execution, checked inside every conditional write.

A claim is (lineage, epoch). Taking over raises the epoch, after which nothing written under the
old one can land. Expiry is judged by the store's clock and for liveness only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from bucketpoint.arguments import is_a
from bucketpoint.checkpoint import Checkpoint, ExecutionStatus
from bucketpoint.core import codec
from bucketpoint.core.document import Document, Member
from bucketpoint.core.effects import DeadlinePassed, Procedure, call, read_clock, sleep
from bucketpoint.core.pauses import Pauses, merge_pauses, pauses_of, without_pauses
from bucketpoint.core.session import (
    Origin,
    Seen,
    Session,
    StoredCheckpoint,
    Target,
)
from bucketpoint.core.update import Change, changed_by, saved
from bucketpoint.core.write import Decision, Look, Refuse, Write, Written, write
from bucketpoint.errors import (
    BucketpointError,
    ClaimHeldError,
    FenceViolationError,
    InvalidInputError,
    OutcomeUnknownError,
)
from bucketpoint.stores.contract import Version

__all__ = [
    "ClaimState",
    "ClaimTerms",
    "claim",
    "load_claimed",
    "release",
    "renew",
    "save_claimed",
    "take_claim",
    "update_claimed",
]

_POLL_S = 1.0
"""Longest sleep between two looks at a claim that is waited for: it may be released early."""


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """What a claim is asked for.

    Attributes:
        execution_id: The run.
        owner: Names the worker to others.
        ttl: Without a write for this long, others may take the execution.
        wait: How long to wait for a claim that somebody else holds.
        takeover: Take it even from a holder that has not expired.
    """

    execution_id: str
    owner: str
    ttl: timedelta
    wait: timedelta = timedelta(0)
    takeover: bool = False


@dataclass(slots=True, kw_only=True)
class ClaimState:
    """What a worker knows of its claim.

    Attributes:
        target: The execution.
        owner: Under which name it is held.
        ttl_s: Seconds without a write after which others may take it.
        lineage: With `epoch`: which claim it is.
        epoch: With `lineage`: which claim it is.
        version: The last version that is known to be this worker's own.
        stored: The pause fields of that version.
        given: The pause fields that the worker was last given or itself wrote; for snapshots that
            it builds anew. A checkpoint that it was given knows its own.
        acceptable: Bodies that may be written over: the last known to be stored, and whatever
            was sent since with an unknown outcome.
        lost: The claim was taken over, overwritten or released; for ever.
    """

    target: Target
    owner: str
    ttl_s: float
    lineage: str
    epoch: int
    version: Version
    stored: Pauses
    given: Pauses
    acceptable: list[bytes]
    lost: bool = False

    def holds(self, member: Member | None) -> bool:
        """Tell whether the document is under this very claim."""
        return (
            member is not None
            and not member.deleted
            and (member.lineage, member.epoch, member.owner)
            == (self.lineage, self.epoch, self.owner)
        )

    def accepts(self, seen: Seen) -> bool:
        """Tell whether nothing but pauses differs from what this worker knows to be stored."""
        if seen.version == self.version:
            return True
        theirs = without_pauses(seen.document.take_data()) if seen.document is not None else None
        return any(
            without_pauses(Document(body, None).take_data()) == theirs for body in self.acceptable
        )

    def knows(self, version: Version, body: bytes, stored: Pauses) -> None:
        """Note what is stored now: a write of this worker's own, or what it was given."""
        self.version = version
        self.stored = stored
        self.acceptable = [body]


Take = Callable[[], Any]
"""Tries once to take the claim: runs `take_claim` as a call of its own."""


def claim(terms: ClaimTerms, take: Take) -> Procedure[tuple[ClaimState, Checkpoint]]:
    """Take the execution, waiting for as long as another holds it and `terms.wait` lasts.

    Each try is a call of its own: whoever waits must not keep the holder, which may use the very
    same checkpointer, from saving.
    """
    _check_terms(terms)
    started = (yield from read_clock()).elapsed
    while True:
        try:
            return cast("tuple[ClaimState, Checkpoint]", (yield from call(take)))
        except ClaimHeldError as held:
            left = started + terms.wait.total_seconds() - (yield from read_clock()).elapsed
            if left <= 0:
                raise
            pause = min(left, held.remaining_s, _POLL_S)
            try:
                yield from sleep(pause / 2, pause)
            except DeadlinePassed:
                raise held from None


def _check_terms(terms: ClaimTerms) -> None:
    if not is_a(terms.owner, str) or not terms.owner:
        msg = "owner must be a non-empty string that names this worker in messages to others"
        raise InvalidInputError(msg)
    if not terms.owner.isprintable():
        msg = "owner must be printable: it stands in messages to others, and in the document"
        raise InvalidInputError(msg)
    if not is_a(terms.ttl, timedelta) or terms.ttl <= timedelta(0):
        msg = "ttl must be a positive timedelta: how long the claim holds without a save or renew"
        raise InvalidInputError(msg)
    if not is_a(terms.wait, timedelta) or terms.wait < timedelta(0):
        msg = "wait must be a timedelta that is not negative"
        raise InvalidInputError(msg)


def take_claim(session: Session, terms: ClaimTerms) -> Procedure[tuple[ClaimState, Checkpoint]]:
    """Take the execution unless another holds it."""
    target = session.target(terms.execution_id)
    ttl_s = terms.ttl.total_seconds()

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: FBT001 - see Decide
        if not fresh:
            return Look()
        try:
            _check_free(seen, target, takeover=terms.takeover)
            checkpoint = (
                session.checkpoint_of(seen, target)
                if seen.live
                else (yield from _pending(target.execution_id))
            )
            data = session.encode(checkpoint, target)
        except BucketpointError as error:
            return Refuse(error)
        return Write(data=data, result=checkpoint, raise_epoch=True, owner=terms.owner, ttl_s=ttl_s)

    written = yield from write(session, target, decide)
    checkpoint: Checkpoint = written.result
    session.remember_origin(checkpoint, target, written.version)
    pauses = pauses_of(checkpoint)
    state = ClaimState(
        target=target,
        owner=terms.owner,
        ttl_s=ttl_s,
        lineage=written.member.lineage,
        epoch=written.member.epoch,
        version=written.version,
        stored=pauses,
        given=pauses,
        acceptable=[written.data],
    )
    return state, checkpoint


def _pending(execution_id: str) -> Procedure[Checkpoint]:
    """A run that has been claimed and has not saved anything yet."""
    now = (yield from read_clock()).now
    return Checkpoint(execution_id=execution_id, status=ExecutionStatus.PENDING, checkpoint_at=now)


def _check_free(seen: Seen, target: Target, *, takeover: bool) -> None:
    member = seen.document.member if seen.document is not None else None
    if member is None or member.owner is None or member.deleted or takeover:
        return
    remaining = (member.ttl_s or 0.0) - seen.age.total_seconds()
    if remaining > 0:
        msg = (
            f"execution {target.execution_id!r} is claimed by {member.owner!r} for another "
            f"{remaining:.1f} s unless renewed: leave it to them, or claim with wait= or takeover="
        )
        raise ClaimHeldError(msg, owner=member.owner, remaining_s=remaining)


def _fenced(target: Target, reason: str) -> FenceViolationError:
    msg = (
        f"this worker no longer holds execution {target.execution_id!r}: {reason}; nothing was "
        "written, and nothing it does will be: stop, and let the present holder go on"
    )
    return FenceViolationError(msg, execution_id=target.execution_id, key=target.key)


def _check_held(state: ClaimState) -> None:
    if state.lost:
        raise _fenced(state.target, "its claim was lost or released before")


Decide = Callable[[Seen], Procedure[Decision]]
"""What a claimed procedure does with a document that is under its claim."""


def _write_held(session: Session, state: ClaimState, decide: Decide) -> Procedure[Written]:
    """Write under the claim; a fence violation loses it for ever."""

    def decide_held(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see write
        document = seen.document
        if document is None or not state.holds(document.member):
            reason = "it was taken over, released, deleted or overwritten"
            return Refuse(_fenced(state.target, reason))
        return (yield from decide(seen))

    _check_held(state)
    try:
        return (yield from write(session, state.target, decide_held))
    except FenceViolationError:
        state.lost = True
        raise


def save_claimed(session: Session, state: ClaimState, checkpoint: Checkpoint) -> Procedure[Version]:
    """Store the worker's snapshot, with an operator's pauses merged into it."""
    target = state.target
    _check_snapshot(checkpoint, target)
    snapshot = session.encode(checkpoint, target)
    origin = session.origin_here(checkpoint, target)
    base = state.given if origin is None else origin.pauses
    given = pauses_of(checkpoint)
    sent: list[bytes] = []

    def decide(seen: Seen) -> Procedure[Decision]:
        try:
            theirs = _theirs(session, state, seen, origin)
            merged = merge_pauses(checkpoint, base, theirs, (yield from read_clock()).now)
            data = snapshot if merged is checkpoint else session.encode(merged, target)
        except BucketpointError as error:
            return Refuse(error)
        sent.append(data)
        return Write(data=data, result=merged)

    try:
        written = yield from _write_held(session, state, decide)
    except OutcomeUnknownError:
        state.acceptable += sent
        raise
    merged: Checkpoint = written.result
    state.knows(written.version, written.data, pauses_of(merged))
    state.given = given
    if merged is checkpoint:
        # Otherwise a plain save of this object would take the operator's pause away again.
        session.remember_origin(checkpoint, target, written.version)
    return written.version


def _check_snapshot(checkpoint: Checkpoint, target: Target) -> None:
    if not is_a(checkpoint, Checkpoint):
        msg = f"save takes a Checkpoint, not {type(checkpoint).__name__}"
        raise InvalidInputError(msg)
    if checkpoint.execution_id != target.execution_id:
        msg = (
            f"this claim is on execution {target.execution_id!r}; the checkpoint is of another "
            "one: claim that one, too"
        )
        raise InvalidInputError(msg, execution_id=checkpoint.execution_id)


def _theirs(session: Session, state: ClaimState, seen: Seen, origin: Origin | None) -> Pauses:
    """The pause fields of the document written upon, which may differ in nothing else.

    Unless the snapshot is that very document, changed by the worker: then it has seen all of it.
    """
    if seen.version == state.version:
        return state.stored
    if origin is not None and seen.version == origin.version:
        return origin.pauses
    checkpoint = session.checkpoint_of(seen, state.target)
    if state.accepts(seen):
        return pauses_of(checkpoint)
    raise _fenced(state.target, "somebody changed more than a pause under the claim")


def update_claimed(session: Session, state: ClaimState, fn: Change) -> Procedure[StoredCheckpoint]:
    """Run `fn` on the document as it is stored now, and store what it made of it."""
    target = state.target
    sent_on_accepted: list[bytes] = []

    def decide(seen: Seen) -> Procedure[Decision]:
        try:
            stored = session.checkpoint_of(seen, target)
            accepted = state.accepts(seen)
            checkpoint = yield from changed_by(fn, stored, target)
            data = session.encode(checkpoint, target)
        except Exception as error:  # noqa: BLE001 - whatever fn raises is the caller's
            return Refuse(error)
        if accepted:
            sent_on_accepted.append(data)
        return Write(data=data, result=checkpoint)

    try:
        written = yield from _write_held(session, state, decide)
    except OutcomeUnknownError:
        state.acceptable += sent_on_accepted
        raise
    if any(data is written.data for data in sent_on_accepted):
        # Otherwise a later save of a snapshot that knows nothing of theirs must still be fenced.
        state.knows(written.version, written.data, pauses_of(written.result))
    return saved(session, target, written)


def renew(session: Session, state: ClaimState) -> Procedure[None]:
    """Start the claim's time to live anew, changing nothing else."""
    yield from update_claimed(session, state, lambda _: None)


def load_claimed(session: Session, state: ClaimState) -> Procedure[Checkpoint]:
    """Give the worker what is stored now: its next saves build on that."""
    _check_held(state)
    seen = yield from session.look(state.target)
    document = seen.document
    if document is None or document.member is None or not state.holds(document.member):
        state.lost = True
        raise _fenced(state.target, "it was taken over, released, deleted or overwritten")
    checkpoint = session.checkpoint_of(seen, state.target)
    state.given = pauses_of(checkpoint)
    state.knows(seen.version or Version.superseded(), document.body, state.given)
    return checkpoint


def release(session: Session, state: ClaimState) -> Procedure[None]:
    """Give the claim back, if it is still this worker's; the data stays as it is."""
    if state.lost:
        return

    def decide(seen: Seen) -> Procedure[Decision]:
        yield from ()
        data = seen.document.take_data() if seen.document is not None else {}
        return Write(data=codec.encode(data), owner=None)

    try:
        yield from _write_held(session, state, decide)
    except FenceViolationError:
        return
    except OutcomeUnknownError:
        state.lost = True
        raise
    state.lost = True
