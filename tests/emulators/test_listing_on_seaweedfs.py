"""Thousands of executions in a bucket are listed with the requests that it takes, and no more."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bucketpoint import BucketCheckpointer, Checkpoint
from bucketpoint.testing.emulators import SeaweedFS
from tests.conftest import THOROUGH
from tests.emulators.clouds import S3

MANY = 10_000 if THOROUGH else 1_100
CHANGED = 7
PAGES = -(-MANY // 1_000)


def fill(checkpointer: BucketCheckpointer) -> list[str]:
    """Store so many runs, and return their IDs."""

    def save(execution_id: str) -> str:
        checkpointer.save_checkpoint(Checkpoint(execution_id=execution_id), if_absent=True)
        return execution_id

    with ThreadPoolExecutor(8) as writers:
        return list(writers.map(save, (f"run-{number:05}" for number in range(MANY))))


class Requests:
    """Counts what a client sends, by the name of the operation."""

    def __init__(self, client: Any) -> None:
        self._sent: Counter[str] = Counter()
        client.meta.events.register("before-send.s3", self._count)

    def _count(self, event_name: str, **_: Any) -> None:
        self._sent[event_name.rpartition(".")[2]] += 1

    def taken(self) -> dict[str, int]:
        """Return how many were sent since this was asked last."""
        sent, self._sent = self._sent, Counter()
        return dict(sent)


def test_listing_again_reads_only_what_has_changed(seaweedfs: SeaweedFS) -> None:
    cloud = S3(seaweedfs)
    bucket = cloud.new_bucket()
    client = seaweedfs.client()
    requests = Requests(client)
    pages = {"ListObjectsV2": PAGES}
    with cloud.checkpointer(bucket) as writer, cloud.checkpointer(bucket, client=client) as reader:
        ids = fill(writer)
        assert listed(reader) == ids
        assert requests.taken() == pages | {"GetObject": MANY}
        assert listed(reader) == ids
        assert requests.taken() == pages
        for execution_id in ids[:CHANGED]:
            writer.atomic_update(execution_id, lambda run: run.variables.update(changed=True))
        assert listed(reader) == ids
        assert requests.taken() == pages | {"GetObject": CHANGED}


def listed(checkpointer: BucketCheckpointer) -> list[str]:
    """Return the IDs of all runs that are listed."""
    return [run.execution_id for run in checkpointer.list_executions()]
