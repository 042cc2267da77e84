"""A store that ignores conditions is found out before anything is entrusted to it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import BucketCheckpointer, UnsupportedError, UnsupportedStoreError
from bucketpoint.testing.emulators import SeaweedFS
from bucketpoint.testing.proxy import StrippedHeaders
from tests.emulators.calls import RUN, WRITES
from tests.emulators.clouds import S3
from tests.emulators.proxied import ProxiedBucket


def probing(bucket: ProxiedBucket, **options: Any) -> BucketCheckpointer:
    """Return a checkpointer as users make it."""
    return bucket.cloud.checkpointer(bucket.name, bucket.proxy.url, probe=True, **options)


def keys(bucket: ProxiedBucket) -> list[str]:
    """Return what is stored."""
    return [entry.key for entry in bucket.direct.store.list("")]


def purge_in_the_end(checkpointer: BucketCheckpointer) -> None:
    """Purge as soon as the tombstone is old enough; the store tells times in whole seconds."""
    while not checkpointer.purge(RUN):
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        (("If-Match", "If-None-Match"), "ignored If-None-Match"),
        (("If-None-Match",), "ignored If-None-Match"),
        (("If-Match",), "ignored If-Match, and wrote over a newer version"),
    ],
    ids=["both", "of creates", "of updates"],
)
def test_nothing_is_written_to_a_store_that_ignores_the_conditions(
    seaweedfs: SeaweedFS, headers: tuple[str, ...], fault: str
) -> None:
    with ProxiedBucket.new(S3(seaweedfs)) as bucket, probing(bucket) as checkpointer:
        bucket.proxy.add(StrippedHeaders(*headers))
        assert checkpointer.get(RUN) is None
        for write in WRITES.values():
            with pytest.raises(UnsupportedStoreError, match=f"{fault}.* Use a store"):
                write(checkpointer)
        assert keys(bucket) == []


def test_a_store_is_tried_once_however_many_checkpointers_write_to_it(
    seaweedfs: SeaweedFS,
) -> None:
    with ProxiedBucket.new(S3(seaweedfs)) as bucket:
        with probing(bucket) as first, probing(bucket) as second:
            WRITES["save"](first)
            WRITES["save"](second)
        assert bucket.proxy.count("PUT", path="bucketpoint-probe") == 5
        assert bucket.writes == 5 + 2
        assert keys(bucket) == [f"runs/executions/{RUN}.json"]


def test_a_store_that_ignores_the_conditions_of_deletes_alone_keeps_its_tombstones(
    seaweedfs: SeaweedFS,
) -> None:
    grace = timedelta(microseconds=1)
    with (
        ProxiedBucket.new(S3(seaweedfs)) as bucket,
        probing(bucket, purge_grace=grace) as checkpointer,
    ):
        bucket.proxy.add(StrippedHeaders("If-Match"), method="DELETE")
        WRITES["save"](checkpointer)
        WRITES["delete"](checkpointer)
        before = bucket.member(RUN)
        with pytest.raises(UnsupportedError, match="does not honour the condition of a delete"):
            purge_in_the_end(checkpointer)
        with (
            probing(bucket, purge_grace=grace) as later,
            pytest.raises(UnsupportedError, match="no conditional delete"),
        ):
            later.purge(RUN)
        assert bucket.member(RUN) == before
