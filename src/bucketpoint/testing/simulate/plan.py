"""What goes wrong and how long it takes: drawn from a seed, one draw for each request.

Each draw is named by the client, the operation and the request, so that leaving one out of a
schedule changes no other. That is what makes shrinking a matter of removal instead of luck.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum

from bucketpoint.core.effects import Delete, Get, Put
from bucketpoint.errors import InvalidInputError
from bucketpoint.stores.contract import Capabilities

__all__ = [
    "EPOCH",
    "GCS",
    "S3",
    "Fault",
    "FaultKind",
    "Faults",
    "Latency",
    "Plan",
    "Point",
    "drawn_at",
]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When every simulation begins, by the store's clock."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a store's requests take, and what the store is like otherwise.

    Attributes:
        read_s: Seconds that a read takes, at least and at most.
        write_s: Seconds that a write takes, at least and at most.
        write_interval_s: Seconds between two writes to one object; earlier ones get a 429.
        capabilities: What the store can do.

    Example:
        >>> from dataclasses import replace
        >>> far_away = replace(S3, read_s=(0.2, 0.3), write_s=(0.3, 0.4))
    """

    read_s: tuple[float, float]
    write_s: tuple[float, float]
    write_interval_s: float
    capabilities: Capabilities

    def draw(self, request: Get | Put | Delete, chance: random.Random) -> float:
        """How long this request takes, in seconds."""
        return chance.uniform(*(self.read_s if isinstance(request, Get) else self.write_s))


S3 = Latency(
    # Measured by others: a read and a conditional write of one key take 58 to 68 ms together
    # (cdouglas.github.io/posts/2026/01/conditional); how they share it is our estimate.
    read_s=(0.015, 0.020),
    write_s=(0.043, 0.048),
    write_interval_s=0.0,
    capabilities=Capabilities(conditional_delete=True, content_versions=True),
)
"""Amazon S3: versions derive from the bytes."""

GCS = Latency(
    # Measured by others, at the same place: 500 to 700 ms for a read and a write of one key.
    read_s=(0.040, 0.080),
    write_s=(0.460, 0.620),
    # Documented (cloud.google.com/storage/quotas): one write a second to one object name.
    write_interval_s=1.0,
    capabilities=Capabilities(conditional_delete=True),
)
"""Google Cloud Storage: one write a second to one object."""


class FaultKind(Enum):
    """What can go wrong at one request; the value says it in a script."""

    LOST_ANSWER = "reaches the store, and its answer is lost"
    LATE = "is given up, and reaches the store later"
    DUPLICATE = "is delivered twice, the second answer is received"
    LATE_DUPLICATE = "is delivered a second time, later"
    RESENT = "is under way, and then cannot be sent again"
    NEVER_SENT = "is not sent"
    CUT_OFF = "the client is cut off from the store first"
    THROTTLED = "is throttled"
    CRASH_BEFORE = "the client dies before it is sent"
    CRASH_AFTER = "the client dies before the answer"
    CLOCK_JUMP = "the client's wall clock jumps first"
    FREEZE = "the client is frozen first"


Point = tuple[int, int, int]
"""A request: the client, its operation, and the request of that operation, all from 0."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: The request.
        kind: What happens to it.
        seconds: How late, how long cut off or frozen, how far the clock jumps (backward if
            negative).

    Example:
        >>> Fault((0, 2, 1), FaultKind.LATE, 4.0).seconds  # of client 0 and its third operation
        4.0
    """

    at: Point
    kind: FaultKind
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often things go wrong: shares of all requests, at most one fault a request.

    Attributes:
        lost_answer: The request is applied and its answer lost.
        late: The caller gives up, and the request reaches the store within `late_s`.
        duplicate: The request is sent twice: delivered twice at once, or again within `late_s`;
            or delivered once within `late_s`, while the second sending fails.
        never_sent: The connection fails before anything is sent.
        cut_off: The client reaches the store no more for up to `cut_off_s`.
        throttled: The store refuses with a 429.
        crash: The client dies, and comes back after `restart_s` as a new writer.
        clock_jump: The client's wall clock jumps by up to `jump_s`, either way.
        freeze: The client stands still for up to `freeze_s`, its monotonic clock as well.
        late_s: See `late`.
        cut_off_s: See `cut_off`.
        restart_s: See `crash`.
        jump_s: See `clock_jump`.
        freeze_s: See `freeze`.

    Raises:
        InvalidInputError: A number is negative, or the shares add up to more than 1.

    Example:
        >>> Faults(lost_answer=0.05, late=0.02).late
        0.02
    """

    lost_answer: float = 0.0
    late: float = 0.0
    duplicate: float = 0.0
    never_sent: float = 0.0
    cut_off: float = 0.0
    throttled: float = 0.0
    crash: float = 0.0
    clock_jump: float = 0.0
    freeze: float = 0.0
    late_s: float = 60.0
    cut_off_s: float = 60.0
    restart_s: float = 1.0
    jump_s: float = 3600.0
    freeze_s: float = 60.0

    def __post_init__(self) -> None:
        numbers = [getattr(self, field.name) for field in fields(self)]
        shares = sum(share for share, _ in self._shares())
        if min(numbers) < 0 or shares > 1:
            msg = "the shares of faults must be at least 0 and at most 1 together, times at least 0"
            raise InvalidInputError(msg)

    def _shares(self) -> tuple[tuple[float, tuple[FaultKind, ...]], ...]:
        kind = FaultKind
        return (
            (self.lost_answer, (kind.LOST_ANSWER,)),
            (self.late, (kind.LATE,)),
            (self.duplicate, (kind.DUPLICATE, kind.LATE_DUPLICATE, kind.RESENT)),
            (self.never_sent, (kind.NEVER_SENT,)),
            (self.cut_off, (kind.CUT_OFF,)),
            (self.throttled, (kind.THROTTLED,)),
            (self.crash, (kind.CRASH_BEFORE, kind.CRASH_AFTER)),
            (self.clock_jump, (kind.CLOCK_JUMP,)),
            (self.freeze, (kind.FREEZE,)),
        )

    def draw(self, at: Point, chance: random.Random) -> Fault | None:
        """What goes wrong at this request, if anything does."""
        drawn = chance.random()
        for share, kinds in self._shares():
            if drawn < share:
                kind = chance.choice(kinds)
                return Fault(at, kind, self._seconds(kind, chance))
            drawn -= share
        return None

    def _seconds(self, kind: FaultKind, chance: random.Random) -> float:
        match kind:
            case FaultKind.LATE | FaultKind.LATE_DUPLICATE | FaultKind.RESENT:
                # Most land while the operation still tries: draw the order of magnitude.
                return self.late_s * 10 ** chance.uniform(-4, 0)
            case FaultKind.CLOCK_JUMP:
                return chance.uniform(-self.jump_s, self.jump_s)
            case FaultKind.FREEZE:
                return chance.uniform(0.0, self.freeze_s)
            case FaultKind.CUT_OFF:
                return chance.uniform(0.0, self.cut_off_s)
            case _:
                return 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule that can be run again: the seed, and what is kept of what it gave.

    Attributes:
        seed: Names all draws.
        faults: What goes wrong, and nothing else does; None draws it by the rates.
        operations: The operations that are performed, by client and number; None for all.
        rounds: When each round begins, at the earliest: client, round, and virtual seconds. So it
            does when what came before has been left out.

    Example:
        >>> lost = Fault((0, 0, 1), FaultKind.LOST_ANSWER)
        >>> plan = Plan(seed=7, faults=(lost,))  # and nothing else goes wrong
    """

    seed: int
    faults: tuple[Fault, ...] | None = None
    operations: frozenset[tuple[int, int]] | None = None
    rounds: tuple[tuple[int, int, float], ...] = ()


def drawn_at(seed: int, *name: object) -> random.Random:
    """The chance of one draw; a string seeds alike in every process, unlike a hash."""
    return random.Random("/".join(map(str, (seed, *name))))  # noqa: S311 - simulation must repeat
