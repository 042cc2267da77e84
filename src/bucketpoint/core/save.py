"""Saving: what a save may replace is decided here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.effects import Procedure
from bucketpoint.core.session import Origin, Seen, Session, Target, check_readable
from bucketpoint.core.write import Decision, Evidence, Refuse, Write, write
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    InvalidInputError,
    OutcomeUnknownError,
    VersionConflictError,
)
from bucketpoint.stores.contract import Version

__all__ = ["remember_origin", "save"]

_Guard = Callable[[Seen], Exception | None]
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
    if not isinstance(checkpoint, Checkpoint):
        msg = f"save_checkpoint takes a Checkpoint, not {type(checkpoint).__name__}"
        raise InvalidInputError(msg)
    target = session.target(checkpoint.execution_id)
    guard = _guard(session, target, checkpoint, if_version, if_absent, overwrite)
    data = session.encode(checkpoint, target)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        try:
            check_readable(seen, target)
        except BucketpointError as error:
            return Refuse(error)
        refusal = guard(seen)
        return Refuse(refusal) if refusal is not None else Write(data=data)

    try:
        written = yield from write(session, target, decide)
    except OutcomeUnknownError as error:
        _remember_attempt(checkpoint, error)
        raise
    remember_origin(session, target, checkpoint, written.version)
    return written.version


def remember_origin(
    session: Session, target: Target, checkpoint: Checkpoint, version: Version
) -> None:
    """Make the object know which stored version it is."""
    checkpoint._origin = session.origin(target, version)


def _remember_attempt(checkpoint: Checkpoint, error: OutcomeUnknownError) -> None:
    """Should it have landed after all, the object is that version as well."""
    origin, evidence = checkpoint._origin, error.evidence
    if isinstance(origin, Origin) and isinstance(evidence, Evidence):
        attempt = (evidence.writer, evidence.operation)
        checkpoint._origin = replace(origin, unsettled=(*origin.unsettled, attempt))


def _guard(
    session: Session,
    target: Target,
    checkpoint: Checkpoint,
    if_version: Version | None,
    if_absent: bool,  # noqa: FBT001 - passed on from keyword arguments
    overwrite: bool | None,  # noqa: FBT001 - likewise
) -> _Guard:
    if sum((if_version is not None, if_absent, bool(overwrite))) > 1:
        msg = "give only one of if_version, if_absent and overwrite"
        raise InvalidInputError(msg)
    if if_version is not None:
        if not isinstance(if_version, Version):
            msg = "if_version takes a Version; make one of a string with Version.parse()"
            raise InvalidInputError(msg)
        return _exactly(if_version, target)
    if if_absent:
        return _absent(target)
    origin = checkpoint._origin
    replaces_all = session.settings.overwrite if overwrite is None else overwrite
    if replaces_all or not _is_of(origin, session, target):
        return lambda _: None
    return _as_last_seen(origin, target)


def _is_of(origin: object, session: Session, target: Target) -> bool:
    """Tell whether the checkpoint was loaded from, or saved to, this very object."""
    return (
        isinstance(origin, Origin)
        and origin.store == session.store_url
        and origin.key == target.key
    )


def _exactly(version: Version, target: Target) -> _Guard:
    def refusal(seen: Seen) -> Exception | None:
        if seen.version == version:
            return None
        msg = (
            f"execution {target.execution_id!r} is no longer at the version asked for; nothing "
            "was written: load it again and decide on what is there now"
        )
        return VersionConflictError(msg)

    return refusal


def _absent(target: Target) -> _Guard:
    def refusal(seen: Seen) -> Exception | None:
        if not seen.live:
            return None
        msg = (
            f"execution {target.execution_id!r} has a checkpoint already; nothing was written: "
            "it was started before, so load it and go on from there"
        )
        return VersionConflictError(msg)

    return refusal


def _as_last_seen(origin: Origin, target: Target) -> _Guard:
    def refusal(seen: Seen) -> Exception | None:
        if seen.version == origin.version or _is_own(seen, origin):
            return None
        what = "changed" if seen.live else "was deleted"
        msg = (
            f"execution {target.execution_id!r} {what} since this checkpoint was loaded or saved; "
            "nothing was written: load it again and repeat your change (atomic_update does "
            "both), or save with overwrite=True to replace what the other writer stored"
        )
        return ConflictError(msg)

    return refusal


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
