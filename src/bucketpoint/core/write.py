"""The write loop: every change of a document goes through it, and it is the only place that puts.

It sends one conditional write at a time and never draws a conclusion from a failed answer alone:
it looks at the object again and asks the table of writers (docs/design/003). The order after each
look is part of its safety: landed? unknowable? still live? Only then does the procedure decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from bucketpoint.core.document import Document, Member, assemble
from bucketpoint.core.effects import (
    Clock,
    DeadlinePassed,
    Procedure,
    new_id,
    put,
    read_clock,
    writer_id,
)
from bucketpoint.core.session import Seen, Session, Target, out_of_time
from bucketpoint.core.verdict import Base, Verdict, has_landed, judge
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreConfigurationError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version

__all__ = [
    "KEEP",
    "Decide",
    "Decision",
    "Evidence",
    "Look",
    "Operation",
    "Refuse",
    "Write",
    "Written",
    "begin",
    "may_have_landed",
    "unknown_outcome",
    "write",
]


class _Keep(Enum):
    KEEP = "carry what the document has"


KEEP = _Keep.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Decision: write this data.

    Attributes:
        data: The encoded JSON object, without the member.
        result: What `Written` gives back when it is this data that landed.
        deleted: It is a tombstone.
        raise_epoch: It begins another epoch.
        owner: Who holds the claim from now on; `KEEP` leaves the claim as it is.
        ttl_s: The claim's time to live, when `owner` is given.
        notes: Parts of the member to be set, or with None removed; others are carried along.
    """

    data: bytes
    result: Any = None
    deleted: bool = False
    raise_epoch: bool = False
    owner: str | _Keep | None = KEEP
    ttl_s: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Refuse:
    """Decision: write nothing and raise this error. Believed only after a look of this call."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Look:
    """Decision: what is remembered does not do, look at the object first."""


Decision = Write | Refuse | Look
Decide = Callable[[Seen, bool], Procedure[Decision]]
"""What a procedure does with a state of the object; the flag tells a look of this call."""


@dataclass(frozen=True, slots=True)
class Written:
    """A write that landed.

    Attributes:
        data: The data as written, without the member.
        result: The `result` of the decision to write it.
        member: The member as written.
        version: Its version; one that matches nothing when others have written since.
    """

    data: bytes
    result: Any
    member: Member
    version: Version


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a later look needs to settle an unknown outcome; it pickles.

    Attributes:
        store: The store's URL.
        target: The object.
        writer: Who wrote.
        operation: The ID that all attempts carried.
        bases: The states on which attempts were made that may still land.
    """

    store: str
    target: Target
    writer: str
    operation: str
    bases: tuple[Base, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One logical call: all its attempts carry its ID.

    Attributes:
        writer: Who makes it.
        id: Random.
    """

    writer: str
    id: str


def begin() -> Procedure[Operation]:
    """Begin an operation of this writer."""
    writer = yield from writer_id()
    return Operation(writer, (yield from new_id()))


def may_have_landed(error: BaseException) -> bool:
    """Tell whether a write that ended in this error may be in the store, or may get there."""
    return isinstance(error, OutcomeUnknownError) or not isinstance(error, BucketpointError)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One body on one base; it is sent again only as it is."""

    base: Base
    decision: Write
    member: Member
    body: bytes

    def landed(self, version: Version) -> Written:
        """What is given back for it."""
        return Written(self.decision.data, self.decision.result, self.member, version)


def write(
    session: Session, target: Target, decide: Decide, operation: Operation | None = None
) -> Procedure[Written]:
    """Apply what `decide` says to the object exactly once.

    Args:
        session: The checkpointer's session.
        target: The object.
        decide: Called with each state of the object that a write may be based on.
        operation: What was begun already; else it is begun here.

    Returns:
        What was written.

    Raises:
        OutcomeUnknownError: An attempt may have landed or may still.
        ConflictError: Others were faster until attempts or time ran out.
        StoreUnavailableError: The store did not answer; nothing was applied.
        Exception: What `decide` refused with.
    """
    begun = operation or (yield from begin())
    return (yield from _WriteLoop(session, target, decide, begun).run())


class _WriteLoop:
    """One operation: all its attempts, and what is known of them."""

    def __init__(
        self, session: Session, target: Target, decide: Decide, operation: Operation
    ) -> None:
        self._session = session
        self._target = target
        self._decide = decide
        self._writer = operation.writer
        self._operation = operation.id
        self._retry = session.settings.retry
        self._pending: list[Base] = []
        self._made: list[_Attempt] = []
        self._attempts = 0
        self._conflicts = 0
        self._failures = 0
        self._contention = 1
        self._last_failure: BucketpointError | None = None
        self._created_at: Clock | None = None

    def run(self) -> Procedure[Written]:
        try:
            return (yield from self._until_landed())
        except DeadlinePassed:
            raise self._give_up(in_time=False) from self._last_failure

    def _until_landed(self) -> Procedure[Written]:
        remembered = yield from self._session.recall(self._target)
        seen = remembered if remembered is not None else (yield from self._look())
        attempt: _Attempt | None = None
        fresh = remembered is None
        while True:
            if attempt is None:
                decision = yield from self._ask(seen, fresh)
                if isinstance(decision, Look):
                    seen, fresh = (yield from self._look()), True
                    continue
                attempt = yield from self._new_attempt(seen, decision)
            version = yield from self._send(attempt)
            if version is not None:
                return (yield from self._applied(attempt, version))
            in_time = yield from self._back_off()
            before = attempt.base
            seen, fresh = (yield from self._look()), True
            if self._has_landed(seen):
                return self._found(seen)
            attempt = yield from self._still_current(attempt, seen)
            self._contention = _newer_writers(seen, before)
            if not self._pending:
                self._made.clear()
            if not in_time or self._attempts >= self._retry.attempts:
                raise self._give_up(in_time=in_time) from self._last_failure

    # --- deciding ---------------------------------------------------------------------------

    def _ask(self, seen: Seen, fresh: bool) -> Procedure[Write | Look]:  # noqa: FBT001 - see Decide
        """Ask the procedure; a refusal is believed only after a look, and with nothing pending."""
        document = seen.document
        if document is not None and document.unwritable is not None:
            decision: Decision = Refuse(document.unwritable)
        else:
            decision = yield from self._decide(seen, fresh)
        if not isinstance(decision, Refuse):
            return decision
        if not fresh:
            return Look()
        if self._pending:
            raise self._unknown() from decision.error
        error = decision.error
        if isinstance(error, BucketpointError):
            error.about(execution_id=self._target.execution_id, key=self._target.key)
        raise error

    def _new_attempt(self, seen: Seen, decision: Write) -> Procedure[_Attempt]:
        before = seen.document.member if seen.document is not None else None
        if before is None:
            lineage = yield from new_id()
            before = Member.first(lineage, adopted=seen.document is not None)
        member = _child(before, decision, self._writer, self._operation)
        body = assemble(decision.data, member)
        problem = self._session.too_large(len(body), self._target)
        if problem is not None:
            if self._pending:
                raise self._unknown() from problem
            raise problem
        if seen.version is None and self._created_at is None:
            self._created_at = yield from read_clock()
        attempt = _Attempt(Base.of(seen.version, seen.document), decision, member, body)
        self._made.append(attempt)
        return attempt

    # --- sending ----------------------------------------------------------------------------

    def _send(self, attempt: _Attempt) -> Procedure[Version | None]:
        """Make one attempt, and again while it surely was not sent; None when it did not land."""
        when = IfAbsent() if attempt.base.version is None else IfVersion(attempt.base.version)
        key = self._target.key
        while True:
            yield from self._session.pacing.before_write(key)
            self._attempts += 1
            # Before, not after: a call that is cut off in the put must not leave the old state.
            self._session.remembered.forget(key)
            try:
                return (yield from put(key, attempt.body, when, self._attempts))
            except PreconditionFailedError as error:
                self._conflicts += 1
                self._last_failure = error
                if not self._session.capabilities.single_delivery:
                    self._add_pending(attempt.base)  # it may be our own, delivered twice
            except OutcomeUnknownError as error:
                self._add_pending(attempt.base)
                yield from self._note_failure(error)
            except StoreUnavailableError as error:
                yield from self._note_failure(error)
                if not self._pending:
                    if self._attempts >= self._retry.attempts:
                        raise self._give_up() from error
                    yield from self._retry.after_outage(self._failures)
                    continue
            except StoreConfigurationError as error:
                if self._pending:
                    raise self._unknown() from error
                error.about(execution_id=self._target.execution_id, key=key)
                raise
            return None

    def _note_failure(self, error: OutcomeUnknownError | StoreUnavailableError) -> Procedure[None]:
        self._failures += 1
        self._last_failure = error
        if error.throttled:
            yield from self._session.pacing.throttled(self._target.key)

    def _add_pending(self, base: Base) -> None:
        if base not in self._pending:
            self._pending.append(base)

    def _back_off(self) -> Procedure[bool]:
        """Wait; False when there is no time for it, but perhaps for one more look."""
        try:
            if isinstance(self._last_failure, PreconditionFailedError):
                yield from self._retry.after_conflict(self._conflicts, self._contention)
            else:
                yield from self._retry.after_outage(self._failures)
        except DeadlinePassed:
            return False
        return True

    def _look(self) -> Procedure[Seen]:
        """Read the object; a store that does not answer is asked again."""
        while True:
            try:
                return (yield from self._session.look_once(self._target))
            except StoreUnavailableError as error:
                self._attempts += 1
                yield from self._note_failure(error)
                if self._attempts >= self._retry.attempts:
                    raise self._give_up() from error
            except BucketpointError as error:
                if self._pending:
                    raise self._unknown() from error
                error.about(execution_id=self._target.execution_id, key=self._target.key)
                raise
            yield from self._retry.after_outage(self._failures)

    # --- concluding -------------------------------------------------------------------------

    def _has_landed(self, seen: Seen) -> bool:
        member = seen.document.member if seen.document is not None else None
        return has_landed(member, self._writer, self._operation)

    def _applied(self, attempt: _Attempt, version: Version) -> Procedure[Written]:
        document = Document(attempt.body, attempt.member, is_own=True)
        yield from self._session.remember(self._target, Seen(version, document))
        return attempt.landed(version)

    def _found(self, seen: Seen) -> Written:
        """Tell which attempt the look showed to have landed: not always the last one.

        The version is ours only if nobody has written since.
        """
        found = seen.document.member if seen.document is not None else None
        entry = found.writers.get(self._writer) if found is not None else None
        for attempt in self._made:
            ours = attempt.member
            if (
                found is not None
                and entry is not None
                and ((found.lineage, entry.revision) == (ours.lineage, ours.revision))
            ):
                is_current = found.revision == ours.revision
                version = seen.version if is_current else None
                return attempt.landed(version or Version.superseded())
        raise self._unknown() from self._last_failure

    def _still_current(self, attempt: _Attempt, seen: Seen) -> Procedure[_Attempt | None]:
        """Return the attempt if it is to be sent again as it is, None to decide anew.

        While an attempt may still land on the current state, nothing else may be sent on it.
        """
        live: list[Base] = []
        for base in self._pending:
            verdict = judge(base, seen.version, seen.document, self._writer)
            if (yield from self._is_past_proof(base, verdict)):
                verdict = Verdict.UNKNOWN
            if verdict is Verdict.UNKNOWN:
                raise self._unknown() from self._last_failure
            if verdict is Verdict.LIVE:
                live.append(base)
        self._pending = live
        if all(base.version != seen.version for base in live):
            return None
        if attempt.base.version != seen.version:
            # Absence has come back, and which of two bodies lands on it cannot be told.
            raise self._unknown() from self._last_failure
        return attempt

    def _is_past_proof(self, base: Base, verdict: Verdict) -> Procedure[bool]:
        """Tell whether an attempt on this base can no longer be told from somebody else's."""
        if base.version is None and self._created_at is not None:
            # After half the grace a purge may have come, or may come before our next look.
            elapsed = (yield from read_clock()).since(self._created_at)
            return elapsed >= self._session.settings.purge_grace.total_seconds() / 2
        # Another program may restore the very bytes, and with them this version.
        is_foreign = base.version is not None and base.lineage is None
        content_versions = self._session.capabilities.content_versions
        return verdict is Verdict.LIVE and is_foreign and content_versions

    def _give_up(self, *, in_time: bool = True) -> BucketpointError:
        """The error for a call that ends without having landed."""
        target = self._target
        if self._pending:
            return self._unknown()
        if isinstance(self._last_failure, PreconditionFailedError):
            msg = (
                f"other writers of execution {target.execution_id!r} were faster "
                f"{self._conflicts} times until attempts or time ran out; nothing was applied: "
                "call again, or have fewer writers at once"
            )
            return ConflictError(msg, execution_id=target.execution_id, key=target.key)
        if not in_time:
            return out_of_time(target, self._last_failure)
        msg = (
            f"the store did not answer in {self._attempts} attempts on execution "
            f"{target.execution_id!r}; nothing was applied; the last failure: {self._last_failure}"
        )
        return StoreUnavailableError(msg, execution_id=target.execution_id, key=target.key)

    def _unknown(self) -> OutcomeUnknownError:
        target = self._target
        self._session.remembered.forget(target.key)
        evidence = Evidence(
            self._session.store_url,
            target,
            self._writer,
            self._operation,
            tuple(self._pending),
        )
        return unknown_outcome(evidence)


def unknown_outcome(evidence: Evidence) -> OutcomeUnknownError:
    """The error for a write of which nobody can tell whether it landed."""
    msg = (
        f"the write to execution {evidence.target.execution_id!r} may have been applied or may "
        "still be: call settle() on this error before writing again, or load and compare"
    )
    return OutcomeUnknownError(
        msg,
        evidence=evidence,
        execution_id=evidence.target.execution_id,
        key=evidence.target.key,
    )


def _child(before: Member, decision: Write, writer: str, operation: str) -> Member:
    """The member of the document that is written on `before`; what is not decided is carried."""
    changes: dict[str, Any] = {}
    if decision.deleted:
        changes["deleted"] = True
    if decision.raise_epoch:
        changes["epoch"] = before.epoch + 1
    if decision.owner is not KEEP:
        changes |= {"owner": decision.owner, "ttl_s": decision.ttl_s}
    if decision.notes:
        extra = before.extra | dict(decision.notes)
        changes["extra"] = {name: value for name, value in extra.items() if value is not None}
    member = before.next(writer, operation)
    return replace(member, **changes) if changes else member


def _newer_writers(seen: Seen, base: Base) -> int:
    member = seen.document.member if seen.document is not None else None
    if member is None:
        return 1
    return sum(entry.revision > base.revision for entry in member.writers.values())
