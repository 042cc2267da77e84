"""Every store, and a wrapper around one, keeps the whole contract."""

from pathlib import Path

from bucketpoint.stores.contract import Store, Version
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.local import system_clock
from bucketpoint.stores.memory import MemoryStore, _Record
from bucketpoint.testing.conformance import StoreSuite
from bucketpoint.testing.faults import FaultyStore


class TestMemoryStore(StoreSuite):
    def make_store(self, folder: Path) -> Store:
        return MemoryStore()

    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        contents = raw_memory(store)._contents
        record = _Record(Version(str(next(contents.numbers))), body, system_clock())
        contents.append(key, record, keep=100)

    def raw_get(self, store: Store, key: str) -> bytes | None:
        record = raw_memory(store)._contents.current(key)
        return record.body if record else None


class TestMemoryStoreWithoutVersions(TestMemoryStore):
    def make_store(self, folder: Path) -> Store:
        return MemoryStore(keep_versions=0)


class TestFaultyStoreWithoutFaults(TestMemoryStore):
    def make_store(self, folder: Path) -> Store:
        return FaultyStore(MemoryStore())


class TestFileStore(StoreSuite):
    def make_store(self, folder: Path) -> Store:
        return FileStore(folder)

    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        path = raw_folder(store) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def raw_get(self, store: Store, key: str) -> bytes | None:
        path = raw_folder(store) / key
        return path.read_bytes() if path.exists() else None


class TestFileStoreWithoutVersions(TestFileStore):
    def make_store(self, folder: Path) -> Store:
        return FileStore(folder, keep_versions=0)


def raw_memory(store: Store) -> MemoryStore:
    inner = store._store if isinstance(store, FaultyStore) else store
    assert isinstance(inner, MemoryStore)
    return inner


def raw_folder(store: Store) -> Path:
    assert isinstance(store, FileStore)
    return store._folder
