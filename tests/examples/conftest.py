"""The platforms on which the examples are invoked."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from bucketpoint.testing.emulators import FakeGCS, Moto, SeaweedFS
from tests.emulators.clouds import GCS, S3
from tests.examples.cloud_tasks import FakeCloudTasks
from tests.examples.stage import TEST_CREDENTIALS, CloudRunStage, LambdaStage, Stage


@pytest.fixture(scope="session")
def aws(seaweedfs: SeaweedFS, moto_server: Moto) -> Iterator[LambdaStage]:
    """AWS Lambda with S3 and EventBridge Scheduler."""
    cloud = S3(seaweedfs)
    # Each copy of a container would probe the endpoint first.
    url = f"{cloud.url(cloud.new_bucket())}&region=us-east-1&probe=false"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in TEST_CREDENTIALS.items():
            environment.setenv(name, value)
        stage = LambdaStage(url, moto_server)
    with closing(stage):
        yield stage


@pytest.fixture(scope="session")
def google_cloud(fake_gcs: FakeGCS) -> Iterator[CloudRunStage]:
    """Cloud Run with Google Cloud Storage and Cloud Tasks."""
    cloud = GCS(fake_gcs)
    with (
        FakeCloudTasks.running() as cloud_tasks,
        closing(CloudRunStage(cloud.url(cloud.new_bucket()), cloud_tasks)) as stage,
    ):
        yield stage


@pytest.fixture
def lambda_stage(aws: LambdaStage) -> LambdaStage:
    """A new order on AWS Lambda."""
    aws.take_new_order()
    return aws


@pytest.fixture
def cloud_run_stage(google_cloud: CloudRunStage) -> CloudRunStage:
    """A new order on Cloud Run."""
    google_cloud.take_new_order()
    return google_cloud


@pytest.fixture(params=["lambda", "cloud_run"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """A new order on each of the platforms."""
    stage: Stage = request.getfixturevalue(f"{request.param}_stage")
    return stage
