"""Small checkpointers and stores of the tests' own, which keep their promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from inspect import isawaitable
from threading import Lock
from typing import Any

from bucketpoint import Checkpoint, MemoryStore, NoCheckpointError, UnsupportedSchemaError
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)


@dataclass
class Shelf:
    """What dict checkpointers share: the checkpoints, and one lock for all of them."""

    checkpoints: dict[str, Checkpoint] = field(default_factory=dict[str, Checkpoint])
    lock: Lock = field(default_factory=Lock)


class DictCheckpointer:
    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        self.shelf.checkpoints[checkpoint.execution_id] = deepcopy(checkpoint)
        return None

    def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        checkpoint = self.shelf.checkpoints.get(execution_id)
        if checkpoint is None:
            raise NoCheckpointError(f"nothing is stored for {execution_id!r}")
        if checkpoint.schema_version != 1:
            raise UnsupportedSchemaError(f"version {checkpoint.schema_version} is not supported")
        return deepcopy(checkpoint)

    def delete_checkpoint(self, execution_id: str, /) -> object:
        return self.shelf.checkpoints.pop(execution_id, None)


class AtomicDictCheckpointer(DictCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        with self.shelf.lock:
            return super().save_checkpoint(checkpoint)

    def delete_checkpoint(self, execution_id: str, /) -> object:
        with self.shelf.lock:
            return super().delete_checkpoint(execution_id)

    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Checkpoint | None], /
    ) -> object:
        with self.shelf.lock:
            checkpoint = self.load_checkpoint(execution_id)
            return DictCheckpointer.save_checkpoint(self, fn(checkpoint) or checkpoint)


class AsyncDictCheckpointer:
    def __init__(self, shelf: Shelf) -> None:
        self.inner = DictCheckpointer(shelf)
        self.lock = asyncio.Lock()

    async def save_checkpoint(self, checkpoint: Checkpoint, /) -> object:
        async with self.lock:
            return self.inner.save_checkpoint(checkpoint)

    async def load_checkpoint(self, execution_id: str, /) -> Checkpoint:
        return self.inner.load_checkpoint(execution_id)

    async def delete_checkpoint(self, execution_id: str, /) -> object:
        async with self.lock:
            return self.inner.delete_checkpoint(execution_id)


class AsyncAtomicDictCheckpointer(AsyncDictCheckpointer):
    async def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | Awaitable[Checkpoint | None] | None],
        /,
    ) -> object:
        async with self.lock:
            checkpoint = self.inner.load_checkpoint(execution_id)
            result: Any = fn(checkpoint)
            changed = await result if isawaitable(result) else result
            return self.inner.save_checkpoint(changed or checkpoint)


class AsyncMemoryStore:
    """A store that is asynchronous itself: a `MemoryStore`, with a pause in each call."""

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.closed = False

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    async def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        await asyncio.sleep(0)
        return self.inner.get(key, version_id=version_id)

    async def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        await asyncio.sleep(0)
        return self.inner.put(key, body, when=when)

    async def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        await asyncio.sleep(0)
        return self.inner.delete(key, when=when)

    async def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[ObjectInfo]:
        for info in self.inner.list(prefix, start_after=start_after, limit=limit):
            await asyncio.sleep(0)
            yield info

    async def list_versions(
        self, key: str, *, timeout: float | None = None
    ) -> AsyncIterator[ObjectVersion]:
        for version in self.inner.list_versions(key):
            await asyncio.sleep(0)
            yield version

    async def delete_version(
        self, key: str, version_id: str, *, timeout: float | None = None
    ) -> None:
        await asyncio.sleep(0)
        self.inner.delete_version(key, version_id)

    async def close(self) -> None:
        self.inner.close()
        self.closed = True
