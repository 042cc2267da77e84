"""The checkpoint of one execution: the models of schema version 1.

Every member of a document survives loading and saving: unknown ones, null against empty against
absent, nanoseconds, the offset of a time. The free-form maps (`inputs`, `outputs`, `variables`,
`step_outputs`, `activity_history`) hold JSON values and are kept as they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationError

from bucketpoint.errors import InvalidInputError, UnsupportedSchemaError
from bucketpoint.timestamps import Duration, Timestamp
from bucketpoint.wire import (
    DurationField,
    Flag,
    FreeForm,
    Integer,
    Key,
    NullAs,
    NullList,
    NullMap,
    Text,
    TimeField,
    WireModel,
    corrupt,
    one_of,
    problem,
    stored,
)

__all__ = [
    "CHECKPOINT_SCHEMA_VERSION",
    "BranchState",
    "Checkpoint",
    "ExecutionStatus",
    "ExecutionSummary",
    "JoinConfig",
    "JoinState",
    "WaitKind",
    "WaitState",
    "clamped",
]

CHECKPOINT_SCHEMA_VERSION = 1
"""The schema version that this library writes, and the highest that it reads."""


class ExecutionStatus(StrEnum):
    """The statuses of executions and branches; a document may hold any other string, too."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    """Waiting for other branches at a join."""
    SUSPENDED = "suspended"
    """Waiting for a signal or for a time."""
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


class WaitKind(StrEnum):
    """What a suspended branch waits for."""

    SIGNAL = "signal"
    SLEEP = "sleep"


def _now() -> str:
    return str(Timestamp.now())


class WaitState(WireModel):
    """What a suspended branch waits for, and until when.

    A wait whose deadline is frozen by a pause has no `wake_at` and what is left in `remaining`.

    Attributes:
        kind: A `WaitKind`. In a document it may be missing, which reads as "".
        topic: The signal's topic.
        wake_at: When the wait times out or the sleep ends; None for never, and while frozen.
        timeout: How long the wait or sleep was to take from its start.
        remaining: How long it would still have taken when it was frozen.

    Example:
        >>> WaitState(kind=WaitKind.SIGNAL, topic="approval").kind == WaitKind.SIGNAL
        True
    """

    _new: ClassVar[Mapping[str, Callable[[], Any]]] = {"kind": str}

    kind: Annotated[str, one_of(*(kind.value for kind in WaitKind))] = ""
    topic: Text = ""
    wake_at: TimeField = TimeField()
    timeout: DurationField = DurationField()
    remaining: DurationField = DurationField()


class BranchState(WireModel):
    """One branch of an execution.

    Attributes:
        id: The branch's ID, its key in `branch_states`.
        status: An `ExecutionStatus`, or any other string.
        current_step: The name of the step it is at.
        start_time: When it began.
        end_time: When it ended, was suspended or was paused.
        error_message: Why it failed.
        step_outputs: What its steps returned; free-form.
        variables: Its own variables; free-form.
        wait: What it waits for; None while it waits for nothing.
        pause_requested: It is to stay where it is until it is unpaused.
        pause_reason: Why.
        activity_history: What the activities of the current step recorded; free-form.
        activity_history_step: The step that the history belongs to.

    Example:
        >>> BranchState(id="main", current_step="charge").status
        'pending'
    """

    _new: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "id": str,
        "status": lambda: ExecutionStatus.PENDING.value,
        "current_step": str,
        "step_outputs": dict,
        "variables": dict,
    }
    _parts: ClassVar[Mapping[str, type[WireModel]]] = {"wait": WaitState}

    id: Text = ""
    status: Text = ""
    current_step: Text = ""
    start_time: TimeField = TimeField()
    end_time: TimeField = TimeField()
    error_message: Text = ""
    step_outputs: FreeForm = Field(default_factory=dict)
    variables: FreeForm = Field(default_factory=dict)
    wait: WaitState | None = None
    pause_requested: Flag = False
    pause_reason: Text = ""
    activity_history: FreeForm = Field(default_factory=dict)
    activity_history_step: Text = ""


class JoinConfig(WireModel):
    """Which branches a join waits for.

    Attributes:
        branches: The IDs of the branches.
        count: How many of them are enough; 0 for all.
        branch_mappings: Where each branch's variables go.

    Example:
        >>> JoinConfig(branches=["left", "right"]).count
        0
    """

    branches: Annotated[list[Text], NullAs(NullList)] = Field(default_factory=list)
    count: Integer = 0
    branch_mappings: Annotated[dict[Key, Text], NullAs(NullMap)] = Field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:  # noqa: D102 - as in the base
        members = super().to_document()
        try:  # a list may have been changed in place
            self.model_validate(members)
        except ValidationError as error:
            raise InvalidInputError(problem(error, "config")) from None
        if members.get("branches"):
            members["branches"] = [stored(branch) for branch in self.branches]
        if members.get("branch_mappings"):
            members["branch_mappings"] = {
                branch: stored(variable) for branch, variable in self.branch_mappings.items()
            }
        return members


class JoinState(WireModel):
    """A branch that waits for others.

    Attributes:
        step_name: The step that joins.
        waiting_branch_id: The branch that waits.
        config: What it waits for; None where the document has null, which engines cannot resume.
        created_at: When it began to wait; the present time in a new object.

    Example:
        >>> JoinState(step_name="join", waiting_branch_id="main", config=JoinConfig(count=2)).config
        JoinConfig(branches=[], count=2, branch_mappings={})
    """

    _new: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "step_name": str,
        "waiting_branch_id": str,
        "config": JoinConfig,
        "created_at": _now,
    }
    _parts: ClassVar[Mapping[str, type[WireModel]]] = {"config": JoinConfig}

    step_name: Text = ""
    waiting_branch_id: Text = ""
    config: JoinConfig | None = None
    created_at: TimeField = TimeField()


class Checkpoint(WireModel):
    """The snapshot of one execution, which loading and saving keep value by value.

    A loaded or saved Checkpoint knows which stored version it is; its copies know it too.

    Attributes:
        schema_version: 1; recorded as it is.
        id: The checkpoint's number in its run. Engines start it anew, so it identifies nothing.
        execution_id: The execution it belongs to, any non-empty string.
        workflow_name: The workflow's name.
        status: An `ExecutionStatus`, or any other string.
        inputs: What the execution was given; free-form.
        outputs: What it has returned; free-form.
        variables: Its variables; free-form.
        branch_states: Its branches by ID.
        join_states: Its branches that wait for others, by the step that joins.
        branch_counter: How many branches it has had.
        error: Why it failed.
        start_time: When it began.
        end_time: When it ended, was suspended or was paused.
        checkpoint_at: When the snapshot was taken; the present time in a new object.

    Raises:
        InvalidInputError: A field does not exist or is of the wrong type.

    Example:
        >>> checkpoint = Checkpoint(execution_id="run-42", variables={"n": 1})
        >>> checkpoint.branch_states["main"] = BranchState(id="main", status="running")
        >>> checkpoint.to_document()["branch_states"]["main"]["status"]
        'running'
    """

    _new: ClassVar[Mapping[str, Callable[[], Any]]] = {
        "schema_version": lambda: CHECKPOINT_SCHEMA_VERSION,
        "id": str,
        "execution_id": str,
        "workflow_name": str,
        "status": lambda: ExecutionStatus.PENDING.value,
        "inputs": dict,
        "outputs": dict,
        "variables": dict,
        "branch_states": dict,
        "join_states": dict,
        "branch_counter": int,
        "checkpoint_at": _now,
    }
    _maps: ClassVar[Mapping[str, type[WireModel]]] = {
        "branch_states": BranchState,
        "join_states": JoinState,
    }

    schema_version: Integer = CHECKPOINT_SCHEMA_VERSION
    id: Text = ""
    execution_id: Text = ""
    workflow_name: Text = ""
    status: Text = ""
    inputs: FreeForm = Field(default_factory=dict)
    outputs: FreeForm = Field(default_factory=dict)
    variables: FreeForm = Field(default_factory=dict)
    branch_states: Annotated[dict[Key, BranchState], NullAs(NullMap)] = Field(default_factory=dict)
    join_states: Annotated[dict[Key, JoinState], NullAs(NullMap)] = Field(default_factory=dict)
    branch_counter: Integer = 0
    error: Text = ""
    start_time: TimeField = TimeField()
    end_time: TimeField = TimeField()
    checkpoint_at: TimeField = TimeField()

    _origin: Any = PrivateAttr(default=None)

    @classmethod
    def from_document(cls, data: dict[str, Any]) -> Self:
        """Make the checkpoint of a decoded document, whose free-form values it takes over.

        Args:
            data: The JSON object, without the reserved `bucketpoint` member.

        Raises:
            UnsupportedSchemaError: Its schema version is not 1.
            CorruptCheckpointError: It is no checkpoint; the message says where and why.
        """
        if "schema_version" not in data:
            data = cls.in_exact_case(data)
        _check_schema(data.get("schema_version"))
        try:
            checkpoint = cls.model_validate(data)
            if _has_members_in_other_case(checkpoint):
                data = cls.in_exact_case(data)
                _check_schema(data.get("schema_version"))
                checkpoint = cls.model_validate(data)
        except ValidationError as error:
            raise corrupt(problem(error)) from None
        return checkpoint


def _has_members_in_other_case(checkpoint: Checkpoint) -> bool:
    models: list[WireModel | None] = [checkpoint]
    for branch in checkpoint.branch_states.values():
        models += (branch, branch.wait)
    for join in checkpoint.join_states.values():
        models += (join, join.config)
    return any(
        model.exact_name(name) != name
        for model in models
        if model is not None and model.__pydantic_extra__
        for name in model.__pydantic_extra__
    )


def _check_schema(version: Any) -> None:
    number = 0 if version is None else version
    if type(number) is not int or abs(number) >= 2**63:
        raise corrupt("schema_version is not an integer of 64 bits")
    if number != CHECKPOINT_SCHEMA_VERSION:
        raise UnsupportedSchemaError(
            f"checkpoint schema version {number} is not supported "
            f"(supported: 1..{CHECKPOINT_SCHEMA_VERSION})"
        )


class ExecutionSummary(WireModel):
    """What a list of executions shows of one.

    Attributes:
        execution_id: The execution.
        workflow_name: Its workflow.
        status: An `ExecutionStatus`, or any other string.
        start_time: When it began.
        end_time: When it ended.
        duration: From its start to its end, or to its last checkpoint while it has no end.
        error: Why it failed.
        modified_at: When its checkpoint was written, by the store's clock; None where no store was
            asked.
        next_wake_at: When the first of its waits ends; None when it waits for no time.

    Example:
        >>> ExecutionSummary.of(Checkpoint(execution_id="run-42")).status
        'pending'
    """

    execution_id: Text = ""
    workflow_name: Text = ""
    status: Text = ""
    start_time: TimeField = TimeField()
    end_time: TimeField = TimeField()
    duration: DurationField = DurationField()
    error: Text = ""
    modified_at: TimeField = TimeField()
    next_wake_at: TimeField = TimeField()

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Self:
        """Summarise a checkpoint."""
        start = checkpoint.start_time
        return cls(
            execution_id=checkpoint.execution_id,
            workflow_name=checkpoint.workflow_name,
            status=checkpoint.status,
            start_time=start,
            end_time=checkpoint.end_time,
            duration=_between(start, checkpoint.end_time or checkpoint.checkpoint_at),
            error=checkpoint.error,
        )


def _between(start: Timestamp | None, end: Timestamp | None) -> Duration | None:
    if start is None or end is None:
        return None
    return Duration(nanoseconds=clamped((end - start).nanoseconds))


def clamped(nanoseconds: int) -> int:
    """Return the nearest number of nanoseconds that the format can write."""
    return nanoseconds if abs(nanoseconds) < _MOST else (_MOST if nanoseconds > 0 else ~_MOST)


_MOST = 2**63 - 1
