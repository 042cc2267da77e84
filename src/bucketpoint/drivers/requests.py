"""The calls on a store that effects stand for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from bucketpoint.core.effects import (
    Delete,
    DeleteVersion,
    Get,
    ListVersions,
    NextPage,
    OpenListing,
    Put,
    Request,
)
from bucketpoint.stores.contract import AsyncStore, ObjectInfo, Store

__all__ = ["MAX_THREADS", "Listing", "request", "request_async"]

MAX_THREADS = 64
"""Requests that one checkpointer has under way at once in threads of its own."""


@dataclass(slots=True)
class Listing:
    """A listing that is being read.

    Attributes:
        prefix: What the keys begin with.
        entries: What the store has still to yield.
        pages: How often it was read on.
    """

    prefix: str
    entries: Iterator[ObjectInfo] | AsyncIterator[ObjectInfo]
    pages: int = 0

    @classmethod
    def opened(cls, store: Any, effect: OpenListing, timeout: float) -> Listing:
        """Make ready to list; `timeout` is for each page."""
        entries = store.list(effect.prefix, start_after=effect.start_after, timeout=timeout)
        return cls(effect.prefix, entries)


def request(store: Store, effect: Request, timeout: float) -> Any:
    """Make the request that an effect stands for."""
    match effect:
        case Get(key, version_id):
            return store.get(key, version_id=version_id, timeout=timeout)
        case Put(key, body, when):
            return store.put(key, body, when=when, timeout=timeout)
        case Delete(key, when):
            return store.delete(key, when=when, timeout=timeout)
        case NextPage(listing, size):
            listing.pages += 1
            return list(islice(cast("Iterator[ObjectInfo]", listing.entries), size))
        case ListVersions(key, limit):
            return list(islice(store.list_versions(key, timeout=timeout), limit))
        case DeleteVersion(key, version_id):  # pragma: no branch - there are no others
            return store.delete_version(key, version_id, timeout=timeout)


async def request_async(store: AsyncStore, effect: Request, timeout: float) -> Any:
    """Make the request that an effect stands for, on a store that is asynchronous itself."""
    match effect:
        case Get(key, version_id):
            return await store.get(key, version_id=version_id, timeout=timeout)
        case Put(key, body, when):
            return await store.put(key, body, when=when, timeout=timeout)
        case Delete(key, when):
            return await store.delete(key, when=when, timeout=timeout)
        case NextPage(listing, size):
            listing.pages += 1
            return await _first(cast("AsyncIterator[ObjectInfo]", listing.entries), size)
        case ListVersions(key, limit):
            return await _first(store.list_versions(key, timeout=timeout), limit)
        case DeleteVersion(key, version_id):  # pragma: no branch - there are no others
            return await store.delete_version(key, version_id, timeout=timeout)


async def _first(entries: AsyncIterator[Any], size: int | None) -> list[Any]:
    """Read so many entries and not one more, for which there might have to be a request."""
    found: list[Any] = []
    while size is None or len(found) < size:
        try:
            found.append(await anext(entries))
        except StopAsyncIteration:
            break
    return found
