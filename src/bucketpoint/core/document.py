"""The stored document: a v1 checkpoint plus our one reserved member, `bucketpoint`.

The member carries what exactly-once rests on: which operation of which writer made which revision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self, cast

from pydantic_core import CoreSchema, core_schema, to_json

from bucketpoint.core import codec
from bucketpoint.errors import (
    BucketpointError,
    CorruptCheckpointError,
    StoredDataError,
    UnsupportedFormatError,
)

__all__ = [
    "FORKED_FROM",
    "FORKS",
    "FORMAT",
    "MEMBER",
    "TABLE_SIZE",
    "Document",
    "Entry",
    "Member",
    "assemble",
    "member_glance",
]

MEMBER = "bucketpoint"
FORMAT = 1
FORKED_FROM = "forked_from"
FORKS = "forks"
"""Parts of the member that tell people where a run comes from, and what was made of it."""

TABLE_SIZE = 16
"""How many writers' last operations a document remembers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The last operation of one writer that landed, and the revision it made."""

    operation: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The reserved member of one stored document.

    Attributes:
        lineage: Random; drawn when the table of writers began.
        revision: Counts the writes of this lineage; (lineage, revision) is never reused.
        writers: The last writers by ID, oldest revision first.
        evicted_revision: The highest revision ever pushed out of `writers`.
        epoch: Counts the claims and deletes of this lineage.
        owner: Who holds the claim of this epoch; None when it was released or deleted.
        ttl_s: Seconds without a write after which the claim has expired.
        adopted: The lineage began on a document that had no member.
        deleted: The document is a tombstone.
        extra: Unknown parts of the member, carried along.
    """

    lineage: str
    revision: int
    writers: dict[str, Entry]
    evicted_revision: int = 0
    epoch: int = 0
    owner: str | None = None
    ttl_s: float | None = None
    adopted: bool = False
    deleted: bool = False
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def first(cls, lineage: str, *, adopted: bool) -> Self:
        """The state before the first write of a new lineage."""
        return cls(lineage=lineage, revision=0, writers={}, adopted=adopted)

    def next(self, writer: str, operation: str) -> Self:
        """The member of the document that this operation writes on top of this one."""
        revision = self.revision + 1
        writers = {name: entry for name, entry in self.writers.items() if name != writer}
        evicted = self.evicted_revision
        while len(writers) >= TABLE_SIZE:
            oldest = min(writers, key=lambda name: writers[name].revision)
            evicted = max(evicted, writers.pop(oldest).revision)
        writers[writer] = Entry(operation, revision)
        # Not dataclasses.replace, which costs a save of a small document a tenth of its time.
        return type(self)(
            lineage=self.lineage,
            revision=revision,
            writers=writers,
            evicted_revision=evicted,
            epoch=self.epoch,
            owner=self.owner,
            ttl_s=self.ttl_s,
            adopted=self.adopted,
            extra=self.extra,
        )

    def to_json(self) -> dict[str, Any]:
        """The member as it stands in the document."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "lineage": self.lineage,
            "revision": self.revision,
            "writers": {w: [e.operation, e.revision] for w, e in self.writers.items()},
            "evicted_revision": self.evicted_revision,
            "epoch": self.epoch,
        }
        if self.owner is not None:
            value |= {"owner": self.owner, "ttl_s": self.ttl_s}
        if self.adopted:
            value["adopted"] = True
        if self.deleted:
            value["deleted"] = True
        return value | self.extra

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read the member, or raise `StoredDataError` for what is none of ours."""
        if not isinstance(value, dict):
            raise _malformed("it is not an object")
        parts = cast("dict[str, Any]", value).copy()
        number = parts.pop("format", None)
        if type(number) is int and number > FORMAT:
            msg = (
                f"the document's bucketpoint member has format {number}, and this version writes "
                f"format {FORMAT} only: upgrade bucketpoint to change this execution"
            )
            raise UnsupportedFormatError(msg)
        if number != FORMAT or type(number) is not int:
            raise _malformed("its format is not 1")
        if "codec" in parts:
            msg = "the document's data is encoded in a way that this version cannot write: upgrade"
            raise UnsupportedFormatError(msg)
        known: dict[str, Any] = {}
        for name, (kinds, default) in _FIELDS.items():
            known[name] = part = parts.pop(name, default)
            if part.__class__ not in kinds:
                raise _malformed(_wrong_type(name, part))
        for name in _COUNTS:
            if known[name] < 0:
                raise _malformed(f"{name} is negative")
        known["writers"] = _entries(known["writers"])
        return cls(**known, extra=parts)


_MISSING: Any = object()
_FIELDS: dict[str, tuple[tuple[type, ...], Any]] = {
    "lineage": ((str,), _MISSING),
    "revision": ((int,), _MISSING),
    "writers": ((dict,), _MISSING),
    "evicted_revision": ((int,), _MISSING),
    "epoch": ((int,), 0),
    "owner": ((str, type(None)), None),
    "ttl_s": ((int, float, type(None)), None),
    "adopted": ((bool,), False),
    "deleted": ((bool,), False),
}
"""The types that a part of the member may have, and what it is where it is missing."""

_COUNTS = ("revision", "evicted_revision", "epoch")


def member_glance() -> CoreSchema:
    """Return a schema that takes the members that `Member.from_json` takes, and builds a dict.

    Of a member with a `codec` it says nothing: that is left to `Member.from_json`.
    """
    schemas = {name: _glance_at(name, kinds) for name, (kinds, _) in _FIELDS.items()}
    schemas["format"] = core_schema.int_schema(strict=True, ge=FORMAT, le=FORMAT)
    members = {
        name: core_schema.typed_dict_field(
            schema, required=name == "format" or _FIELDS[name][1] is _MISSING
        )
        for name, schema in schemas.items()
    }
    members["codec"] = core_schema.typed_dict_field(core_schema.any_schema(), required=False)
    return core_schema.typed_dict_schema(members)


def _glance_at(name: str, kinds: tuple[type, ...]) -> CoreSchema:
    count = core_schema.int_schema(strict=True, ge=0 if name in _COUNTS else None)
    text = core_schema.str_schema(strict=True)
    entry = core_schema.tuple_positional_schema([text, core_schema.int_schema(strict=True)])
    schemas: dict[type, CoreSchema] = {
        str: text,
        int: count,
        float: core_schema.float_schema(strict=True),
        bool: core_schema.bool_schema(strict=True),
        dict: core_schema.dict_schema(text, entry),
        type(None): core_schema.none_schema(),
    }
    if len(kinds) == 1:
        return schemas[kinds[0]]
    return core_schema.union_schema([schemas[kind] for kind in kinds], mode="left_to_right")


def _malformed(reason: str) -> CorruptCheckpointError:
    return CorruptCheckpointError(f"the document's bucketpoint member is malformed: {reason}")


def _wrong_type(name: str, value: object) -> str:
    return f"{name} is missing" if value is _MISSING else f"{name} is of the wrong type"


def _entries(writers: dict[str, Any]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for writer, pair in writers.items():
        # Not a match statement, which takes as long as all the rest of reading the member.
        if pair.__class__ is not list or [part.__class__ for part in pair] != [str, int]:
            raise _malformed("an entry of writers is not an operation and a revision")
        entries[writer] = Entry(*pair)
    return entries


class Document:
    """One stored document, as read or as written; its data is decoded when asked for.

    Attributes:
        body: The stored bytes.
        member: The reserved member; None where the document has none, or none that can be read.
        problem: Why the document cannot be used as a checkpoint; None where it can.
        unwritable: Why the document must not be written over; None where it may be.
        is_own: This process wrote it, so that it need not be checked.
    """

    __slots__ = ("_data", "body", "is_own", "member", "problem", "unwritable")

    def __init__(
        self,
        body: bytes,
        member: Member | None,
        *,
        problem: BucketpointError | None = None,
        unwritable: UnsupportedFormatError | None = None,
        data: dict[str, Any] | None = None,
        is_own: bool = False,
    ) -> None:
        self.is_own = is_own
        self.body = body
        self.member = member
        self.problem = problem
        self.unwritable = unwritable
        self._data = data

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read stored bytes; what is wrong with them becomes `problem`, never an exception."""
        try:
            data = codec.decode(body)
        except StoredDataError as error:
            return cls(body, None, problem=error)
        if MEMBER not in data:
            return cls(body, None, data=data)
        raw = data.pop(MEMBER)
        try:
            return cls(body, Member.from_json(raw), data=data)
        except UnsupportedFormatError as error:
            return cls(body, None, unwritable=error, data=data)
        except StoredDataError as error:
            return cls(body, None, problem=error, data=data)

    @property
    def deleted(self) -> bool:
        """It is a tombstone: for readers, nothing is there."""
        return self.member is not None and self.member.deleted

    def take_data(self) -> dict[str, Any]:
        """Decode the document without its member; every call gives a copy of its own."""
        data, self._data = self._data, None
        if data is None:
            data = codec.decode(self.body)
            data.pop(MEMBER, None)
        return data

    def without_data(self) -> Self:
        """The same with the stored bytes only, to be kept."""
        return type(self)(self.body, self.member, problem=self.problem, unwritable=self.unwritable)


def _encoded(member: Member) -> bytes:
    value = member.to_json()
    # What is ours is JSON by construction; only what others put there is to be proved.
    return codec.encode(value) if member.extra else to_json(value)


def assemble(data: bytes, member: Member) -> bytes:
    """Put the member at the end of an encoded JSON object that has none."""
    separator = b"" if data == b"{}" else b","
    return b"".join(
        (
            memoryview(data)[:-1],
            separator,
            b'"bucketpoint":',
            _encoded(member),
            b"}",
        )
    )
