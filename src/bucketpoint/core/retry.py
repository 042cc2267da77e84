"""How long to wait, and how often to try."""

from __future__ import annotations

from dataclasses import dataclass

from bucketpoint.core.effects import Procedure, read_clock, sleep
from bucketpoint.errors import InvalidInputError

__all__ = ["Pacing", "RetryPolicy"]

_MAX_DOUBLINGS = 16
_PACED_INTERVAL_S = 1.0
_PACED_FOR_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How one call deals with conflicts and with a store that does not answer.

    The deadline of the call ends it too, whichever comes first.

    Attributes:
        attempts: Write attempts of one call at most; failed reads count as well.
        conflict_s: Seconds to wait at most before the look after a first conflict; it grows with
            the number of writers that were faster and doubles with each conflict in a row.
        outage_s: Seconds to wait at most after a first failure of the store; doubles likewise.
        cap_s: No wait is longer than this many seconds.

    Example:
        >>> RetryPolicy(attempts=5).attempts
        5
    """

    attempts: int = 100
    conflict_s: float = 0.02
    outage_s: float = 0.1
    cap_s: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            msg = f"attempts must be at least 1, not {self.attempts}"
            raise InvalidInputError(msg)
        if min(self.conflict_s, self.outage_s, self.cap_s) < 0:
            msg = "the waits of a RetryPolicy must not be negative"
            raise InvalidInputError(msg)

    def after_conflict(self, conflicts: int, contention: int) -> Procedure[None]:
        """Wait before looking at who was faster."""
        yield from self._wait(self.conflict_s * max(1, contention), conflicts)

    def after_outage(self, failures: int) -> Procedure[None]:
        """Wait before asking a store again that failed."""
        yield from self._wait(self.outage_s, failures)

    def _wait(self, first: float, times: int) -> Procedure[None]:
        doublings = min(times - 1, _MAX_DOUBLINGS)
        yield from sleep(0.0, min(self.cap_s, first * 2.0**doublings))


class Pacing:
    """Leaves a second between writes to an object that the store has throttled, for a minute.

    GCS and R2 allow about one write a second to one name; before the store says so, nothing waits.
    """

    def __init__(self) -> None:
        self._throttled: dict[str, tuple[float, float]] = {}

    def throttled(self, key: str) -> Procedure[None]:
        """Note that the store has just asked for fewer requests to this object."""
        clock = yield from read_clock()
        self._throttled[key] = (clock.elapsed, clock.elapsed)

    def before_write(self, key: str) -> Procedure[None]:
        """Wait until this object may be written again."""
        if key not in self._throttled:
            return
        clock = yield from read_clock()
        since, last = self._throttled.get(key, (0.0, 0.0))
        if clock.elapsed - since > _PACED_FOR_S:
            self._throttled.pop(key, None)
            return
        wait = last + _PACED_INTERVAL_S - clock.elapsed
        if wait > 0:
            yield from sleep(wait, wait * 1.1)
        self._throttled[key] = (since, max(clock.elapsed, last + _PACED_INTERVAL_S))
