"""What may stand under the key: each stored state once, with what the invariants need of it.

The documents are read here by the standard library alone, so that a mistake in the library's own
reading cannot hide itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bucketpoint.stores.contract import Version

__all__ = ["Data", "Member", "Objects", "Stored", "read_data"]


class Data(NamedTuple):
    """What a document says to users: the marks that operations left, and the operator's pause.

    Without a branch there is nothing to pause, and `paused` is None.
    """

    tokens: tuple[str, ...]
    paused: bool | None = False


class Member(NamedTuple):
    """The parts of the reserved member that invariants speak of."""

    lineage: str
    revision: int
    epoch: int
    owner: str | None
    ttl_s: float | None
    deleted: bool
    adopted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """One state of the object; two are the same state only if they are the same Python object.

    Attributes:
        version: Its version; None where nothing is stored.
        body: The document; empty where nothing is stored.
        data: What users see; None where they see nothing: absence, or a tombstone.
        member: The reserved member; None where nothing is stored or the document has none.
        author: The number of the operation that wrote it; None for what was there before.
        writes: How many writes came before, where versions are unique; else 0.
        aged: Answers with an age, by their age in seconds.
    """

    version: Version | None
    body: bytes
    data: Data | None
    member: Member | None
    author: int | None
    writes: int
    aged: dict[float, Any] = field(default_factory=dict[float, Any])


class Objects:
    """Every state that was ever stored, interned.

    Args:
        content_versions: The version derives from the bytes, as an S3 ETag does; otherwise each
            write has one of its own, as on GCS.
    """

    def __init__(self, *, content_versions: bool) -> None:
        self.content_versions = content_versions
        self._numbers: dict[object, int] = {}
        self._stored: dict[object, Stored] = {}
        self._by_version: dict[Version, Stored] = {}
        self.absent = self.absence(0)

    def absence(self, writes: int) -> Stored:
        """Nothing stored, after this many writes."""
        key = (writes,)
        if key not in self._stored:
            self._stored[key] = Stored(None, b"", None, None, None, writes)
        return self._stored[key]

    def document(self, body: bytes, author: int | None, before: Stored) -> Stored:
        """The state in which this body has just been written over `before`."""
        if self.content_versions:
            key: object = body
            writes = 0
        else:
            writes = before.writes + 1
            key = (body, author, writes)
        stored = self._stored.get(key)
        if stored is None:
            number = self._numbers.setdefault(body, len(self._numbers) + 1)
            version = Version(f"etag{number}" if self.content_versions else f"g{writes}.{number}")
            data, member = _read(body)
            stored = Stored(version, body, data, member, author, writes)
            self._stored[key] = self._by_version[version] = stored
        return stored

    def of_version(self, version: Version | None) -> Stored | None:
        """The state that has, or had, this version."""
        return self._by_version.get(version) if version is not None else None


def read_data(body: bytes) -> Data:
    """What a document without the member says to users."""
    return _data(json.loads(body))


def _data(document: dict[str, Any]) -> Data:
    branches: dict[str, Any] = document.get("branch_states", {})
    variables: dict[str, Any] = document.get("variables", {})
    branch: dict[str, Any] | None = branches.get("main")
    tokens: list[str] = variables.get("tokens", [])
    paused = None if branch is None else bool(branch.get("pause_requested"))
    return Data(tuple(tokens), paused)


def _read(body: bytes) -> tuple[Data | None, Member | None]:
    document = json.loads(body)
    raw = document.get("bucketpoint")
    member = None
    if raw is not None:
        member = Member(
            raw["lineage"],
            raw["revision"],
            raw["epoch"],
            raw.get("owner"),
            raw.get("ttl_s"),
            raw.get("deleted", False),
            raw.get("adopted", False),
        )
        if member.deleted:
            return None, member
    return _data(document), member
