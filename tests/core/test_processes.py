"""Real processes on one folder, killed at any instant: nothing acknowledged is lost or doubled."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bucketpoint import BucketCheckpointer, Checkpoint, FileStore
from tests.core.chaos_worker import OTHERS, SHARED

WORKERS = 6
SECONDS = 600.0 if os.environ.get("BUCKETPOINT_THOROUGH") else 20.0
WORKER = Path(__file__).with_name("chaos_worker.py")


@dataclass
class Incarnation:
    """One life of one worker."""

    name: str
    log: Path
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def logged(self, word: str) -> list[str]:
        # The last line may be torn: the process was killed while it wrote it.
        lines = self.log.read_text(encoding="utf-8").split("\n")[:-1]
        return [line.removeprefix(word + " ") for line in lines if line.startswith(word + " ")]


def start(folder: Path, logs: Path, name: str) -> Incarnation:
    log = logs / name
    log.touch()
    command = [sys.executable, str(WORKER), str(folder), str(log), name]
    return Incarnation(name, log, subprocess.Popen(command))


def test_six_processes_killed_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    folder, logs = tmp_path / "bucket", tmp_path / "logs"
    logs.mkdir()
    checkpointer = BucketCheckpointer(FileStore(folder))
    for execution in [SHARED, *OTHERS]:
        checkpointer.save_checkpoint(Checkpoint(execution_id=execution))

    lives = _kill_and_restart(folder, logs)

    stored = {
        execution: checkpointer.load_checkpoint(execution).variables or {}
        for execution in [SHARED, *OTHERS]
    }
    failures = [failure for life in lives for failure in life.logged("failed")]
    assert failures == []
    acknowledged = 0
    for life in lives:
        begun, done = Counter(life.logged("begin")), Counter(life.logged("done"))
        applied = Counter(
            f"{execution} {number}"
            for execution, variables in stored.items()
            for number in variables.get(life.name, [])
        )
        assert applied <= begun, "something was applied that nobody began, or twice"
        assert done <= applied, "something acknowledged was lost"
        acknowledged += done.total()
    assert acknowledged > 20 * WORKERS, "too little happened for this to mean anything"
    assert len(lives) > 2 * WORKERS
    # Nobody who was killed has left anything behind that blocks.
    checkpointer.atomic_update(SHARED, lambda _: None, timeout=10)


def _kill_and_restart(folder: Path, logs: Path) -> list[Incarnation]:
    """Keep six workers alive for a while, killing one at a time; return all that ever lived."""
    chance = random.Random(42)  # noqa: S311 - a test's schedule
    alive = [start(folder, logs, f"worker-{n}-0") for n in range(WORKERS)]
    dead: list[Incarnation] = []
    ends = time.monotonic() + SECONDS
    try:
        while time.monotonic() < ends:
            time.sleep(chance.uniform(0.1, 0.6))
            _check_no_file_is_torn(folder)
            victim = chance.randrange(WORKERS)
            life = alive[victim]
            assert life.process.poll() is None, "a worker ended by itself"
            life.kill()
            dead.append(life)
            alive[victim] = start(folder, logs, f"worker-{victim}-{len(dead)}")
    finally:
        for life in alive:
            life.kill()
    return dead + alive


def _check_no_file_is_torn(folder: Path) -> None:
    for path in (folder / "executions").glob("*.json"):
        json.loads(path.read_bytes())
