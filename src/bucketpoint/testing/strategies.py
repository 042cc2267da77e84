"""Hypothesis strategies: whatever a checkpoint may hold, be named, go through or be asked to do.

Each function returns a strategy, for `@given` and for state machines. `documents` and `checkpoints`
reach every corner of the format; `operations` and `fault_plans` go with the model in
`bucketpoint.testing.model`.

Example:
    @given(checkpoints())
    def test_my_checkpointer_keeps_all_of_it(checkpoint: Checkpoint) -> None:
        mine.save_checkpoint(checkpoint)
        assert mine.load_checkpoint(checkpoint.execution_id) == checkpoint
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from bucketpoint.checkpoint import Checkpoint, ExecutionStatus, WaitKind
from bucketpoint.core.document import MEMBER
from bucketpoint.core.keys import MAX_KEY_BYTES, execution_key
from bucketpoint.testing.faults import Fault
from bucketpoint.testing.model import BRANCH, BUILDING, Operation, OperationKind
from bucketpoint.timestamps import Duration, Timestamp

try:
    from hypothesis import strategies as st
except ImportError as error:
    msg = "the strategies need hypothesis: pip install 'bucketpoint[testing]'"
    raise ImportError(msg) from error

__all__ = [
    "checkpoints",
    "documents",
    "durations",
    "execution_ids",
    "fault_plans",
    "free_form_maps",
    "invalid_execution_ids",
    "json_values",
    "operations",
    "texts",
    "times",
    "timestamps",
]

Strategy = st.SearchStrategy

_INT64 = st.integers(-(2**63), 2**63 - 1)


# --- values ---------------------------------------------------------------------------------------


def texts(*, max_size: int = 12) -> Strategy[str]:
    """Texts of any characters that UTF-8 can hold: all but halves of surrogate pairs.

    Args:
        max_size: Characters at most.
    """
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


def json_values(*, max_leaves: int = 12) -> Strategy[Any]:
    """JSON values, with integers beyond 64 bits, the smallest floats, minus zero and any text.

    Args:
        max_leaves: Values that are no containers, at most.
    """
    edges = st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1, 2**63, -(2**63) - 1])
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(10**40), 10**40)
        | st.floats(allow_nan=False, allow_infinity=False)
        | edges
        | texts()
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=max_leaves,
    )


def free_form_maps() -> Strategy[dict[str, Any]]:
    """What `inputs`, `outputs`, `variables` and their like may hold."""
    return st.dictionaries(texts(), json_values(), max_size=4)


def times() -> Strategy[str]:
    """Times as a document may write them: any year and zone, fractions beyond nanoseconds."""
    return st.builds(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
        st.integers(0, 9999),
        st.integers(1, 12),
        st.integers(1, 28),
        st.integers(0, 23),
        st.integers(0, 59),
        st.integers(0, 59),
        st.just("") | st.from_regex(r"[.,][0-9]{1,12}", fullmatch=True),
        st.just("Z") | st.from_regex(r"[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]", fullmatch=True),
    )


def timestamps() -> Strategy[Timestamp]:
    """The same times, read."""
    return times().map(Timestamp.parse)


def durations() -> Strategy[Duration]:
    """Durations to the nanosecond, as long as the format holds them, either way."""
    return _INT64.map(lambda nanoseconds: Duration(nanoseconds=nanoseconds))


# --- names ----------------------------------------------------------------------------------------


def execution_ids(*, prefix: str = "") -> Strategy[str]:
    """Execution IDs that can be used, most of them awkward: odd characters, dots, case, length.

    Args:
        prefix: The checkpointer's, which takes part of the length of a key.
    """
    room = MAX_KEY_BYTES - len(execution_key(prefix, "x").encode()) + 1
    awkward = ["run-42", "Run-42", "a/b", "..", "%2E", "a\u0308", "\u00e4", "\x00", "x" * room]
    return st.sampled_from(awkward) | texts(max_size=room // 12).filter(bool)


def invalid_execution_ids(*, prefix: str = "") -> Strategy[Any]:
    """What is no execution ID: the empty one, too long ones, broken ones, other types.

    Args:
        prefix: The checkpointer's, which takes part of the length of a key.
    """
    room = MAX_KEY_BYTES - len(execution_key(prefix, "x").encode()) + 1
    too_long = st.text("x\u00e9/", min_size=room + 1, max_size=room + 20)
    broken = st.tuples(texts(), st.characters(categories=["Cs"]), texts()).map("".join)
    others = st.none() | st.integers() | st.binary(max_size=4) | st.lists(texts(), max_size=2)
    return st.just("") | too_long | broken | others


# --- checkpoints ----------------------------------------------------------------------------------


def _or_null(strategy: Strategy[Any]) -> Strategy[Any]:
    return st.none() | strategy


def _objects(members: dict[str, Strategy[Any]]) -> Strategy[dict[str, Any]]:
    """Any of the members, in any order, among members that the format does not know."""
    known = {name.lower() for name in members} | {MEMBER}
    unknown = st.dictionaries(
        texts().filter(lambda name: name.isascii() and name.lower() not in known),
        json_values(),
        max_size=2,
    )
    parts = st.tuples(st.fixed_dictionaries({}, optional=members), unknown)
    return parts.map(lambda both: {**both[0], **both[1]})


def _members(
    *, text: Collection[str] = (), free: Collection[str] = (), time: Collection[str] = ()
) -> dict[str, Strategy[Any]]:
    return {
        **dict.fromkeys(text, _or_null(texts())),
        **dict.fromkeys(free, _or_null(free_form_maps())),
        **dict.fromkeys(time, _or_null(times())),
    }


def _waits() -> Strategy[dict[str, Any]]:
    return _objects(
        {
            "kind": st.sampled_from([kind.value for kind in WaitKind]),
            **_members(text=["topic"], time=["wake_at"]),
            **dict.fromkeys(("timeout", "remaining"), _or_null(_INT64)),
        }
    )


def _branches() -> Strategy[dict[str, Any]]:
    return _objects(
        {
            **_members(
                text=(
                    *("id", "status", "current_step", "error_message", "pause_reason"),
                    "activity_history_step",
                ),
                free=("step_outputs", "variables", "activity_history"),
                time=("start_time", "end_time"),
            ),
            "wait": _or_null(_waits()),
            "pause_requested": _or_null(st.booleans()),
        }
    )


def _configs() -> Strategy[dict[str, Any]]:
    return _objects(
        {
            "branches": _or_null(st.lists(_or_null(texts()), max_size=3)),
            "count": _or_null(_INT64),
            "branch_mappings": _or_null(st.dictionaries(texts(), _or_null(texts()), max_size=3)),
        }
    )


def _joins() -> Strategy[dict[str, Any]]:
    return _objects(
        {
            **_members(text=("step_name", "waiting_branch_id"), time=["created_at"]),
            "config": _or_null(_configs()),
        }
    )


def documents() -> Strategy[dict[str, Any]]:
    """Decoded documents of schema version 1: every member absent, null or full, and unknown ones.

    The reserved `bucketpoint` member is not among them.

    Example:
        >>> from hypothesis import find
        >>> find(documents(), lambda document: "id" in document)
        {'schema_version': 1, 'id': None}
    """
    version = {"schema_version": st.just(1)}
    members = {
        **_members(
            text=("id", "execution_id", "workflow_name", "status", "error"),
            free=("inputs", "outputs", "variables"),
            time=("start_time", "end_time", "checkpoint_at"),
        ),
        "branch_states": _or_null(st.dictionaries(texts(), _branches(), max_size=3)),
        "join_states": _or_null(st.dictionaries(texts(), _joins(), max_size=2)),
        "branch_counter": _or_null(_INT64),
    }
    return _objects({**version, **members}).map(lambda found: {"schema_version": 1, **found})


def checkpoints(*, execution_id: Strategy[str] | None = None) -> Strategy[Checkpoint]:
    """Checkpoints that can be saved, with all that a document may hold.

    Args:
        execution_id: Their execution IDs; any that can be used, unless given.

    Example:
        >>> from hypothesis import find
        >>> find(checkpoints(), lambda checkpoint: True).execution_id
        'run-42'
    """
    names = execution_ids() if execution_id is None else execution_id
    return st.builds(_checkpoint, documents(), names)


def _checkpoint(document: dict[str, Any], execution_id: str) -> Checkpoint:
    return Checkpoint.from_document({**document, "execution_id": execution_id})


# --- what is done, and what goes wrong ------------------------------------------------------------


def operations(
    execution_id: Strategy[str] | None = None,
    kinds: Collection[OperationKind] = tuple(OperationKind),
) -> Strategy[Operation]:
    """Operations for `bucketpoint.testing.model.Client`, with small documents.

    Args:
        execution_id: The executions to choose from; only `run-42`, unless given.
        kinds: What may be done.

    Example:
        >>> from hypothesis import find
        >>> find(operations(kinds=[OperationKind.LOAD]), lambda operation: True).kind.value
        'load'
    """
    runs = st.just("run-42") if execution_id is None else execution_id
    snapshots, nothing = _snapshots(), st.just(dict[str, Any]())
    return st.one_of(
        [
            st.builds(Operation, st.just(kind), runs, snapshots if kind in BUILDING else nothing)
            for kind in sorted(kinds, key=tuple(OperationKind).index)
        ]
    )


def _snapshots() -> Strategy[dict[str, Any]]:
    """Small documents, with the branch that operators pause: a run that a claim began has none."""
    status = st.sampled_from([status.value for status in ExecutionStatus])
    branch = st.fixed_dictionaries({"id": st.just(BRANCH), "status": status})
    variables = st.dictionaries(texts(max_size=3), json_values(max_leaves=2), max_size=2)
    return st.fixed_dictionaries(
        {"branch_states": st.fixed_dictionaries({BRANCH: branch})},
        optional={"status": status, "variables": _or_null(variables), "start_time": times()},
    )


def fault_plans(faults: Sequence[Fault] = tuple(Fault)) -> Strategy[tuple[Fault | None, ...]]:
    """What happens to the requests of one call, one after another: mostly one fault, or an outage.

    An outage outlasts the attempts of a checkpointer that makes ten at most, so that it ends
    without knowing what it came to.

    Args:
        faults: What may happen.

    Example:
        >>> from hypothesis import find
        >>> find(fault_plans([Fault.LATE]), bool)
        (<Fault.LATE: 'late'>,)
    """
    fault = st.sampled_from(faults)
    outage = (Fault.NEVER_SENT,) * 10
    after = st.sampled_from([(), outage, (None, *outage), outage])
    others = st.lists(st.none() | fault, max_size=1)
    return st.builds(_plan, st.integers(0, 2), fault, others, after)


def _plan(
    before: int, fault: Fault, others: list[Fault | None], after: tuple[Fault | None, ...]
) -> tuple[Fault | None, ...]:
    return ((None,) * before) + (fault, *others, *after)
