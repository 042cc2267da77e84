"""SeaweedFS and fake-gcs-server let exactly one of many racing conditional writes win.

moto is not here: its conditional writes look first and write then, and two may win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from threading import Barrier

import pytest

from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from tests.conftest import THOROUGH
from tests.emulators.gcs_bucket import GCSBucket, told
from tests.emulators.gcs_bucket import new_key as new_gcs_key
from tests.emulators.s3_bucket import S3Bucket
from tests.emulators.s3_bucket import new_key as new_s3_key

RACERS = 16
ROUNDS = 40 if THOROUGH else 4
SEAWEEDFS_ROUNDS = 20 if THOROUGH else 2  # each takes seconds, in which the server sleeps

Attempt = Callable[[], str]


def race(attempts: Sequence[Attempt]) -> Counter[str]:
    """Make all attempts at the same moment, and count what they are told."""
    start = Barrier(len(attempts))

    def begin(attempt: Attempt) -> str:
        start.wait()
        return attempt()

    with ThreadPoolExecutor(len(attempts)) as racers:
        return Counter(racers.map(begin, attempts))


@pytest.fixture(scope="session")
def s3(seaweedfs: SeaweedFS) -> S3Bucket:
    seaweedfs.create_bucket("deviations-races")
    config = import_module("botocore.config").Config(
        max_pool_connections=RACERS, retries={"total_max_attempts": 1}
    )
    return S3Bucket(seaweedfs, "deviations-races", config=config)


@pytest.fixture(scope="session")
def gcs(fake_gcs: FakeGCS) -> GCSBucket:
    fake_gcs.create_bucket("deviations-races")
    return GCSBucket(fake_gcs.endpoint_url, "deviations-races")


def test_one_of_many_creates_wins_on_seaweedfs(s3: S3Bucket) -> None:
    for _ in range(SEAWEEDFS_ROUNDS):
        key = new_s3_key()
        told = race(
            [partial(s3.put, key, b"%d" % number, IfNoneMatch="*") for number in range(RACERS)]
        )
        assert told == {"200": 1, "412 PreconditionFailed": RACERS - 1}


def test_one_of_many_updates_wins_on_seaweedfs(s3: S3Bucket) -> None:
    for _ in range(SEAWEEDFS_ROUNDS):
        key, etag = s3.stored(b"before")
        told = race(
            [partial(s3.put, key, b"%d" % number, IfMatch=etag) for number in range(RACERS)]
        )
        assert told == {"200": 1, "412 PreconditionFailed": RACERS - 1}


def test_one_of_many_updates_and_deletes_wins_on_seaweedfs(s3: S3Bucket) -> None:
    for _ in range(SEAWEEDFS_ROUNDS):
        key, etag = s3.stored(b"before")
        puts = [partial(s3.put, key, b"%d" % n, IfMatch=etag) for n in range(RACERS // 2)]
        deletes = [partial(s3.delete, key, IfMatch=etag)] * (RACERS // 2)
        told = race([*puts, *deletes])
        assert told["412 PreconditionFailed"] == RACERS - 1, told
        assert s3.get(key) == ("200" if told["200"] else "404 NoSuchKey")


def upload(gcs: GCSBucket, key: str, generation: str) -> str:
    return told(gcs.upload(key, ifGenerationMatch=generation))


def delete(gcs: GCSBucket, key: str, generation: str) -> str:
    return f"delete {told(gcs.object('DELETE', key, ifGenerationMatch=generation))}"


def test_one_of_many_creates_wins_on_fake_gcs_server(gcs: GCSBucket) -> None:
    for _ in range(ROUNDS):
        creates = [partial(upload, gcs, new_gcs_key(), "0")] * RACERS
        assert race(creates) == {"200": 1, "412": RACERS - 1}


def test_one_of_many_updates_wins_on_fake_gcs_server(gcs: GCSBucket) -> None:
    for _ in range(ROUNDS):
        updates = [partial(upload, gcs, *gcs.stored())] * RACERS
        assert race(updates) == {"200": 1, "412": RACERS - 1}


def test_one_of_many_updates_and_deletes_wins_on_fake_gcs_server(gcs: GCSBucket) -> None:
    half = RACERS // 2
    for _ in range(ROUNDS):
        key, generation = gcs.stored()
        updates = [partial(upload, gcs, key, generation)] * half
        deletes = [partial(delete, gcs, key, generation)] * half
        answers = race([*updates, *deletes])
        if answers["200"]:
            assert answers == {"200": 1, "412": half - 1, "delete 412": half}
        else:  # the deletes after the one that won found nothing
            assert answers == {"412": half, "delete 200": 1, "delete 404": half - 1}
