"""What clients can do to an execution, and what can come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

__all__ = [
    "BRANCH",
    "BUILDING",
    "CLAIMED",
    "CLAIM_TTL",
    "DONE",
    "MARKS",
    "NOTHING",
    "OVER",
    "READS",
    "REFUSED",
    "Document",
    "Kind",
    "Operation",
    "OperationKind",
    "Outcome",
]

Document = dict[str, Any]

MARKS = "bucketpoint-marks"
"""The variable in which every write leaves its mark."""

BRANCH = "main"
"""The branch that is paused and unpaused."""

CLAIM_TTL = timedelta(hours=1)
"""The time to live of the claims that clients take."""

OVER = timedelta(hours=1)
"""After so long without a write an execution that has ended may be collected."""

DONE = "done"
NOTHING = "nothing"
REFUSED = "refused"


class OperationKind(StrEnum):
    """What a client can do. Each write leaves a mark of its own in the document."""

    SAVE = "save"
    """Save a checkpoint that the client built: replaces what is there."""
    SAVE_IF_ABSENT = "save_if_absent"
    SAVE_IF_VERSION = "save_if_version"
    """On the version that the client was last given."""
    SAVE_OVERWRITE = "save_overwrite"
    SAVE_AGAIN = "save_again"
    """Save the object that the client last loaded, saved or was given by an update."""
    LOAD = "load"
    GET = "get"
    UPDATE = "update"
    UPDATE_REFUSED = "update_refused"
    """An update by a function that raises."""
    DELETE = "delete"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    CLAIM = "claim"
    TAKE_OVER = "take_over"
    CLAIMED_SAVE = "claimed_save"
    """The worker changes the checkpoint that it holds, and saves it under its claim."""
    CLAIMED_LOAD = "claimed_load"
    RENEW = "renew"
    RELEASE = "release"
    RESTORE = "restore"
    """Bring one of the kept versions back."""
    FORK = "fork"
    """Begin the execution with the data of `Operation.source`."""
    COLLECT = "collect"
    """Delete all executions that ended `OVER` ago; the operation's own does not matter."""
    SETTLE = "settle"
    """Look again at the last write whose outcome was unknown."""


Kind = OperationKind

BUILDING = frozenset({Kind.SAVE, Kind.SAVE_IF_ABSENT, Kind.SAVE_IF_VERSION, Kind.SAVE_OVERWRITE})
"""What stores a checkpoint that the client built; only these look at `Operation.document`."""

CLAIMED = frozenset({Kind.CLAIMED_SAVE, Kind.CLAIMED_LOAD, Kind.RENEW, Kind.RELEASE})
READS = {Kind.LOAD, Kind.GET, Kind.CLAIMED_LOAD, Kind.SETTLE}


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to be done to one execution.

    Attributes:
        kind: What.
        execution_id: To which execution.
        document: What a save of a checkpoint that the client built stores, but for its
            `execution_id` and the mark. Its branch `main` must not wait for anything, because the
            model has no clock to freeze a wait by.
        source: What a fork is a fork of.

    Example:
        >>> Operation(OperationKind.LOAD, "run-42").kind.value
        'load'
    """

    kind: OperationKind
    execution_id: str
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An operation, and what came of it.

    Attributes:
        client: Who performed it.
        operation: The operation.
        mark: What it left in the document, if it wrote; no two operations have the same.
        result: `done`; the `kind` of the error that was raised; `refused` when the error was that
            of the update's own function; `nothing` when the client had nothing to do it with.
        document: The document that was read or given back, if one was.
        landed: What settling said.
        about: The mark of the write that settling was about.
        restored: The document that was to be brought back, as the history had it.
        collected: The executions that a collection says it has deleted.
    """

    client: str
    operation: Operation
    mark: str
    result: str
    document: Document | None = None
    landed: bool | None = None
    about: str | None = None
    restored: Document | None = None
    collected: tuple[str, ...] = ()
