"""The narrow waist: what a store must do, and nothing more.

A store makes exactly one attempt per call: no retries, no waiting, no interpretation. What one
attempt came to, it says by its return or by one of these errors, and by no other:

- `PreconditionFailedError`: refused, surely not applied. A store whose request may have been sent
  more than once (a client with retries on) says `OutcomeUnknownError` instead.
- `StoreUnavailableError`: surely not applied (nothing was sent, or it was refused as a whole).
- `OutcomeUnknownError`: it may have been applied, or may still be (a lost answer, a time-out).
- `StoreConfigurationError` and its kinds: refused until somebody changes the store or the rights.

A read (`get`, `list`, `list_versions`) never has an unknown outcome: it raises
`StoreUnavailableError`. A store refuses to be used in ways that its `capabilities` do not name
with `UnsupportedError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from bucketpoint.arguments import is_a
from bucketpoint.errors import InvalidInputError

__all__ = [
    "AsyncStore",
    "Capabilities",
    "Condition",
    "IfAbsent",
    "IfVersion",
    "ObjectInfo",
    "ObjectVersion",
    "Store",
    "StoredObject",
    "Version",
]

_SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Version:
    """One stored state of one object: opaque, compared only for equality.

    `str()` and `parse()` carry it through an event or a queue and back.

    Attributes:
        token: The store's own word for it (an S3 ETag, a GCS generation), untouched.

    Example:
        >>> Version.parse(str(Version("17"))) == Version("17")
        True
    """

    token: str

    def __post_init__(self) -> None:
        if not is_a(self.token, str) or not self.token:
            msg = "a Version is made of a non-empty string, such as str() of a Version returns"
            raise InvalidInputError(msg)

    def __str__(self) -> str:
        return self.token

    @classmethod
    def parse(cls, text: str) -> Self:
        """Make the `Version` whose `str()` is the text."""
        return cls(text)

    @classmethod
    def superseded(cls) -> Self:
        """A version that matches no stored object.

        A write whose answer was lost and that others have overwritten since is known to have
        landed, but its version is gone for ever.
        """
        return cls(_SUPERSEDED)


@dataclass(frozen=True, slots=True)
class IfAbsent:
    """Write only where nothing is stored."""


@dataclass(frozen=True, slots=True)
class IfVersion:
    """Write only over exactly this version."""

    version: Version


Condition = IfAbsent | IfVersion


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as one answer of the store showed it.

    Attributes:
        body: The bytes.
        version: The version of exactly these bytes.
        version_id: The ID under which `get` finds them again once overwritten; None where the
            store keeps no versions.
        modified_at: When they were written, by the store's clock.
        served_at: When they were served, by the same clock.
    """

    body: bytes
    version: Version
    version_id: str | None
    modified_at: datetime
    served_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One entry of a listing.

    Attributes:
        key: The object's key.
        version: Its current version.
        size: Bytes.
        modified_at: When it was written, by the store's clock.
    """

    key: str
    version: Version
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One kept version of one object.

    Attributes:
        key: The object's key.
        version_id: What `get(key, version_id=…)` takes.
        version: The version it was while it was current; None for a deletion.
        size: Bytes.
        modified_at: When it was written, by the store's clock.
        is_current: It is what `get(key)` returns.
        is_deletion: It marks that the object was deleted; it has no body.
    """

    key: str
    version_id: str
    version: Version | None
    size: int
    modified_at: datetime
    is_current: bool
    is_deletion: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do beyond `get`, `put` and `list`.

    Attributes:
        versions: It can keep overwritten objects: `list_versions`, `get(version_id=…)` and
            `delete_version` work, or raise `UnsupportedError` where the bucket keeps none.
        conditional_delete: `delete` honours its condition; without it `delete` raises
            `UnsupportedError` and nothing is ever purged.
        content_versions: Versions derive from the bytes alone, so writing the same bytes again
            brings an old version back (an S3 ETag).
        single_delivery: No request can reach the store twice (no network lies between).
    """

    versions: bool = False
    conditional_delete: bool = False
    content_versions: bool = False
    single_delivery: bool = False


class Store(Protocol):
    """A synchronous store. Every method makes exactly one attempt and may be called by threads.

    Attributes:
        url: Names the store in messages and tells stores apart; without credentials.
    """

    @property
    def url(self) -> str:
        """Names the store in messages and tells stores apart; without credentials."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        ...

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """Return the object, or None when nothing is stored under the key.

        Args:
            key: The object's key.
            version_id: An earlier version to read instead of the current one.
            timeout: Seconds this attempt may take at most, for stores that wait.
        """
        ...

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """Write all of the body or nothing, and only when the condition holds."""
        ...

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """Remove exactly this version; False when nothing was stored under the key."""
        ...

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """Yield the objects whose keys begin with the prefix, each once, in ascending key order.

        Keys are ordered by their UTF-8 bytes. Pages are fetched as they are needed; the timeout
        is for one page.
        """
        ...

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """Yield the kept versions of one object, newest first."""
        ...

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """Remove one kept version for good; one that is not there is no error.

        No other version becomes the current one by it.

        Raises:
            PreconditionFailedError: It is the current version, or the deletion that hides an
                earlier one.
        """
        ...

    def close(self) -> None:
        """Release what the store made itself; a client that was given stays open."""
        ...


class AsyncStore(Protocol):
    """The same contract, awaited, for stores that are asynchronous themselves."""

    @property
    def url(self) -> str:
        """Names the store in messages and tells stores apart; without credentials."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        ...

    async def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`."""
        ...

    async def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`."""
        ...

    async def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`."""
        ...

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[ObjectInfo]:
        """See `Store.list`."""
        ...

    def list_versions(
        self, key: str, *, timeout: float | None = None
    ) -> AsyncIterator[ObjectVersion]:
        """See `Store.list_versions`."""
        ...

    async def delete_version(
        self, key: str, version_id: str, *, timeout: float | None = None
    ) -> None:
        """See `Store.delete_version`."""
        ...

    async def close(self) -> None:
        """See `Store.close`."""
        ...
