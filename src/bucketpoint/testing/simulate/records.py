"""What is known of each operation of a simulation, and the signal that a promise is broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bucketpoint.testing.simulate.clients import Operation

__all__ = ["Broken", "Ending", "Record"]


class Ending(Enum):
    """What a caller knows of its operation."""

    OPEN = "has not ended"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DIED = "died with its client"


@dataclass(slots=True, eq=False)
class Record:
    """One operation, as the simulation follows it.

    Attributes:
        client: The client's number.
        number: Which of its operations.
        operation: What it does.
        begun_s: Virtual time at which it began.
        ended_s: Virtual time at which it ended.
        ending: What its caller knows.
        applied: How many of its writes the store has applied.
        reads: How many reads it sent.
        writes: How many writes it sent.
    """

    client: int
    number: int
    operation: Operation
    begun_s: float
    ended_s: float | None = None
    ending: Ending = Ending.OPEN
    applied: int = 0
    reads: int = 0
    writes: int = 0

    def __str__(self) -> str:
        return f"c{self.client}.{self.number} {self.operation.name} {self.operation.execution_id}"


class Broken(Exception):  # noqa: N818 - a signal to the one who runs the simulation
    """A promise does not hold."""

    def __init__(self, rule: str, problem: str) -> None:
        super().__init__(problem)
        self.rule = rule
        self.problem = problem
