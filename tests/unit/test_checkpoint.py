"""The models are pleasant to build, strict on the wire, and lose nothing."""

import copy
import pickle
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bucketpoint.checkpoint import (
    CHECKPOINT_SCHEMA_VERSION,
    BranchState,
    Checkpoint,
    ExecutionStatus,
    ExecutionSummary,
    JoinConfig,
    JoinState,
    WaitKind,
    WaitState,
)
from bucketpoint.errors import CorruptCheckpointError, InvalidInputError, UnsupportedSchemaError
from bucketpoint.timestamps import Duration, Timestamp

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def loaded(**members: Any) -> Checkpoint:
    return Checkpoint.from_document({"schema_version": 1, **members})


def untyped(model: Any, fields: dict[str, Any]) -> object:
    """Build a model as those do who have no type checker."""
    return model(**fields)


# --- building -------------------------------------------------------------------------------------


def test_a_checkpoint_needs_little_and_says_the_rest() -> None:
    before = Timestamp.now()
    document = Checkpoint(execution_id="run-42").to_document()
    assert before <= Timestamp.parse(document.pop("checkpoint_at")) <= Timestamp.now()
    assert document == {
        "schema_version": CHECKPOINT_SCHEMA_VERSION,
        "id": "",
        "execution_id": "run-42",
        "workflow_name": "",
        "status": "pending",
        "inputs": {},
        "outputs": {},
        "variables": {},
        "branch_states": {},
        "join_states": {},
        "branch_counter": 0,
    }


def test_every_field_is_written_in_the_order_of_the_format() -> None:
    wait = WaitState(
        kind=WaitKind.SIGNAL,
        topic="approval",
        wake_at=NOON,
        timeout=timedelta(hours=1),
        remaining=Duration(nanoseconds=1),
    )
    branch = BranchState(
        id="main",
        status=ExecutionStatus.SUSPENDED,
        current_step="ask",
        start_time=NOON,
        end_time=NOON.astimezone(timezone(timedelta(hours=2))),
        error_message="e",
        step_outputs={"a": 1},
        variables={"b": None},
        wait=wait,
        pause_requested=True,
        pause_reason="r",
        activity_history={"c": []},
        activity_history_step="ask",
    )
    config = JoinConfig(branches=["main"], count=1, branch_mappings={"main": "result"})
    join = JoinState(step_name="join", waiting_branch_id="main", config=config, created_at=NOON)
    checkpoint = Checkpoint(
        id="3",
        execution_id="run-42",
        workflow_name="orders",
        status="suspended",
        inputs={"i": 1},
        outputs={"o": 1},
        variables={"v": 1},
        branch_states={"main": branch},
        join_states={"join": join},
        branch_counter=7,
        error="boom",
        start_time=NOON,
        end_time=NOON,
        checkpoint_at=Timestamp.parse("2026-01-02T12:00:00.000000001Z"),
    )
    expected: dict[str, Any] = {
        "schema_version": 1,
        "id": "3",
        "execution_id": "run-42",
        "workflow_name": "orders",
        "status": "suspended",
        "inputs": {"i": 1},
        "outputs": {"o": 1},
        "variables": {"v": 1},
        "branch_states": {
            "main": {
                "id": "main",
                "status": "suspended",
                "current_step": "ask",
                "start_time": "2026-01-02T12:00:00Z",
                "end_time": "2026-01-02T14:00:00+02:00",
                "error_message": "e",
                "step_outputs": {"a": 1},
                "variables": {"b": None},
                "wait": {
                    "kind": "signal",
                    "topic": "approval",
                    "wake_at": "2026-01-02T12:00:00Z",
                    "timeout": 3_600_000_000_000,
                    "remaining": 1,
                },
                "pause_requested": True,
                "pause_reason": "r",
                "activity_history": {"c": []},
                "activity_history_step": "ask",
            }
        },
        "join_states": {
            "join": {
                "step_name": "join",
                "waiting_branch_id": "main",
                "config": {
                    "branches": ["main"],
                    "count": 1,
                    "branch_mappings": {"main": "result"},
                },
                "created_at": "2026-01-02T12:00:00Z",
            }
        },
        "branch_counter": 7,
        "error": "boom",
        "start_time": "2026-01-02T12:00:00Z",
        "end_time": "2026-01-02T12:00:00Z",
        "checkpoint_at": "2026-01-02T12:00:00.000000001Z",
    }
    document = checkpoint.to_document()
    assert document == expected
    assert repr(document) == repr(expected)


def test_what_the_format_leaves_out_when_empty_is_left_out() -> None:
    assert BranchState(id="main").to_document() == {
        "id": "main",
        "status": "pending",
        "current_step": "",
        "step_outputs": {},
        "variables": {},
    }
    assert WaitState(kind="sleep").to_document() == {"kind": "sleep"}
    assert JoinConfig().to_document() == {}
    assert set(JoinState().to_document()) == {
        "step_name",
        "waiting_branch_id",
        "config",
        "created_at",
    }


def test_attributes_are_read_as_python_has_them() -> None:
    branch = BranchState(id="main", start_time=NOON)
    wait = WaitState(kind=WaitKind.SLEEP, wake_at=NOON, timeout=timedelta(seconds=1))
    assert branch.start_time == NOON
    assert isinstance(branch.start_time, Timestamp)
    assert branch.end_time is None
    assert (wait.timeout, wait.remaining) == (timedelta(seconds=1), None)
    assert isinstance(wait.timeout, Duration)
    assert wait.kind == WaitKind.SLEEP
    assert Checkpoint(status=ExecutionStatus.RUNNING).status == ExecutionStatus.RUNNING


def test_even_an_assignment_past_pydantic_is_checked() -> None:
    branch = BranchState(id="main")
    object.__setattr__(branch, "start_time", NOON)
    assert branch.to_document()["start_time"] == "2026-01-02T12:00:00Z"
    with pytest.raises(InvalidInputError, match="is not an RFC 3339 time"):
        object.__setattr__(branch, "start_time", 5)


def test_times_may_be_given_as_rfc_3339_text() -> None:
    given: Any = "2026-01-02T12:00:00.123456789+01:00"
    assert BranchState(start_time=given).start_time == Timestamp.parse(given)


MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a typo": (
        lambda: untyped(Checkpoint, {"exection_id": "x"}),
        "Checkpoint has no field 'exection_id', only schema_version, id, execution_id",
    ),
    "a typo in an attribute": (
        lambda: setattr(Checkpoint(), "stauts", "x"),
        "Checkpoint has no field 'stauts'",
    ),
    "a float for an integer": (
        lambda: untyped(Checkpoint, {"branch_counter": 1.0}),
        "Checkpoint.branch_counter is not an integer of 64 bits",
    ),
    "a bool for an integer": (
        lambda: Checkpoint(branch_counter=True),
        "Checkpoint.branch_counter is not an integer of 64 bits",
    ),
    "text for an integer": (
        lambda: untyped(Checkpoint, {"branch_counter": "1"}),
        "Checkpoint.branch_counter is not an integer of 64 bits",
    ),
    "an integer of 65 bits": (
        lambda: Checkpoint(branch_counter=2**63),
        "Checkpoint.branch_counter is not an integer of 64 bits",
    ),
    "a number for text": (lambda: untyped(Checkpoint, {"id": 3}), "Checkpoint.id is not a string"),
    "bytes for text": (lambda: untyped(Checkpoint, {"id": b"3"}), "Checkpoint.id is not a string"),
    "a list for a map": (
        lambda: untyped(Checkpoint, {"variables": [1]}),
        "Checkpoint.variables is not an object",
    ),
    "text for a bool": (
        lambda: untyped(BranchState, {"pause_requested": "true"}),
        "BranchState.pause_requested is not true or false",
    ),
    "a number for a bool": (
        lambda: setattr(BranchState(), "pause_requested", 1),
        "BranchState.pause_requested is not true or false",
    ),
    "an unknown kind of wait": (
        lambda: WaitState(kind="timer"),
        "WaitState.kind is not one of: signal, sleep",
    ),
    "no kind of wait": (
        lambda: untyped(WaitState, {}),
        "WaitState.kind is not one of: signal, sleep",
    ),
    "a time without a zone": (
        lambda: Checkpoint(start_time=datetime(2026, 1, 2)),  # noqa: DTZ001 - the test
        "Checkpoint.start_time: a time needs a time zone",
    ),
    "a number for a time": (
        lambda: untyped(Checkpoint, {"start_time": 5}),
        "Checkpoint.start_time is not an RFC 3339 time",
    ),
    "a number for a duration": (
        lambda: untyped(WaitState, {"kind": "sleep", "timeout": 5}),
        "WaitState.timeout: a duration is a timedelta",
    ),
    "too long a duration": (
        lambda: WaitState(kind="sleep", timeout=timedelta(days=200_000)),
        "WaitState.timeout is not an integer of 64 bits",
    ),
    "a null branch": (
        lambda: untyped(Checkpoint, {"branch_states": {"main": None}}),
        "Checkpoint.branch_states.main: Input should be",
    ),
    "something else for a branch": (
        lambda: setattr(Checkpoint(), "branch_states", {"main": 5}),
        "Checkpoint.branch_states.main: Input should be",
    ),
    "a number for a branch's name": (
        lambda: untyped(Checkpoint, {"branch_states": {5: BranchState()}}),
        "Checkpoint.branch_states.5",
    ),
    "a mistake in a nested mapping": (
        lambda: untyped(Checkpoint, {"branch_states": {"main": {"wait": {"kind": "x"}}}}),
        "Checkpoint.branch_states.main.wait.kind is not one of",
    ),
    "a mistake in a copy": (
        lambda: Checkpoint().model_copy(update={"id": 3}),
        "Checkpoint.id is not a string",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_is_noticed_where_it_is_made(mistake: tuple[Callable[[], object], str]) -> None:
    make, message = mistake
    with pytest.raises(InvalidInputError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_mistake_is_reported_without_the_value() -> None:
    with pytest.raises(InvalidInputError) as caught:
        untyped(Checkpoint, {"variables": "secret", "branch_counter": "secret"})
    assert "secret" not in str(caught.value)


def test_an_assignment_that_is_refused_changes_nothing() -> None:
    checkpoint = Checkpoint(execution_id="run-42", branch_counter=3)
    before = checkpoint.to_document()
    wrong: Any = "3"
    with pytest.raises(InvalidInputError):
        checkpoint.branch_counter = wrong
    assert checkpoint.to_document() == before


# --- changing -------------------------------------------------------------------------------------


def test_changes_of_attributes_and_of_what_they_hold_are_all_seen() -> None:
    checkpoint = Checkpoint(execution_id="run-42", branch_states={"main": BranchState(id="main")})
    checkpoint.status = ExecutionStatus.RUNNING
    checkpoint.variables["list"] = [1]
    checkpoint.variables["list"].append(2)
    checkpoint.branch_states["main"].activity_history["k"] = 1
    checkpoint.branch_states["main"].wait = WaitState(kind="signal")
    checkpoint.branch_states["other"] = BranchState(id="other", start_time=NOON)
    checkpoint.join_states["join"] = JoinState(config=JoinConfig())
    config = checkpoint.join_states["join"].config
    assert config is not None
    config.branches.append("main")
    config.branch_mappings["main"] = "x"
    document = checkpoint.to_document()
    assert (document["status"], document["variables"]) == ("running", {"list": [1, 2]})
    assert document["branch_states"]["main"]["activity_history"] == {"k": 1}
    assert document["branch_states"]["main"]["wait"] == {"kind": "signal"}
    assert document["branch_states"]["other"]["start_time"] == "2026-01-02T12:00:00Z"
    assert document["join_states"]["join"]["config"] == {
        "branches": ["main"],
        "branch_mappings": {"main": "x"},
    }


def test_assigning_the_empty_value_takes_out_what_the_format_leaves_out_when_empty() -> None:
    branch = BranchState(
        id="main", wait=WaitState(kind="sleep"), pause_requested=True, pause_reason="r"
    )
    branch.start_time = NOON
    branch.wait = None
    branch.pause_requested = False
    branch.pause_reason = ""
    branch.start_time = None
    branch.variables = {}
    assert branch.to_document() == BranchState(id="main").to_document()


def test_assigned_values_are_written_in_the_order_of_the_format_too() -> None:
    branch = BranchState(id="main")
    branch.pause_reason = "r"
    branch.error_message = "e"
    branch.start_time = NOON
    assert list(branch.to_document()) == [
        "id",
        "status",
        "current_step",
        "start_time",
        "error_message",
        "step_outputs",
        "variables",
        "pause_reason",
    ]


@pytest.mark.parametrize("wrong", [None, 5, {"id": "main"}, WaitState(kind="sleep")], ids=repr)
def test_what_is_no_branch_among_the_branches_is_noticed_on_saving(wrong: Any) -> None:
    checkpoint = Checkpoint(execution_id="run-42")
    checkpoint.branch_states["main"] = wrong
    with pytest.raises(InvalidInputError, match=r"^branch_states\.main is a .*, not a BranchState"):
        checkpoint.to_document()


def test_what_is_no_name_in_a_join_is_noticed_on_saving() -> None:
    wrong: Any = 3
    config = JoinConfig(branches=["a"])
    checkpoint = Checkpoint(join_states={"j": JoinState(config=config)})
    config.branches.append(wrong)
    with pytest.raises(
        InvalidInputError, match=r"^join_states\.j\.config\.branches\.1 is not a str"
    ):
        checkpoint.to_document()
    config.branches.pop()
    config.branch_mappings["a"] = wrong
    with pytest.raises(InvalidInputError, match=r"^join_states\.j\.config\.branch_mappings\.a is"):
        checkpoint.to_document()


# --- loading --------------------------------------------------------------------------------------


def test_absent_null_and_empty_stay_what_they_are() -> None:
    documents: list[dict[str, Any]] = [
        {},
        {"inputs": None, "branch_states": None, "status": None, "start_time": None, "error": None},
        {"inputs": {}, "branch_states": {}, "status": "", "error": "", "branch_counter": 0},
        {"branch_states": {"m": {"wait": None, "pause_requested": None, "variables": None}}},
        {"branch_states": {"m": {"pause_requested": False, "activity_history": {}, "wait": {}}}},
        {"join_states": {"j": {"config": None}, "k": {"config": {}}, "l": {}}},
        {"join_states": {"j": {"config": {"branches": None, "branch_mappings": None}}}},
        {
            "join_states": {
                "j": {"config": {"branches": [None, "a"], "branch_mappings": {"a": None}}}
            }
        },
    ]
    for members in documents:
        document = {"schema_version": 1, **members}
        assert Checkpoint.from_document(copy.deepcopy(document)).to_document() == document


def test_null_and_absent_are_read_as_the_zero_value() -> None:
    nulls: dict[str, Any] = {
        "status": None,
        "variables": None,
        "branch_counter": None,
        "error": None,
    }
    for checkpoint in (loaded(), loaded(**nulls)):
        assert (checkpoint.status, checkpoint.error, checkpoint.branch_counter) == ("", "", 0)
        assert (checkpoint.variables, checkpoint.branch_states) == ({}, {})
        assert checkpoint.checkpoint_at is None
    branch = loaded(branch_states={"m": {"pause_requested": None, "wait": {}}}).branch_states["m"]
    assert not branch.pause_requested
    assert branch.wait is not None
    assert branch.wait.kind == ""


def test_a_null_map_is_written_as_null_until_it_is_filled() -> None:
    checkpoint = loaded(variables=None, branch_states=None)
    assert checkpoint.to_document()["variables"] is None
    checkpoint.variables["n"] = 1
    checkpoint.branch_states["main"] = BranchState(id="main")
    assert checkpoint.to_document()["variables"] == {"n": 1}
    assert list(checkpoint.to_document()["branch_states"]) == ["main"]


def test_unknown_members_are_kept_at_every_level_and_can_be_changed() -> None:
    document: dict[str, Any] = {
        "schema_version": 1,
        "new": {"a": 1},
        "branch_states": {"m": {"new": [1], "wait": {"kind": "sleep", "new": None}}},
        "join_states": {"j": {"new": 1, "config": {"new": "x"}}},
    }
    checkpoint = Checkpoint.from_document(copy.deepcopy(document))
    assert checkpoint.to_document() == document
    assert checkpoint.model_extra == {"new": {"a": 1}}
    assert checkpoint.model_extra is not None
    checkpoint.model_extra["more"] = 2
    assert checkpoint.to_document()["more"] == 2


def test_the_free_form_values_are_taken_over_as_they_are() -> None:
    variables = {"n": [1]}
    checkpoint = loaded(variables=variables)
    assert checkpoint.variables is variables
    assert checkpoint.to_document()["variables"] is variables


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("EXECUTION_ID", "execution_id"),
        ("Error", "error"),
        ("\u017ftatus", "status"),
        ("\u212aind", ""),
    ],
)
def test_a_member_is_found_in_any_letter_case(name: str, letters: str) -> None:
    checkpoint = loaded(**{name: "x"})
    if letters:
        assert getattr(checkpoint, letters) == "x"
        assert checkpoint.to_document() == {"schema_version": 1, letters: "x"}
    else:
        assert checkpoint.to_document() == {"schema_version": 1, name: "x"}


def test_members_are_found_in_any_letter_case_at_every_level() -> None:
    checkpoint = Checkpoint.from_document(
        {
            "Schema_Version": 1,
            "Branch_States": {"M": {"ID": "m", "Wait": {"\u212aind": "sleep", "TIMEOUT": 5}}},
            "JOIN_STATES": {"J": {"Config": {"Count": 2}}},
        }
    )
    assert checkpoint.to_document() == {
        "schema_version": 1,
        "branch_states": {"M": {"id": "m", "wait": {"kind": "sleep", "timeout": 5}}},
        "join_states": {"J": {"config": {"count": 2}}},
    }


def test_a_member_in_another_letter_case_is_checked_as_strictly() -> None:
    with pytest.raises(CorruptCheckpointError, match="branch_counter is not an integer"):
        loaded(Branch_Counter="4")


@pytest.mark.parametrize("version", [None, 0, 2, -1, 2**62])
def test_a_schema_version_that_is_not_1_is_not_supported(version: int | None) -> None:
    with pytest.raises(UnsupportedSchemaError) as caught:
        Checkpoint.from_document({"schema_version": version})
    assert str(caught.value) == (
        f"checkpoint schema version {version or 0} is not supported (supported: 1..1)"
    )


@pytest.mark.parametrize("version", [True, "1", 1.0, [1], 2**63])
def test_a_schema_version_that_is_no_integer_is_corrupt(version: Any) -> None:
    with pytest.raises(CorruptCheckpointError, match="schema_version is not an integer"):
        Checkpoint.from_document({"schema_version": version})


def test_the_schema_version_is_recorded_as_it_is() -> None:
    assert Checkpoint(schema_version=7).to_document()["schema_version"] == 7


# --- equality, copies, other views ----------------------------------------------------------------


def test_checkpoints_are_equal_when_they_would_be_stored_the_same() -> None:
    one = Checkpoint(execution_id="a", checkpoint_at=NOON, branch_states={"m": BranchState(id="m")})
    other = Checkpoint.from_document(copy.deepcopy(one.to_document()))
    assert one == other
    other.branch_states["m"].variables["n"] = 1
    assert one != other
    assert loaded(status=None) != loaded(status="") != loaded()
    assert one != one.to_document()
    assert BranchState() != WaitState(kind="sleep")


def test_a_mutable_model_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Checkpoint())


def test_the_origin_stays_with_copies_and_is_seen_nowhere_else() -> None:
    checkpoint = Checkpoint(execution_id="a", checkpoint_at=NOON)
    plain = Checkpoint(execution_id="a", checkpoint_at=NOON)
    assert plain._origin is None
    checkpoint._origin = ("somewhere", 3)
    copies = [
        checkpoint.model_copy(),
        checkpoint.model_copy(update={"status": "running"}),
        checkpoint.model_copy(deep=True),
        copy.copy(checkpoint),
        copy.deepcopy(checkpoint),
        pickle.loads(pickle.dumps(checkpoint)),  # noqa: S301 - our own
    ]
    assert [each._origin for each in copies] == [("somewhere", 3)] * len(copies)
    assert checkpoint == plain
    assert repr(checkpoint) == repr(plain)
    assert checkpoint.to_document() == plain.to_document()
    assert checkpoint.model_dump() == plain.model_dump()


def test_a_shallow_copy_has_its_own_attributes_and_a_deep_one_its_own_values() -> None:
    checkpoint = Checkpoint(execution_id="a", variables={"n": 1})
    shallow, deep = checkpoint.model_copy(), checkpoint.model_copy(deep=True)
    shallow.status = "running"
    deep.variables["n"] = 2
    assert (checkpoint.status, checkpoint.variables) == ("pending", {"n": 1})


def test_pydantics_own_views_work_without_a_warning() -> None:
    checkpoint = loaded(
        execution_id="a",
        status=None,
        variables=None,
        start_time="2026-01-02T12:00:00.123456789Z",
        branch_states={"m": {"wait": {"kind": "sleep", "timeout": 5}, "pause_requested": None}},
        join_states={"j": {"config": {"branches": None}}},
        new=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dumped = checkpoint.model_dump(exclude_unset=True)
        text = checkpoint.model_dump_json()
    assert dumped["start_time"] == "2026-01-02T12:00:00.123456789Z"
    assert (dumped["status"], dumped["variables"], dumped["new"]) == (None, None, 1)
    assert dumped["branch_states"]["m"]["wait"] == {"kind": "sleep", "timeout": 5}
    assert Checkpoint.model_validate_json(text).branch_states.keys() == {"m"}
    assert Checkpoint.model_validate(dumped) == checkpoint
    assert "execution_id" in Checkpoint.model_json_schema()["properties"]


def test_a_subclass_may_add_fields_of_its_own() -> None:
    class Tenanted(Checkpoint):
        tenant: str = ""

    checkpoint = Tenanted(execution_id="a", tenant="t", start_time=NOON)
    assert checkpoint.start_time == NOON
    again = Tenanted.from_document(checkpoint.to_document())
    assert (again.tenant, again) == ("t", checkpoint)
    assert Checkpoint.from_document(checkpoint.to_document()).model_extra == {"tenant": "t"}


# --- the summary ----------------------------------------------------------------------------------


def test_a_summary_measures_to_the_end_or_else_to_the_last_checkpoint() -> None:
    run = Checkpoint(execution_id="a", workflow_name="w", status="running", checkpoint_at=NOON)
    assert ExecutionSummary.of(run).duration is None
    run.start_time = NOON - timedelta(minutes=3)
    assert ExecutionSummary.of(run).duration == timedelta(minutes=3)
    run.end_time = NOON - timedelta(minutes=1)
    run.error = "boom"
    summary = ExecutionSummary.of(run)
    assert summary.duration == timedelta(minutes=2)
    assert (summary.execution_id, summary.workflow_name, summary.status) == ("a", "w", "running")
    assert (summary.start_time, summary.end_time, summary.error) == (
        run.start_time,
        run.end_time,
        "boom",
    )
