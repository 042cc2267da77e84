"""The clouds that the pages write to: emulators, found as the SDKs find the real ones."""

from collections.abc import Iterator

import pytest

from bucketpoint.testing.emulators import FakeGCS, Moto

BUCKET = "my-bucket"
"""What the pages call the reader's bucket."""


@pytest.fixture
def s3_bucket(moto_server: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty bucket of S3, and credentials and a region in the environment."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto_server.endpoint_url)
    moto_server.create_bucket(BUCKET)
    yield
    client = moto_server.client()
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def gcs_bucket(fake_gcs: FakeGCS, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty bucket of Google Cloud Storage, which needs no credentials."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.endpoint_url)
    fake_gcs.create_bucket(BUCKET)
    yield
    client = fake_gcs.client()
    client.bucket(BUCKET).delete(force=True)
    client.close()
