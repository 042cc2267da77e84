"""The versions that a store keeps of an execution: to be listed, loaded, and restored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bucketpoint.arguments import is_a
from bucketpoint.core.document import FORKED_FROM, FORKS
from bucketpoint.core.effects import Procedure, get, list_versions
from bucketpoint.core.query import check_limit
from bucketpoint.core.save import Guard, exactly
from bucketpoint.core.session import (
    Seen,
    Session,
    StoredCheckpoint,
    Target,
    no_checkpoint,
    origin_of,
    set_origin,
)
from bucketpoint.core.update import saved
from bucketpoint.core.write import Decision, Refuse, Write, write
from bucketpoint.errors import (
    InvalidInputError,
    NoCheckpointError,
    UnsupportedError,
    UnsupportedFormatError,
)
from bucketpoint.stores.contract import ObjectVersion, Version

__all__ = [
    "CheckpointVersion",
    "check_writable",
    "history",
    "kept_version",
    "load_version",
    "require_versions",
    "restore",
]


@dataclass(frozen=True, slots=True)
class CheckpointVersion:
    """One kept version of an execution's checkpoint, as a listing shows it.

    A deleted run's newest version is a tombstone, which only reading it tells from a checkpoint.

    Attributes:
        version_id: Names it in the store; `load_version`, `restore` and `fork` take it.
        version: What it was while it was current, for `if_version`; None for a deletion.
        modified_at: When it was written, by the store's clock.
        size: Bytes.
        is_current: It is what `load_checkpoint` returns.
        is_deletion: It marks that the object was removed, as `purge` does; there is nothing in it.

    Example:
        >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> version = checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        >>> [newest] = checkpointer.history("run-42")
        >>> newest.is_current, newest.version == version
        (True, True)
    """

    version_id: str
    version: Version | None
    modified_at: datetime
    size: int
    is_current: bool
    is_deletion: bool

    @classmethod
    def of(cls, kept: ObjectVersion) -> CheckpointVersion:
        """Show a version of the store."""
        return cls(
            version_id=kept.version_id,
            version=kept.version,
            modified_at=kept.modified_at,
            size=kept.size,
            is_current=kept.is_current,
            is_deletion=kept.is_deletion,
        )


def history(
    session: Session, execution_id: str, limit: int | None
) -> Procedure[list[CheckpointVersion]]:
    """List the kept versions, the newest first, without reading any."""
    check_limit(limit)
    target = session.target(execution_id)
    require_versions(session, target)
    kept = yield from session.persist(target, lambda: list_versions(target.key, limit))
    if not kept:
        raise no_checkpoint(target)
    return [CheckpointVersion.of(version) for version in kept]


def load_version(
    session: Session, execution_id: str, version: CheckpointVersion | str
) -> Procedure[StoredCheckpoint]:
    """Return the checkpoint that was stored as this version."""
    target = session.target(execution_id)
    seen = yield from kept_version(session, target, version)
    stored = session.stored_in(seen, target)
    origin = origin_of(stored.checkpoint)
    if origin is not None:
        set_origin(stored.checkpoint, replace(origin, looked_up=True))
    return stored


def restore(
    session: Session,
    execution_id: str,
    version: CheckpointVersion | str,
    *,
    if_version: Version | None = None,
) -> Procedure[StoredCheckpoint]:
    """Write the data of a kept version over what is stored now, whatever that is.

    The member goes on: no revision is used again, and nothing that a write under way may need is
    forgotten. The epoch is raised, so that a worker which goes on from the newer state is fenced.
    """
    target = session.target(execution_id)
    guard = _guard(if_version, target)
    kept = yield from kept_version(session, target, version)
    check_writable(kept)
    snapshot = session.snapshot(session.checkpoint_of(kept, target), target)
    notes = _notes_of(kept)

    def decide(seen: Seen, fresh: bool) -> Procedure[Decision]:  # noqa: ARG001, FBT001 - see Decide
        yield from ()
        refusal = guard(seen)
        if refusal is not None:
            return Refuse(refusal)
        lineage_goes_on = seen.document is not None and seen.document.member is not None
        return Write(
            data=snapshot.data,
            result=snapshot,
            raise_epoch=lineage_goes_on,
            owner=None,
            notes=notes | _notes_of(seen),
        )

    written = yield from write(session, target, decide)
    return saved(session, target, written)


def kept_version(
    session: Session, target: Target, version: CheckpointVersion | str
) -> Procedure[Seen]:
    """Read a kept version that is no deletion, or raise `NoCheckpointError`."""
    require_versions(session, target)
    version_id = _version_id(version)
    found = None
    if not (isinstance(version, CheckpointVersion) and version.is_deletion):
        found = yield from session.persist(target, lambda: get(target.key, version_id))
    seen = session.seen_in(found, target) if found is not None else None
    if seen is not None and seen.live:
        return seen
    what = "is not kept, or removed the object" if seen is None else "deleted the run"
    msg = (
        f"version {version_id!r} of execution {target.execution_id!r} {what}: choose another one "
        "of those that history() lists"
    )
    raise NoCheckpointError(msg, execution_id=target.execution_id, key=target.key)


def check_writable(seen: Seen) -> None:
    """Raise `UnsupportedFormatError` for data that only a newer version can read."""
    if seen.document is not None and seen.document.unwritable is not None:
        raise UnsupportedFormatError(str(seen.document.unwritable))


def _notes_of(seen: Seen) -> dict[str, Any]:
    member = seen.document.member if seen.document is not None else None
    extra = member.extra if member is not None else {}
    return {name: extra[name] for name in (FORKED_FROM, FORKS) if name in extra}


def require_versions(session: Session, target: Target) -> None:
    """Raise `UnsupportedError` where the store can keep no versions."""
    if session.capabilities.versions:
        return
    msg = (
        f"{session.store_url} keeps no earlier versions: use a bucket with versioning turned on, "
        "or open the folder or memory store with keep_versions above 0"
    )
    raise UnsupportedError(msg, execution_id=target.execution_id, key=target.key)


def _version_id(version: CheckpointVersion | str) -> str:
    if is_a(version, CheckpointVersion):
        return version.version_id  # type: ignore[union-attr]  # is_a narrows nothing
    if is_a(version, str) and version:
        return version  # type: ignore[return-value]  # likewise
    msg = (
        "a version is named by an entry of history(), or by its version_id, not by "
        f"{type(version).__name__}"
    )
    raise InvalidInputError(msg)


def _guard(if_version: Version | None, target: Target) -> Guard:
    if if_version is None:
        return lambda _: None
    if not is_a(if_version, Version):
        msg = "if_version takes a Version; make one of a string with Version.parse()"
        raise InvalidInputError(msg)
    return exactly(if_version, target)
