"""What clients did, and when: operations with a beginning, an end and a result."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from threading import Lock
from typing import Any

__all__ = ["Operation", "Outcome", "Recorder", "RunningOperation"]


class Outcome(StrEnum):
    """What a client knows of its operation."""

    OK = "ok"
    """It took effect exactly once between its beginning and its end, and returned its result."""
    FAILED = "failed"
    """It took no effect, and never will. A refusal that tells something of the state is a result."""
    UNKNOWN = "unknown"
    """It took effect at most once, at any moment after it began, also after its end; or never."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client. One with an unknown outcome has no result.

    Attributes:
        client: Who performed it.
        action: What was to be done, as the model understands it.
        began: Counts the beginnings and ends of a history.
        ended: Likewise; None if it never ended, which is an unknown outcome.
        outcome: What the client knows of it.
        result: What it returned.

    Example:
        >>> from bucketpoint.testing.linearizability import Read
        >>> print(Operation("worker-1", Read(), began=1, ended=2, result="a"))
        read -> 'a'
    """

    client: object
    action: Any
    began: int
    ended: int | None
    outcome: Outcome = Outcome.OK
    result: Any = None

    def __post_init__(self) -> None:
        if self.ended is None and self.outcome is not Outcome.UNKNOWN:
            msg = f"an operation that never ended has an unknown outcome, not {self.outcome}"
            raise ValueError(msg)
        if self.ended is not None and self.ended < self.began:
            msg = f"an operation cannot end ({self.ended}) before it began ({self.began})"
            raise ValueError(msg)

    @property
    def is_certain(self) -> bool:
        """Whether it surely took effect."""
        return self.outcome is Outcome.OK

    @property
    def effective_by(self) -> float:
        """When it surely had taken effect; infinity unless it is certain."""
        return self.ended if self.is_certain and self.ended is not None else inf

    def __str__(self) -> str:
        is_telling = self.is_certain and self.result is not None
        return f"{self.action} -> {repr(self.result) if is_telling else self.outcome}"


class Recorder:
    """Notes operations of any number of threads in the order in which they begin and end.

    The order is that of a counter, not of clocks: what ended before something else began has the
    smaller number. Actions and results are kept as they are given, so change none of them later.

    Example:
        >>> from bucketpoint.testing.linearizability import Append, Read
        >>> recorder = Recorder()
        >>> with recorder.record("worker-1", Read()) as call:
        ...     call.ok(("a",))
        >>> append = recorder.begin("worker-2", Append("b"))
        >>> append.unknown()
        >>> [str(operation) for operation in recorder.history]
        ["read -> ('a',)", "append 'b' -> unknown"]
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ticks = 0
        self._operations: list[RunningOperation] = []

    def begin(self, client: object, action: Any) -> RunningOperation:
        """Note that an operation begins; call it right before the operation itself.

        Args:
            client: Who performs it.
            action: What is to be done, as the model understands it.

        Returns:
            What takes note of its end.
        """
        with self._lock:
            self._ticks += 1
            operation = RunningOperation(self, client, action, self._ticks)
            self._operations.append(operation)
        return operation

    @contextmanager
    def record(
        self, client: object, action: Any, *, failed: tuple[type[BaseException], ...] = ()
    ) -> Generator[RunningOperation]:
        """Note an operation that is performed in a `with` block; call `ok` on it with its result.

        Where the block ends without that, the operation took effect and returned None. An
        exception goes on to the caller, and leaves an unknown outcome.

        Args:
            client: Who performs it.
            action: What is to be done, as the model understands it.
            failed: Exceptions which prove that it took no effect and never will.
        """
        operation = self.begin(client, action)
        try:
            yield operation
        except BaseException as error:
            if not operation.has_ended:
                operation.failed() if isinstance(error, failed) else operation.unknown()
            raise
        if not operation.has_ended:
            operation.ok()

    @property
    def history(self) -> tuple[Operation, ...]:
        """All operations in the order in which they began; what still runs is unknown."""
        with self._lock:
            return tuple(operation.seen_now() for operation in self._operations)

    def end(self, operation: RunningOperation, outcome: Outcome, result: Any) -> None:
        """Note the end of an operation; `RunningOperation` calls it."""
        with self._lock:
            if operation.has_ended:
                msg = f"the end of this operation was noted before: {operation.seen_now()}"
                raise RuntimeError(msg)
            self._ticks += 1
            operation.ended, operation.outcome, operation.result = self._ticks, outcome, result


class RunningOperation:
    """An operation that has begun; exactly one of its methods is called when it has ended.

    `Recorder.begin` and `Recorder.record` give it.
    """

    def __init__(self, recorder: Recorder, client: object, action: Any, began: int) -> None:
        self._recorder = recorder
        self._client = client
        self._action = action
        self._began = began
        self.ended: int | None = None
        self.outcome = Outcome.UNKNOWN
        self.result: Any = None

    @property
    def has_ended(self) -> bool:
        """Whether its end was noted."""
        return self.ended is not None

    def ok(self, result: Any = None) -> None:
        """Note that it took effect and returned this result."""
        self._recorder.end(self, Outcome.OK, result)

    def failed(self) -> None:
        """Note that it took no effect, and never will."""
        self._recorder.end(self, Outcome.FAILED, None)

    def unknown(self) -> None:
        """Note that nobody knows whether it took effect, or will."""
        self._recorder.end(self, Outcome.UNKNOWN, None)

    def seen_now(self) -> Operation:
        """Return what is known of it."""
        return Operation(
            self._client, self._action, self._began, self.ended, self.outcome, self.result
        )
