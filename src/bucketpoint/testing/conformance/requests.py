"""What the suite of stores asks of a store, by one thread or by several at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Event
from typing import TypeVar

from bucketpoint.errors import PreconditionFailedError
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store, StoredObject, Version

__all__ = [
    "RACERS",
    "at_once",
    "create_as",
    "deletes",
    "got",
    "increment",
    "keys_of",
    "read_until",
    "replace_or_delete",
    "write_all",
    "write_on",
]

T = TypeVar("T")

RACERS = 4


def got(store: Store, key: str) -> StoredObject:
    """Return the object, which must be there."""
    stored = store.get(key)
    assert stored is not None, f"nothing is stored under {key!r}"
    return stored


def keys_of(
    store: Store, prefix: str, *, start_after: str | None = None, limit: int | None = None
) -> list[str]:
    """Return the keys of a listing."""
    return [info.key for info in store.list(prefix, start_after=start_after, limit=limit)]


def write_on(store: Store, key: str, version: Version, bodies: list[bytes]) -> list[Version]:
    """Write the bodies one over the other, the first over this version."""
    versions: list[Version] = []
    for body in bodies:
        version = store.put(key, body, when=IfVersion(version))
        versions.append(version)
    return versions


def write_all(store: Store, key: str, bodies: list[bytes]) -> list[Version]:
    """Create the object with the first body and write the others over it."""
    first = store.put(key, bodies[0], when=IfAbsent())
    return [first, *write_on(store, key, first, bodies[1:])]


def read_until(
    store: Store, key: str, ended: Event, enough: Event, times: int
) -> dict[Version, bytes]:
    """Read until it has ended, and say when it was often enough; return what was read."""
    seen: dict[Version, bytes] = {}
    for number in count(1):
        stored = got(store, key)
        # A flag, since pytest would take minutes to show how two large bodies differ.
        is_whole = seen.setdefault(stored.version, stored.body) == stored.body
        assert is_whole, f"version {stored.version} was read with two bodies"
        if number >= times:
            enough.set()
        if ended.is_set():
            break
    return seen


def increment(store: Store, key: str, *, times: int) -> None:
    """Add one to the number that is stored, however often another writer comes first."""
    done = 0
    while done < times:
        stored = got(store, key)
        with suppress(PreconditionFailedError):
            store.put(key, str(int(stored.body) + 1).encode(), when=IfVersion(stored.version))
            done += 1


def create_as(store: Store, key: str, racer: int) -> bool:
    """Create the object with the racer's number, and tell whether this one did."""
    try:
        store.put(key, str(racer).encode(), when=IfAbsent())
    except PreconditionFailedError:
        return False
    return True


def deletes(racer: int) -> bool:
    """Tell whether the racer deletes the object; each other one overwrites it."""
    return racer % 2 == 0


def replace_or_delete(store: Store, key: str, version: Version, racer: int) -> bool:
    """Overwrite the version with the racer's number, or delete it; tell whether it was done."""
    try:
        if deletes(racer):
            return store.delete(key, when=IfVersion(version))
        store.put(key, str(racer).encode(), when=IfVersion(version))
    except PreconditionFailedError:
        return False
    return True


def at_once(run: Callable[[int], T]) -> list[T]:
    """Run the function in as many threads as there are racers, and return what they return."""
    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))
