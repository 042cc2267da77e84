"""What each call costs on the wire: requests that read, and requests that write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import Checkpoint, NoCheckpointError, VersionConflictError
from tests.checkpointer.twins import twin
from tests.emulators.clouds import PREFIX
from tests.emulators.proxied import ProxiedBucket

Call = Callable[[], Any]


@dataclass(frozen=True)
class Scene:
    """A bucket, a checkpointer that has seen nothing yet, and claims to give back in the end."""

    bucket: ProxiedBucket
    checkpointer: Any
    claims: ExitStack

    def seen(self) -> Checkpoint:
        """Return the checkpoint of a run that this checkpointer has saved."""
        return self.bucket.started(self.checkpointer)

    def unseen(self) -> str:
        """Name a run that somebody else has saved."""
        return self.bucket.started(self.bucket.direct).execution_id

    def claimed(self, run: str) -> Any:
        """Take a claim on a run."""
        return self.claims.enter_context(self.checkpointer.claim(run, owner="worker-1"))


CALLS: list[Any] = []


def costs(
    *, reads: int, writes: int
) -> Callable[[Callable[[Scene], Call]], Callable[[Scene], Call]]:
    """Say what a call costs that is prepared by the function below."""

    def add(prepare: Callable[[Scene], Call]) -> Callable[[Scene], Call]:
        CALLS.append(pytest.param(prepare, reads, writes, id=prepare.__name__))
        return prepare

    return add


def change(checkpoint: Checkpoint) -> None:
    checkpoint.status = "running"


@costs(reads=1, writes=1)
def first_save_of_a_run_never_seen(scene: Scene) -> Call:
    new = Checkpoint(execution_id=scene.bucket.new_run())
    return lambda: scene.checkpointer.save_checkpoint(new)


@costs(reads=1, writes=1)
def start_of_a_run_only_once(scene: Scene) -> Call:
    new = Checkpoint(execution_id=scene.bucket.new_run())
    return lambda: scene.checkpointer.save_checkpoint(new, if_absent=True)


@costs(reads=0, writes=1)
def first_save_of_a_run_that_was_looked_for(scene: Scene) -> Call:
    new = Checkpoint(execution_id=scene.bucket.new_run())
    with pytest.raises(NoCheckpointError):
        scene.checkpointer.load_checkpoint(new.execution_id)
    return lambda: scene.checkpointer.save_checkpoint(new)


@costs(reads=0, writes=1)
def save_of_a_checkpoint_saved_before(scene: Scene) -> Call:
    seen = scene.seen()
    return lambda: scene.checkpointer.save_checkpoint(seen)


@costs(reads=0, writes=1)
def save_of_a_checkpoint_loaded_before(scene: Scene) -> Call:
    loaded = scene.checkpointer.load_checkpoint(scene.unseen())
    return lambda: scene.checkpointer.save_checkpoint(loaded)


@costs(reads=0, writes=1)
def save_of_a_fresh_snapshot_of_a_run_seen(scene: Scene) -> Call:
    fresh = Checkpoint(execution_id=scene.seen().execution_id)
    return lambda: scene.checkpointer.save_checkpoint(fresh)


@costs(reads=0, writes=1)
def save_over_a_version(scene: Scene) -> Call:
    stored = scene.checkpointer.get(scene.unseen())
    return lambda: scene.checkpointer.save_checkpoint(stored.checkpoint, if_version=stored.version)


@costs(reads=1, writes=0)
def start_of_a_run_that_was_started_before(scene: Scene) -> Call:
    again = Checkpoint(execution_id=scene.unseen())

    def start() -> None:
        with pytest.raises(VersionConflictError):
            scene.checkpointer.save_checkpoint(again, if_absent=True)

    return start


@costs(reads=1, writes=0)
def load(scene: Scene) -> Call:
    run = scene.unseen()
    return lambda: scene.checkpointer.load_checkpoint(run)


@costs(reads=1, writes=0)
def load_of_a_run_seen(scene: Scene) -> Call:
    run = scene.seen().execution_id
    return lambda: scene.checkpointer.load_checkpoint(run)


@costs(reads=1, writes=1)
def first_update(scene: Scene) -> Call:
    run = scene.unseen()
    return lambda: scene.checkpointer.atomic_update(run, change)


@costs(reads=0, writes=1)
def later_update(scene: Scene) -> Call:
    run = scene.unseen()
    scene.checkpointer.atomic_update(run, change)
    return lambda: scene.checkpointer.atomic_update(run, change)


@costs(reads=1, writes=2)
def update_after_another_writer(scene: Scene) -> Call:
    run = scene.seen().execution_id
    scene.bucket.direct.atomic_update(run, change)
    return lambda: scene.checkpointer.atomic_update(run, change)


@costs(reads=0, writes=1)
def delete_of_a_run_seen(scene: Scene) -> Call:
    run = scene.seen().execution_id
    return lambda: scene.checkpointer.delete_checkpoint(run)


@costs(reads=1, writes=1)
def delete_of_a_run_never_seen(scene: Scene) -> Call:
    run = scene.unseen()
    return lambda: scene.checkpointer.delete_checkpoint(run)


@costs(reads=1, writes=0)
def purge_of_a_run_just_deleted(scene: Scene) -> Call:
    run = scene.seen().execution_id
    scene.checkpointer.delete_checkpoint(run)
    return lambda: scene.checkpointer.purge(run)


@costs(reads=1, writes=1)
def claim_of_a_run(scene: Scene) -> Call:
    run = scene.unseen()
    return lambda: scene.claimed(run)


@costs(reads=1, writes=1)
def claim_of_a_run_that_is_not_there(scene: Scene) -> Call:
    run = scene.bucket.new_run()
    return lambda: scene.claimed(run)


@costs(reads=0, writes=1)
def save_under_a_claim(scene: Scene) -> Call:
    claim = scene.claimed(scene.unseen())
    return lambda: claim.save(claim.checkpoint)


@costs(reads=0, writes=1)
def save_of_a_fresh_snapshot_under_a_claim(scene: Scene) -> Call:
    claim = scene.claimed(scene.unseen())
    fresh = Checkpoint(execution_id=claim.checkpoint.execution_id)
    return lambda: claim.save(fresh)


@costs(reads=0, writes=1)
def update_under_a_claim(scene: Scene) -> Call:
    claim = scene.claimed(scene.unseen())
    return lambda: claim.update(change)


@costs(reads=0, writes=1)
def renewal_of_a_claim(scene: Scene) -> Call:
    renew: Call = scene.claimed(scene.unseen()).renew
    return renew


@costs(reads=0, writes=1)
def release_of_a_claim(scene: Scene) -> Call:
    release: Call = scene.claimed(scene.unseen()).release
    return release


@pytest.fixture(params=["sync", "async"])
def scene(bucket: ProxiedBucket, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A new checkpointer of each kind."""
    with twin(request.param) as make, ExitStack() as claims:
        yield Scene(bucket, make(bucket.store, prefix=PREFIX), claims)


@pytest.mark.parametrize(("prepare", "reads", "writes"), CALLS)
def test_a_call_costs(
    scene: Scene, prepare: Callable[[Scene], Call], reads: int, writes: int
) -> None:
    call = prepare(scene)
    scene.bucket.proxy.clear_log()
    call()
    assert (scene.bucket.reads, scene.bucket.writes) == (reads, writes)
    assert scene.bucket.proxy.count() == reads + writes


def test_a_purge_costs_a_look_and_a_delete(bucket: ProxiedBucket) -> None:
    run = bucket.started(bucket.direct).execution_id
    bucket.direct.delete_checkpoint(run)
    janitor = bucket.checkpointer(purge_grace=timedelta(microseconds=1))
    while not janitor.purge(run):  # the stores tell times in whole seconds
        time.sleep(0.05)
        bucket.proxy.clear_log()
    assert [one.request.method for one in bucket.proxy.log] == ["GET", "DELETE"]
    assert bucket.member(run) == {}
