"""What an operation is to the invariants: its specification, its outcomes, and their reasons.

The specification is judged where the store applies a request, on the state that is there at that
moment; the reason for an outcome that writes nothing, on all states that were there while the call
lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from bucketpoint.core.effects import Procedure
from bucketpoint.stores.contract import Version
from bucketpoint.testing.explore.memory import Memory
from bucketpoint.testing.explore.objects import Data, Stored

__all__ = [
    "NOT_APPLIED",
    "ClaimChange",
    "Effect",
    "Ended",
    "Operation",
    "Outcome",
    "Sight",
    "Task",
]


class Outcome(Enum):
    """How an operation ended for its caller."""

    WRITTEN = "acknowledged"
    READ = "read"
    NOTHING = "nothing to do"
    UNKNOWN = "OutcomeUnknownError"
    NO_CHECKPOINT = "NoCheckpointError"
    RAISED = "fn's exception"
    VERSION_CONFLICT = "VersionConflictError"
    CONFLICT = "ConflictError"
    FENCED = "FenceViolationError"
    HELD = "ClaimHeldError"
    UNAVAILABLE = "StoreUnavailableError"
    RELEASED = "released"
    NOT_PURGED = "not purged"
    SETTLED_APPLIED = "settled: applied"
    SETTLED_NOT_APPLIED = "settled: not applied"
    SETTLED_OPEN = "settled: still unknown"


NOT_APPLIED = frozenset(
    {
        Outcome.NO_CHECKPOINT,
        Outcome.RAISED,
        Outcome.VERSION_CONFLICT,
        Outcome.CONFLICT,
        Outcome.FENCED,
        Outcome.HELD,
        Outcome.UNAVAILABLE,
    }
)
"""Outcomes that say: not applied, and never will be."""


class Sight:
    """What can be true of the object at a moment, and is the reason for an outcome.

    Sets of these are plain integers: a search makes millions of them.
    """

    ABSENT = 1
    PRESENT = 2
    CHANGED_BY_OTHERS = 4
    NOT_AS_SEEN = 8
    NOT_MINE = 16
    CLAIMED = 32
    BRANCHLESS = 64


class ClaimChange(Enum):
    """What an operation does to the claim on the object."""

    CARRIED = "it stays as it is"
    GRANTED = "it begins"
    CLEARED = "it ends"


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """How an operation ended.

    Attributes:
        outcome: What the caller was told.
        version: The version that the caller was given.
        tokens: The marks of the checkpoint that the caller was given.
        about: The operation that a settling was about.
    """

    outcome: Outcome
    version: Version | None = None
    tokens: tuple[str, ...] | None = None
    about: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One operation of one client, begun with one state of the client's memory.

    Attributes:
        number: Which operation of the exploration it is; also its bit in sets of operations.
        token: The mark that it leaves in the data.
        operation: What it does.
        seen: The bodies that a conditional save may replace; None where it may replace any.
        own: Operations whose writes a conditional save may replace as well.
        claim_number: The operation that took the client's claim.
        known: What the claim's engine may find stored.
        returned: What the engine's checkpoint was when it was given to it, others' edits included.
        tokens: The marks in the checkpoint that is saved, before this operation's own.
        paused: The pause flag in it.
    """

    number: int
    token: str
    operation: Operation
    seen: frozenset[bytes] | None = None
    own: tuple[int, ...] = ()
    claim_number: int = -1
    known: frozenset[tuple[str, ...]] = frozenset()
    returned: frozenset[tuple[str, ...]] = frozenset()
    tokens: tuple[str, ...] = ()
    paused: bool | None = False

    def may_replace(self, stored: Stored) -> bool:
        """Tell whether this state is one that the caller has seen, or made."""
        return self.seen is None or stored.body in self.seen or stored.author in self.own

    def sight(self, stored: Stored, holder: int | None) -> int:
        """What is true of the object now, of what this operation could give as its reason."""
        if not self.operation.watched:
            return 0
        data, member = stored.data, stored.member
        true = Sight.ABSENT if data is None else Sight.PRESENT
        if data is not None and any(self._is_of_other(token) for token in data.tokens):
            true |= Sight.CHANGED_BY_OTHERS
        if data is not None and data.paused is None:
            true |= Sight.BRANCHLESS
        if self.seen is None or not self.may_replace(stored):
            true |= Sight.NOT_AS_SEEN
        if holder != self.claim_number or data is None or data.tokens not in self.known:
            true |= Sight.NOT_MINE
        if member is not None and member.owner is not None:
            true |= Sight.CLAIMED
        return true & self.operation.watched

    def _is_of_other(self, token: str) -> bool:
        return token[0].isupper() and token[0] != self.token[0]


Effect = Callable[[Task, Data | None, Data | None], bool]
"""Whether the task may turn the first data into the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One thing a client can do.

    Attributes:
        name: Its name in programs.
        procedure: The real procedure.
        effect: Its sequential specification; None for what writes nothing.
        reasons: What must have been true at some moment of the call for an outcome that wrote
            nothing.
        claim: What it does to the claim.
        under_claim: It may only write while the client's claim is the holder.
        replaces_seen: It may only write over what its caller has seen.
        needs: What of the client's memory it uses.
    """

    name: str
    procedure: Callable[[Memory, Task], Procedure[Ended]]
    effect: Effect | None = None
    reasons: Mapping[Outcome, int] = field(default_factory=dict[Outcome, int])
    claim: ClaimChange = ClaimChange.CARRIED
    under_claim: bool = False
    replaces_seen: bool = False
    needs: str = ""

    watched: int = field(init=False)
    """All that could be the reason of some outcome."""

    def __post_init__(self) -> None:
        watched = 0
        for sight in self.reasons.values():
            watched |= sight
        object.__setattr__(self, "watched", watched)
