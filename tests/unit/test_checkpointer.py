"""What a user sees of a checkpointer: both twins, on memory and on a folder."""

import logging
import os
import pickle
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bucketpoint
from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    CheckpointTooLargeError,
    ClaimHeldError,
    ConflictError,
    CorruptCheckpointError,
    DeadlineExceededError,
    FenceViolationError,
    FileStore,
    InvalidExecutionIDError,
    InvalidInputError,
    MemoryStore,
    NoCheckpointError,
    OutcomeUnknownError,
    ReentrantCallError,
    RetryPolicy,
    StoreConfigurationError,
    StoredDataError,
    StoreRequest,
    StoreUnavailableError,
    UnserializableValueError,
    UnsupportedFormatError,
    UnsupportedSchemaError,
    Version,
    VersionConflictError,
    pause_branch,
    unpause_branch,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store
from bucketpoint.testing.faults import Fault, FaultyStore
from tests.unit.twins import twin

KEY = "executions/run-42.json"


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with twin(request.param) as constructor:
        yield constructor


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


@pytest.fixture
def requests() -> list[StoreRequest]:
    return []


@pytest.fixture
def checkpointer(make: Callable[..., Any], store: Store, requests: list[StoreRequest]) -> Any:
    return make(store, observer=requests.append)


def run(**fields: Any) -> Checkpoint:
    fields = {"execution_id": "run-42", "variables": {"n": 0}} | fields
    return Checkpoint(**fields)


def add_one(checkpoint: Checkpoint) -> None:
    checkpoint.variables["n"] += 1


def replaced(_: Checkpoint) -> Checkpoint:
    return run(variables={"n": 99})


def renamed(checkpoint: Checkpoint) -> None:
    checkpoint.workflow_name = "renamed"


def moved(checkpoint: Checkpoint) -> None:
    checkpoint.execution_id = "other"


def no_checkpoint(_: Checkpoint) -> Any:
    return {"n": 1}


def counted(requests: list[StoreRequest]) -> dict[str, int]:
    """How many requests of each kind there were since the last count."""
    count = Counter(request.kind for request in requests)
    requests.clear()
    return dict(count)


def raw_put(store: Store, body: bytes) -> None:
    """Write as another program would, whatever is there."""
    found = store.get(KEY)
    store.put(KEY, body, when=IfVersion(found.version) if found else IfAbsent())


# --- the interface ------------------------------------------------------------------------------


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


# --- no silent overwrite ------------------------------------------------------------------------


def test_a_loaded_checkpoint_does_not_overwrite_what_somebody_else_wrote(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError, match="changed since this checkpoint was loaded or saved"):
        ours.save_checkpoint(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 1}


def test_what_a_save_means_does_not_depend_on_what_is_remembered(
    make: Callable[..., Any], store: Store
) -> None:
    ours = make(store, remembered_entries=0)
    theirs = make(store)
    mine = run()
    ours.save_checkpoint(mine)
    mine.workflow_name = "again"
    ours.save_checkpoint(mine)
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError):
        ours.save_checkpoint(mine)


def test_the_same_object_is_saved_again_and_again(checkpointer: Any) -> None:
    mine = run()
    for n in range(5):
        mine.variables = {"n": n}
        checkpointer.save_checkpoint(mine)
    assert checkpointer.get("run-42").revision == 5


def test_a_checkpoint_that_the_user_built_replaces_what_is_there(
    make: Callable[..., Any], store: Store
) -> None:
    make(store).save_checkpoint(run())
    make(store).save_checkpoint(run(variables={"n": 5}))
    assert make(store).load_checkpoint("run-42").variables == {"n": 5}


def test_a_loaded_checkpoint_whose_run_was_deleted_conflicts(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.delete_checkpoint("run-42")
    with pytest.raises(ConflictError, match="was deleted since"):
        ours.save_checkpoint(mine)
    ours.save_checkpoint(mine, overwrite=True)
    assert theirs.load_checkpoint("run-42") == mine


def test_overwrite_is_last_writer_wins(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store, overwrite=True), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.atomic_update("run-42", add_one)
    ours.save_checkpoint(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 0}
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError):
        ours.save_checkpoint(mine, overwrite=False)


def test_a_checkpoint_from_another_store_is_new_there(make: Callable[..., Any]) -> None:
    here, there = make(MemoryStore()), make(MemoryStore())
    here.save_checkpoint(run())
    there.save_checkpoint(run(variables={"n": 1}))
    there.save_checkpoint(here.load_checkpoint("run-42"))
    assert there.load_checkpoint("run-42").variables == {"n": 0}


def test_if_version_writes_over_exactly_that_version(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    first = ours.save_checkpoint(run())
    travelled = Version.parse(str(first))
    second = theirs.save_checkpoint(run(variables={"n": 1}), if_version=travelled)
    with pytest.raises(VersionConflictError, match="no longer at the version asked for"):
        ours.save_checkpoint(run(variables={"n": 2}), if_version=first)
    ours.save_checkpoint(run(variables={"n": 3}), if_version=second)
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_if_version_on_an_execution_that_is_not_there_conflicts(checkpointer: Any) -> None:
    with pytest.raises(VersionConflictError):
        checkpointer.save_checkpoint(run(), if_version=Version("17"))
    assert checkpointer.get("run-42") is None


def test_if_absent_starts_a_run_once(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run(), if_absent=True)
    for checkpointer in (ours, theirs):
        with pytest.raises(VersionConflictError, match="has a checkpoint already"):
            checkpointer.save_checkpoint(run(variables={"n": 9}), if_absent=True)
    assert theirs.load_checkpoint("run-42").variables == {"n": 0}


@pytest.mark.parametrize(
    "conditions",
    [
        {"if_version": Version("1"), "if_absent": True},
        {"if_absent": True, "overwrite": True},
        {"if_version": "17"},
        {"if_version": Version("1"), "if_absent": "yes"},
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    checkpointer: Any, requests: list[StoreRequest], conditions: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        checkpointer.save_checkpoint(run(), **conditions)
    assert counted(requests) == {}


# --- requests -----------------------------------------------------------------------------------


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


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("execution_id", ["", "x" * 2000, 7, None])
def test_an_execution_id_that_cannot_be_is_refused_before_any_request(
    checkpointer: Any, requests: list[StoreRequest], execution_id: Any
) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: checkpointer.load_checkpoint(execution_id),
        lambda: checkpointer.delete_checkpoint(execution_id),
        lambda: checkpointer.atomic_update(execution_id, add_one),
    ]
    for call in calls:
        with pytest.raises(InvalidExecutionIDError, match="execution ID"):
            call()
    assert counted(requests) == {}


def test_an_execution_id_may_be_any_other_string(checkpointer: Any) -> None:
    names = [
        "a/b",
        "../../etc/passwd",
        "Run",
        "run",
        "\u00e4",
        "a\u0308",
        "%41",
        " ",
        ".",
        "日本",
        "a.json",
    ]
    for n, name in enumerate(names):
        checkpointer.save_checkpoint(Checkpoint(execution_id=name, variables={"n": n}))
    for n, name in enumerate(names):
        assert checkpointer.load_checkpoint(name).variables == {"n": n}


@pytest.mark.parametrize("wrong", [{"execution_id": "run-42"}, None, b"{}"])
def test_what_is_no_checkpoint_is_not_saved(checkpointer: Any, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="save_checkpoint takes a Checkpoint"):
        checkpointer.save_checkpoint(wrong)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"schema_version": 1, "id": "1", ',
        b"not json at all",
        b'{"schema_version": 1, "execution_id": "run-42", "branch_counter": 1.0}',
        b'{"schema_version": 1, "execution_id": "run-42", "bucketpoint": {"format": 1}}',
        b'{"schema_version": 1, "execution_id": "run-42", "bucketpoint": 5}',
        b'{"schema_version": 1, "execution_id": "run-42", "bucketpoint": {"format": true}}',
    ],
)
def test_what_is_stored_but_no_checkpoint_is_refused_and_left_as_it_is(
    checkpointer: Any, store: Store, body: bytes
) -> None:
    raw_put(store, body)
    calls: list[Callable[[], Any]] = [
        lambda: checkpointer.load_checkpoint("run-42"),
        lambda: checkpointer.get("run-42"),
        lambda: checkpointer.atomic_update("run-42", add_one),
    ]
    for call in calls:
        with pytest.raises(CorruptCheckpointError) as it:
            call()
        assert (it.value.execution_id, it.value.key) == ("run-42", KEY)
    found = store.get(KEY)
    assert found is not None
    assert found.body == body


@pytest.mark.parametrize("body", [b"[]", b'{"schema_version": 1, "execution_id": "run-'])
def test_a_save_does_not_replace_what_is_no_checkpoint_but_a_delete_does(
    checkpointer: Any, store: Store, body: bytes
) -> None:
    raw_put(store, body)
    for overwrite in (False, True):
        with pytest.raises(CorruptCheckpointError):
            checkpointer.save_checkpoint(run(), overwrite=overwrite)
    found = store.get(KEY)
    assert found is not None
    assert found.body == body
    checkpointer.delete_checkpoint("run-42")
    checkpointer.save_checkpoint(run())
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 0}


@pytest.mark.parametrize(
    "body",
    [
        b'{"schema_version": 9, "execution_id": "run-42"}',
        b'{"schema_version": 1, "execution_id": "run-42", "status": 1}',
        b'{"schema_version": 1, "execution_id": "run-42", "start_time": "yesterday"}',
    ],
)
def test_a_save_does_not_replace_what_it_cannot_read(
    make: Callable[..., Any], store: Store, body: bytes
) -> None:
    raw_put(store, body)
    for checkpointer in (make(store), make(store, overwrite=True)):
        for _ in range(2):  # the second time, the document is remembered
            with pytest.raises(StoredDataError):
                checkpointer.save_checkpoint(run())
    found = store.get(KEY)
    assert found is not None
    assert found.body == body


@pytest.mark.parametrize("number", [0, 2, -1])
def test_another_schema_version_is_refused_in_the_words_of_the_interface(
    checkpointer: Any, store: Store, number: int
) -> None:
    raw_put(store, b'{"schema_version": %d, "execution_id": "run-42"}' % number)
    message = f"checkpoint schema version {number} is not supported \\(supported: 1..1\\)"
    with pytest.raises(UnsupportedSchemaError, match=message):
        checkpointer.load_checkpoint("run-42")
    with pytest.raises(UnsupportedSchemaError, match=message):
        checkpointer.atomic_update("run-42", add_one)


def test_a_member_of_a_newer_format_is_read_but_never_written_over(
    checkpointer: Any, store: Store
) -> None:
    raw_put(
        store,
        b'{"schema_version": 1, "execution_id": "run-42", "variables": {"n": 3}, '
        b'"bucketpoint": {"format": 2, "shape": "unheard of"}}',
    )
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 3}
    calls: list[Callable[[], Any]] = [
        lambda: checkpointer.save_checkpoint(run()),
        lambda: checkpointer.atomic_update("run-42", add_one),
        lambda: checkpointer.delete_checkpoint("run-42"),
    ]
    for call in calls:
        with pytest.raises(UnsupportedFormatError, match="upgrade bucketpoint"):
            call()
    found = store.get(KEY)
    assert found is not None
    assert b"unheard of" in found.body


def test_a_document_of_another_program_is_adopted(checkpointer: Any, store: Store) -> None:
    raw_put(
        store, b'{"schema_version": 1, "execution_id": "run-42", "variables": {"n": 3}, "x": 1}'
    )
    stored = checkpointer.get("run-42")
    assert (stored.revision, stored.checkpoint.variables) == (None, {"n": 3})
    assert checkpointer.atomic_update("run-42", add_one).revision == 1
    found = store.get(KEY)
    assert found is not None
    assert b'"adopted":true' in found.body
    assert b'"x":1' in found.body


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "is NaN or infinite"),
        (float("-inf"), "is NaN or infinite"),
        (datetime(2026, 1, 2, tzinfo=UTC), "is a datetime, which is not JSON"),
        (timedelta(days=1), "is a timedelta, which is not JSON"),
        ({"a", "b"}, "is a set, which is not JSON"),
        (("a", "b"), "is a tuple, which is not JSON"),
        (b"bytes", "is a bytes, which is not JSON"),
        (Decimal("1.10"), "is a Decimal, which is not JSON"),
        pytest.param(10**5000, "is an integer beyond the range of float64", id="5,001 digits"),
        ({1: "one"}, "has a key that is an int"),
        pytest.param("\ud800", "has half of a surrogate pair", id="half a pair"),
        (object(), "is an object, which is not JSON"),
    ],
)
def test_a_value_that_is_not_json_is_refused_by_its_path_before_any_request(
    checkpointer: Any, requests: list[StoreRequest], value: object, reason: str
) -> None:
    checkpointer.save_checkpoint(run())
    counted(requests)
    branch = BranchState(id="main", variables={"list": [0, {"due": value}]})
    with pytest.raises(UnserializableValueError, match=reason) as it:
        checkpointer.save_checkpoint(run(branch_states={"main": branch}))
    assert it.value.path.startswith("branch_states.main.variables.list.1.due")
    assert it.value.execution_id == "run-42"
    assert counted(requests) == {}
    assert checkpointer.load_checkpoint("run-42") == run(
        checkpoint_at=checkpointer.load_checkpoint("run-42").checkpoint_at
    )


def test_default_says_what_to_store_instead(make: Callable[..., Any]) -> None:
    checkpointer = make(MemoryStore(), default=sorted)
    checkpointer.save_checkpoint(run(variables={"tags": {"b", "a"}}))
    assert checkpointer.load_checkpoint("run-42").variables == {"tags": ["a", "b"]}


def test_a_document_above_the_limit_is_refused_both_ways(make: Callable[..., Any]) -> None:
    store = MemoryStore()
    small, large = make(store, max_bytes=1000), make(store)
    with pytest.raises(CheckpointTooLargeError, match="raise max_bytes"):
        small.save_checkpoint(run(variables={"text": "x" * 1000}))
    large.save_checkpoint(run(variables={"text": "x" * 1000}))
    with pytest.raises(CheckpointTooLargeError):
        small.load_checkpoint("run-42")
    small.delete_checkpoint("run-42")
    assert large.get("run-42") is None


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": -1},
        {"max_bytes": "64 MiB"},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"purge_grace": timedelta(0)},
        {"purge_grace": 5},
        {"prefix": None},
        {"prefix": "\ud800"},
    ],
)
def test_options_that_make_no_sense_are_refused(
    make: Callable[..., Any], options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        make(MemoryStore(), **options)


def test_a_retry_policy_that_makes_no_sense_is_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"attempts": 0},
        {"attempts": "x"},
        {"conflict_s": -1},
        {"cap_s": float("nan")},
        {"outage_s": "1"},
    ]
    for options in wrong:
        with pytest.raises(InvalidInputError):
            RetryPolicy(**options)


# --- deadlines and reentrancy -------------------------------------------------------------------


def test_no_attempt_starts_after_the_deadline(
    make: Callable[..., Any], requests: list[StoreRequest]
) -> None:
    checkpointer = make(MemoryStore(), observer=requests.append)
    with pytest.raises(DeadlineExceededError, match="nothing was applied"):
        checkpointer.load_checkpoint("run-42", timeout=0)
    with bucketpoint.deadline(0), pytest.raises(DeadlineExceededError):
        checkpointer.save_checkpoint(run(), timeout=10)
    with bucketpoint.deadline(10), bucketpoint.deadline(0):  # noqa: SIM117 - nested on purpose
        with bucketpoint.deadline(10), pytest.raises(DeadlineExceededError):
            checkpointer.delete_checkpoint("run-42")
    assert counted(requests) == {}


def test_a_call_that_ran_out_of_time_tells_how_the_store_failed(make: Callable[..., Any]) -> None:
    checkpointer = make(FaultyStore(MemoryStore(), lambda _: Fault.NEVER_SENT))
    with pytest.raises(DeadlineExceededError) as it:
        checkpointer.load_checkpoint("run-42", timeout=0.5)
    assert type(it.value.__cause__) is StoreUnavailableError


@pytest.mark.parametrize("seconds", [-1, float("nan"), "1", None, True])
def test_a_deadline_must_be_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(InvalidInputError), bucketpoint.deadline(seconds):
        pass


def test_calling_the_checkpointer_for_the_same_execution_from_inside_fn_raises_at_once(
    make: Callable[..., Any], store: Store
) -> None:
    sync = BucketCheckpointer(store)
    sync.save_checkpoint(run())
    sync.save_checkpoint(Checkpoint(execution_id="other"))

    def recurse(checkpoint: Checkpoint) -> None:
        sync.load_checkpoint("other")
        sync.load_checkpoint(checkpoint.execution_id)

    with pytest.raises(ReentrantCallError, match="would wait for itself"):
        sync.atomic_update("run-42", recurse)
    sync.atomic_update("run-42", add_one)


# --- outcomes -----------------------------------------------------------------------------------


def test_a_lost_answer_is_found_out_by_looking(make: Callable[..., Any], store: Store) -> None:
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER})
    checkpointer = make(faulty)
    checkpointer.save_checkpoint(run())
    assert checkpointer.atomic_update("run-42", add_one).checkpoint.variables == {"n": 1}
    assert make(store).get("run-42").revision == 2


def test_an_outcome_that_cannot_be_told_is_settled_later(
    make: Callable[..., Any], store: Store
) -> None:
    quiet = make(store)
    quiet.save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    ours = make(faulty, retry=RetryPolicy(attempts=1))
    mine = ours.load_checkpoint("run-42")
    mine.workflow_name = "settled"
    with pytest.raises(OutcomeUnknownError, match="may have been applied") as it:
        ours.save_checkpoint(mine)
    error: OutcomeUnknownError = pickle.loads(pickle.dumps(it.value))  # noqa: S301 - our own
    with pytest.raises(RuntimeError, match=r"checkpointer\.settle"):
        error.settle()
    assert quiet.settle(error) is True
    assert ours.settle(it.value) is True
    # The object knows that it may be what was stored, so it can be saved again.
    ours.save_checkpoint(mine)
    assert quiet.get("run-42").revision == 3


def test_a_write_that_never_landed_is_settled_once_somebody_else_has_written(
    make: Callable[..., Any], store: Store
) -> None:
    quiet = make(store)
    quiet.save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LATE, 3: Fault.NEVER_SENT})
    ours = make(faulty, retry=RetryPolicy(attempts=1))
    ours.load_checkpoint("run-42")
    with pytest.raises(OutcomeUnknownError) as it:
        ours.atomic_update("run-42", add_one)
    with pytest.raises(OutcomeUnknownError):
        ours.settle(it.value)
    quiet.atomic_update("run-42", renamed)
    assert ours.settle(it.value) is False
    faulty.release()
    assert quiet.load_checkpoint("run-42").variables == {"n": 0}


def test_an_error_settles_itself() -> None:
    store = MemoryStore()
    BucketCheckpointer(store).save_checkpoint(run())
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    ours = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=1))
    ours.load_checkpoint("run-42")
    with pytest.raises(OutcomeUnknownError) as it:
        ours.atomic_update("run-42", add_one)
    assert it.value.settle() is True


def test_settling_needs_an_error_of_a_checkpointer_of_the_same_store(
    make: Callable[..., Any],
) -> None:
    checkpointer = make(MemoryStore())
    with pytest.raises(InvalidInputError, match="did not come from a checkpointer"):
        checkpointer.settle(OutcomeUnknownError("a store's own"))
    store = MemoryStore()
    faulty = FaultyStore(store, {2: Fault.LOST_ANSWER, 3: Fault.NEVER_SENT})
    with pytest.raises(OutcomeUnknownError) as it:
        make(faulty, retry=RetryPolicy(attempts=1)).save_checkpoint(run())
    with pytest.raises(InvalidInputError, match="and this checkpointer is not"):
        checkpointer.settle(it.value)


def test_a_store_that_does_not_answer_is_said_to_be_unavailable(make: Callable[..., Any]) -> None:
    faulty = FaultyStore(MemoryStore(), lambda _request: Fault.NEVER_SENT)
    checkpointer = make(faulty, retry=RetryPolicy(attempts=2, outage_s=0))
    calls: list[Callable[[], Any]] = [
        lambda: checkpointer.load_checkpoint("run-42"),
        lambda: checkpointer.save_checkpoint(run()),
        lambda: checkpointer.delete_checkpoint("run-42"),
        lambda: checkpointer.atomic_update("run-42", add_one),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call()


# --- purge --------------------------------------------------------------------------------------


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


# --- claims -------------------------------------------------------------------------------------


def test_a_claim_on_an_execution_without_a_checkpoint_creates_a_pending_one(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        assert claim.checkpoint.status == "pending"
        assert theirs.load_checkpoint("run-42").status == "pending"
        with (
            pytest.raises(ClaimHeldError, match="claimed by 'worker-1'") as it,
            theirs.claim("run-42", owner="worker-2"),
        ):
            pass
        assert it.value.owner == "worker-1"
        assert 50 < it.value.remaining_s <= 60


def test_a_claim_is_given_back_at_the_end_of_the_block(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run(variables={"n": 1}))
    with theirs.claim("run-42", owner="worker-2") as second:
        assert second.checkpoint.variables == {"n": 1}
        with pytest.raises(FenceViolationError, match="was lost or released before"):
            claim.save(run())


def test_a_worker_whose_claim_was_taken_over_is_fenced_for_ever(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as old:
        with theirs.claim("run-42", owner="worker-2", takeover=True) as new:
            for call in (lambda: old.save(run()), old.renew, old.load):
                with pytest.raises(FenceViolationError):
                    call()
            new.save(run(variables={"n": 2}))
        with pytest.raises(FenceViolationError):
            old.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 2}


def test_a_claim_that_has_expired_may_be_taken(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1", ttl=timedelta(microseconds=1)) as old:
        with theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=5)) as new:
            new.save(run(variables={"n": 2}))
        with pytest.raises(FenceViolationError):
            old.save(run())


def test_a_claim_that_is_waited_for_is_taken_when_it_expires(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with (
        ours.claim("run-42", owner="worker-1", ttl=timedelta(milliseconds=200)),
        theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=10)) as new,
    ):
        new.save(run(variables={"n": 2}))
    assert ours.load_checkpoint("run-42").variables == {"n": 2}


def test_anything_but_a_pause_that_changes_under_a_claim_fences_the_worker(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        with pytest.raises(FenceViolationError, match="changed more than a pause"):
            claim.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 1}


def test_loading_through_the_claim_accepts_what_others_changed(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        mine = claim.load()
        add_one(mine)
        claim.save(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 2}


def test_an_update_under_a_claim_keeps_what_others_changed_and_a_blind_save_after_it_is_fenced(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        claim.update(add_one)
        claim.renew()
        theirs.atomic_update("run-42", add_one)
        assert claim.update(add_one).checkpoint.variables == {"n": 3}
        with pytest.raises(FenceViolationError):
            claim.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_what_an_update_under_a_claim_returned_may_be_saved_for_it_has_seen_all(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        mine = claim.update(add_one).checkpoint
        add_one(mine)
        claim.save(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_unclaimed_writes_carry_the_claim(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1"):
        theirs.save_checkpoint(run())
        with pytest.raises(ClaimHeldError), theirs.claim("run-42", owner="worker-2"):
            pass


def test_a_claim_takes_checkpoints_of_its_own_execution_only(checkpointer: Any) -> None:
    with checkpointer.claim("run-42", owner="worker-1") as claim:
        with pytest.raises(InvalidInputError, match="is of another one"):
            claim.save(Checkpoint(execution_id="other"))
        with pytest.raises(InvalidInputError, match="save takes a Checkpoint"):
            claim.save({"execution_id": "run-42"})


@pytest.mark.parametrize(
    "terms",
    [
        {"owner": ""},
        {"owner": 7},
        {"owner": "half a pair \ud800"},
        {"owner": "w", "ttl": 60},
        {"owner": "w", "ttl": timedelta(0)},
        {"owner": "w", "wait": timedelta(seconds=-1)},
        {"owner": "w", "wait": 5},
    ],
)
def test_terms_of_a_claim_that_make_no_sense_are_refused(
    checkpointer: Any, requests: list[StoreRequest], terms: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError), checkpointer.claim("run-42", **terms):
        pass
    assert counted(requests) == {}


def test_a_claim_must_be_taken_before_it_is_used() -> None:
    claim = BucketCheckpointer(MemoryStore()).claim("run-42", owner="worker-1")
    with pytest.raises(InvalidInputError, match="has not been taken yet"):
        claim.save(run())
    assert claim.acquire().checkpoint.status == "pending"
    claim.release()


def test_a_claim_that_cannot_be_given_back_does_not_hide_what_happened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faulty = FaultyStore(MemoryStore(), {3: Fault.NEVER_SENT})
    checkpointer = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=1))
    with (
        caplog.at_level(logging.WARNING, logger="bucketpoint"),
        checkpointer.claim("run-42", owner="worker-1"),
    ):
        pass
    assert "the claim on 'run-42' was not released: store_unavailable" in caplog.text


# --- opening and closing ------------------------------------------------------------------------


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


# --- what was found by reading ------------------------------------------------------------------


def test_waiting_for_a_claim_does_not_keep_its_holder_from_saving() -> None:
    shared = BucketCheckpointer(MemoryStore())
    waiting = threading.Event()
    taken: list[Checkpoint] = []

    def wait() -> None:
        waiting.set()
        with shared.claim("run-42", owner="worker-2", wait=timedelta(seconds=30)) as second:
            taken.append(second.checkpoint)

    waiter = threading.Thread(target=wait)
    with shared.claim("run-42", owner="worker-1") as first:
        waiter.start()
        assert waiting.wait(60)
        for n in range(50):
            first.save(run(variables={"n": n}), timeout=5)
    waiter.join()
    assert taken[0].variables == {"n": 49}


def test_a_claim_that_cannot_be_had_before_the_deadline_is_said_to_be_held(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with (
        ours.claim("run-42", owner="worker-1"),
        bucketpoint.deadline(0.05),
        pytest.raises(ClaimHeldError),
        theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=60)),
    ):
        pass


def test_a_call_that_is_cut_off_leaves_no_outdated_state_behind() -> None:
    class CutOff(FaultyStore):
        cut = False

        def put(self, *args: Any, **kwargs: Any) -> Version:
            version = super().put(*args, **kwargs)
            if self.cut:
                self.cut = False
                raise KeyboardInterrupt
            return version

    store = CutOff(MemoryStore())
    checkpointer = BucketCheckpointer(store, retry=RetryPolicy(attempts=3))
    checkpointer.save_checkpoint(run())
    store.cut = True
    with pytest.raises(KeyboardInterrupt):
        checkpointer.atomic_update("run-42", add_one)
    checkpointer.atomic_update("run-42", add_one)
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 2}


def test_the_reserved_member_is_not_the_users_to_write(checkpointer: Any) -> None:
    mine = Checkpoint.from_document(
        {"schema_version": 1, "execution_id": "run-42", "bucketpoint": {"mine": True}}
    )
    with pytest.raises(InvalidInputError, match="reserved member"):
        checkpointer.save_checkpoint(mine)


def test_a_document_with_a_codec_is_never_written_over(checkpointer: Any, store: Store) -> None:
    checkpointer.save_checkpoint(run())
    found = store.get(KEY)
    assert found is not None
    raw_put(store, found.body.replace(b'"format":1', b'"format":1,"codec":"zstd"'))
    with pytest.raises(UnsupportedFormatError, match="upgrade"):
        checkpointer.atomic_update("run-42", add_one)


def paused(checkpointer: Any) -> tuple[bool, str]:
    branch = checkpointer.load_checkpoint("run-42").branch_states["main"]
    return branch.pause_requested, branch.pause_reason


def with_branch(**fields: Any) -> Checkpoint:
    return run(branch_states={"main": BranchState(id="main", **fields)})


def test_an_unpause_since_an_update_gave_the_worker_the_pause_is_not_lost(store: Store) -> None:
    ours, operator = BucketCheckpointer(store), BucketCheckpointer(store)
    operator.save_checkpoint(with_branch())
    with ours.claim("run-42", owner="worker-1") as claim:
        pause_branch(operator, "run-42", "main", reason="wait")
        given = claim.update(renamed).checkpoint
        assert given.branch_states["main"].pause_requested
        unpause_branch(operator, "run-42", "main")
        claim.save(given)
    assert paused(operator) == (False, "")


def test_a_pause_is_not_lost_to_an_older_object_saved_after_an_update(store: Store) -> None:
    ours, operator = BucketCheckpointer(store), BucketCheckpointer(store)
    operator.save_checkpoint(with_branch())
    with ours.claim("run-42", owner="worker-1") as claim:
        older = claim.checkpoint
        pause_branch(operator, "run-42", "main", reason="wait")
        claim.update(renamed)
        older.workflow_name = "renamed"
        claim.save(older)
        claim.save(older)
    assert paused(operator) == (True, "wait")


def test_a_document_broken_under_a_claim_is_refused_and_left_as_it_is(store: Store) -> None:
    ours = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        found = store.get(KEY)
        assert found is not None
        raw_put(store, found.body.replace(b'"branch_states":{}', b'"branch_states":{"main":7}'))
        calls: list[Callable[[], Any]] = [
            lambda: claim.save(run()),
            lambda: claim.update(renamed),
            claim.load,
        ]
        for call in calls:
            with pytest.raises(CorruptCheckpointError):
                call()


def test_an_edit_that_keeps_the_member_is_an_intrusion_too(store: Store) -> None:
    ours = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run(variables={"n": 1}))
        found = store.get(KEY)
        assert found is not None
        raw_put(store, found.body.replace(b'"n":1', b'"n":7'))
        with pytest.raises(FenceViolationError):
            claim.save(run(variables={"n": 2}))
    assert ours.load_checkpoint("run-42").variables == {"n": 7}


def test_even_a_stop_iteration_of_fn_comes_out_as_the_very_same_object(store: Store) -> None:
    checkpointer = BucketCheckpointer(store)
    checkpointer.save_checkpoint(run())
    problem = StopIteration("mine")

    def fail(_: Checkpoint) -> None:
        raise problem

    with pytest.raises(StopIteration) as it:
        checkpointer.atomic_update("run-42", fail)
    assert it.value is problem


def test_an_unknown_outcome_of_another_checkpointer_keeps_its_own_way_to_settle() -> None:
    doubt = [None, Fault.LOST_ANSWER, Fault.NEVER_SENT]
    elsewhere = FaultyStore(MemoryStore(), doubt * 2)  # fn runs on what is remembered, and again
    other = BucketCheckpointer(elsewhere, retry=RetryPolicy(attempts=1))
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(run())

    def save_elsewhere(checkpoint: Checkpoint) -> None:
        other.save_checkpoint(Checkpoint(execution_id=checkpoint.execution_id))

    with pytest.raises(OutcomeUnknownError) as it:
        checkpointer.atomic_update("run-42", save_elsewhere)
    assert it.value.settle() is True


def test_what_is_remembered_is_bounded_by_the_bytes_that_are_kept() -> None:
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(run(variables={"text": ["x"] * 1000}))
    checkpointer.purge("run-42")
    seen = checkpointer._session.remembered.get(KEY)
    assert seen is not None
    assert seen.document is not None
    assert seen.document._data is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_another_writer_and_waits_for_no_lock_of_its_parent() -> None:
    store = MemoryStore()
    checkpointer = BucketCheckpointer(store)
    checkpointer.save_checkpoint(run())
    locked, done = threading.Event(), threading.Event()

    def hold(_: Checkpoint) -> None:
        locked.set()
        assert done.wait(60)

    holder = threading.Thread(target=checkpointer.atomic_update, args=("run-42", hold))
    holder.start()
    assert locked.wait(60)
    parent = checkpointer._runtime.writer_id()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads: the test
        child = os.fork()
    if child == 0:
        try:
            checkpointer.load_checkpoint("run-42", timeout=10)
            os._exit(0 if checkpointer._runtime.writer_id() != parent else 2)
        finally:
            os._exit(1)
    done.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("wrong", ["error", None, ValueError("mine")])
def test_only_an_unknown_outcome_can_be_settled(checkpointer: Any, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="nothing to settle"):
        checkpointer.settle(wrong)
