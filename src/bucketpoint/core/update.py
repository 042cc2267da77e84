"""Atomic update: load, change, save, as one step among all writers of the execution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.effects import Procedure, call
from bucketpoint.core.session import Seen, Session, Snapshot, StoredCheckpoint, Target
from bucketpoint.core.write import Decision, Refuse, Write, Written, write
from bucketpoint.errors import InvalidInputError

__all__ = ["Change", "changed_by", "saved", "update"]

Change = Callable[[Checkpoint], Any]


def update(session: Session, execution_id: str, fn: Change) -> Procedure[StoredCheckpoint]:
    """Run `fn` on the stored checkpoint and store what it made of it.

    An exception of `fn` comes out as the very same object, and only if `fn` raised it on a state
    that was read in this call.
    """
    target = session.target(execution_id)
    if not callable(cast("object", fn)):
        msg = f"atomic_update takes a function of a Checkpoint, not {type(fn).__name__}"
        raise InvalidInputError(msg, execution_id=execution_id)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        try:
            checkpoint = yield from changed_by(fn, session.checkpoint_of(seen, target), target)
            snapshot = session.snapshot(checkpoint, target)
        except Exception as error:  # noqa: BLE001 - whatever fn raises is the caller's
            return Refuse(error)
        return Write(data=snapshot.data, result=snapshot)

    written = yield from write(session, target, decide)
    return saved(session, target, written)


def changed_by(fn: Change, checkpoint: Checkpoint, target: Target) -> Procedure[Checkpoint]:
    """Run `fn`, which edits its argument or returns another, and check what it made."""
    execution_id = checkpoint.execution_id
    result = yield from call(fn, checkpoint)
    if result is not None and not isinstance(result, Checkpoint):
        msg = (
            "the function given to an update must edit its argument and return None, or return "
            f"a Checkpoint; it returned {type(result).__name__}"
        )
        raise InvalidInputError(msg, execution_id=target.execution_id)
    changed = checkpoint if result is None else result
    if changed.execution_id != execution_id:
        msg = "an update cannot change the execution_id: save a new checkpoint under the other ID"
        raise InvalidInputError(msg, execution_id=target.execution_id)
    return changed


def saved(session: Session, target: Target, written: Written) -> StoredCheckpoint:
    """What an update gives back; the result of what was written is its snapshot."""
    snapshot: Snapshot = written.result
    session.remember_origin(snapshot, target, written.version, written.member)
    return StoredCheckpoint(snapshot.checkpoint, written.version, written.member.revision, None)
