"""Documents as plain dicts, and what operations make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bucketpoint.core import codec
from bucketpoint.testing.model.operations import BRANCH, MARKS, Document, Operation

__all__ = ["begun", "branch_of", "built", "marked", "marks_of", "matches", "pause_in", "with_pause"]


def marks_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the marks that writes have left in a document, oldest first.

    Args:
        document: The decoded document.

    Example:
        >>> marks_of({"variables": {MARKS: ["a.1", "b.1"]}})
        ('a.1', 'b.1')
    """
    variables: Document = document.get("variables") or {}
    return tuple(variables.get(MARKS, ()))


class _AnyTime:
    """The time in a run that a claim began: nobody can predict it."""


_ANY_TIME = _AnyTime()


def built(operation: Operation, mark: str) -> Document:
    """The document that a save of a checkpoint which the client built stores."""
    document = {"schema_version": 1, **operation.document, "execution_id": operation.execution_id}
    return marked(document, mark)


def marked(document: Document, mark: str) -> Document:
    """The document with one more mark in it."""
    variables: Document = document.get("variables") or {}
    marked = {**variables, MARKS: [*marks_of(document), mark]}
    return {**document, "variables": marked}


def begun(execution_id: str) -> Document:
    """The run that a claim begins."""
    maps = ("inputs", "outputs", "variables", "branch_states", "join_states")
    return {
        "schema_version": 1,
        **dict.fromkeys(("id", "workflow_name"), ""),
        "execution_id": execution_id,
        "status": "pending",
        **{name: {} for name in maps},
        "branch_counter": 0,
        "checkpoint_at": _ANY_TIME,
    }


_PAUSE_MEMBERS = ("pause_requested", "pause_reason")


def branch_of(document: Document) -> Document | None:
    """The branch that is paused, if there is one."""
    branches: Document = document.get("branch_states") or {}
    return branches.get(BRANCH)


def with_pause(document: Document, pause: Document) -> Document:
    """The document with these pause members in the branch, and no others."""
    branch = branch_of(document)
    if branch is None:
        return document
    rest = {name: value for name, value in branch.items() if name not in _PAUSE_MEMBERS}
    branches = {**document["branch_states"], BRANCH: {**rest, **pause}}
    return {**document, "branch_states": branches}


def pause_in(document: Document) -> Document:
    """The pause members of the branch."""
    branch = branch_of(document) or {}
    return {name: branch[name] for name in _PAUSE_MEMBERS if name in branch}


def matches(expected: Document | None, found: Document | None) -> bool:
    """Tell whether what was found is what the model says."""
    if expected is None or found is None:
        return expected is found
    if expected.get("checkpoint_at") is _ANY_TIME and "checkpoint_at" in found:
        expected = {**expected, "checkpoint_at": found["checkpoint_at"]}
    return codec.same(expected, found)
