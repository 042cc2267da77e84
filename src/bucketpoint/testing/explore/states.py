"""The words of an exploration: what can happen, and what a state is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bucketpoint.testing.explore.clients import (
    OPERATIONS_PER_CLIENT,
    Answer,
    Clients,
    Node,
    Program,
    Sending,
)
from bucketpoint.testing.explore.invariants import Judged, Past
from bucketpoint.testing.explore.objects import Stored
from bucketpoint.testing.explore.tasks import Ended

__all__ = ["NETWORK", "Broken", "Event", "Learnt", "Move", "Start", "State", "Status"]


class Event(StrEnum):
    """What happens next: to a request of a client, or to the object. All but four are faults."""

    ANSWERED = "answered"
    EXPIRED = "answered, and the claim has expired"
    LANDS = "a late request reaches the store"
    LOST = "applied, but the answer is lost"
    LATE = "no answer: it may reach the store later, or never"
    DUPLICATED = "applied, but its sender does not know and sends it again"
    DUPLICATED_LATE = "delayed, and its sender sends it again"
    NEVER_SENT = "never sent"
    DEADLINE = "the time for the call is used up before it is sent"
    CRASHED = "the client crashes before sending it"
    CRASHED_AFTER = "applied, and the client crashes"
    CRASHED_DURING = "the client crashes while it is under way"
    CLONED = "the client's memory is restored a second time"
    REWRITTEN = "another program rewrites the document"


NETWORK = frozenset(Event) - {
    Event.ANSWERED,
    Event.EXPIRED,
    Event.LANDS,
    Event.CLONED,
    Event.REWRITTEN,
}
"""The faults of networks and processes."""


class Start(StrEnum):
    """What is there before the clients begin."""

    ABSENT = "absent"
    DOCUMENT = "document"
    TOMBSTONE = "tombstone"
    FOREIGN = "foreign"


class Move(NamedTuple):
    """One step of a schedule.

    Attributes:
        event: What happens.
        client: To which client: 0 for A; for a late request, which of those under way.
    """

    event: Event
    client: int = 0


class Broken(Exception):  # noqa: N818 - a finding of the search, which it always catches
    """An invariant does not hold after this move."""

    def __init__(self, move: Move, problem: str) -> None:
        super().__init__(problem)
        self.move = move
        self.problem = problem


@dataclass(slots=True, eq=False)
class Status:
    """Where a client is, and what the invariants have to know of its operation.

    Attributes:
        slot: Which client.
        node: Its request.
        rest: The operations after this one.
        sight: What has been true of the object since the operation began.
        begun: The operation has begun.
        resent: An earlier sending of this very request was made.
        old: A tombstone has been written since the operation began.
        doomed: The operations that must not become visible after this one, a delete.
        unseen: What could yet become true and matter.
        moves: Where answers take it.
        sights: What it becomes when the object changes.
        ends: What is wrong with its ends, by what they are judged by.
        restarted: What comes of it when it crashes.
    """

    slot: int
    node: Node
    rest: Program
    sight: int = 0
    begun: bool = False
    resent: bool = False
    old: bool = False
    doomed: int = 0
    unseen: int = 0
    moves: dict[Answer, tuple[Status, Ended | None, str | None]] = field(
        default_factory=dict[Answer, "tuple[Status, Ended | None, str | None]"]
    )
    sights: dict[tuple[Stored, int | None], Status] = field(
        default_factory=dict[tuple[Stored, int | None], "Status"]
    )
    ends: dict[Judged, str | None] = field(default_factory=dict[Judged, str | None])
    restarted: Status | None = None

    @property
    def index(self) -> int:
        """Which of its client's operations it is at."""
        return self.node.task.number % OPERATIONS_PER_CLIENT

    def moves_to(self, answer: Answer) -> Status | None:
        """Where an answer is known to take it."""
        return self.moves[answer][0] if answer in self.moves else None

    @property
    def bit(self) -> int:
        """Its operation in sets of operations."""
        return 1 << self.node.task.number


State = tuple[Stored, tuple[Sending, ...], Past, int, int, int, tuple[Status, ...]]
"""The object, the requests under way, the past, the operations that were applied, those that must
not be any more, the faults that are left, and the clients."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is the same for all programs, and need be found out only once.

    Attributes:
        clients: What clients do.
        statuses: Where they can be.
        pasts: The pasts that explorations begin with, by their lineages.
    """

    clients: Clients
    statuses: dict[object, Status] = field(default_factory=dict[object, "Status"])
    pasts: dict[frozenset[str], Past] = field(default_factory=dict[frozenset[str], Past])
