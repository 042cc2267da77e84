"""What one look at an object proves about a write attempt whose outcome is unknown.

The rules of the protocol's safety stand here and nowhere else (docs/design/003).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bucketpoint.core.document import Document, Member
from bucketpoint.stores.contract import Version

__all__ = ["Base", "Verdict", "has_landed", "judge"]


class Verdict(Enum):
    """What is known of an attempt."""

    LIVE = "its base is still current: it may land yet"
    DEAD = "it has not landed and never will"
    UNKNOWN = "the proof is gone"


@dataclass(frozen=True, slots=True)
class Base:
    """The state of the object that an attempt was made on.

    Attributes:
        version: Its version; None where nothing was stored.
        lineage: Its lineage; None where nothing was stored, or a document without the member.
        revision: Its revision; 0 without a lineage.
    """

    version: Version | None
    lineage: str | None = None
    revision: int = 0

    @classmethod
    def of(cls, version: Version | None, document: Document | None) -> Base:
        """The base that an attempt on this state has."""
        if document is None or document.member is None:
            return cls(version)
        return cls(version, document.member.lineage, document.member.revision)


def has_landed(member: Member | None, writer: str, operation: str) -> bool:
    """Tell whether the table says that the operation landed."""
    entry = member.writers.get(writer) if member is not None else None
    return entry is not None and entry.operation == operation


def judge(base: Base, version: Version | None, document: Document | None, writer: str) -> Verdict:
    """Judge an attempt on `base`, which has not landed, by a later look at the object.

    Args:
        base: What the attempt was made on.
        version: The version that the look showed; None where nothing is stored.
        document: The document that the look showed.
        writer: Who made the attempt.
    """
    if version == base.version:
        return Verdict.LIVE
    if document is None or document.member is None:
        return Verdict.UNKNOWN  # purged, or the table was lost to another program
    member = document.member
    if base.version is None:
        return _judge_create(member, writer)
    if base.lineage is None or member.lineage != base.lineage:
        return Verdict.UNKNOWN
    if member.revision <= base.revision:
        return Verdict.LIVE  # an outdated read proves nothing
    return _judge_by_table(member, writer, base.revision)


def _judge_create(member: Member, writer: str) -> Verdict:
    if member.adopted or _judge_by_table(member, writer, 0) is Verdict.UNKNOWN:
        return Verdict.UNKNOWN
    # A tombstone may be purged, and then absence, the attempt's base, is current again.
    return Verdict.LIVE if member.deleted else Verdict.DEAD


def _judge_by_table(member: Member, writer: str, base_revision: int) -> Verdict:
    entry = member.writers.get(writer)
    newest_known = entry.revision if entry is not None else member.evicted_revision
    # Newer than the base: a clone of this writer wrote, or the entry was pushed out.
    return Verdict.UNKNOWN if newest_known > base_revision else Verdict.DEAD
