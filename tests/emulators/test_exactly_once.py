"""Many writers of one execution, and a network that loses every fifth answer to a write.

Each update leaves a mark of its own in the checkpoint, so that what was applied twice is seen as
well as what was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import pytest

from bucketpoint import BucketCheckpointer, Checkpoint, OutcomeUnknownError, VersionConflictError
from bucketpoint.testing.proxy import FaultProxy, LostAnswer
from tests.emulators.clouds import PREFIX, Cloud

RUN = "run-42"
WRITERS = 8
UPDATES = 25
LOST = 0.2
TIMEOUT_S = 60.0


@dataclass
class Told:
    """What the writers were told of their updates."""

    acknowledged: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])
    lock: Lock = field(default_factory=Lock)

    def note(self, mark: str, *, is_known: bool) -> None:
        """Note the end of one update."""
        with self.lock:
            (self.acknowledged if is_known else self.unknown).append(mark)


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A bucket with a run whose updates are counted."""
    bucket = cloud.new_bucket()
    cloud.checkpointer(bucket).save_checkpoint(
        Checkpoint(execution_id=RUN, variables={"marks": []}), if_absent=True
    )
    return bucket


@pytest.fixture
def proxy(cloud: Cloud, bucket: str) -> Iterator[FaultProxy]:
    """The way to the cloud on which answers to writes are lost, each after it was applied."""
    with FaultProxy(cloud.endpoint_url) as proxy:
        for method in ("PUT", "POST"):
            proxy.add(LostAnswer(), method=method, probability=LOST)
        yield proxy


def marks(checkpoint: Checkpoint) -> list[str]:
    """The marks of the updates that were applied, in their order."""
    assert checkpoint.variables is not None
    found: list[str] = checkpoint.variables["marks"]
    return found


def update(checkpointer: BucketCheckpointer, mark: str, told: Told) -> None:
    """Leave a mark by `atomic_update`."""
    try:
        checkpointer.atomic_update(RUN, lambda checkpoint: marks(checkpoint).append(mark))
    except OutcomeUnknownError:
        told.note(mark, is_known=False)
    else:
        told.note(mark, is_known=True)


def save_on_version(checkpointer: BucketCheckpointer, mark: str, told: Told) -> None:
    """Leave a mark by a loop of the caller's own, as users write it."""
    while True:
        stored = checkpointer.get(RUN)
        assert stored is not None
        marks(stored.checkpoint).append(mark)
        try:
            checkpointer.save_checkpoint(stored.checkpoint, if_version=stored.version)
        except VersionConflictError:
            continue
        except OutcomeUnknownError:
            told.note(mark, is_known=False)
        else:
            told.note(mark, is_known=True)
        return


Leave = Callable[[BucketCheckpointer, str, Told], None]


def run_writers(checkpointers: list[BucketCheckpointer], updates: int, leave: Leave) -> Told:
    """Let each checkpointer leave so many marks, all at the same time."""
    told = Told()

    def work(writer: int, checkpointer: BucketCheckpointer) -> None:
        for number in range(updates):
            leave(checkpointer, f"{writer}.{number}", told)

    with ThreadPoolExecutor(len(checkpointers)) as pool:
        for done in [pool.submit(work, *one) for one in enumerate(checkpointers)]:
            done.result()
    return told


def check(cloud: Cloud, bucket: str, told: Told, *, total: int) -> Counter[str]:
    """Acknowledged is exactly once, unknown at most once; return how often each was applied."""
    applied = Counter(marks(cloud.checkpointer(bucket).load_checkpoint(RUN)))
    assert len(told.acknowledged) + len(told.unknown) == total
    assert {mark: applied[mark] for mark in told.acknowledged if applied[mark] != 1} == {}
    assert {mark: applied[mark] for mark in told.unknown if applied[mark] > 1} == {}
    assert set(applied) <= {*told.acknowledged, *told.unknown}
    return applied


@pytest.mark.parametrize("leave", [update, save_on_version])
def test_every_update_is_acknowledged_and_applied_once(
    cloud: Cloud, bucket: str, proxy: FaultProxy, leave: Leave
) -> None:
    """8 writers with 25 updates each."""
    checkpointers = [
        cloud.checkpointer(bucket, proxy.url, timeout=TIMEOUT_S) for _ in range(WRITERS)
    ]
    told = run_writers(checkpointers, UPDATES, leave)
    applied = check(cloud, bucket, told, total=WRITERS * UPDATES)
    if leave is update:
        assert told.unknown == []
        assert applied.total() == WRITERS * UPDATES
    lost = sum(logged.fault is not None for logged in proxy.log)
    assert lost > WRITERS * UPDATES * LOST / 2, "the network lost nothing"


@pytest.mark.parametrize("leave", [update, save_on_version])
def test_a_client_of_the_users_own_with_its_retries_on_changes_nothing(
    cloud: Cloud, bucket: str, proxy: FaultProxy, leave: Leave
) -> None:
    """The SDK sends again by itself, and takes its own write for somebody else's."""
    checkpointers = [
        cloud.checkpointer(bucket, client=cloud.retrying_client(proxy.url), timeout=TIMEOUT_S)
        for _ in range(WRITERS)
    ]
    told = run_writers(checkpointers, 5, leave)
    check(cloud, bucket, told, total=WRITERS * 5)
    if leave is update:
        assert told.unknown == []


@pytest.mark.parametrize("leave", [update, save_on_version])
def test_forty_short_lived_writers_double_nothing(
    cloud: Cloud, bucket: str, proxy: FaultProxy, leave: Leave
) -> None:
    """More writers than the table holds: one that was pushed out is told that nobody knows."""
    told = Told()

    def live(writer: int) -> None:
        checkpointer = BucketCheckpointer(store, prefix=PREFIX, timeout=TIMEOUT_S)
        for number in range(2):
            leave(checkpointer, f"{writer}.{number}", told)

    # One store for all: its SDK's clients are long in the making, and are not what is tested.
    store = cloud.checkpointer(bucket, proxy.url).store
    with closing(store), ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(partial(live, writer)) for writer in range(40)]:
            done.result()
    check(cloud, bucket, told, total=80)


@pytest.mark.parametrize("leave", [update, save_on_version])
def test_a_pair_of_clones_doubles_nothing(
    cloud: Cloud,
    bucket: str,
    proxy: FaultProxy,
    leave: Leave,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A memory image that is restored twice: two processes believe to be the same writer."""
    clones = [cloud.checkpointer(bucket, proxy.url, timeout=TIMEOUT_S) for _ in range(2)]
    for clone in clones:
        monkeypatch.setattr(clone._runtime, "writer_id", lambda: "restored-twice")
    told = run_writers(clones, UPDATES, leave)
    check(cloud, bucket, told, total=2 * UPDATES)
