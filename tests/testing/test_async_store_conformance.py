"""A store that is asynchronous itself keeps the whole contract, by the same tests."""

from pathlib import Path

from bucketpoint import MemoryStore
from bucketpoint.stores.contract import AsyncStore, Version
from bucketpoint.stores.local import system_clock
from bucketpoint.stores.memory import _Record
from bucketpoint.testing.conformance import AsyncStoreSuite
from tests.testing.dict_checkpointers import AsyncMemoryStore


class TestAsyncMemoryStore(AsyncStoreSuite):
    async def make_async_store(self, folder: Path) -> AsyncStore:
        return AsyncMemoryStore(MemoryStore())

    async def raw_put_async(self, store: AsyncMemoryStore, key: str, body: bytes) -> None:
        contents = store.inner._contents
        contents.append(
            key, _Record(Version(str(next(contents.numbers))), body, system_clock()), keep=100
        )

    async def raw_get_async(self, store: AsyncMemoryStore, key: str) -> bytes | None:
        record = store.inner._contents.current(key)
        return record.body if record else None


class TestAsyncMemoryStoreWithoutVersions(TestAsyncMemoryStore):
    async def make_async_store(self, folder: Path) -> AsyncStore:
        return AsyncMemoryStore(MemoryStore(keep_versions=0))
