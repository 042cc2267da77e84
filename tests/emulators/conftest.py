"""What the tests against emulators share."""

from collections.abc import Iterator

import pytest

from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from tests.emulators.clouds import GCS, S3, Cloud
from tests.emulators.proxied import ProxiedBucket


@pytest.fixture(scope="module", autouse=True)
def credentials() -> Iterator[None]:
    """The test credentials of the emulators, and nothing of this machine's own."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(params=["s3", "gcs"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each of the two clouds, with atomic conditional writes."""
    if request.param == "s3":
        return S3(request.getfixturevalue("seaweedfs"))
    return GCS(request.getfixturevalue("fake_gcs"))


@pytest.fixture(scope="module")
def s3_bucket(seaweedfs: SeaweedFS) -> Iterator[ProxiedBucket]:
    """A bucket behind a proxy, for all tests of a module, since making clients is slow."""
    with ProxiedBucket.new(S3(seaweedfs)) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def gcs_bucket(fake_gcs: FakeGCS) -> Iterator[ProxiedBucket]:
    """The same of Google Cloud Storage."""
    with ProxiedBucket.new(GCS(fake_gcs)) as bucket:
        yield bucket


@pytest.fixture
def s3(s3_bucket: ProxiedBucket) -> ProxiedBucket:
    """A bucket of S3, behind a proxy that is as good as new."""
    s3_bucket.repair()
    return s3_bucket


@pytest.fixture
def gcs(gcs_bucket: ProxiedBucket) -> ProxiedBucket:
    """A bucket of Google Cloud Storage, behind a proxy that is as good as new."""
    gcs_bucket.repair()
    return gcs_bucket


@pytest.fixture
def bucket(cloud: Cloud, request: pytest.FixtureRequest) -> ProxiedBucket:
    """A bucket of each of the two clouds, behind a proxy that is as good as new."""
    found: ProxiedBucket = request.getfixturevalue(cloud.name)
    return found
