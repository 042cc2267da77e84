"""Streams: procedures that read ahead and hand out values as they are wanted, in both drivers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from bucketpoint import AsyncBucketCheckpointer, BucketCheckpointer, MemoryStore, StoreRequest
from bucketpoint.core.effects import (
    Stream,
    await_begun,
    begin_gets,
    delete_version,
    emit,
    list_versions,
    next_page,
    open_listing,
)
from bucketpoint.errors import InvalidInputError, StoreUnavailableError
from bucketpoint.stores.contract import Capabilities, IfAbsent, IfVersion, StoredObject
from tests.testing.dict_checkpointers import AsyncMemoryStore

WINDOW = 4
PAGE = 3


def bodies(prefix: str = "") -> Stream:
    """Emit every body under the prefix in the order of keys, reading ahead."""
    listing = yield from open_listing(prefix)
    begun: deque[Any] = deque()
    while page := (yield from next_page(listing, PAGE)):
        begun.extend((yield from begin_gets([entry.key for entry in page])))
        while len(begun) >= WINDOW:
            yield from _emit_bodies(begun)
    while begun:
        yield from _emit_bodies(begun)


def _emit_bodies(begun: deque[Any]) -> Stream:
    awaited = [begun.popleft() for _ in range(min(2, len(begun)))]
    outcomes = yield from await_begun(awaited)
    yield from emit([_body(outcome) for outcome in outcomes])


def _body(outcome: StoredObject | BaseException | None) -> bytes | str | None:
    if isinstance(outcome, StoreUnavailableError):
        return "unavailable"
    assert not isinstance(outcome, BaseException)
    return None if outcome is None else outcome.body


def filled(count: int = 10) -> MemoryStore:
    store = MemoryStore()
    for number in range(count):
        store.put(f"{number:03}", str(number).encode(), when=IfAbsent())
    return store


class Remote:
    """The store as if a network lay between: reads run in threads, and a few of them fail."""

    def __init__(self, store: MemoryStore, *, failing: frozenset[str] = frozenset()) -> None:
        self.url = store.url
        self.capabilities = Capabilities(versions=True)
        self.threads: set[str] = set()
        self._store = store
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str, **options: Any) -> StoredObject | None:
        self.threads.add(threading.current_thread().name)
        if key in self._failing:
            raise StoreUnavailableError("on purpose")
        return self._store.get(key, **options)


EXPECTED = [str(number).encode() for number in range(10)]


async def collected(checkpointer: AsyncBucketCheckpointer, stream: Stream) -> list[Any]:
    return [value async for value in checkpointer._run_each(stream, None)]


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_values_come_in_order_however_they_were_read(remote: bool) -> None:
    store: Any = Remote(filled()) if remote else filled()
    with BucketCheckpointer(store) as checkpointer:
        assert list(checkpointer._run_each(bodies(), None)) == EXPECTED
    if remote:
        assert all(name.startswith("bucketpoint") for name in store.threads)


@pytest.mark.parametrize("kind", ["local", "remote", "native"])
def test_the_asynchronous_driver_gives_the_same(kind: str) -> None:
    kinds: dict[str, Any] = {
        "local": filled(),
        "remote": Remote(filled()),
        "native": AsyncMemoryStore(filled()),
    }

    async def main() -> list[Any]:
        async with AsyncBucketCheckpointer(kinds[kind]) as checkpointer:
            return await collected(checkpointer, bodies())

    assert asyncio.run(main()) == EXPECTED


@pytest.mark.parametrize("asynchronous", [False, True], ids=["blocking", "asynchronous"])
def test_a_read_that_fails_is_the_streams_to_deal_with(asynchronous: bool) -> None:
    store: Any = Remote(filled(3), failing=frozenset({"001"}))

    async def main() -> list[Any]:
        async with AsyncBucketCheckpointer(store) as checkpointer:
            return await collected(checkpointer, bodies())

    if asynchronous:
        values = asyncio.run(main())
    else:
        with BucketCheckpointer(store) as checkpointer:
            values = list(checkpointer._run_each(bodies(), None))
    assert values == [b"0", "unavailable", b"2"]


def test_only_what_is_wanted_is_read() -> None:
    requests: list[StoreRequest] = []
    checkpointer = BucketCheckpointer(filled(), observer=requests.append)
    values: Iterator[Any] = checkpointer._run_each(bodies(), None)
    assert requests == []
    assert next(values) == b"0"
    assert [request.kind for request in requests] == ["list", "list", "get", "get"]
    assert {request.key for request in requests[:2]} == {""}


def test_breaking_off_leaves_nothing_behind() -> None:
    store: Any = Remote(filled(), failing=frozenset({"002"}))

    async def main() -> None:
        async with AsyncBucketCheckpointer(store) as checkpointer:
            values = checkpointer._run_each(bodies(), None)
            assert await anext(values) == b"0"
            await values.aclose()
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())  # a task whose error nobody looked at would be reported, and fail the test


def test_a_procedure_begins_nothing_that_it_might_leave_behind() -> None:
    checkpointer = BucketCheckpointer(filled())
    with pytest.raises(TypeError, match="only a stream"):
        checkpointer._run("run-42", begin_gets(["000"]), None)

    async def main() -> None:
        async with AsyncBucketCheckpointer(filled()) as asynchronous:
            with pytest.raises(TypeError, match="only a stream"):
                await asynchronous._run("run-42", begin_gets(["000"]), None)

    asyncio.run(main())


def test_a_timeout_is_checked_before_anything_is_asked_for() -> None:
    with pytest.raises(InvalidInputError, match="timeout must be a number"):
        BucketCheckpointer(filled())._run_each(bodies(), -1)
    with pytest.raises(InvalidInputError, match="timeout must be a number"):
        AsyncBucketCheckpointer(filled())._run_each(bodies(), -1)


@pytest.mark.parametrize("kind", ["local", "native"])
def test_versions_are_listed_and_removed(kind: str) -> None:
    requests: list[StoreRequest] = []
    memory = filled(1)
    current = memory.get("000")
    assert current is not None
    memory.put("000", b"newer", when=IfVersion(current.version))

    def stream() -> Stream:
        kept = yield from list_versions("000")
        yield from delete_version("000", kept[-1].version_id)
        yield from emit([len((yield from list_versions("000", 5)))])

    async def main(store: Any) -> list[Any]:
        async with AsyncBucketCheckpointer(store, observer=requests.append) as checkpointer:
            return await collected(checkpointer, stream())

    assert asyncio.run(main(memory if kind == "local" else AsyncMemoryStore(memory))) == [1]
    assert [(request.kind, request.outcome) for request in requests] == [
        ("list_versions", "ok"),
        ("delete_version", "ok"),
        ("list_versions", "ok"),
    ]
