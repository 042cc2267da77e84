"""What the tests against emulators share."""

from collections.abc import Iterator

import pytest

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


@pytest.fixture(params=["s3", "gcs"], scope="module")
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each of the two clouds, with atomic conditional writes."""
    if request.param == "s3":
        return S3(request.getfixturevalue("seaweedfs"))
    return GCS(request.getfixturevalue("fake_gcs"))


@pytest.fixture(scope="module")
def shared_bucket(cloud: Cloud) -> Iterator[ProxiedBucket]:
    """A bucket of each cloud behind a proxy, for many tests, since making clients is slow."""
    with ProxiedBucket.new(cloud) as bucket:
        yield bucket


@pytest.fixture
def bucket(shared_bucket: ProxiedBucket) -> ProxiedBucket:
    """The bucket, behind a proxy that is as good as new."""
    shared_bucket.repair()
    return shared_bucket
