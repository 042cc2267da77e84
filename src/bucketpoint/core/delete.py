"""Deleting, which is writing a tombstone, and purging, which removes an old tombstone."""

from __future__ import annotations

from bucketpoint.core import codec
from bucketpoint.core.document import FORKED_FROM, FORKS
from bucketpoint.core.effects import DeadlinePassed, Procedure
from bucketpoint.core.effects import delete as delete_object
from bucketpoint.core.session import Seen, Session, out_of_time
from bucketpoint.core.write import Decision, Write, write
from bucketpoint.errors import OutcomeUnknownError, PreconditionFailedError, UnsupportedError
from bucketpoint.stores.contract import IfVersion

__all__ = ["delete", "purge"]


def delete(session: Session, execution_id: str) -> Procedure[None]:
    """Write a tombstone, whatever is there.

    Also over nothing and over another tombstone: only that stops a write which is still under
    way from bringing the run back.
    """
    target = session.target(execution_id)
    data = codec.encode({"schema_version": 0, "execution_id": execution_id})

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        lineage_goes_on = seen.document is not None and seen.document.member is not None
        return Write(
            data=data,
            deleted=True,
            raise_epoch=lineage_goes_on,
            owner=None,
            notes={FORKED_FROM: None, FORKS: None},
        )

    yield from write(session, target, decide)


def purge(session: Session, execution_id: str) -> Procedure[bool]:
    """Remove the execution's tombstone if it is older than the grace; tell whether it did."""
    if not session.capabilities.conditional_delete:
        msg = (
            f"{session.store_url} has no conditional delete, so a tombstone cannot be removed "
            "safely: let the bucket's lifecycle rules expire old versions, and leave it there"
        )
        raise UnsupportedError(msg, execution_id=execution_id)
    target = session.target(execution_id)
    seen = yield from session.look(target)
    if seen.document is None or seen.version is None or not seen.document.deleted:
        return False
    if seen.age < session.settings.purge_grace:
        return False
    session.remembered.forget(target.key)
    try:
        return (yield from delete_object(target.key, IfVersion(seen.version)))
    except (PreconditionFailedError, OutcomeUnknownError):
        return False  # somebody wrote, or removed, it: whichever, a later purge will see
    except DeadlinePassed:
        raise out_of_time(target) from None
