"""What cannot be stored or read gets a clear error, and loses nothing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bucketpoint import (
    BranchState,
    Checkpoint,
    CheckpointTooLargeError,
    CorruptCheckpointError,
    InvalidExecutionIDError,
    InvalidInputError,
    MemoryStore,
    RetryPolicy,
    StoredDataError,
    StoreRequest,
    UnserializableValueError,
    UnsupportedFormatError,
    UnsupportedSchemaError,
)
from bucketpoint.stores.contract import Store
from tests.checkpointer.steps import KEY, add_one, counted, raw_put, run


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
