"""Reading: `load` and `get`. Both always ask the store; what is remembered answers nothing."""

from __future__ import annotations

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.effects import Procedure
from bucketpoint.core.session import Seen, Session, StoredCheckpoint, Target

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
    if not seen.live:
        return None
    return _stored(session, seen, target)


def _stored(session: Session, seen: Seen, target: Target) -> StoredCheckpoint:
    checkpoint = session.checkpoint_of(seen, target)
    document, version = seen.document, seen.version
    assert document is not None and version is not None  # noqa: PT018, S101 - it is live
    revision = document.member.revision if document.member is not None else None
    return StoredCheckpoint(checkpoint, version, revision, seen.modified_at)
