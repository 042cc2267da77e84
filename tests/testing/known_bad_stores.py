"""Stores that break one promise each, under the suite that must notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Event, RLock
from typing import Any

from bucketpoint import MemoryStore
from bucketpoint.stores.contract import (
    AsyncStore,
    Condition,
    IfAbsent,
    IfVersion,
    ObjectInfo,
    Store,
    StoredObject,
    Version,
)
from bucketpoint.testing.conformance import AsyncStoreSuite, StoreSuite
from tests.testing.dict_checkpointers import AsyncMemoryStore


class BadStore(MemoryStore):
    """Gives its subclasses the way past the conditions."""

    def condition(self, key: str) -> Condition:
        """Return the condition that holds now."""
        stored = MemoryStore.get(self, key)
        return IfAbsent() if stored is None else IfVersion(stored.version)

    def past(self, key: str, body: bytes) -> Version:
        return MemoryStore.put(self, key, body, when=self.condition(key))


class IgnoresConditions(BadStore):
    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        return self.past(key, body)


class IgnoresIfAbsent(BadStore):
    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        when = self.condition(key) if isinstance(when, IfAbsent) else when
        return super().put(key, body, when=when)


class ReadsStaleObjects(BadStore):
    """Each read shows what the read before it should have shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, StoredObject | None] = {}

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        now = super().get(key, version_id=version_id)
        if version_id is not None:
            return now
        stale = self.seen.get(key, now)
        self.seen[key] = now
        return stale


class DeletesAnyVersion(BadStore):
    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        stored = super().get(key)
        return stored is not None and super().delete(key, when=IfVersion(stored.version))


class CachesReads(BadStore):
    """A cache that knows of the store's own writes, and of nobody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[str, StoredObject | None] = {}

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        if version_id is not None:
            return super().get(key, version_id=version_id)
        if key not in self.cache:
            self.cache[key] = super().get(key)
        return self.cache[key]

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = super().put(key, body, when=when)
        self.cache.pop(key, None)
        return version

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        was_there = super().delete(key, when=when)
        self.cache.pop(key, None)
        return was_there


class ReadsInTwoSteps(BadStore):
    """The body first, and then the version that the object has by now."""

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        first = super().get(key, version_id=version_id)
        pause()
        second = super().get(key, version_id=version_id)
        return replace(second, body=first.body) if first and second else None


class DeletesInTwoSteps(BadStore):
    """It looks whether the condition holds, and then deletes what is there by now."""

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        stored = super().get(key)
        if stored is not None and stored.version == when.version:
            pause()
            stored = super().get(key) or stored
            when = IfVersion(stored.version)
        return super().delete(key, when=when)


class ReusesVersions(BadStore):
    """Numbers the versions of a key, and begins anew when it was deleted."""

    def __init__(self) -> None:
        super().__init__(keep_versions=0)
        self.lock = RLock()
        self.written: dict[str, int] = {}
        self.shown: dict[Version, Version] = {}

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        with self.lock:
            stored = super().get(key, version_id=version_id)
            return stored and replace(stored, version=self.shown[stored.version])

    def real(self, key: str, when: Condition) -> Condition:
        stored = MemoryStore.get(self, key)
        if isinstance(when, IfVersion) and stored is not None:
            is_shown = self.shown[stored.version] == when.version
            return IfVersion(stored.version if is_shown else Version.superseded())
        return when

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        with self.lock:
            version = super().put(key, body, when=self.real(key, when))
            self.written[key] = self.written.get(key, 0) + 1
            self.shown[version] = Version(f"{key}#{self.written[key]}")
            return self.shown[version]

    def past(self, key: str, body: bytes) -> Version:
        with self.lock:
            stored = self.get(key)
            return self.put(key, body, when=IfVersion(stored.version) if stored else IfAbsent())

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        with self.lock:
            real = self.real(key, when)
            assert isinstance(real, IfVersion)
            was_there = super().delete(key, when=real)
            self.written.pop(key, None)
            return was_there

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        for info in super().list(prefix, start_after=start_after, limit=limit):
            yield replace(info, version=self.shown[info.version])


class ServesAsWritten(BadStore):
    """What is served was written just now, so that no claim ever expires."""

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        stored = super().get(key, version_id=version_id)
        return stored and replace(stored, served_at=stored.modified_at)


class DatesTheCreation(BadStore):
    """Shows when an object was created, however often it was overwritten since."""

    def __init__(self) -> None:
        super().__init__(keep_versions=0)
        self.created: dict[str, datetime] = {}

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        stored = super().get(key, version_id=version_id)
        if stored is None:
            return None
        return replace(stored, modified_at=self.created.setdefault(key, stored.modified_at))

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = super().put(key, body, when=when)
        self.get(key)
        return version

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        for info in super().list(prefix, start_after=start_after, limit=limit):
            yield replace(info, modified_at=self.created.get(info.key, info.modified_at))


class ListsByPattern(BadStore):
    """As SQL's LIKE does: `_` and `%` stand for others, and case does not matter."""

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        pattern = re.escape(prefix).replace("_", ".").replace("%", ".*")
        found = super().list("", start_after=start_after)
        matching = (info for info in found if re.match(pattern, info.key, re.IGNORECASE))
        return islice(matching, limit)


class ListsByOffset(BadStore):
    """Fetches pages by how many objects came before, which others add and delete."""

    page = 1

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        offset = 0
        while limit is None or offset < limit:
            found = super().list(prefix, start_after=start_after, limit=limit)
            page = [*islice(found, offset, offset + self.page)]
            if not page:
                return
            yield from page
            offset += self.page


class ListsOnePage(BadStore):
    """Forgets that a listing goes on."""

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        return islice(super().list(prefix, start_after=start_after, limit=limit), 20)


class TellsItsPassword(BadStore):
    @property
    def url(self) -> str:
        return "database://user:secret@host/runs"


class TakesNoTimeout(BadStore):
    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        if timeout is not None:
            raise TypeError
        return super().get(key, version_id=version_id)


def pause() -> None:
    """Let others go on in between, so that the race that is wrong is met for sure."""
    Event().wait(0.001)


class BadStoreSuite(StoreSuite):
    kind: type[BadStore] = BadStore

    def make_store(self, folder: Path) -> Store:
        return self.kind()

    def raw_put(self, store: Any, key: str, body: bytes) -> None:
        store.past(key, body)

    def raw_get(self, store: Any, key: str) -> bytes | None:
        stored = MemoryStore.get(store, key)
        return stored.body if stored else None


class TestIgnoresConditions(BadStoreSuite):
    kind = IgnoresConditions


class TestIgnoresIfAbsent(BadStoreSuite):
    kind = IgnoresIfAbsent


class TestReadsStaleObjects(BadStoreSuite):
    kind = ReadsStaleObjects


class TestDeletesAnyVersion(BadStoreSuite):
    kind = DeletesAnyVersion


class TestCachesReads(BadStoreSuite):
    kind = CachesReads


class TestReadsInTwoSteps(BadStoreSuite):
    kind = ReadsInTwoSteps


class TestDeletesInTwoSteps(BadStoreSuite):
    kind = DeletesInTwoSteps


class TestReusesVersions(BadStoreSuite):
    kind = ReusesVersions


class TestServesAsWritten(BadStoreSuite):
    kind = ServesAsWritten


class TestDatesTheCreation(BadStoreSuite):
    kind = DatesTheCreation


class TestListsByPattern(BadStoreSuite):
    kind = ListsByPattern


class TestListsByOffset(BadStoreSuite):
    kind = ListsByOffset


class TestListsOnePage(BadStoreSuite):
    kind = ListsOnePage


class TestTellsItsPassword(BadStoreSuite):
    kind = TellsItsPassword


class TestTakesNoTimeout(BadStoreSuite):
    kind = TakesNoTimeout


class TestAsyncIgnoresConditions(AsyncStoreSuite):
    async def make_async_store(self, folder: Path) -> AsyncStore:
        return AsyncMemoryStore(IgnoresConditions())

    async def raw_put_async(self, store: AsyncMemoryStore, key: str, body: bytes) -> None:
        assert isinstance(store.inner, BadStore)
        store.inner.past(key, body)

    async def raw_get_async(self, store: AsyncMemoryStore, key: str) -> bytes | None:
        stored = store.inner.get(key)
        return stored.body if stored else None
