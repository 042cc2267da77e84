"""Ctrl-C in the middle of long work: it ends at once, nothing is torn, and it can be begun again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bucketpoint
from bucketpoint import Checkpoint, FileStore
from bucketpoint.cli.exits import ExitCode

RUNS = 400

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has another Ctrl-C")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with many finished runs, written long ago."""
    folder = tmp_path / "runs"
    store = FileStore(folder, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    with bucketpoint.BucketCheckpointer(store) as checkpointer:
        for number in range(RUNS):
            run = Checkpoint(execution_id=f"run-{number:03}", status="completed")
            checkpointer.save_checkpoint(run)
    return folder


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Give programs a Ctrl-C that they heed: a shell's job in the background begins without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted(*arguments: str, once: Callable[[], bool]) -> tuple[int, str]:
    """Run the command, press Ctrl-C as soon as something holds; return its exit code and errors."""
    command = [sys.executable, "-m", "bucketpoint", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as running:
        while running.poll() is None and not once():
            time.sleep(0.005)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    return running.returncode, errors


def finished(*arguments: str) -> int:
    """Run the command to its end, and return its exit code."""
    command = [sys.executable, "-m", "bucketpoint", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_copy_goes_on_where_it_was_stopped(runs: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    begun = lambda: len(list(copies.glob("executions/*.json"))) > 3  # noqa: E731 - short, and read once
    assert interrupted("copy", runs.as_uri(), copies.as_uri(), once=begun) == (
        ExitCode.INTERRUPTED,
        "\nStopped.\n",
    )
    with bucketpoint.open(copies.as_uri()) as checkpointer:
        copied = [run.status for run in checkpointer.list_executions()]
    assert 0 < len(copied) < RUNS
    assert set(copied) == {"completed"}
    assert finished("copy", runs.as_uri(), copies.as_uri(), "--overwrite") == ExitCode.OK
    with bucketpoint.open(copies.as_uri()) as checkpointer:
        assert len(list(checkpointer.list_executions())) == RUNS


def test_a_collection_goes_on_where_it_was_stopped(runs: Path) -> None:
    def left() -> list[str]:
        with bucketpoint.open(runs.as_uri()) as checkpointer:
            return [run.status for run in checkpointer.list_executions()]

    fourth = runs / "executions" / "run-003.json"
    before = fourth.read_bytes()
    begun = lambda: fourth.read_bytes() != before  # noqa: E731 - short, and read once
    arguments = ("gc", "--url", runs.as_uri(), "--older-than", "1d", "--finished", "--yes")
    assert interrupted(*arguments, once=begun) == (ExitCode.INTERRUPTED, "\nStopped.\n")
    assert 0 < len(left()) < RUNS
    assert set(left()) == {"completed"}
    assert finished(*arguments) == ExitCode.OK
    assert left() == []
