"""The file store between processes: kills, stops, races, and rights that are missing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bucketpoint.errors import StoreUnavailableError
from bucketpoint.stores.contract import IfAbsent, IfVersion
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.file.lock import locked
from bucketpoint.testing.conformance import got

WORKER = Path(__file__).with_name("file_worker.py")
KEY = "prefix/executions/run-42.json"


def start(command: str, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, WORKER, command, folder, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(worker: "subprocess.Popen[str]") -> str:
    output, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    return output


def test_processes_count_to_an_exact_number(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.put(KEY, b"0", when=IfAbsent())
    workers = [start("increment", tmp_path, "20") for _ in range(3)]
    for worker in workers:
        output_of(worker)
    assert got(store, KEY).body == b"60"


def test_a_kill_before_any_step_leaves_the_old_or_the_new_object(tmp_path: Path) -> None:
    steps = json.loads(output_of(start("crash-everywhere", tmp_path)))
    assert min(steps["create"], steps["overwrite"], steps["delete"]) >= 10


def test_kills_at_random_instants_tear_nothing_and_block_nobody(tmp_path: Path) -> None:
    output_of(start("kill-at-random", tmp_path, "50"))
    assert len(list(FileStore(tmp_path).list_versions(KEY))) > 50


def test_a_stopped_writer_holds_up_writers_for_their_timeout_and_readers_not_at_all(
    tmp_path: Path,
) -> None:
    store = FileStore(tmp_path)
    version = store.put(KEY, b"before", when=IfAbsent())
    with start("stop-inside-put", tmp_path) as worker:
        try:
            os.waitpid(worker.pid, os.WUNTRACED)
            assert got(store, KEY).body == b"before"
            started = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=r"lock .* nothing was written"):
                store.put(KEY, b"meanwhile", when=IfVersion(version), timeout=0.2)
            assert time.monotonic() - started >= 0.2
            with pytest.raises(StoreUnavailableError):
                store.delete(KEY, when=IfVersion(version), timeout=0.0)
            store.put("another", b"not held up", when=IfAbsent(), timeout=0.0)
            os.kill(worker.pid, signal.SIGCONT)
            output_of(worker)
        finally:
            worker.kill()  # it may be stopped still, and would be waited for in vain
    stored = got(store, KEY)
    assert stored.body == b"written after the stop"
    store.put(KEY, b"after", when=IfVersion(stored.version), timeout=0.0)


def test_a_forked_child_does_not_keep_the_lock_of_its_killed_parent(tmp_path: Path) -> None:
    with start("fork-and-die", tmp_path) as worker:
        assert worker.wait(timeout=60) == -signal.SIGKILL
        with locked(tmp_path / "lock", timeout=0.0):
            pass


def test_a_write_over_the_limit_of_the_disk_loses_nothing(tmp_path: Path) -> None:
    assert "is full" in output_of(start("over-the-limit", tmp_path))


def test_a_folder_that_one_may_only_read_is_read_and_not_written(tmp_path: Path) -> None:
    refusals = output_of(start("read-only", tmp_path)).splitlines()
    assert len(refusals) == 3
    assert all("change the folder's permissions" in refusal for refusal in refusals)
