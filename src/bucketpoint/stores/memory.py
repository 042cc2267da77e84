"""The store in memory: the reference for what the contract means, and the store for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, islice
from threading import Lock
from urllib.parse import quote

from bucketpoint.errors import InvalidInputError
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)
from bucketpoint.stores.local import (
    DEFAULT_KEEP_VERSIONS,
    Clock,
    check_condition,
    check_keep_versions,
    key_bytes,
    no_versions,
    system_clock,
)
from bucketpoint.stores.versions import is_current, would_revive

__all__ = ["MemoryStore"]


@dataclass(frozen=True, slots=True)
class _Record:
    """One state of one object; without a body it marks a deletion."""

    version: Version
    body: bytes | None
    modified_at: datetime

    @property
    def version_id(self) -> str:
        return self.version.token


@dataclass(slots=True)
class _Contents:
    """What is stored: the records of each key, the newest last."""

    lock: Lock = field(default_factory=Lock)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    records: dict[str, list[_Record]] = field(default_factory=dict[str, list[_Record]])

    def current(self, key: str) -> _Record | None:
        records = self.records.get(key)
        return records[-1] if records and records[-1].body is not None else None

    def append(self, key: str, record: _Record, keep: int) -> None:
        records = self.records.setdefault(key, [])
        records.append(record)
        allowed = keep + (record.body is not None)
        del records[: max(0, len(records) - allowed)]
        if not records:
            del self.records[key]


_shared: dict[str, _Contents] = {}
_private_names = count(1)


class MemoryStore:
    """Keeps objects in this process, and loses them with it.

    Stores of the same name share what they hold; a store without a name is alone. It may be used
    by several threads at once.

    Args:
        name: Shares the contents with every store of this name in the process.
        keep_versions: How many overwritten versions of an object are kept; 0 turns versions off.
        clock: Returns the time, with a time zone; for tests.

    Example:
        >>> from bucketpoint.stores.contract import IfAbsent
        >>> store = MemoryStore()
        >>> version = store.put("greeting", b"hello", when=IfAbsent())
        >>> stored = store.get("greeting")
        >>> stored.body, stored.version == version
        (b'hello', True)
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        keep_versions: int = DEFAULT_KEEP_VERSIONS,
        clock: Clock = system_clock,
    ) -> None:
        if name is None:
            self._contents = _Contents()
            self._url = f"memory://#{next(_private_names)}"
        elif not name:
            msg = "the name of a memory store must not be empty; leave it out for a private store"
            raise InvalidInputError(msg)
        else:
            self._contents = _shared.setdefault(name, _Contents())
            self._url = f"memory://{quote(name, safe='')}"
        self._keep_versions = check_keep_versions(keep_versions)
        self._clock = clock
        self._capabilities = Capabilities(
            versions=keep_versions > 0, conditional_delete=True, single_delivery=True
        )

    @property
    def url(self) -> str:
        """`memory://name`; a private store's ends in a number that cannot be opened."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        return self._capabilities

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`."""
        del timeout
        with self._contents.lock:
            if version_id is None:
                record = self._contents.current(key)
            else:
                record = self._find(key, version_id)
            served_at = self._clock()
        if record is None or record.body is None:
            return None
        return StoredObject(
            body=record.body,
            version=record.version,
            version_id=record.version_id if self._capabilities.versions else None,
            modified_at=record.modified_at,
            served_at=max(served_at, record.modified_at),
        )

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`."""
        del timeout
        key_bytes(key)
        with self._contents.lock:
            current = self._contents.current(key)
            check_condition(when, current.version if current else None, key)
            record = self._record(body)
            self._contents.append(key, record, self._keep_versions)
        return record.version

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`."""
        del timeout
        with self._contents.lock:
            current = self._contents.current(key)
            if current is None:
                return False
            check_condition(when, current.version, key)
            self._contents.append(key, self._record(None), self._keep_versions)
        return True

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`. It shows the store as it was when the first object was asked for."""
        del timeout
        with self._contents.lock:
            found = [
                ObjectInfo(key, record.version, len(record.body), record.modified_at)
                for key in self._contents.records
                if key.startswith(prefix)
                and (record := self._contents.current(key)) is not None
                and record.body is not None
            ]
        after = None if start_after is None else key_bytes(start_after)
        ordered = sorted(found, key=lambda info: key_bytes(info.key))
        later = (info for info in ordered if after is None or key_bytes(info.key) > after)
        yield from islice(later, limit)

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`."""
        del timeout
        self._require_versions(key)
        with self._contents.lock:
            records = [*reversed(self._contents.records.get(key, []))]
            current = self._contents.current(key)
        return (
            ObjectVersion(
                key=key,
                version_id=record.version_id,
                version=None if record.body is None else record.version,
                size=len(record.body or b""),
                modified_at=record.modified_at,
                is_current=record is current,
                is_deletion=record.body is None,
            )
            for record in records
        )

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`.

        Raises:
            PreconditionFailedError: It is the current one, which `delete` removes; or the deletion
                that keeps an earlier one from being current again.
        """
        del timeout
        self._require_versions(key)
        with self._contents.lock:
            record = self._find(key, version_id)
            if record is None:
                return
            if record is self._contents.current(key):
                raise is_current(key)
            records = self._contents.records[key]
            if record is records[-1] and any(below.body is not None for below in records[-2:-1]):
                raise would_revive(key)
            records.remove(record)

    def close(self) -> None:
        """Do nothing: what is stored stays while the process lives."""

    def _record(self, body: bytes | None) -> _Record:
        version = Version(str(next(self._contents.numbers)))
        return _Record(version, body, self._clock())

    def _find(self, key: str, version_id: str) -> _Record | None:
        self._require_versions(key)
        records = self._contents.records.get(key, ())
        return next((record for record in records if record.version_id == version_id), None)

    def _require_versions(self, key: str) -> None:
        if not self._capabilities.versions:
            raise no_versions(self._url, key)
