"""What a listing needs of a stored document, read without building the rest of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator

from bucketpoint.checkpoint import (
    CHECKPOINT_SCHEMA_VERSION,
    BranchState,
    Checkpoint,
    clamped,
)
from bucketpoint.core import codec
from bucketpoint.core.document import MEMBER, Document, member_glance
from bucketpoint.core.waits import next_wake_of
from bucketpoint.errors import BucketpointError, StoredDataError
from bucketpoint.stores.contract import Version
from bucketpoint.timestamps import Timestamp, nanoseconds_between

__all__ = [
    "UNREADABLE",
    "Gist",
    "Kind",
    "Summarised",
    "at_a_glance",
    "gist_of",
    "in_full",
    "unreadable",
]

UNREADABLE = "unreadable"
"""The status that a listing shows for what cannot be read as a checkpoint."""


class Kind(Enum):
    """What lies under the key of an execution."""

    RUN = "run"
    TOMBSTONE = "tombstone"
    UNREADABLE = "unreadable"


class Gist(NamedTuple):  # made in a third of a dataclass's time
    """All that a listing shows, or chooses by, of one version of a document.

    Attributes:
        kind: What it is.
        workflow_name: As in the summary.
        status: Likewise.
        start_time: Likewise, as it is written.
        end_time: Likewise.
        duration: Likewise, in nanoseconds.
        error: Likewise; why it cannot be read, where it cannot.
        next_wake_at: Likewise.
    """

    kind: Kind
    workflow_name: str = ""
    status: str = ""
    start_time: str | None = None
    end_time: str | None = None
    duration: int | None = None
    error: str = ""
    next_wake_at: Timestamp | None = None


class Summarised(NamedTuple):
    """The gist of one version."""

    version: Version
    gist: Gist

    @property
    def size(self) -> int:
        """About how many bytes it takes to remember it."""
        gist = self.gist
        return 500 + len(gist.workflow_name) + len(gist.status) + len(gist.error)


def gist_of(body: bytes) -> Gist:
    """Return the gist of a stored document; what is wrong with it becomes part of that."""
    return at_a_glance(body) or in_full(body)


def unreadable(problem: BucketpointError) -> Gist:
    """Return the gist of what cannot be read."""
    return Gist(Kind.UNREADABLE, status=UNREADABLE, error=str(problem))


def in_full(body: bytes) -> Gist:
    """Return the gist of any document, by reading all of it."""
    document = Document.parse(body)
    if document.problem is not None:
        return unreadable(document.problem)
    if document.deleted:
        return Gist(Kind.TOMBSTONE)
    try:
        checkpoint = Checkpoint.from_document(document.take_data())
    except StoredDataError as error:
        return unreadable(error)
    branches = checkpoint.branch_states
    return _of(checkpoint.__dict__, [branch for branch in branches.values() if branch.wait])


def at_a_glance(body: bytes) -> Gist | None:
    """Return the gist of an ordinary document in a fraction of the time; None of another one."""
    seen = codec.glance(body, _glance())
    if seen is None or seen.get("schema_version") != CHECKPOINT_SCHEMA_VERSION:
        return None
    member = seen.get(MEMBER)
    if member is not None:
        if "codec" in member:
            return None
        if member.get("deleted"):
            return Gist(Kind.TOMBSTONE)
    branches: Mapping[str, Any] = seen.get("branch_states") or {}
    waiting = [BranchState.model_validate(b) for b in branches.values() if b.get("wait")]
    return _of(seen, waiting)


def _of(members: Mapping[str, Any], waiting: Sequence[BranchState]) -> Gist:
    """Return the gist of a run, by the members of its document and its branches that wait."""
    status: str = members.get("status", "")
    start_time, end_time = members.get("start_time"), members.get("end_time")
    return Gist(
        Kind.RUN,
        members.get("workflow_name", ""),
        status,
        start_time,
        end_time,
        _nanoseconds(start_time, end_time or members.get("checkpoint_at")),
        members.get("error", ""),
        next_wake_of(status, waiting) if waiting else None,
    )


@cache
def _glance() -> SchemaValidator:
    return SchemaValidator(Checkpoint.glance(**{MEMBER: member_glance()}))


def _nanoseconds(start: str | None, end: str | None) -> int | None:
    if start is None or end is None:
        return None
    return clamped(nanoseconds_between(start, end))
