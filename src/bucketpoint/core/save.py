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
    check_readable,
    origin_of,
    set_origin,
)
from bucketpoint.core.write import Decision, Evidence, Refuse, Write, write
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    InvalidInputError,
    OutcomeUnknownError,
    VersionConflictError,
)
from bucketpoint.stores.contract import Version

__all__ = ["save"]

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
    if not is_a(checkpoint, Checkpoint):
        msg = f"save_checkpoint takes a Checkpoint, not {type(checkpoint).__name__}"
        raise InvalidInputError(msg)
    target = session.target(checkpoint.execution_id)
    _check_conditions(if_version, if_absent=if_absent, overwrite=overwrite)
    if if_version is not None:
        guard = _exactly(if_version, target)
    elif if_absent:
        guard = _absent(target)
    else:
        guard = _upsert(session, target, checkpoint, overwrite=overwrite)
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
    session.remember_origin(checkpoint, target, written.version)
    return written.version


def _remember_attempt(checkpoint: Checkpoint, error: OutcomeUnknownError) -> None:
    """Should it have landed after all, the object is that version as well."""
    origin, evidence = origin_of(checkpoint), error.evidence
    if origin is not None and isinstance(evidence, Evidence):
        attempt = (evidence.writer, evidence.operation)
        set_origin(checkpoint, replace(origin, unsettled=(*origin.unsettled, attempt)))


def _check_conditions(
    if_version: Version | None, *, if_absent: bool, overwrite: bool | None
) -> None:
    if sum((if_version is not None, if_absent, bool(overwrite))) > 1:
        msg = "give only one of if_version, if_absent and overwrite"
        raise InvalidInputError(msg)
    if if_version is not None and not is_a(if_version, Version):
        msg = "if_version takes a Version; make one of a string with Version.parse()"
        raise InvalidInputError(msg)


def _upsert(
    session: Session, target: Target, checkpoint: Checkpoint, *, overwrite: bool | None
) -> _Guard:
    """Only what this object was loaded from, or saved to, may be replaced; all, if it was not."""
    origin = session.origin_here(checkpoint, target)
    replaces_all = session.settings.overwrite if overwrite is None else overwrite
    if replaces_all or origin is None:
        return lambda _: None
    return _as_last_seen(origin, target)


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
