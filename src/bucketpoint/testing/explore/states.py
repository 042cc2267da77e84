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

__all__ = [
    "NETWORK",
    "Broken",
    "Event",
    "Learnt",
    "Move",
    "Scene",
    "Seen",
    "Start",
    "State",
    "Status",
    "Turn",
]


class Event(StrEnum):
    """What happens next: to a request of a client, or to the object. All but four are faults."""

    ANSWERED = "answered"
    EXPIRED = "answered, and nobody has written for long"
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


class Seen(NamedTuple):
    """What there is to see when the object has changed.

    Attributes:
        stored: The object.
        holder: The operation that took the claim which now holds; None for nobody's.
    """

    stored: Stored
    holder: int | None


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
        regards_others: Its next request depends on where the other clients are.
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
    regards_others: bool = False
    moves: dict[Answer, tuple[Status, Ended | None, str | None]] = field(
        default_factory=dict[Answer, "tuple[Status, Ended | None, str | None]"]
    )
    sights: dict[Seen, Status] = field(default_factory=dict[Seen, "Status"])
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


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All but the clients; two are the same only if they are the same Python object.

    Attributes:
        stored: The object.
        flight: The requests under way.
        past: What happened to the object before.
        applied: The operations that were applied.
        barred: Those that must not be any more.
        faults: How many faults there may still be.
    """

    stored: Stored
    flight: tuple[Sending, ...]
    past: Past
    applied: int
    barred: int
    faults: int


State = tuple[Scene, tuple[Status, ...]]
"""The scene, and the clients."""


class Turn(NamedTuple):
    """What can happen to one client, wherever the others are.

    Attributes:
        move: What happens.
        scene: The scene after it.
        status: The client after it.
        seen: What the others see of it; None when the object has not changed.
    """

    move: Move
    scene: Scene
    status: Status
    seen: Seen | None


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
