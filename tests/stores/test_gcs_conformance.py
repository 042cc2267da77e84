"""The GCS store keeps the whole contract on the emulator, but for what Google does otherwise."""

from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from google.cloud.exceptions import NotFound

from bucketpoint.errors import UnsupportedError
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.testing.conformance import KEY, StoreSuite, got
from bucketpoint.testing.emulators import FakeGCS


class GCSSuite(StoreSuite):
    """A new bucket for each test."""

    versioned = False

    @pytest.fixture(autouse=True)
    def emulator(self, fake_gcs: FakeGCS) -> None:
        self.server = fake_gcs

    def make_store(self, folder: Path) -> Store:
        bucket = f"bucket-{token_hex(6)}"
        self.server.create_bucket(bucket, versioned=self.versioned)
        self.bucket: Any = self.server.client().bucket(bucket)
        return GCSStore(bucket, endpoint_url=self.server.endpoint_url)

    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        self.bucket.blob(key).upload_from_string(body)

    def raw_get(self, store: Store, key: str) -> bytes | None:
        try:
            body: bytes = self.bucket.blob(key).download_as_bytes()
        except NotFound:
            return None
        return body

    def keeps_versions(self, store: Store) -> bool:
        return self.versioned


class TestGCSStore(GCSSuite):
    def assert_versions_are_refused(self, store: Store) -> None:
        """As elsewhere, but that the generation is given out as an ID, which costs no request."""
        version = store.put(KEY, b"1", when=IfAbsent())
        assert got(store, KEY).version_id == version.token
        calls: list[Callable[[], Any]] = [
            lambda: store.get(KEY, version_id="1"),
            lambda: list(store.list_versions(KEY)),
            lambda: store.delete_version(KEY, "1"),
        ]
        for call in calls:
            with pytest.raises(UnsupportedError, match="--versioning"):
                call()


class TestGCSStoreVersioned(GCSSuite):
    versioned = True

    def test_a_deletion_is_a_mark_among_the_versions(self, store: Store) -> None:
        """Google marks no deletion: what was deleted is kept, and none of it is current."""
        store.delete(KEY, when=IfVersion(store.put(KEY, b"1", when=IfAbsent())))
        (deleted,) = store.list_versions(KEY)
        assert (deleted.is_deletion, deleted.is_current, deleted.size) == (False, False, 1)
        store.put(KEY, b"22", when=IfAbsent())
        kept = list(store.list_versions(KEY))
        assert [version.size for version in kept] == [2, 1]
        assert [version.is_current for version in kept] == [True, False]
