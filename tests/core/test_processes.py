"""Real processes on one folder, killed at any instant: nothing acknowledged is lost or doubled."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bucketpoint import BucketCheckpointer, FileStore, MemoryStore
from tests.chaos import WORKERS, Reader, Told, create, survive_kills
from tests.core.chaos_worker import SHARED, leave, marks


def test_six_processes_killed_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    folder, logs = tmp_path / "bucket", tmp_path / "logs"
    logs.mkdir()
    survive_kills(
        folder.as_uri(),
        BucketCheckpointer(FileStore(folder)),
        logs,
        least=10 * WORKERS,
        meanwhile=lambda: check_no_file_is_torn(folder),
    )


def check_no_file_is_torn(folder: Path) -> None:
    for path in (folder / "executions").glob("*.json"):
        json.loads(path.read_bytes())


# --- the checks themselves ------------------------------------------------------------------------

TOLD = Told(
    begun=["run a.1", "run a.2", "run a.3"], acknowledged=["run a.1"], not_applied=["run a.2"]
)


@pytest.mark.parametrize("applied", [["run a.1"], ["run a.1", "run a.3"]])
def test_what_was_told_agrees_with_what_is_stored(applied: list[str]) -> None:
    assert TOLD.violations(Counter(applied)) == []


@pytest.mark.parametrize(
    ("applied", "violation"),
    [
        ([], "run a.1 was lost"),
        (["run a.1", "run a.1"], "run a.1 was applied more than once"),
        (["run a.1", "run a.2"], "run a.2 was not to be applied"),
        (["run a.1", "run a.3", "run a.3"], "run a.3 was applied more than once"),
        (["run a.1", "run b.1"], "run b.1 was begun by nobody"),
        (["run a.1", "other a.1"], "other a.1 was begun by nobody"),
    ],
)
def test_what_was_told_in_vain_is_found(applied: list[str], violation: str) -> None:
    assert TOLD.violations(Counter(applied)) == [violation]


def test_a_reader_notices_that_a_mark_is_gone() -> None:
    checkpointer = BucketCheckpointer(MemoryStore())
    create(checkpointer, [SHARED])
    checkpointer.atomic_update(SHARED, leave("a.1"))
    reader = Reader(checkpointer)
    reader.read()
    checkpointer.atomic_update(SHARED, leave("a.2"))
    reader.read()
    checkpointer.atomic_update(SHARED, lambda checkpoint: marks(checkpoint).remove("a.1"))
    with pytest.raises(AssertionError, match="is gone"):
        reader.read()
