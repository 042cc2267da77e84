"""Saving: what a save may replace is decided here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bucketpoint.arguments import is_a
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.effects import Procedure
from bucketpoint.core.session import (
    Origin,
    Seen,
    Session,
    Target,
    origin_of,
    set_origin,
)
from bucketpoint.core.write import (
    Decision,
    Operation,
    Refuse,
    Write,
    begin,
    may_have_landed,
    write,
)
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    InvalidInputError,
    VersionConflictError,
)
from bucketpoint.stores.contract import Version

__all__ = ["Guard", "absent", "exactly", "save"]

Guard = Callable[[Seen], Exception | None]
"""Says why a state of the object must not be replaced."""


def save(
    session: Session,
    checkpoint: Checkpoint,
    *,
    if_version: Version | None = None,
    if_absent: bool = False,
    overwrite: bool | None = None,
) -> Procedure[Version]:
    """Store the checkpoint over what the caller has seen, asked for, or allowed to be lost."""
    if not is_a(checkpoint, Checkpoint):
        msg = f"save_checkpoint takes a Checkpoint, not {type(checkpoint).__name__}"
        raise InvalidInputError(msg)
    target = session.target(checkpoint.execution_id)
    _check_conditions(if_version, if_absent=if_absent, overwrite=overwrite)
    if if_version is not None:
        guard = exactly(if_version, target)
    elif if_absent:
        guard = absent(target)
    else:
        guard = _upsert(session, target, checkpoint, overwrite=overwrite)
    snapshot = session.snapshot(checkpoint, target)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        try:
            _check_replaceable(session, seen, target, origin_of(checkpoint))
        except BucketpointError as error:
            return Refuse(error)
        refusal = guard(seen)
        return Refuse(refusal) if refusal is not None else Write(data=snapshot.data)

    operation = yield from begin()
    try:
        written = yield from write(session, target, decide, operation)
    except BaseException as error:  # a call that is cut off may have landed, too
        if may_have_landed(error):
            _remember_attempt(checkpoint, operation)
        raise
    session.remember_origin(snapshot, target, written.version, written.member)
    return written.version


def _check_replaceable(session: Session, seen: Seen, target: Target, origin: Origin | None) -> None:
    """Raise what is wrong with the document that is to be replaced, if anything is."""
    if not seen.live or (seen.document is not None and seen.document.is_own):
        return
    if origin is None or origin.version != seen.version:  # else it has been read already
        session.checkpoint_of(seen, target)


def _remember_attempt(checkpoint: Checkpoint, operation: Operation) -> None:
    """Should it have landed after all, the object is that version as well."""
    origin = origin_of(checkpoint)
    if origin is not None:
        attempt = (operation.writer, operation.id)
        set_origin(checkpoint, replace(origin, unsettled=(*origin.unsettled, attempt)))


def _check_conditions(
    if_version: Version | None, *, if_absent: bool, overwrite: bool | None
) -> None:
    if sum((if_version is not None, bool(if_absent), bool(overwrite))) > 1:
        msg = "give only one of if_version, if_absent and overwrite"
        raise InvalidInputError(msg)
    if if_version is not None and not is_a(if_version, Version):
        msg = "if_version takes a Version; make one of a string with Version.parse()"
        raise InvalidInputError(msg)


def _upsert(
    session: Session, target: Target, checkpoint: Checkpoint, *, overwrite: bool | None
) -> Guard:
    """Only what this object was loaded from, or saved to, may be replaced; all, if it was not."""
    origin = session.origin_here(checkpoint, target)
    replaces_all = session.settings.overwrite if overwrite is None else overwrite
    if replaces_all or origin is None:
        return lambda _: None
    return _as_last_seen(origin, target)


def exactly(version: Version, target: Target) -> Guard:
    """Only this version may be replaced."""

    def refusal(seen: Seen) -> Exception | None:
        if seen.version == version:
            return None
        msg = (
            f"execution {target.execution_id!r} is no longer at the version asked for; nothing "
            "was written: load it again and decide on what is there now"
        )
        return VersionConflictError(msg)

    return refusal


def absent(target: Target) -> Guard:
    """Only nothing, or a tombstone, may be replaced."""

    def refusal(seen: Seen) -> Exception | None:
        if not seen.live:
            return None
        msg = (
            f"execution {target.execution_id!r} has a checkpoint already; nothing was written: "
            "it was started before, so load it and go on from there"
        )
        return VersionConflictError(msg)

    return refusal


def _as_last_seen(origin: Origin, target: Target) -> Guard:
    def refusal(seen: Seen) -> Exception | None:
        if seen.version == origin.version or _is_own(seen, origin):
            return None
        return ConflictError(_what_came_between(seen, origin, target))

    return refusal


def _what_came_between(seen: Seen, origin: Origin, target: Target) -> str:
    if origin.looked_up:
        return (
            f"this checkpoint is an earlier version of execution {target.execution_id!r}; nothing "
            "was written: restore() makes an earlier version the current one"
        )
    what = "changed" if seen.live else "was deleted"
    return (
        f"execution {target.execution_id!r} {what} since this checkpoint was loaded or saved; "
        "nothing was written: load it again and repeat your change (atomic_update does "
        "both), or save with overwrite=True to replace what the other writer stored"
    )


def _is_own(seen: Seen, origin: Origin) -> bool:
    """Tell whether the state is what an unsettled save of this very object made."""
    member = seen.document.member if seen.document is not None else None
    if member is None:
        return False
    return any(
        (entry := member.writers.get(writer)) is not None
        and entry.operation == operation
        and entry.revision == member.revision
        for writer, operation in origin.unsettled
    )
