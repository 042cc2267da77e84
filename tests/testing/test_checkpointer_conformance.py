"""Each checkpointer keeps its interface's promises on each store, and so does a small one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    AsyncGCSCheckpointer,
    AsyncS3Checkpointer,
    BucketCheckpointer,
    GCSCheckpointer,
    MemoryStore,
    S3Checkpointer,
    with_fencing,
)
from bucketpoint.protocols import (
    AsyncAtomicCheckpointer,
    AsyncCheckpointer,
    AtomicCheckpointer,
    Checkpointer,
)
from bucketpoint.stores.file import FileStore
from bucketpoint.testing.conformance import (
    AsyncAtomicCheckpointerSuite,
    AsyncCheckpointerSuite,
    AtomicCheckpointerSuite,
    CheckpointerSuite,
)
from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from tests.conftest import THOROUGH
from tests.testing.dict_checkpointers import (
    AsyncAtomicDictCheckpointer,
    AsyncDictCheckpointer,
    AsyncMemoryStore,
    AtomicDictCheckpointer,
    DictCheckpointer,
    Shelf,
)

TOO_LONG_FOR_A_FILE = frozenset({"100 letters of two bytes"})


# --- of the tests' own ----------------------------------------------------------------------------


class TestDictCheckpointer(CheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> Checkpointer:
        return DictCheckpointer(Shelf())

    def make_another(self, checkpointer: DictCheckpointer) -> Checkpointer:
        return DictCheckpointer(checkpointer.shelf)


class TestAtomicDictCheckpointer(AtomicCheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return AtomicDictCheckpointer(Shelf())

    def make_another(self, checkpointer: AtomicDictCheckpointer) -> AtomicCheckpointer:
        return AtomicDictCheckpointer(checkpointer.shelf)


class TestAsyncDictCheckpointer(AsyncCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncCheckpointer:
        return AsyncDictCheckpointer(Shelf())


class TestAsyncAtomicDictCheckpointer(AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncAtomicDictCheckpointer(Shelf())


# --- in memory and in a folder --------------------------------------------------------------------


class TestInMemory(AtomicCheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return BucketCheckpointer(MemoryStore(), prefix="runs")

    def make_another(self, checkpointer: BucketCheckpointer) -> AtomicCheckpointer:
        return BucketCheckpointer(checkpointer.store, prefix="runs")


class TestWithFencing(AtomicCheckpointerSuite):
    """Without another one: the tests with two writers are fair to one that threads share."""

    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        fenced: AtomicCheckpointer = with_fencing(BucketCheckpointer(MemoryStore()), lambda: None)
        return fenced


class TestInAFolder(AtomicCheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return BucketCheckpointer(FileStore(folder))

    def make_another(self, checkpointer: BucketCheckpointer) -> AtomicCheckpointer:
        assert isinstance(checkpointer.store, FileStore)
        return BucketCheckpointer(FileStore(checkpointer.store._folder))


class TestAsyncInMemory(AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncBucketCheckpointer(MemoryStore())

    async def make_another_async(
        self, checkpointer: AsyncBucketCheckpointer
    ) -> AsyncAtomicCheckpointer:
        return AsyncBucketCheckpointer(checkpointer.store)


class TestAsyncOnAnAsyncStore(TestAsyncInMemory):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncBucketCheckpointer(AsyncMemoryStore(MemoryStore()))


class TestAsyncInAFolder(TestAsyncInMemory):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncBucketCheckpointer(FileStore(folder))


# --- in buckets -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_options(seaweedfs: SeaweedFS) -> Iterator[dict[str, Any]]:
    config = import_module("botocore.config").Config(retries={"total_max_attempts": 1})
    with closing(seaweedfs.client(config=config)) as client:
        yield {"client": client, "probe": False}


@pytest.fixture(scope="module")
def gcs_options(fake_gcs: FakeGCS) -> Iterator[dict[str, Any]]:
    with closing(fake_gcs.client()) as client:
        yield {"client": client}


@pytest.fixture(scope="module")
def s3_bucket(seaweedfs: SeaweedFS) -> str:
    return new_bucket(seaweedfs)


@pytest.fixture(scope="module")
def gcs_bucket(fake_gcs: FakeGCS) -> str:
    return new_bucket(fake_gcs)


def new_bucket(emulator: SeaweedFS | FakeGCS) -> str:
    name = f"bucket-{token_hex(6)}"
    emulator.create_bucket(name)
    return name


class OnSeaweedFS:
    """A bucket for all tests, a prefix for each."""

    unusable_ids = TOO_LONG_FOR_A_FILE
    rounds = 10 if THOROUGH else 2  # writers that meet wait for a second in the server

    @pytest.fixture(autouse=True)
    def place(self, s3_bucket: str, s3_options: dict[str, Any]) -> None:
        self.bucket = s3_bucket
        self.options: Any = s3_options | {"prefix": token_hex(6)}


class TestOnSeaweedFS(OnSeaweedFS, AtomicCheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return S3Checkpointer(self.bucket, **self.options)

    def make_another(self, checkpointer: S3Checkpointer) -> AtomicCheckpointer:
        return S3Checkpointer(self.bucket, **self.options)


class TestAsyncOnSeaweedFS(OnSeaweedFS, AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncS3Checkpointer(self.bucket, **self.options)

    async def make_another_async(
        self, checkpointer: AsyncS3Checkpointer
    ) -> AsyncAtomicCheckpointer:
        return AsyncS3Checkpointer(self.bucket, **self.options)


class OnFakeGCS:
    """A bucket for all tests, a prefix for each."""

    rounds = 10 if THOROUGH else 3

    @pytest.fixture(autouse=True)
    def place(self, gcs_bucket: str, gcs_options: dict[str, Any]) -> None:
        self.bucket = gcs_bucket
        self.options: Any = gcs_options | {"prefix": token_hex(6)}


class TestOnFakeGCS(OnFakeGCS, AtomicCheckpointerSuite):
    def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
        return GCSCheckpointer(self.bucket, **self.options)

    def make_another(self, checkpointer: GCSCheckpointer) -> AtomicCheckpointer:
        return GCSCheckpointer(self.bucket, **self.options)


class TestAsyncOnFakeGCS(OnFakeGCS, AsyncAtomicCheckpointerSuite):
    async def make_async_checkpointer(self, folder: Path) -> AsyncAtomicCheckpointer:
        return AsyncGCSCheckpointer(self.bucket, **self.options)

    async def make_another_async(
        self, checkpointer: AsyncGCSCheckpointer
    ) -> AsyncAtomicCheckpointer:
        return AsyncGCSCheckpointer(self.bucket, **self.options)
