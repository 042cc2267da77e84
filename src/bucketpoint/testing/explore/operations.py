"""What clients can do: for each operation the real procedure, and what it may do to the object.

The second is the sequential specification. It is judged where the store applies a request, on the
state that is there at that moment; and for an outcome that writes nothing, on all states that
were there while the call lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from bucketpoint.checkpoint import BranchState, Checkpoint
from bucketpoint.core.claim import (
    ClaimState,
    ClaimTerms,
    load_claimed,
    release,
    renew,
    save_claimed,
    take_claim,
    update_claimed,
)
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import Procedure
from bucketpoint.core.load import load
from bucketpoint.core.save import save
from bucketpoint.core.session import origin_of
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.errors import (
    BucketpointError,
    ClaimHeldError,
    ConflictError,
    FenceViolationError,
    NoCheckpointError,
    OutcomeUnknownError,
    StoreUnavailableError,
    VersionConflictError,
)
from bucketpoint.stores.contract import Version
from bucketpoint.testing.explore.memory import EXECUTION, Memory, new_snapshot
from bucketpoint.testing.explore.objects import Data, Stored

__all__ = [
    "NOT_APPLIED",
    "OPERATIONS",
    "ClaimChange",
    "Ended",
    "Operation",
    "Outcome",
    "Sight",
    "Task",
    "perform",
]


class Outcome(Enum):
    """How an operation ended for its caller."""

    WRITTEN = "acknowledged"
    READ = "read"
    NOTHING = "nothing to do"
    UNKNOWN = "OutcomeUnknownError"
    NO_CHECKPOINT = "NoCheckpointError"
    RAISED = "fn's exception"
    VERSION_CONFLICT = "VersionConflictError"
    CONFLICT = "ConflictError"
    FENCED = "FenceViolationError"
    HELD = "ClaimHeldError"
    UNAVAILABLE = "StoreUnavailableError"
    RELEASED = "released"
    NOT_PURGED = "not purged"
    SETTLED_APPLIED = "settled: applied"
    SETTLED_NOT_APPLIED = "settled: not applied"
    SETTLED_OPEN = "settled: still unknown"


NOT_APPLIED = frozenset(
    {
        Outcome.NO_CHECKPOINT,
        Outcome.RAISED,
        Outcome.VERSION_CONFLICT,
        Outcome.CONFLICT,
        Outcome.FENCED,
        Outcome.HELD,
        Outcome.UNAVAILABLE,
    }
)
"""Outcomes that say: not applied, and never will be."""


class Sight:
    """What can be true of the object at a moment, and is the reason for an outcome.

    Sets of these are plain integers: a search makes millions of them.
    """

    ABSENT = 1
    PRESENT = 2
    CHANGED_BY_OTHERS = 4
    NOT_AS_SEEN = 8
    NOT_MINE = 16
    CLAIMED = 32
    BRANCHLESS = 64


class ClaimChange(Enum):
    """What an operation does to the claim on the object."""

    CARRIED = "it stays as it is"
    GRANTED = "it begins"
    CLEARED = "it ends"


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """How an operation ended.

    Attributes:
        outcome: What the caller was told.
        version: The version that the caller was given.
        tokens: The marks of the checkpoint that the caller was given.
        about: The operation that a settling was about.
    """

    outcome: Outcome
    version: Version | None = None
    tokens: tuple[str, ...] | None = None
    about: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One operation of one client, begun with one state of the client's memory.

    Attributes:
        number: Which operation of the exploration it is; also its bit in sets of operations.
        token: The mark that it leaves in the data.
        operation: What it does.
        seen: The bodies that a conditional save may replace; None where it may replace any.
        own: Operations whose writes a conditional save may replace as well.
        claim_number: The operation that took the client's claim.
        known: What the claim's engine may find stored.
        tokens: The marks in the checkpoint that is saved, before this operation's own.
        paused: The pause flag in it.
    """

    number: int
    token: str
    operation: Operation
    seen: frozenset[bytes] | None = None
    own: tuple[int, ...] = ()
    claim_number: int = -1
    known: frozenset[tuple[str, ...]] = frozenset()
    tokens: tuple[str, ...] = ()
    paused: bool | None = False

    def may_replace(self, stored: Stored) -> bool:
        """Tell whether this state is one that the caller has seen, or made."""
        return self.seen is None or stored.body in self.seen or stored.author in self.own

    def sight(self, stored: Stored, holder: int | None) -> int:
        """What is true of the object now, of what this operation could give as its reason."""
        if not self.operation.watched:
            return 0
        data, member = stored.data, stored.member
        true = Sight.ABSENT if data is None else Sight.PRESENT
        if data is not None and any(self._is_of_other(token) for token in data.tokens):
            true |= Sight.CHANGED_BY_OTHERS
        if data is not None and data.paused is None:
            true |= Sight.BRANCHLESS
        if self.seen is None or not self.may_replace(stored):
            true |= Sight.NOT_AS_SEEN
        if holder != self.claim_number or data is None or data.tokens not in self.known:
            true |= Sight.NOT_MINE
        if member is not None and member.owner is not None:
            true |= Sight.CLAIMED
        return true & self.operation.watched

    def _is_of_other(self, token: str) -> bool:
        return token[0].isupper() and token[0] != self.token[0]


Effect = Callable[[Task, Data | None, Data | None], bool]
"""Whether the task may turn the first data into the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One thing a client can do.

    Attributes:
        name: Its name in programs.
        procedure: The real procedure.
        effect: Its sequential specification; None for what writes nothing.
        reasons: What must have been true at some moment of the call for an outcome.
        claim: What it does to the claim.
        under_claim: It may only write while the client's claim is the holder.
        replaces_seen: It may only write over what its caller has seen.
        needs: What of the client's memory it uses.
    """

    name: str
    procedure: Callable[[Memory, Task], Procedure[Ended]]
    effect: Effect | None = None
    reasons: Mapping[Outcome, int] = field(default_factory=dict)
    claim: ClaimChange = ClaimChange.CARRIED
    under_claim: bool = False
    replaces_seen: bool = False
    needs: str = ""

    watched: int = field(init=False)
    """All that could be the reason of some outcome."""

    def __post_init__(self) -> None:
        watched = 0
        for sight in self.reasons.values():
            watched |= sight
        object.__setattr__(self, "watched", watched)


class _Declined(Exception):  # noqa: N818 - what a user's function may raise
    """The function given to an update does not want to."""


_OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    (_Declined, Outcome.RAISED),
    (OutcomeUnknownError, Outcome.UNKNOWN),
    (NoCheckpointError, Outcome.NO_CHECKPOINT),
    (VersionConflictError, Outcome.VERSION_CONFLICT),
    (FenceViolationError, Outcome.FENCED),
    (ClaimHeldError, Outcome.HELD),
    (ConflictError, Outcome.CONFLICT),
    (StoreUnavailableError, Outcome.UNAVAILABLE),
)


def perform(memory: Memory, task: Task) -> Procedure[Ended]:
    """Run the task's procedure, and turn what it raises into an outcome."""
    try:
        return (yield from task.operation.procedure(memory, task))
    except (BucketpointError, _Declined) as error:
        if isinstance(error, OutcomeUnknownError):
            memory.doubt = error, task.number
        for kind, outcome in _OUTCOMES:
            if isinstance(error, kind):
                return Ended(outcome)
        raise


# --- the plain operations -------------------------------------------------------------------------


def _tokens(checkpoint: Checkpoint) -> tuple[str, ...]:
    return tuple(checkpoint.variables.get("tokens", ()))


def _mark(checkpoint: Checkpoint, token: str) -> None:
    checkpoint.variables["tokens"] = [*_tokens(checkpoint), token]


def _update_by(change: Callable[[Task, Checkpoint, int], None]) -> Callable[..., Procedure[Ended]]:
    """An update by a function that is told the task and how often it ran before."""

    def procedure(memory: Memory, task: Task) -> Procedure[Ended]:
        calls = 0

        def fn(checkpoint: Checkpoint) -> None:
            nonlocal calls
            change(task, checkpoint, calls)
            calls += 1

        saved = yield from update(memory.session, EXECUTION, fn)
        memory.version = saved.version
        return Ended(Outcome.WRITTEN, saved.version, _tokens(saved.checkpoint))

    return procedure


def _append(task: Task, checkpoint: Checkpoint, _calls: int) -> None:
    _mark(checkpoint, task.token)


def _append_or_raise(task: Task, checkpoint: Checkpoint, _calls: int) -> None:
    if any(token[0].isupper() and token[0] != task.token[0] for token in _tokens(checkpoint)):
        raise _Declined
    _mark(checkpoint, task.token)


def _append_varying(task: Task, checkpoint: Checkpoint, calls: int) -> None:
    _mark(checkpoint, task.token + "'" * (calls % 2))


def _set_pause(*, paused: bool) -> Callable[[Task, Checkpoint, int], None]:
    def change(_task: Task, checkpoint: Checkpoint, _calls: int) -> None:
        if "main" not in checkpoint.branch_states:
            raise _Declined
        checkpoint.branch_states["main"].pause_requested = paused

    return change


def _save(memory: Memory, task: Task) -> Procedure[Ended]:
    memory.held, memory.unsettled = new_snapshot(task.token), ()
    memory.version = yield from save(memory.session, memory.held)
    return Ended(Outcome.WRITTEN, memory.version, (task.token,))


def _save_again(memory: Memory, task: Task) -> Procedure[Ended]:
    if memory.held is None:
        return Ended(Outcome.NOTHING)
    _mark(memory.held, task.token)
    try:
        memory.version = yield from save(memory.session, memory.held)
    except OutcomeUnknownError:
        if origin_of(memory.held) is not None:
            memory.unsettled = (*memory.unsettled, task.number)
        raise
    memory.unsettled = ()
    return Ended(Outcome.WRITTEN, memory.version, _tokens(memory.held))


def _save_if_absent(memory: Memory, task: Task) -> Procedure[Ended]:
    checkpoint = new_snapshot(task.token)
    memory.version = yield from save(memory.session, checkpoint, if_absent=True)
    return Ended(Outcome.WRITTEN, memory.version, (task.token,))


def _save_if_version(memory: Memory, task: Task) -> Procedure[Ended]:
    if memory.version is None:
        return Ended(Outcome.NOTHING)
    checkpoint = new_snapshot(task.token)
    memory.version = yield from save(memory.session, checkpoint, if_version=memory.version)
    return Ended(Outcome.WRITTEN, memory.version, (task.token,))


def _delete(memory: Memory, _task: Task) -> Procedure[Ended]:
    yield from delete(memory.session, EXECUTION)
    return Ended(Outcome.WRITTEN)


def _load(memory: Memory, _task: Task) -> Procedure[Ended]:
    checkpoint = yield from load(memory.session, EXECUTION)
    memory.held, memory.unsettled = checkpoint, ()
    origin = origin_of(checkpoint)
    memory.version = origin.version if origin is not None else None
    return Ended(Outcome.READ, memory.version, _tokens(checkpoint))


def _purge(memory: Memory, _task: Task) -> Procedure[Ended]:
    purged = yield from purge(memory.session, EXECUTION)
    return Ended(Outcome.WRITTEN if purged else Outcome.NOT_PURGED)


def _settle(memory: Memory, _task: Task) -> Procedure[Ended]:
    if memory.doubt is None:
        return Ended(Outcome.NOTHING)
    error, about = memory.doubt
    try:
        applied = yield from settle(memory.session, error)
    except OutcomeUnknownError:
        return Ended(Outcome.SETTLED_OPEN)
    memory.doubt = None
    outcome = Outcome.SETTLED_APPLIED if applied else Outcome.SETTLED_NOT_APPLIED
    return Ended(outcome, about=about)


# --- under a claim --------------------------------------------------------------------------------


def _claim(*, takeover: bool) -> Callable[[Memory, Task], Procedure[Ended]]:
    def procedure(memory: Memory, task: Task) -> Procedure[Ended]:
        # One name for all owners: a claim must be told from another without its help.
        terms = ClaimTerms(EXECUTION, "worker", ttl=timedelta(seconds=60), takeover=takeover)
        memory.claim, memory.snapshot = yield from take_claim(memory.session, terms)
        memory.claim_number = task.number
        memory.known = frozenset({_tokens(memory.snapshot)})
        return Ended(Outcome.WRITTEN, tokens=_tokens(memory.snapshot))

    return procedure


def _with_claim(
    procedure: Callable[[Memory, Task, ClaimState, Checkpoint], Procedure[Ended]],
) -> Callable[[Memory, Task], Procedure[Ended]]:
    def with_claim(memory: Memory, task: Task) -> Procedure[Ended]:
        if memory.claim is None or memory.snapshot is None:
            return Ended(Outcome.NOTHING)
        return (yield from procedure(memory, task, memory.claim, memory.snapshot))

    return with_claim


def _claimed_save(
    memory: Memory, task: Task, claim: ClaimState, snapshot: Checkpoint
) -> Procedure[Ended]:
    _mark(snapshot, task.token)
    snapshot.branch_states.setdefault("main", BranchState(id="main"))
    try:
        version = yield from save_claimed(memory.session, claim, snapshot)
    except OutcomeUnknownError:
        memory.known |= {_tokens(snapshot)}
        raise
    memory.known = frozenset({_tokens(snapshot)})
    return Ended(Outcome.WRITTEN, version, _tokens(snapshot))


def _claimed_update(
    memory: Memory, task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    known = memory.known
    try:
        saved = yield from update_claimed(
            memory.session, claim, lambda checkpoint: _mark(checkpoint, task.token)
        )
    except OutcomeUnknownError:
        memory.known |= {(*tokens, task.token) for tokens in known}
        raise
    memory.snapshot = saved.checkpoint
    tokens = _tokens(saved.checkpoint)
    if tokens[:-1] in known:
        memory.known = frozenset({tokens})
    return Ended(Outcome.WRITTEN, saved.version, tokens)


def _claimed_load(
    memory: Memory, _task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    memory.snapshot = yield from load_claimed(memory.session, claim)
    memory.known = frozenset({_tokens(memory.snapshot)})
    return Ended(Outcome.READ, tokens=_tokens(memory.snapshot))


def _renew(
    memory: Memory, _task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    yield from renew(memory.session, claim)
    return Ended(Outcome.WRITTEN)


def _release(
    memory: Memory, _task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    if claim.lost:
        return Ended(Outcome.NOTHING)
    yield from release(memory.session, claim)
    return Ended(Outcome.RELEASED)


# --- the sequential specification -----------------------------------------------------------------


def _appends(task: Task, before: Data | None, after: Data | None) -> bool:
    if before is None or after is None or after.paused != before.paused:
        return False
    return after.tokens[:-1] == before.tokens and after.tokens[-1].rstrip("'") == task.token


def _replaces(task: Task, _before: Data | None, after: Data | None) -> bool:
    return after == Data((task.token,), paused=False)


def _replaces_by_held(task: Task, _before: Data | None, after: Data | None) -> bool:
    return after == Data((*task.tokens, task.token), task.paused)


def _creates(task: Task, before: Data | None, after: Data | None) -> bool:
    return before is None and _replaces(task, before, after)


def _removes(_task: Task, _before: Data | None, after: Data | None) -> bool:
    return after is None


def _purges(_task: Task, before: Data | None, after: Data | None) -> bool:
    return before is None and after is None


def _sets_pause(*, paused: bool) -> Effect:
    def effect(_task: Task, before: Data | None, after: Data | None) -> bool:
        return before is not None and after == before._replace(paused=paused)

    return effect


def _keeps_or_begins(_task: Task, before: Data | None, after: Data | None) -> bool:
    return after == (before if before is not None else Data((), paused=None))


def _keeps(_task: Task, before: Data | None, after: Data | None) -> bool:
    return before is not None and after == before


def _saves_snapshot(task: Task, before: Data | None, after: Data | None) -> bool:
    if before is None or before.tokens not in task.known:
        return False
    return after == Data((*task.tokens, task.token), bool(before.paused))


_FENCED = {Outcome.FENCED: Sight.NOT_MINE}
_NO_CHECKPOINT = {Outcome.NO_CHECKPOINT: Sight.ABSENT}

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("update", _update_by(_append), _appends, _NO_CHECKPOINT),
        Operation(
            "update_or_raise",
            _update_by(_append_or_raise),
            _appends,
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.CHANGED_BY_OTHERS},
        ),
        Operation("update_varying", _update_by(_append_varying), _appends, _NO_CHECKPOINT),
        Operation("save", _save, _replaces),
        Operation(
            "save_again",
            _save_again,
            _replaces_by_held,
            {Outcome.CONFLICT: Sight.NOT_AS_SEEN},
            replaces_seen=True,
            needs="held",
        ),
        Operation(
            "save_if_absent",
            _save_if_absent,
            _creates,
            {Outcome.VERSION_CONFLICT: Sight.PRESENT},
        ),
        Operation(
            "save_if_version",
            _save_if_version,
            _replaces,
            {Outcome.VERSION_CONFLICT: Sight.NOT_AS_SEEN},
            replaces_seen=True,
            needs="version",
        ),
        Operation("delete", _delete, _removes, claim=ClaimChange.CLEARED),
        Operation("load", _load, None, _NO_CHECKPOINT),
        Operation("purge", _purge, _purges, claim=ClaimChange.CLEARED),
        Operation("settle", _settle, needs="doubt"),
        Operation(
            "pause",
            _update_by(_set_pause(paused=True)),
            _sets_pause(paused=True),
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.BRANCHLESS},
        ),
        Operation(
            "unpause",
            _update_by(_set_pause(paused=False)),
            _sets_pause(paused=False),
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.BRANCHLESS},
        ),
        Operation(
            "claim",
            _claim(takeover=False),
            _keeps_or_begins,
            {Outcome.HELD: Sight.CLAIMED},
            ClaimChange.GRANTED,
        ),
        Operation("take_over", _claim(takeover=True), _keeps_or_begins, claim=ClaimChange.GRANTED),
        Operation(
            "claimed_save",
            _with_claim(_claimed_save),
            _saves_snapshot,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation(
            "claimed_update",
            _with_claim(_claimed_update),
            _appends,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation("claimed_load", _with_claim(_claimed_load), None, _FENCED, needs="claimed"),
        Operation("renew", _with_claim(_renew), _keeps, _FENCED, under_claim=True, needs="claimed"),
        Operation(
            "release",
            _with_claim(_release),
            _keeps,
            {Outcome.RELEASED: Sight.NOT_MINE},
            ClaimChange.CLEARED,
            under_claim=True,
            needs="claimed",
        ),
    )
}
"""All operations by name."""
