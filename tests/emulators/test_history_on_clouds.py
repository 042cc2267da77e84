"""Versions of a bucket: listed, loaded, restored and forked as those of a folder are."""

from __future__ import annotations

import pytest

from bucketpoint import Checkpoint, FenceViolationError, NoCheckpointError, UnsupportedError
from tests.emulators.clouds import Cloud

RUN = "run-42"


def checkpoint(mark: str) -> Checkpoint:
    return Checkpoint(execution_id=RUN, variables={"mark": mark})


def test_a_run_is_brought_back_from_a_bucket_that_keeps_versions(cloud: Cloud) -> None:
    bucket = cloud.new_bucket(versioned=True)
    checkpointer = cloud.checkpointer(bucket)
    versions = [checkpointer.save_checkpoint(checkpoint(mark)) for mark in "abc"]
    kept = checkpointer.history(RUN)
    assert [entry.version for entry in kept] == versions[::-1]
    assert [entry.is_current for entry in kept] == [True, False, False]
    marks = [checkpointer.load_version(RUN, entry).checkpoint.variables["mark"] for entry in kept]
    assert marks == ["c", "b", "a"]

    worker = cloud.checkpointer(bucket).claim(RUN, owner="worker")
    with worker as held:
        restored = checkpointer.restore(RUN, kept[-1])
        with pytest.raises(FenceViolationError):
            held.save(held.checkpoint)
    assert restored.checkpoint.variables == {"mark": "a"}

    checkpointer.delete_checkpoint(RUN)
    with pytest.raises(NoCheckpointError):
        checkpointer.load_version(RUN, checkpointer.history(RUN)[0])
    assert checkpointer.restore(RUN, kept[1]).revision == 7  # 3 saves, claim, 2 restores, delete
    assert checkpointer.fork(RUN, "run-43", version=kept[0]).checkpoint.variables == {"mark": "c"}


def test_a_bucket_without_versions_says_what_to_turn_on(cloud: Cloud) -> None:
    checkpointer = cloud.checkpointer(cloud.new_bucket())
    checkpointer.save_checkpoint(checkpoint("a"))
    with pytest.raises(UnsupportedError, match="versioning"):
        checkpointer.history(RUN)
    assert checkpointer.fork(RUN, "run-43").checkpoint.variables == {"mark": "a"}
