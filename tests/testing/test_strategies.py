"""The strategies give only what they promise, and reach the corners that they name."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    Duration,
    JoinConfig,
    JoinState,
    MemoryStore,
    Timestamp,
    WaitState,
)
from bucketpoint.core import codec
from bucketpoint.core.keys import MAX_KEY_BYTES, execution_key
from bucketpoint.errors import InvalidExecutionIDError
from bucketpoint.testing import Fault, strategies
from bucketpoint.testing.model import BUILDING, Operation, OperationKind
from bucketpoint.testing.strategies import (
    checkpoints,
    documents,
    durations,
    execution_ids,
    fault_plans,
    free_form_maps,
    invalid_execution_ids,
    json_values,
    operations,
    texts,
    times,
    timestamps,
)
from bucketpoint.wire import WireModel


def drawn(strategy: st.SearchStrategy[Any], examples: int = 200) -> list[Any]:
    """Return what the strategy gives, the same each time."""
    found: list[Any] = []

    @settings(max_examples=examples, derandomize=True, database=None)
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


def reached(values: Sequence[Any], corners: dict[str, Callable[[Any], object]]) -> set[str]:
    """Return the corners that some value is in."""
    return {name for name, is_there in corners.items() if any(map(is_there, values))}


def assert_reached(values: Sequence[Any], corners: dict[str, Callable[[Any], object]]) -> None:
    assert reached(values, corners) == set(corners)


# --- values ---------------------------------------------------------------------------------------


def is_int(value: Any) -> bool:
    return type(value) is int


VALUES: dict[str, Callable[[Any], object]] = {
    "null": lambda value: value is None,
    "minus zero": lambda value: value == 0 and math.copysign(1, value) < 0,
    "smallest float": lambda value: value == 5e-324,
    "largest float": lambda value: value == sys.float_info.max,
    "beyond 64 bits": lambda value: is_int(value) and value > 2**64,
    "beyond a float's digits": lambda value: is_int(value) and int(float(value)) != value,
    "beyond ASCII": lambda value: isinstance(value, str) and not value.isascii(),
    "empty list": lambda value: value == [],
    "list of lists": lambda value: isinstance(value, list) and [] in value,
    "map": lambda value: isinstance(value, dict) and value != {},
}


def test_values_reach_the_edges_of_numbers_texts_and_containers() -> None:
    leaves = drawn(json_values(max_leaves=1), 600)
    assert_reached(leaves + drawn(json_values()), VALUES)


@given(free_form_maps())
def test_values_are_stored_and_read_back(values: dict[str, Any]) -> None:
    assert codec.same(codec.decode(codec.encode(values)), values)


@given(texts(max_size=5))
def test_texts_can_be_written(text: str) -> None:
    assert len(text) <= 5
    assert text.encode().decode() == text


def test_times_reach_other_zones_and_more_than_nanoseconds() -> None:
    corners: dict[str, Callable[[str], object]] = {
        "UTC": lambda time: time.endswith("Z"),
        "east": lambda time: "+" in time,
        "west": lambda time: time[-6] == "-",
        "year 0": lambda time: time.startswith("0000"),
        "comma": lambda time: "," in time,
        "nanoseconds": lambda time: Timestamp.parse(time).nanosecond % 1000,
        "whole seconds": lambda time: Timestamp.parse(time).nanosecond == 0,
        "beyond nanoseconds": lambda time: len(time.partition(".")[2]) > 15,
    }
    assert_reached(drawn(times(), 300), corners)


@given(timestamps(), durations())
def test_timestamps_and_durations_are_those_of_the_format(
    time: Timestamp, length: Duration
) -> None:
    assert Timestamp.parse(str(time)) == time
    assert abs(length) <= Duration(nanoseconds=2**63)
    assert isinstance(length, timedelta)


# --- names ----------------------------------------------------------------------------------------


@given(execution_ids(prefix="some/prefix"))
def test_execution_ids_can_be_used(execution_id: str) -> None:
    assert execution_key("some/prefix", execution_id)


@given(invalid_execution_ids(prefix="some/prefix"))
def test_invalid_execution_ids_cannot(execution_id: Any) -> None:
    with pytest.raises(InvalidExecutionIDError):
        execution_key("some/prefix", execution_id)


def test_execution_ids_reach_the_longest_and_the_odd() -> None:
    corners: dict[str, Callable[[str], object]] = {
        "longest": lambda name: len(execution_key("", name)) == MAX_KEY_BYTES,
        "dots": lambda name: name == "..",
        "beyond ASCII": lambda name: not name.isascii(),
        "another case": lambda name: name == "Run-42",
    }
    assert_reached(drawn(execution_ids()), corners)


def test_invalid_execution_ids_are_so_for_every_reason() -> None:
    corners: dict[str, Callable[[Any], object]] = {
        "empty": lambda name: name == "",
        "too long": lambda name: isinstance(name, str) and len(name) > 800,
        "half a pair": lambda name: isinstance(name, str) and any(map(is_surrogate, name)),
        "no string": lambda name: not isinstance(name, str),
    }
    assert_reached(drawn(invalid_execution_ids()), corners)


def is_surrogate(character: str) -> bool:
    return 0xD800 <= ord(character) < 0xE000


# --- checkpoints ----------------------------------------------------------------------------------


@settings(max_examples=max(30, settings().max_examples // 3))  # each is large
@given(checkpoints())
def test_a_checkpoint_is_saved_and_loaded_as_it_is(checkpoint: Checkpoint) -> None:
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(checkpoint)
    loaded = checkpointer.load_checkpoint(checkpoint.execution_id)
    assert loaded == checkpoint
    assert codec.same(loaded.to_document(), codec.decode(codec.encode(checkpoint.to_document())))


def test_a_checkpoint_has_the_execution_id_that_is_asked_for() -> None:
    found = drawn(checkpoints(execution_id=st.just("run-42")), 10)
    assert {checkpoint.execution_id for checkpoint in found} == {"run-42"}


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        (Checkpoint, documents()),
        (BranchState, strategies._branches()),
        (WaitState, strategies._waits()),
        (JoinState, strategies._joins()),
        (JoinConfig, strategies._configs()),
    ],
)
def test_every_member_is_absent_null_and_full_and_others_are_there(
    kind: type[WireModel], strategy: st.SearchStrategy[dict[str, Any]]
) -> None:
    values = drawn(strategy, 150)
    states = {
        name: {
            "absent" if name not in value else "null" if value[name] is None else "full"
            for value in values
        }
        for name in kind.model_fields
    }
    never = {"schema_version": {"absent", "null"}, "kind": {"null"}}
    assert states == {
        name: {"absent", "null", "full"} - never.get(name, set()) for name in kind.model_fields
    }
    assert any(set(value) - set(kind.model_fields) for value in values)


# --- operations and faults ------------------------------------------------------------------------


def test_operations_are_of_every_kind_unless_some_are_asked_for() -> None:
    assert {operation.kind for operation in drawn(operations(), 300)} == set(OperationKind)
    few = {OperationKind.LOAD, OperationKind.DELETE}
    assert {operation.kind for operation in drawn(operations(kinds=few))} == few


@given(operations(execution_ids(), BUILDING))
def test_the_document_of_an_operation_can_be_saved(operation: Operation) -> None:
    document = {"schema_version": 1, **operation.document, "execution_id": operation.execution_id}
    BucketCheckpointer(MemoryStore()).save_checkpoint(Checkpoint.from_document(document))


@given(fault_plans([Fault.LATE, Fault.DUPLICATE]))
def test_a_plan_has_a_fault_of_those_asked_for(plan: tuple[Fault | None, ...]) -> None:
    first = next(fault for fault in plan if fault is not None)
    assert first in {Fault.LATE, Fault.DUPLICATE}


def test_plans_reach_single_faults_of_every_kind_and_outages() -> None:
    plans = drawn(fault_plans(), 300)
    assert {plan[0] for plan in plans if len(plan) == 1} == set(Fault)
    assert any(plan[-10:] == (Fault.NEVER_SENT,) * 10 for plan in plans)


def test_without_hypothesis_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    spec = importlib.util.spec_from_file_location("copy_of_it", Path(str(strategies.__file__)))
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=r"pip install 'bucketpoint\[testing\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
