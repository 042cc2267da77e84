"""The command line on buckets: copies to a laptop, and pauses under a live worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from bucketpoint import BranchState, Checkpoint
from bucketpoint.cli.branching import change_branches
from bucketpoint.cli.operator import opened
from bucketpoint.core.waits import pause, unpause
from bucketpoint.testing.emulators import SeaweedFS
from bucketpoint.timestamps import Timestamp
from tests.cli.programs import Program
from tests.emulators.clouds import S3, Cloud

PAUSES = 200


def branches(*names: str) -> dict[str, BranchState]:
    return {name: BranchState(id=name, status="running") for name in names}


def test_a_run_is_pulled_from_a_cloud_to_a_laptop(cloud: Cloud, tmp_path: Path) -> None:
    bucket = cloud.new_bucket(versioned=True)
    checkpointer = cloud.checkpointer(bucket)
    for number in range(3):
        run = Checkpoint(execution_id="a", variables={"n": number}, branch_states=branches("main"))
        checkpointer.save_checkpoint(run)
    source, target = cloud.url(bucket), (tmp_path / "runs").as_uri()
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    program = Program(tmp_path, source, credentials)
    assert [run["execution_id"] for run in program.records("list")] == ["a"]
    assert len(program.records("history", "a")) == 3
    assert program.records("copy", source, target, "--history")[0]["versions"] == 3
    there, here = (program.records("show", "a", "--url", url)[0] for url in (source, target))
    assert here["checkpoint"] == there["checkpoint"]
    for back in range(3):
        version = ("--version", f"~{back}")
        there, here = (
            program.records("show", "a", *version, "--url", url)[0] for url in (source, target)
        )
        assert here["checkpoint"] == there["checkpoint"]
        assert here["checkpoint"]["variables"] == {"n": 2 - back}


def test_no_pause_is_lost_and_no_worker_killed(seaweedfs: SeaweedFS) -> None:
    """An operator pauses and unpauses all the time while a worker that holds the run saves."""
    cloud = S3(seaweedfs)
    bucket = cloud.new_bucket()
    run = Checkpoint(execution_id="a", branch_states=branches("main", "other"))
    cloud.checkpointer(bucket).save_checkpoint(run)
    ended, saves = threading.Event(), 0
    problems: list[Exception] = []

    def work() -> None:
        nonlocal saves
        try:
            with cloud.checkpointer(bucket).claim("a", owner="worker") as claim:
                while not ended.wait(0.01):
                    claim.checkpoint.variables["saves"] = saves + 1
                    claim.save(claim.checkpoint)
                    saves += 1
        except Exception as problem:  # noqa: BLE001 - the test tells of it
            problems.append(problem)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with opened(cloud.url(bucket)) as operator:
            for number in range(PAUSES):
                reason = f"reason {number}"
                change_branches(operator, "a", ("main",), _paused(reason))
                assert _reason(operator.load_checkpoint("a")) == reason
                change_branches(operator, "a", (), _unpaused)
                assert _reason(operator.load_checkpoint("a")) is None
    finally:
        ended.set()
        worker.join()
    assert problems == []
    found = cloud.checkpointer(bucket).load_checkpoint("a")
    assert found.variables["saves"] == saves > 0


def _paused(reason: str) -> Callable[[BranchState], None]:
    return lambda branch: pause(branch, reason, Timestamp.now())


def _unpaused(branch: BranchState) -> None:
    unpause(branch, Timestamp.now())


def _reason(checkpoint: Checkpoint) -> str | None:
    branch = checkpoint.branch_states["main"]
    return branch.pause_reason if branch.pause_requested else None
