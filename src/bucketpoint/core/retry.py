"""How long to wait, and how often to try."""

from __future__ import annotations

from dataclasses import dataclass

from bucketpoint.arguments import is_a
from bucketpoint.core.effects import Clock, Procedure, read_clock, sleep
from bucketpoint.errors import InvalidInputError

__all__ = ["Pacing", "RetryPolicy"]

_MAX_DOUBLINGS = 16
_MAX_CONFLICT_DOUBLINGS = 4
"""After a conflict the next try may well succeed: whoever waits longer loses to one who does not."""

_PACED_INTERVAL_S = 1.0
_PACED_FOR_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How one call deals with conflicts and with a store that does not answer.

    The deadline of the call ends it too, whichever comes first.

    Attributes:
        attempts: Write attempts of one call at most; failed reads count as well.
        conflict_s: Seconds to wait at most before the look after a first conflict; it grows with
            the number of writers that were faster and doubles with each of the first conflicts.
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
        if not is_a(self.attempts, int) or self.attempts < 1:
            msg = f"attempts must be an integer of at least 1, not {self.attempts!r}"
            raise InvalidInputError(msg)
        for wait in (self.conflict_s, self.outage_s, self.cap_s):
            if not is_a(wait, (int, float)) or not wait >= 0:
                msg = f"the waits of a RetryPolicy must be numbers of at least 0, not {wait!r}"
                raise InvalidInputError(msg)

    def after_conflict(self, conflicts: int, contention: int) -> Procedure[None]:
        """Wait before looking at who was faster."""
        times = min(conflicts, _MAX_CONFLICT_DOUBLINGS + 1)
        yield from self._wait(self.conflict_s * max(1, contention), times)

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
        self._throttled: dict[str, _Throttled] = {}

    def throttled(self, key: str) -> Procedure[None]:
        """Note that the store has just asked for fewer requests to this object."""
        clock = yield from read_clock()
        for other, entry in list(self._throttled.items()):
            if clock.since(entry.at) > _PACED_FOR_S:
                self._throttled.pop(other, None)
        self._throttled[key] = _Throttled(clock, 0.0)

    def before_write(self, key: str) -> Procedure[None]:
        """Wait until this object may be written again."""
        entry = self._throttled.get(key)
        if entry is None:
            return
        passed = (yield from read_clock()).since(entry.at)
        if passed > _PACED_FOR_S:
            self._throttled.pop(key, None)
            return
        # Never longer than one interval: a wall clock that is set back makes less seem to have passed.
        wait = min(entry.last_write_s + _PACED_INTERVAL_S - passed, _PACED_INTERVAL_S)
        if wait > 0:
            yield from sleep(wait, wait * 1.1)
            passed = (yield from read_clock()).since(entry.at)  # a sleep may last longer
        entry.last_write_s = passed


@dataclass(slots=True)
class _Throttled:
    """When an object was throttled, and when it was last written, in seconds since."""

    at: Clock
    last_write_s: float
