"""The documents that are there before the clients, or that come from elsewhere."""

from __future__ import annotations

import json

from bucketpoint.core import codec
from bucketpoint.core.document import Entry, Member, assemble
from bucketpoint.testing.explore.memory import EXECUTION, new_snapshot
from bucketpoint.testing.explore.objects import Objects, Stored
from bucketpoint.testing.explore.states import Start

__all__ = ["first", "foreign"]


def foreign(stored: Stored | None) -> bytes:
    """What another program writes: the document without the member, or always the same."""
    if stored is None:
        return codec.encode(new_snapshot("foreign").to_document())
    document = json.loads(stored.body)
    document.pop("bucketpoint", None)
    return codec.encode(document)


def first(objects: Objects, start: Start) -> Stored:
    """The state before the clients begin."""
    if start is Start.ABSENT:
        return objects.absent
    data = codec.encode(new_snapshot("start").to_document())
    if start is Start.FOREIGN:
        return objects.document(foreign(None), None, objects.absent)
    member = Member(
        lineage="start",
        revision=3,
        writers={"w0": Entry("o0", 3)},
        evicted_revision=2,
        deleted=start is Start.TOMBSTONE,
    )
    if member.deleted:
        data = codec.encode({"schema_version": 0, "execution_id": EXECUTION})
    return objects.document(assemble(data, member), None, objects.absent)
