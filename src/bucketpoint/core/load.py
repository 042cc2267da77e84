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
    return session.stored_in(seen, target) if seen.live else None
