"""Reading: `load` and `get`. Both always ask the store; what is remembered answers nothing."""

from __future__ import annotations

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.effects import Procedure
from bucketpoint.core.session import Session, StoredCheckpoint

__all__ = ["get_stored", "load"]


def load(session: Session, execution_id: str) -> Procedure[Checkpoint]:
    """Return the checkpoint that is stored now."""
    target = session.target(execution_id)
    seen = yield from session.look(target)
    return session.checkpoint_of(seen, target)


def get_stored(session: Session, execution_id: str) -> Procedure[StoredCheckpoint | None]:
    """Return the checkpoint with its version, or None when there is none."""
    target = session.target(execution_id)
    seen = yield from session.look(target)
    if seen.document is None or seen.version is None or seen.document.deleted:
        return None
    checkpoint = session.checkpoint_of(seen, target)
    member = seen.document.member
    revision = member.revision if member is not None else None
    return StoredCheckpoint(checkpoint, seen.version, revision, seen.modified_at)
