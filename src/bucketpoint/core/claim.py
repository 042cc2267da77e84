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
    Snapshot,
    StoredCheckpoint,
    Target,
    check_readable,
)
from bucketpoint.core.update import Change, changed_by, saved
from bucketpoint.core.write import (
    Decision,
    Look,
    Refuse,
    Write,
    Written,
    may_have_landed,
    write,
)
from bucketpoint.errors import (
    BucketpointError,
    ClaimHeldError,
    ConflictError,
    FenceViolationError,
    InvalidInputError,
)
from bucketpoint.stores.contract import Version

__all__ = [
    "ClaimState",
    "ClaimTerms",
    "Unsettled",
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

    def __post_init__(self) -> None:
        problem = None
        if not is_a(self.owner, str) or not self.owner.isprintable() or not self.owner:
            problem = "owner must be a printable string that names this worker to others"
        elif not is_a(self.ttl, timedelta) or self.ttl <= timedelta(0):
            problem = "ttl must be a positive timedelta: it counts from each save or renew"
        elif not is_a(self.wait, timedelta) or self.wait < timedelta(0):
            problem = "wait must be a timedelta that is not negative"
        if problem is not None:
            raise InvalidInputError(problem, execution_id=self.execution_id)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A claimed save whose outcome is not known.

    Attributes:
        data: What was sent.
        given: The pause fields of the snapshot as the worker made it.
    """

    data: bytes
    given: Pauses


@dataclass(slots=True, kw_only=True)
class ClaimState:
    """What a worker knows of its claim.

    Attributes:
        target: The execution.
        owner: Under which name it is held.
        lineage: With `epoch`: which claim it is.
        epoch: With `lineage`: which claim it is.
        version: The last version that is known to be this worker's own, or was given to it.
        body: Its bytes; the member does not matter.
        stored: Its pause fields.
        given: The pause fields that the worker was last given or itself wrote; for snapshots that
            it builds anew. A checkpoint that it was given knows its own.
        taken_on: The version that the claim was taken on.
        floor: The revision from which on all data is this worker's own, or was given to it.
        unsettled: Saves since whose outcome is not known.
        lost: The claim was taken over, overwritten or released; for ever.
        released: It was given back, or is somebody else's.
    """

    target: Target
    owner: str
    lineage: str
    epoch: int
    version: Version
    body: bytes
    stored: Pauses
    given: Pauses
    taken_on: Version | None
    floor: int
    unsettled: tuple[Unsettled, ...] = ()
    lost: bool = False
    released: bool = False

    def holds(self, member: Member | None) -> bool:
        """Tell whether the document is under this very claim."""
        return (
            member is not None
            and not member.deleted
            and (member.lineage, member.epoch, member.owner)
            == (self.lineage, self.epoch, self.owner)
        )

    def has_seen(self, origin: Origin) -> bool:
        """Tell whether nobody else's data is newer than the state that this origin names."""
        return origin.version == self.taken_on or (
            origin.lineage == self.lineage and origin.revision >= self.floor
        )

    def accepts(self, seen: Seen) -> bool:
        """Tell whether nothing but pauses differs from what this worker knows to be stored."""
        return (
            seen.version == self.version
            or _same_but_pauses(seen, self.body)
            or self.find_unsettled(seen) is not None
        )

    def find_unsettled(self, seen: Seen) -> Unsettled | None:
        """Return the unsettled save that turns out to be what is stored, but for pauses."""
        return next((save for save in self.unsettled if _same_but_pauses(seen, save.data)), None)

    def knows(self, version: Version, body: bytes, stored: Pauses) -> None:
        """Note what is stored now: a write of this worker's own, or what it was given."""
        self.version = version
        self.body = body
        self.stored = stored
        self.unsettled = ()


def _same_but_pauses(seen: Seen, body: bytes) -> bool:
    if seen.document is None:
        return False
    theirs, ours = seen.document.take_data(), Document(body, None).take_data()
    return codec.same(without_pauses(theirs), without_pauses(ours))


Take = Callable[[], Any]
"""Tries once to take the claim: runs `take_claim` as a call of its own."""


def claim(terms: ClaimTerms, take: Take) -> Procedure[tuple[ClaimState, Checkpoint]]:
    """Take the execution, waiting for as long as another holds it and `terms.wait` lasts.

    Each try is a call of its own: whoever waits must not keep the holder, which may use the very
    same checkpointer, from saving.
    """
    started = yield from read_clock()
    while True:
        try:
            return cast("tuple[ClaimState, Checkpoint]", (yield from call(take)))
        except ClaimHeldError as held:
            left = terms.wait.total_seconds() - (yield from read_clock()).since(started)
            if left <= 0:
                raise
            pause = min(left, held.remaining_s, _POLL_S)
            try:
                yield from sleep(pause / 2, pause)
            except DeadlinePassed:
                raise held from None


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
            snapshot = session.snapshot(checkpoint, target)
        except BucketpointError as error:
            return Refuse(error)
        return Write(
            data=snapshot.data,
            result=(snapshot, seen),
            raise_epoch=True,
            owner=terms.owner,
            ttl_s=ttl_s,
        )

    written = yield from write(session, target, decide)
    snapshot, base = cast("tuple[Snapshot, Seen]", written.result)
    session.remember_origin(snapshot, target, written.version, written.member)
    state = ClaimState(
        target=target,
        owner=terms.owner,
        lineage=written.member.lineage,
        epoch=written.member.epoch,
        version=written.version,
        body=written.data,
        stored=snapshot.pauses,
        given=snapshot.pauses,
        taken_on=base.version,
        floor=written.member.revision - 1,
    )
    return state, snapshot.checkpoint


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


def _check_holds(state: ClaimState, seen: Seen) -> Member:
    """Return the member of the document, which is under the claim, or raise."""
    member = seen.document.member if seen.document is not None else None
    if member is None or not state.holds(member):
        reason = "it was taken over, released, deleted or overwritten"
        raise _fenced(state.target, reason)
    return member


def _check_held(state: ClaimState) -> None:
    if state.lost:
        raise _fenced(state.target, "its claim was lost or released before")


Decide = Callable[[Seen], Procedure[Decision]]
"""What a claimed procedure does with a document that is under its claim."""


def _write_held(session: Session, state: ClaimState, decide: Decide) -> Procedure[Written]:
    """Write under the claim; a fence violation loses it for ever."""
    found: list[FenceViolationError] = []

    def decide_held(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see write
        try:
            _check_holds(state, seen)
            return (yield from decide(seen))
        except FenceViolationError as error:
            found.append(error)
            return Refuse(error)

    _check_held(state)
    try:
        return (yield from write(session, state.target, decide_held))
    except FenceViolationError as error:
        # The user's function may raise one of its own, which says nothing of this claim.
        state.lost = state.lost or any(error is fence for fence in found)
        raise


def save_claimed(session: Session, state: ClaimState, checkpoint: Checkpoint) -> Procedure[Version]:
    """Store the worker's snapshot, with an operator's pauses merged into it."""
    target = state.target
    origin = _check_snapshot(session, checkpoint, target)
    own = session.snapshot(checkpoint, target)
    sent: list[Unsettled] = []

    def decide(seen: Seen) -> Procedure[Decision]:
        try:
            base, theirs = _bases(session, state, seen, origin)
            now = (yield from read_clock()).now
            merged = merge_pauses(checkpoint, base, theirs, now)
            snapshot = own if merged is checkpoint else session.snapshot(merged, target)
        except FenceViolationError:
            raise
        except BucketpointError as error:
            return Refuse(error)
        sent.append(Unsettled(snapshot.data, own.pauses))
        return Write(data=snapshot.data, result=(snapshot, seen))

    try:
        written = yield from _write_held(session, state, decide)
    except BaseException as error:  # a call that is cut off may have landed, too
        if may_have_landed(error):
            state.unsettled += tuple(sent)
        raise
    snapshot, base = cast("tuple[Snapshot, Seen]", written.result)
    if origin is not None and base.version == origin.version:
        state.floor = max(state.floor, origin.revision)
    state.knows(written.version, written.data, snapshot.pauses)
    state.given = own.pauses
    if snapshot is own:
        # Otherwise a plain save of this object would take the operator's pause away again.
        session.remember_origin(snapshot, target, written.version, written.member)
    return written.version


def _check_snapshot(session: Session, checkpoint: Checkpoint, target: Target) -> Origin | None:
    """Return which version of the execution the snapshot was made of, if that is known."""
    if not is_a(checkpoint, Checkpoint):
        msg = f"save takes a Checkpoint, not {type(checkpoint).__name__}"
        raise InvalidInputError(msg)
    origin = session.origin_here(checkpoint, target)
    if origin is None and checkpoint.execution_id != target.execution_id:
        msg = (
            f"this claim is on execution {target.execution_id!r}; the checkpoint is of another "
            "one: claim that one, too"
        )
        raise InvalidInputError(msg, execution_id=checkpoint.execution_id)
    return origin


def _bases(
    session: Session, state: ClaimState, seen: Seen, origin: Origin | None
) -> tuple[Pauses, Pauses]:
    """The pause fields that the worker knew of, and those of the document written upon.

    Raises:
        ConflictError: The snapshot is older than something that others wrote.
        FenceViolationError: Others changed more than a pause since.
    """
    if origin is not None and seen.version == origin.version:
        return origin.pauses, origin.pauses  # changed by the worker, who has seen all of it
    if origin is not None and not state.has_seen(origin):
        msg = (
            "this checkpoint was loaded before somebody else's last write, which it would "
            "overwrite; nothing was written, and the claim holds: repeat your change on "
            "claim.load() or in claim.update()"
        )
        raise ConflictError(msg)
    base = state.given if origin is None else origin.pauses
    if seen.version == state.version:
        return base, state.stored
    checkpoint = session.checkpoint_of(seen, state.target)
    if not state.accepts(seen):
        raise _fenced(state.target, "somebody changed more than a pause under the claim")
    unsettled = state.find_unsettled(seen)
    return (unsettled.given if unsettled is not None else base), pauses_of(checkpoint)


def update_claimed(session: Session, state: ClaimState, fn: Change) -> Procedure[StoredCheckpoint]:
    """Run `fn` on the document as it is stored now, and store what it made of it."""
    target = state.target
    sent: list[Unsettled] = []

    def decide(seen: Seen) -> Procedure[Decision]:
        try:
            stored = session.checkpoint_of(seen, target)
            accepted = state.accepts(seen)
            checkpoint = yield from changed_by(fn, stored, target)
            snapshot = session.snapshot(checkpoint, target)
        except Exception as error:  # noqa: BLE001 - whatever fn raises is the caller's
            return Refuse(error)
        if accepted:
            sent.append(Unsettled(snapshot.data, state.given))
        return Write(data=snapshot.data, result=snapshot)

    try:
        written = yield from _write_held(session, state, decide)
    except BaseException as error:  # a call that is cut off may have landed, too
        if may_have_landed(error):
            state.unsettled += tuple(sent)
        raise
    if any(save.data is written.data for save in sent):
        # Otherwise a later save of a snapshot that knows nothing of theirs must still be fenced.
        state.knows(written.version, written.data, written.result.pauses)
    return saved(session, target, written)


def renew(session: Session, state: ClaimState) -> Procedure[None]:
    """Start the claim's time to live anew, changing nothing else."""
    yield from update_claimed(session, state, lambda _: None)


def load_claimed(session: Session, state: ClaimState) -> Procedure[Checkpoint]:
    """Give the worker what is stored now: its next saves build on that."""
    _check_held(state)
    seen = yield from session.look(state.target)
    check_readable(seen, state.target)
    try:
        member = _check_holds(state, seen)
    except FenceViolationError:
        state.lost = True
        raise
    checkpoint = session.checkpoint_of(seen, state.target)
    if not state.accepts(seen):
        state.floor = member.revision
    if seen.document is not None and seen.version is not None:
        state.given = pauses_of(checkpoint)
        state.knows(seen.version, seen.document.body, state.given)
    return checkpoint


def release(session: Session, state: ClaimState) -> Procedure[None]:
    """Give the claim back, if the document is still under it; the data stays as it is.

    Also when somebody's edit has fenced this worker: others need not wait for the expiry.
    """
    if state.released:
        return

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see write
        yield from ()
        try:
            _check_holds(state, seen)
        except FenceViolationError as error:
            return Refuse(error)
        data = seen.document.take_data() if seen.document is not None else {}
        return Write(data=codec.encode(data), owner=None)

    try:
        yield from write(session, state.target, decide)
    except FenceViolationError:
        pass  # it is another's, or nobody's
    except BaseException as error:
        if may_have_landed(error):
            state.lost = state.released = True
        raise
    state.lost = state.released = True
