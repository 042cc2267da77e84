"""What clients can do: for each operation the real procedure, and what it may do to the object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar, cast

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
from bucketpoint.core.effects import Delete, Procedure, Put
from bucketpoint.core.fork import Forked, note_fork
from bucketpoint.core.gc import Fate, Terms, collect
from bucketpoint.core.history import restore
from bucketpoint.core.load import load
from bucketpoint.core.save import save
from bucketpoint.core.session import StoredCheckpoint, origin_of
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
from bucketpoint.stores.contract import IfVersion, StoredObject, Version
from bucketpoint.testing.explore.memory import EXECUTION, OLD_VERSION, Memory, new_snapshot
from bucketpoint.testing.explore.specification import (
    appends,
    creates,
    keeps,
    keeps_or_begins,
    purges,
    removes,
    replaces,
    replaces_by_held,
    restores,
    saves_snapshot,
    sets_pause,
)
from bucketpoint.testing.explore.tasks import (
    ClaimChange,
    Ended,
    Operation,
    Outcome,
    Sight,
    Task,
)

__all__ = ["OPERATIONS", "perform"]

T = TypeVar("T")


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


# --- history --------------------------------------------------------------------------------------


def _restore(memory: Memory, _task: Task) -> Procedure[Ended]:
    assert OLD_VERSION.version_id is not None, "it is an old one"
    stored = yield from restore(memory.session, EXECUTION, OLD_VERSION.version_id)
    memory.version = stored.version
    return Ended(Outcome.WRITTEN, stored.version, _tokens(stored.checkpoint))


def _note_fork(memory: Memory, task: Task) -> Procedure[Ended]:
    """The second half of a fork; the first one creates another object."""
    forked = StoredCheckpoint(new_snapshot(task.token), Version.superseded(), 1, None)
    yield from note_fork(memory.session, EXECUTION, task.token, Forked(forked, "source", 1))
    return Ended(Outcome.WRITTEN)


# --- garbage collection ---------------------------------------------------------------------------

_OVER = Terms(timedelta(days=1), finished=True)


def _collect(memory: Memory, _task: Task) -> Procedure[Ended]:
    """Take the run if it is over, and nothing that was written since it was judged to be."""
    collected = yield from _over_what_is_old(collect(memory.session, EXECUTION, _OVER))
    return Ended(Outcome.NOT_PURGED if collected.fate is Fate.KEPT else Outcome.WRITTEN)


def _over_what_is_old(collecting: Procedure[T]) -> Procedure[T]:
    """Go on with a collection as long as it writes over nothing but what it was shown as old."""
    old: set[Version] = set()
    try:
        effect = next(collecting)
        while True:
            try:
                result = yield effect
            except BaseException as error:  # noqa: BLE001 - the collection decides what it means
                effect = collecting.throw(error)
            else:
                if isinstance(result, StoredObject) and result.served_at > result.modified_at:
                    old.add(result.version)
                effect = collecting.send(result)
            if isinstance(effect, Put | Delete):
                assert isinstance(effect.when, IfVersion), "it never creates"
                assert effect.when.version in old, "it was not shown as old"
    except StopIteration as end:
        return cast("T", end.value)


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
    """The engine keeps one checkpoint object, and saves it again and again."""
    _mark(snapshot, task.token)
    snapshot.branch_states.setdefault("main", BranchState(id="main"))
    try:
        version = yield from save_claimed(memory.session, claim, snapshot)
    except OutcomeUnknownError:
        memory.known |= {_tokens(snapshot)}
        raise
    memory.known = frozenset({_tokens(snapshot)})
    return Ended(Outcome.WRITTEN, version, _tokens(snapshot))


def _claimed_rebuild(
    memory: Memory, task: Task, claim: ClaimState, snapshot: Checkpoint
) -> Procedure[Ended]:
    """The engine builds a new checkpoint object for each save."""
    memory.snapshot = Checkpoint.from_document(snapshot.to_document())
    return (yield from _claimed_save(memory, task, claim, memory.snapshot))


def _claimed_update(
    memory: Memory, task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    """The engine goes on with the checkpoint that the update returned."""
    saved = yield from _updated(memory, task, claim)
    memory.snapshot = saved.checkpoint
    return Ended(Outcome.WRITTEN, saved.version, _tokens(saved.checkpoint))


def _claimed_patch(
    memory: Memory, task: Task, claim: ClaimState, _snapshot: Checkpoint
) -> Procedure[Ended]:
    """The engine goes on with its own snapshot, as if there had been no update."""
    saved = yield from _updated(memory, task, claim)
    return Ended(Outcome.WRITTEN, saved.version, _tokens(saved.checkpoint))


def _updated(memory: Memory, task: Task, claim: ClaimState) -> Procedure[StoredCheckpoint]:
    known = memory.known
    try:
        saved = yield from update_claimed(
            memory.session, claim, lambda checkpoint: _mark(checkpoint, task.token)
        )
    except OutcomeUnknownError:
        memory.known |= {(*tokens, task.token) for tokens in known}
        raise
    tokens = _tokens(saved.checkpoint)
    if tokens[:-1] in known:
        memory.known = frozenset({tokens})
    return saved


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
    if claim.released:
        return Ended(Outcome.NOTHING)
    yield from release(memory.session, claim)
    return Ended(Outcome.RELEASED)


_FENCED = {Outcome.FENCED: Sight.NOT_MINE}
_NO_CHECKPOINT = {Outcome.NO_CHECKPOINT: Sight.ABSENT}

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("update", _update_by(_append), appends, _NO_CHECKPOINT),
        Operation(
            "update_or_raise",
            _update_by(_append_or_raise),
            appends,
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.CHANGED_BY_OTHERS},
        ),
        Operation("update_varying", _update_by(_append_varying), appends, _NO_CHECKPOINT),
        Operation("save", _save, replaces),
        Operation(
            "save_again",
            _save_again,
            replaces_by_held,
            {Outcome.CONFLICT: Sight.NOT_AS_SEEN},
            replaces_seen=True,
            needs="held",
        ),
        Operation(
            "save_if_absent",
            _save_if_absent,
            creates,
            {Outcome.VERSION_CONFLICT: Sight.PRESENT},
        ),
        Operation(
            "save_if_version",
            _save_if_version,
            replaces,
            {Outcome.VERSION_CONFLICT: Sight.NOT_AS_SEEN},
            replaces_seen=True,
            needs="version",
        ),
        Operation(
            "delete",
            _delete,
            removes,
            {Outcome.WRITTEN: Sight.ABSENT},
            ClaimChange.CLEARED,
        ),
        Operation("load", _load, None, _NO_CHECKPOINT),
        Operation("purge", _purge, purges, claim=ClaimChange.CLEARED),
        Operation("collect", _collect, removes, claim=ClaimChange.CLEARED),
        Operation("settle", _settle, needs="doubt"),
        Operation("restore", _restore, restores, claim=ClaimChange.CLEARED),
        Operation("note_fork", _note_fork, keeps, _NO_CHECKPOINT),
        Operation(
            "pause",
            _update_by(_set_pause(paused=True)),
            sets_pause(paused=True),
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.BRANCHLESS},
        ),
        Operation(
            "unpause",
            _update_by(_set_pause(paused=False)),
            sets_pause(paused=False),
            {**_NO_CHECKPOINT, Outcome.RAISED: Sight.BRANCHLESS},
        ),
        Operation(
            "claim",
            _claim(takeover=False),
            keeps_or_begins,
            {Outcome.HELD: Sight.CLAIMED},
            ClaimChange.GRANTED,
        ),
        Operation("take_over", _claim(takeover=True), keeps_or_begins, claim=ClaimChange.GRANTED),
        Operation(
            "claimed_save",
            _with_claim(_claimed_save),
            saves_snapshot,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation(
            "claimed_rebuild",
            _with_claim(_claimed_rebuild),
            saves_snapshot,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation(
            "claimed_update",
            _with_claim(_claimed_update),
            appends,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation(
            "claimed_patch",
            _with_claim(_claimed_patch),
            appends,
            _FENCED,
            under_claim=True,
            needs="claimed",
        ),
        Operation("claimed_load", _with_claim(_claimed_load), None, _FENCED, needs="claimed"),
        Operation("renew", _with_claim(_renew), keeps, _FENCED, under_claim=True, needs="claimed"),
        Operation(
            "release",
            _with_claim(_release),
            keeps,
            {Outcome.RELEASED: Sight.NOT_MINE},
            ClaimChange.CLEARED,
            under_claim=True,
            needs="claimed",
        ),
    )
}
"""All operations by name."""
