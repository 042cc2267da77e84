"""What a checkpointer may be given: documents that are easily damaged, and IDs that are hard names."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from bucketpoint.checkpoint import BranchState, Checkpoint
from bucketpoint.core import codec

__all__ = ["DOCUMENTS", "EXECUTION_IDS", "checkpoint_of", "counter", "exact"]

_TIME = "2026-11-22T12:35:40.15687025Z"

_BASE: dict[str, Any] = {
    "schema_version": 1,
    "id": "7",
    "execution_id": "replaced",
    "workflow_name": "orders",
    "status": "running",
    "inputs": {},
    "outputs": {},
    "variables": {},
    "branch_states": {},
    "join_states": {},
    "branch_counter": 0,
    "checkpoint_at": _TIME,
}

_WAIT: dict[str, Any] = {
    "kind": "signal",
    "topic": "approval",
    "wake_at": "2026-11-23T00:00:00Z",
    "timeout": 86_400_000_000_000,
}

_BRANCH: dict[str, Any] = {
    "id": "main",
    "status": "running",
    "current_step": "charge",
    "step_outputs": {"quote": 200},
    "variables": {"customer": "c-17"},
}

_EVERY_BRANCH_FIELD: dict[str, Any] = _BRANCH | {
    "start_time": _TIME,
    "end_time": "2026-11-22T12:36:00Z",
    "error_message": "card declined",
    "wait": _WAIT,
    "pause_requested": True,
    "pause_reason": "an operator looks",
    "activity_history": {"attempts": [{"code": 402}]},
    "activity_history_step": "charge",
}

_JOIN: dict[str, Any] = {
    "step_name": "join",
    "waiting_branch_id": "final",
    "config": {"branches": ["a", "b"], "count": 1, "branch_mappings": {"a.ra": "values.a"}},
    "created_at": _TIME,
}


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for level in range(levels):
        value = {"below": value} if level % 2 else [value]
    return value


DOCUMENTS: dict[str, dict[str, Any]] = {
    "nothing but what must be": _BASE,
    "every field": _BASE
    | {
        "inputs": {"order": 17},
        "outputs": {"total": 12.5},
        "variables": {"items": [1, "two", None, True]},
        "branch_states": {"main": _EVERY_BRANCH_FIELD, "final": _BRANCH | {"id": "final"}},
        "join_states": {"join": _JOIN},
        "branch_counter": 2,
        "error": "a branch failed",
        "start_time": _TIME,
        "end_time": "2026-11-22T12:37:00Z",
    },
    "unknown members": _BASE
    | {
        "x-team": {"name": "billing"},
        "branch_states": {
            "main": _BRANCH | {"x-branch": [1], "wait": _WAIT | {"x-wait": "kept"}},
        },
        "join_states": {"join": _JOIN | {"x-join": None}},
    },
    "null, empty and absent": _BASE
    | {
        "inputs": None,
        "variables": {"null": None, "map": {}, "list": [], "text": ""},
        "branch_states": {"main": _BRANCH | {"step_outputs": None, "variables": {}}},
        "join_states": None,
    },
    "times with nanoseconds": _BASE
    | {"start_time": "2026-11-22T12:35:40.000000001Z", "end_time": "2026-11-22T12:35:40.999999999Z"},
    "times with an offset": _BASE
    | {"start_time": "2026-11-22T12:35:40+05:30", "end_time": "2026-11-22T12:35:40.5-08:00"},
    "durations in nanoseconds": _BASE
    | {
        "branch_states": {
            "main": _BRANCH | {"wait": {"kind": "sleep", "timeout": 1, "remaining": 2**62 + 1}}
        }
    },
    "numbers": _BASE
    | {
        "branch_counter": 2**53 + 1,
        "variables": {"large": 2**63 - 1, "small": -(2**63), "float": 1.0, "tiny": 5e-324},
        "outputs": {"minus zero": -0.0, "huge": 1.7976931348623157e308, "tenth": 0.1},
    },
    "text": _BASE
    | {
        "error": 'quotes " and \\ and </script> and \u2028',
        "variables": {"": "empty name", "a.b": "dot", "$ref": "#/", "名": "日本語 🙂", "nul": "\0\x1f"},
        "inputs": {"apart": "e\u0301", "joined": "\u00e9"},
    },
    "one hundred levels": _BASE | {"variables": {"deep": _deep(100)}},
    "forty branches": _BASE
    | {"branch_states": {f"b{number}": _BRANCH | {"id": f"b{number}"} for number in range(40)}},
}  # fmt: skip
"""Documents by what is special about them."""

EXECUTION_IDS = {
    "plain": "run-42",
    "a longer one": "run-421",
    "capitalised": "Run-42",
    "spaces": " two  spaces ",
    "slash": "orders/2026/run-42",
    "slash, encoded": "orders%2F2026%2Frun-42",
    "dot": ".",
    "dots": "..",
    "dots first": "../../outside",
    "ending of a file": "run-42.json",
    "tilde": "~run",
    "marks": "quotes'\"`$HOME*?[a]{b}|<c>&;#!=+,@",
    "backslash": "back\\slash",
    "line break": "two\nlines\ttab",
    "beyond ASCII": "ünïcödé-日本語-🙂",
    "accent apart": "e\u0301",
    "accent joined": "\u00e9",
    "200 letters": "x" * 200,
    "200 letters, another end": "x" * 199 + "y",
    "100 letters of two bytes": "é" * 100,
}
"""Execution IDs by what is odd about them; no two are the same run."""


def checkpoint_of(name: str, execution_id: str) -> Checkpoint:
    """Return the checkpoint that one of `DOCUMENTS` describes, under this execution ID."""
    return Checkpoint.from_document(deepcopy(DOCUMENTS[name]) | {"execution_id": execution_id})


def counter(execution_id: str, number: int = 0) -> Checkpoint:
    """Return a new checkpoint that holds the number, and something nested to be changed by mistake."""
    return Checkpoint(
        execution_id=execution_id,
        workflow_name="orders",
        variables={"number": number, "nested": {"list": [1]}},
        branch_states={"main": BranchState(id="main", step_outputs={"quote": {"total": 1}})},
    )


def exact(checkpoint: Checkpoint) -> str:
    """Return what tells two documents apart: every value to its last digit, but no order of members."""
    document = json.loads(
        codec.encode(checkpoint.to_document()),
        parse_int=lambda digits: f"integer {digits}",
        parse_float=lambda digits: f"float {float(digits)!r}",
    )
    return json.dumps(document, sort_keys=True, indent=1)
