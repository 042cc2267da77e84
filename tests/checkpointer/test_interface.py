"""What a user sees of a checkpointer: what it stores, finds, changes and asks for."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import bucketpoint
from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    InvalidInputError,
    MemoryStore,
    NoCheckpointError,
    StoreConfigurationError,
    StoreRequest,
)
from bucketpoint.stores.contract import Store
from bucketpoint.testing.faults import Fault, FaultyStore
from tests.checkpointer.steps import KEY, add_one, counted, moved, no_checkpoint, replaced, run


def test_what_was_saved_is_loaded(checkpointer: Any) -> None:
    checkpointer.save_checkpoint(run(workflow_name="orders", variables={"n": 7}))
    loaded = checkpointer.load_checkpoint("run-42")
    assert (loaded.execution_id, loaded.workflow_name, loaded.variables) == (
        "run-42",
        "orders",
        {"n": 7},
    )


def test_loading_what_is_not_there_says_so(checkpointer: Any) -> None:
    with pytest.raises(NoCheckpointError, match="no checkpoint found for execution 'run-42'") as it:
        checkpointer.load_checkpoint("run-42")
    assert (it.value.execution_id, it.value.key) == ("run-42", KEY)
    assert checkpointer.get("run-42") is None


def test_a_deleted_checkpoint_is_gone_and_deleting_it_again_succeeds(checkpointer: Any) -> None:
    checkpointer.save_checkpoint(run())
    checkpointer.delete_checkpoint("run-42")
    checkpointer.delete_checkpoint("run-42")
    checkpointer.delete_checkpoint("never-there")
    assert checkpointer.get("run-42") is None
    with pytest.raises(NoCheckpointError):
        checkpointer.load_checkpoint("run-42")


def test_a_tombstone_holds_no_user_data_and_v1_readers_refuse_it(
    checkpointer: Any, store: Store
) -> None:
    checkpointer.save_checkpoint(run(variables={"secret": "hunter2"}))
    checkpointer.delete_checkpoint("run-42")
    found = store.get(KEY)
    assert found is not None
    assert b'"schema_version":0' in found.body
    assert b"hunter2" not in found.body


def test_a_deleted_execution_can_be_saved_again_and_continues_its_revisions(
    checkpointer: Any,
) -> None:
    checkpointer.save_checkpoint(run())
    checkpointer.delete_checkpoint("run-42")
    checkpointer.save_checkpoint(run(), if_absent=True)
    assert checkpointer.get("run-42").revision == 3


def test_an_update_changes_what_is_stored(checkpointer: Any) -> None:
    checkpointer.save_checkpoint(run())
    stored = checkpointer.atomic_update("run-42", add_one)
    assert stored.checkpoint.variables == {"n": 1}
    assert stored.revision == 2
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 1}
    assert checkpointer.get("run-42").version == stored.version


def test_an_update_may_return_another_checkpoint(checkpointer: Any) -> None:
    checkpointer.save_checkpoint(run())
    checkpointer.atomic_update("run-42", replaced)
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 99}


def test_what_fn_raises_comes_out_as_the_very_same_object_and_nothing_is_saved(
    checkpointer: Any, store: Store
) -> None:
    checkpointer.save_checkpoint(run())
    before = store.get(KEY)
    problem = KeyError("mine")

    def fail(checkpoint: Checkpoint) -> None:
        checkpoint.variables = {"n": 666}
        raise problem

    with pytest.raises(KeyError) as it:
        checkpointer.atomic_update("run-42", fail)
    after = store.get(KEY)
    assert it.value is problem
    assert before is not None
    assert after is not None
    assert before.body == after.body


def test_fn_is_not_called_when_there_is_no_checkpoint(checkpointer: Any) -> None:
    calls: list[Checkpoint] = []
    for _ in range(2):  # the second time, absence is remembered
        with pytest.raises(NoCheckpointError):
            checkpointer.atomic_update("run-42", calls.append)
    checkpointer.save_checkpoint(run())
    checkpointer.delete_checkpoint("run-42")
    with pytest.raises(NoCheckpointError):
        checkpointer.atomic_update("run-42", calls.append)
    assert calls == []


def test_what_fn_raised_on_an_outdated_remembered_state_does_not_come_out(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    theirs.atomic_update("run-42", add_one)

    def only_from_one(checkpoint: Checkpoint) -> None:
        if checkpoint.variables["n"] != 1:
            msg = "not ready"
            raise RuntimeError(msg)
        checkpoint.variables["n"] = 2

    ours.atomic_update("run-42", only_from_one)
    assert theirs.load_checkpoint("run-42").variables == {"n": 2}


def test_fn_runs_again_on_the_newer_copy_after_a_conflict(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    theirs.atomic_update("run-42", add_one)
    seen: list[int] = []

    def fn(checkpoint: Checkpoint) -> None:
        seen.append(checkpoint.variables["n"])
        checkpoint.variables["n"] += 1

    ours.atomic_update("run-42", fn)
    assert seen == [0, 1]
    assert ours.load_checkpoint("run-42").variables == {"n": 2}


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (no_checkpoint, "it returned dict"),
        (moved, "cannot change the execution_id"),
    ],
)
def test_an_update_that_makes_no_checkpoint_is_refused(
    checkpointer: Any, fn: Callable[[Checkpoint], Any], message: str
) -> None:
    checkpointer.save_checkpoint(run())
    with pytest.raises(InvalidInputError, match=message):
        checkpointer.atomic_update("run-42", fn)
    assert checkpointer.get("run-42").revision == 1


def test_an_update_needs_a_function(checkpointer: Any) -> None:
    with pytest.raises(InvalidInputError, match="takes a function"):
        checkpointer.atomic_update("run-42", None)


def test_each_operation_costs_the_requests_that_the_design_allows(
    make: Callable[..., Any], store: Store, requests: list[StoreRequest]
) -> None:
    checkpointer = make(store, observer=requests.append)
    mine = run()
    checkpointer.save_checkpoint(mine)
    assert counted(requests) == {"get": 1, "put": 1}
    checkpointer.save_checkpoint(mine)
    checkpointer.save_checkpoint(run())
    assert counted(requests) == {"put": 2}
    checkpointer.load_checkpoint("run-42")
    assert counted(requests) == {"get": 1}
    checkpointer.atomic_update("run-42", add_one)
    assert counted(requests) == {"put": 1}
    make(store, observer=requests.append).atomic_update("run-42", add_one)
    assert counted(requests) == {"get": 1, "put": 1}
    another = make(store, observer=requests.append)
    another.load_checkpoint("run-42")
    another.delete_checkpoint("run-42")
    assert counted(requests) == {"get": 1, "put": 1}


def test_a_run_found_absent_is_then_saved_with_one_request(
    checkpointer: Any, requests: list[StoreRequest]
) -> None:
    with pytest.raises(NoCheckpointError):
        checkpointer.load_checkpoint("run-42")
    counted(requests)
    checkpointer.save_checkpoint(run(), if_absent=True)
    assert counted(requests) == {"put": 1}


def test_a_request_that_ends_in_somebody_elses_error_is_told_as_one(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[StoreRequest] = []
    store = MemoryStore()
    checkpointer = make(store, observer=told.append)

    def broken(*_: Any, **__: Any) -> None:
        msg = "a fault of the store's"
        raise RuntimeError(msg)

    monkeypatch.setattr(store, "get", broken)
    with pytest.raises(RuntimeError, match="a fault of the store's"):
        checkpointer.load_checkpoint("run-42")
    assert [(request.kind, request.outcome) for request in told] == [("get", "error")]


def test_what_went_wrong_is_logged_for_whoever_debugs_and_no_data_with_it(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    checkpointer = make(FaultyStore(MemoryStore(), [Fault.NEVER_SENT]))
    with caplog.at_level(logging.DEBUG, logger="bucketpoint"):
        checkpointer.save_checkpoint(run(variables={"secret": "hush"}))
    assert f"get {KEY}: store_unavailable (attempt 1)" in caplog.text
    assert "hush" not in caplog.text


def test_the_observer_is_told_of_each_request_and_may_fail(
    make: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[StoreRequest] = []

    def observe(request: StoreRequest) -> None:
        told.append(request)
        msg = "broken metrics"
        raise RuntimeError(msg)

    checkpointer = make(MemoryStore(), observer=observe)
    with caplog.at_level(logging.ERROR, logger="bucketpoint"):
        checkpointer.save_checkpoint(run())
    assert [(r.kind, r.key, r.outcome, r.attempt) for r in told] == [
        ("get", KEY, "absent", 1),
        ("put", KEY, "ok", 1),
    ]
    assert told[1].size > 100
    assert all(r.seconds >= 0 for r in told)
    assert "the observer raised" in caplog.text


def test_only_a_tombstone_older_than_the_grace_is_purged(
    make: Callable[..., Any], store: Store
) -> None:
    patient, eager = make(store), make(store, purge_grace=timedelta(microseconds=1))
    assert eager.purge("run-42") is False
    eager.save_checkpoint(run())
    assert eager.purge("run-42") is False
    eager.delete_checkpoint("run-42")
    assert patient.purge("run-42") is False
    assert store.get(KEY) is not None
    while not eager.purge("run-42"):  # file systems stamp times some milliseconds apart
        pass
    assert store.get(KEY) is None
    eager.save_checkpoint(run(), if_absent=True)
    assert eager.get("run-42").revision == 1


def test_open_makes_a_checkpointer_of_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucketpoint.open(f"file://{tmp_path}?prefix=runs") as checkpointer:
        checkpointer.save_checkpoint(run())
    assert (tmp_path / "runs" / "executions" / "run-42.json").is_file()
    monkeypatch.setenv("BUCKETPOINT_URL", f"file://{tmp_path}?prefix=runs")
    assert bucketpoint.open().load_checkpoint("run-42").variables == {"n": 0}


def test_a_folder_that_is_a_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("I am here already")
    with pytest.raises(StoreConfigurationError, match="file"):
        bucketpoint.open(f"file://{tmp_path}/file").save_checkpoint(run())
    assert (tmp_path / "file").read_text() == "I am here already"


def test_even_a_stop_iteration_of_fn_comes_out_as_the_very_same_object(store: Store) -> None:
    checkpointer = BucketCheckpointer(store)
    checkpointer.save_checkpoint(run())
    problem = StopIteration("mine")

    def fail(_: Checkpoint) -> None:
        raise problem

    with pytest.raises(StopIteration) as it:
        checkpointer.atomic_update("run-42", fail)
    assert it.value is problem


def test_what_is_remembered_is_bounded_by_the_bytes_that_are_kept() -> None:
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(run(variables={"text": ["x"] * 1000}))
    checkpointer.purge("run-42")
    seen = checkpointer._session.remembered.get(KEY)
    assert seen is not None
    assert seen.document is not None
    assert seen.document._data is None
