"""Forking: a new execution that begins with the data of another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.core.document import FORKED_FROM, FORKS, Member
from bucketpoint.core.effects import Procedure, get
from bucketpoint.core.history import CheckpointVersion, check_writable, kept_version
from bucketpoint.core.save import absent
from bucketpoint.core.session import Seen, Session, StoredCheckpoint, check_readable, no_checkpoint
from bucketpoint.core.update import changed_by, saved
from bucketpoint.core.write import Decision, Refuse, Write, write
from bucketpoint.errors import BucketpointError, InvalidInputError

__all__ = ["FORKS_KEPT", "Forked", "fork", "note_fork"]

FORKS_KEPT = 16
"""How many of its forks a document names, the newest ones."""


@dataclass(frozen=True, slots=True)
class Forked:
    """A fork that was made.

    Attributes:
        stored: The new execution.
        lineage: Of the document that it began with; None for one of another program.
        revision: Likewise.
    """

    stored: StoredCheckpoint
    lineage: str | None
    revision: int | None


def fork(
    session: Session,
    execution_id: str,
    new_execution_id: str,
    *,
    version: CheckpointVersion | str | None = None,
    edit: Callable[[Checkpoint], Any] | None = None,
) -> Procedure[Forked]:
    """Create the new execution, which must not exist, with the data of a version of the other."""
    source, target = session.target(execution_id), session.target(new_execution_id)
    if source.key == target.key:
        msg = "a fork is a run of its own: give it another execution ID than that of its source"
        raise InvalidInputError(msg, execution_id=execution_id)
    if edit is not None and not callable(cast("object", edit)):
        msg = f"edit must be a function of a Checkpoint, not {type(edit).__name__}"
        raise InvalidInputError(msg, execution_id=execution_id)
    if version is None:
        # Not remembered: only who holds the source's lock may say what was last seen of it.
        found = yield from session.persist(source, lambda: get(source.key))
        seen = session.seen_in(found, source) if found is not None else Seen(None, None)
    else:
        seen = yield from kept_version(session, source, version)
    check_writable(seen)
    checkpoint = session.checkpoint_of(seen, source)
    checkpoint.execution_id = new_execution_id
    if edit is not None:
        checkpoint = yield from changed_by(edit, checkpoint, target)
    snapshot = session.snapshot(checkpoint, target)
    lineage, revision = _place(seen)
    forked_from = {"execution_id": execution_id, "lineage": lineage, "revision": revision}
    guard = absent(target)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        refusal = guard(seen)
        if refusal is not None:
            return Refuse(refusal)
        return Write(data=snapshot.data, result=snapshot, notes={FORKED_FROM: forked_from})

    written = yield from write(session, target, decide)
    return Forked(saved(session, target, written), lineage, revision)


def note_fork(
    session: Session, execution_id: str, new_execution_id: str, forked: Forked
) -> Procedure[None]:
    """Name the fork in its source's member; the source's data stays as it is.

    A claimed worker takes it for no intrusion, as only the member differs.
    """
    target = session.target(execution_id)
    note = {
        "execution_id": new_execution_id,
        "lineage": forked.lineage,
        "revision": forked.revision,
    }

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        if seen.document is None or not seen.live:
            return Refuse(no_checkpoint(target))
        try:
            check_readable(seen, target)
        except BucketpointError as error:
            return Refuse(error)
        data = codec.encode(seen.document.take_data())
        return Write(data=data, notes={FORKS: [*_forks(seen.document.member), note][-FORKS_KEPT:]})

    yield from write(session, target, decide)


def _place(seen: Seen) -> tuple[str | None, int | None]:
    member = seen.document.member if seen.document is not None else None
    return (member.lineage, member.revision) if member is not None else (None, None)


def _forks(member: Member | None) -> list[Any]:
    forks: Any = member.extra.get(FORKS) if member is not None else None
    return [*forks] if isinstance(forks, list) else []
