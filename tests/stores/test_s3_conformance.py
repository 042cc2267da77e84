"""The S3 store keeps the whole contract on each emulator, but for what the emulator gets wrong."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from threading import Barrier
from typing import Any, ClassVar

import pytest

from bucketpoint.errors import (
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreConfigurationError,
)
from bucketpoint.stores.contract import Condition, IfAbsent, IfVersion, Store
from bucketpoint.stores.s3 import S3Store
from bucketpoint.testing.conformance import KEY, StoreSuite
from bucketpoint.testing.conformance.requests import at_once, deletes, replace_or_delete
from bucketpoint.testing.emulators import Moto, SeaweedFS
from tests.conftest import THOROUGH

ONE_ATTEMPT = import_module("botocore.config").Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def seaweedfs_client(seaweedfs: SeaweedFS) -> Iterator[Any]:
    with closing(seaweedfs.client(config=ONE_ATTEMPT)) as client:
        yield client


@pytest.fixture(scope="module")
def moto_client(moto_server: Moto) -> Iterator[Any]:
    with closing(moto_server.client(config=ONE_ATTEMPT)) as client:
        yield client


class S3Suite(StoreSuite):
    """A new bucket for each test."""

    versioned: ClassVar[bool] = False
    probe: ClassVar[bool] = False
    client: Any

    def make_store(self, folder: Path) -> Store:
        bucket = f"bucket-{token_hex(6)}"
        self.client.create_bucket(Bucket=bucket)
        if self.versioned:
            status = {"Status": "Enabled"}
            self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
        return S3Store(bucket, client=self.client, probe=self.probe)

    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=bucket_of(store), Key=key, Body=body)

    def raw_get(self, store: Store, key: str) -> bytes | None:
        try:
            body: bytes = self.client.get_object(Bucket=bucket_of(store), Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None
        return body

    def keeps_versions(self, store: Store) -> bool:
        return self.versioned


class TestSeaweedFS(S3Suite):
    """SeaweedFS keeps keys as paths on a disk, and tells nothing from another version."""

    probe = True
    lists_in_order = False
    rounds = 25 if THOROUGH else 5  # a round takes a second, in which the server sleeps
    unusable_keys = frozenset(
        {
            *("dots between", "dots first", "absolute", "empty component", "trailing slash"),
            *("backslash", "two dots after 254", "256", "900 bytes", "900 bytes, other end"),
            "900 bytes in two-byte letters",
        }
    )

    @pytest.fixture(autouse=True)
    def emulator(self, seaweedfs_client: Any) -> None:
        self.client = seaweedfs_client

    def test_deleting_nothing_is_false(self, store: Store) -> None:
        """A deviation: it is refused as if it were another version."""
        version = store.put("other", b"1", when=IfAbsent())
        with pytest.raises(PreconditionFailedError):
            store.delete(KEY, when=IfVersion(version))


class TestSeaweedFSWithVersions(TestSeaweedFS):
    """Version files have longer names, and IDs that cannot be one are an invalid request."""

    versioned = True
    probe = False
    unknown_version_ids = ("unknown", "")
    unusable_keys = TestSeaweedFS.unusable_keys | {"254", "255", "tilde after 254"}

    def test_a_delete_in_a_race_takes_no_other_write_along(self, store: Store) -> None:
        """A deviation: its marker may hide an overwrite that came between, which is kept."""
        for number in range(self.rounds):
            key = f"race/{number}"
            version = store.put(key, b"old", when=IfAbsent())
            won = at_once(partial(replace_or_delete, store, key, version))
            put = {str(n).encode() for n, done in enumerate(won) if done and not deletes(n)}
            assert put <= {
                stored.body
                for kept in store.list_versions(key)
                if (stored := store.get(key, version_id=kept.version_id)) is not None
            }

    def test_an_id_that_is_a_path_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreConfigurationError, match="InvalidRequest"):
            store.get(KEY, version_id="../lock")


class TestMoto(S3Suite):
    """moto answers with S3's own codes, but looks first and writes later."""

    versioned = True

    @pytest.fixture(autouse=True)
    def emulator(self, moto_server: Moto, moto_client: Any) -> None:
        self.moto = moto_server
        self.client = moto_client

    def test_a_race_counts_to_an_exact_number(self, store: Store) -> None:
        """A deviation: two updates of one version are both done."""

        def on_its_version(late: Store) -> Condition:
            return IfVersion(late.put(KEY, b"0", when=IfAbsent()))

        assert winners(self.moto, on_its_version) == 2

    def test_one_of_many_creates_wins(self, store: Store) -> None:
        """A deviation: two creates of one object are both done."""
        assert winners(self.moto, lambda _: IfAbsent()) == 2

    def test_readers_see_whole_objects_only(self, store: Store) -> None:
        """A deviation: who makes the ETag of an object moves the place from which others read it."""
        stored = import_module("moto.s3.models").FakeKey(KEY, b"body", "123456789012", "us-east-1")

        class ReadBesideTheETag(BytesIO):
            def read(self, size: int | None = None) -> bytes:
                if size is None:  # for a reader, who has just gone to the beginning
                    assert stored.etag
                return super().read(size)

        stored._value_buffer.close()
        stored._value_buffer = ReadBesideTheETag(b"body")
        assert stored.value == b""


def winners(moto: Moto, prepare: Callable[[Store], Condition]) -> int:
    """How many of two puts are done by a moto that writes when it has checked both conditions."""
    with (
        in_this_process() as endpoint_url,
        closing(moto.client(endpoint_url=endpoint_url, config=ONE_ATTEMPT)) as s3,
    ):
        bucket = f"bucket-{token_hex(6)}"  # what moto keeps outlives its server
        s3.create_bucket(Bucket=bucket)
        store = S3Store(bucket, client=s3, probe=False)
        when = prepare(store)
        backend, checked = import_module("moto.s3.models").S3Backend, Barrier(2)
        write = backend.put_object

        def write_late(*arguments: Any, **options: Any) -> Any:
            checked.wait(timeout=30)
            return write(*arguments, **options)

        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
            patch.setattr(backend, "put_object", write_late)
            return sum(pool.map(partial(is_done, store, when), (b"1", b"2")))


@contextmanager
def in_this_process() -> Generator[str]:
    """Run moto in threads of this process, where it can be slowed down."""
    server: Any = import_module("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    server._server.server_close()


def is_done(store: Store, when: Condition, body: bytes) -> bool:
    try:
        store.put(KEY, body, when=when)
    except PreconditionFailedError:
        return False
    except OutcomeUnknownError:
        pass  # moto has written, and fails to answer when the other writer's body replaces it
    return True


def bucket_of(store: Store) -> str:
    assert isinstance(store, S3Store)
    return store._bucket
