"""Real processes on one bucket, killed at any instant: nothing acknowledged is lost or doubled."""

from pathlib import Path

from bucketpoint.testing.emulators import SeaweedFS
from tests.chaos import WORKERS, survive_kills
from tests.emulators.clouds import S3


def test_six_processes_killed_at_random_lose_and_double_nothing(
    seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    cloud = S3(seaweedfs)
    bucket = cloud.new_bucket()
    with cloud.checkpointer(bucket) as checkpointer:
        survive_kills(cloud.url(bucket), checkpointer, tmp_path, least=5 * WORKERS)
