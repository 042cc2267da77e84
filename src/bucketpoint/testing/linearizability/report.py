"""What a check found, as people read it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bucketpoint.testing.linearizability.history import Operation

__all__ = ["Result", "Violation", "listed", "timeline"]

_WIDTH = 100
_COLUMNS_OF_AN_EVENT = 2


@dataclass(frozen=True, slots=True)
class Violation:
    """Operations of one object that cannot be put into one order.

    As a string it is a timeline of them, with the reason.

    Attributes:
        key: The object.
        operations: Few operations that are enough to see it, in the order in which they began.
            Whatever else had begun before the last of them ended, and whenever that took effect,
            does not help.
        reason: What is wrong, in a sentence.
        explanation: How far an order goes; empty where the reason says it all.
    """

    key: Hashable
    operations: tuple[Operation, ...]
    reason: str
    explanation: str = ""

    def __str__(self) -> str:
        of_key = "" if self.key is None else f"{self.key!r}: "
        lines = [f"{of_key}{self.reason}:", "", timeline(self.operations)]
        return "\n".join([*lines, "", self.explanation] if self.explanation else lines)


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found.

    Attributes:
        violation: What is wrong with the history; None if it is linearizable.
        states: How many states the search visited; 0 where nothing had to be searched.
        orders: An order of the operations of each object, by its key, which explains the results.
    """

    violation: Violation | None
    states: int = 0
    orders: Mapping[Hashable, tuple[Operation, ...]] = field(
        default_factory=dict[Hashable, tuple[Operation, ...]]
    )

    @property
    def is_linearizable(self) -> bool:
        """Whether there is such an order for every object."""
        return self.violation is None


def timeline(operations: Iterable[Operation]) -> str:
    """Return a line for each operation: who, from when to when (`?`: or later, or never), what."""
    ordered = sorted(operations, key=lambda operation: operation.began)
    column = _columns(ordered)
    names = [str(operation.client) for operation in ordered]
    widest = max(map(len, names), default=0)
    width = max(column.values(), default=0) + 1
    return "\n".join(
        f"  {name:{widest}}  {_bar(operation, column, width):{width}}  {_short(str(operation))}"
        for name, operation in zip(names, ordered, strict=True)
    )


def listed(operations: Iterable[Operation]) -> str:
    """Return a line for each operation."""
    return "\n".join(f"  {_short(str(operation))}" for operation in operations)


def _columns(operations: Sequence[Operation]) -> dict[int, int]:
    """Return the column of each beginning and end; nothing of their distances is left."""
    events = {one.began for one in operations} | {
        one.ended for one in operations if one.ended is not None
    }
    return {event: number * _COLUMNS_OF_AN_EVENT for number, event in enumerate(sorted(events))}


def _bar(operation: Operation, column: Mapping[int, int], width: int) -> str:
    start = column[operation.began]
    end = width - 1 if operation.ended is None else column[operation.ended]
    last = "?" if operation.outcome == "unknown" else "|"
    return " " * start + ("|" + "-" * (end - start - 1) + last if end > start else last)


def _short(text: str) -> str:
    """Leave out the middle of what is long: in a list the end tells most."""
    kept = (_WIDTH - 3) // 3
    return text if len(text) <= _WIDTH else f"{text[:kept]} … {text[-2 * kept :]}"
