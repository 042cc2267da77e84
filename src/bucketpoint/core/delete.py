"""Deleting, which is writing a tombstone, and purging, which removes an old tombstone."""

from __future__ import annotations

from bucketpoint.core import codec
from bucketpoint.core.document import FORKED_FROM, FORKS
from bucketpoint.core.effects import DeadlinePassed, Procedure
from bucketpoint.core.effects import delete as delete_object
from bucketpoint.core.session import Seen, Session, Target, out_of_time
from bucketpoint.core.write import Decision, Write, write
from bucketpoint.errors import OutcomeUnknownError, PreconditionFailedError, UnsupportedError
from bucketpoint.stores.contract import IfVersion

__all__ = [
    "cannot_purge",
    "delete",
    "is_tombstone",
    "purge",
    "remove_tombstone",
    "tombstone",
]


def delete(session: Session, execution_id: str) -> Procedure[None]:
    """Write a tombstone, whatever is there.

    Also over nothing and over another tombstone: only that stops a write which is still under
    way from bringing the run back.
    """
    target = session.target(execution_id)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        return tombstone(target, seen)

    yield from write(session, target, decide)


def tombstone(target: Target, seen: Seen) -> Write:
    """Decide to write a tombstone over what was seen; it ends a claim, and the story of forks."""
    lineage_goes_on = seen.document is not None and seen.document.member is not None
    return Write(
        data=codec.encode({"schema_version": 0, "execution_id": target.execution_id}),
        deleted=True,
        raise_epoch=lineage_goes_on,
        owner=None,
        notes={FORKED_FROM: None, FORKS: None},
    )


def purge(session: Session, execution_id: str) -> Procedure[bool]:
    """Remove the execution's tombstone if it is older than the grace; tell whether it did."""
    if not session.capabilities.conditional_delete:
        raise cannot_purge(session, execution_id)
    target = session.target(execution_id)
    seen = yield from session.look(target)
    if not is_tombstone(seen) or seen.age < session.settings.purge_grace:
        return False
    return (yield from remove_tombstone(session, target, seen))


def cannot_purge(session: Session, execution_id: str | None = None) -> UnsupportedError:
    """The error for a store that removes nothing on a condition."""
    msg = (
        f"{session.store_url} has no conditional delete, so a tombstone cannot be removed "
        "safely: let the bucket's lifecycle rules expire old versions, and leave it there"
    )
    return UnsupportedError(msg, execution_id=execution_id)


def is_tombstone(seen: Seen) -> bool:
    """Tell whether a tombstone was seen."""
    return seen.document is not None and seen.document.deleted


def remove_tombstone(session: Session, target: Target, seen: Seen) -> Procedure[bool]:
    """Remove exactly the tombstone that was seen; tell whether that surely happened."""
    if seen.version is None:
        return False
    session.remembered.forget(target.key)
    try:
        return (yield from delete_object(target.key, IfVersion(seen.version)))
    except (PreconditionFailedError, OutcomeUnknownError):
        return False  # somebody wrote, or removed, it: whichever, a later purge will see
    except DeadlinePassed:
        raise out_of_time(target) from None
