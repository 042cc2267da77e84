"""What pausing a branch does to its pending wait.

A frozen wait has a `timeout` and no `wake_at`; what is left of it stands in `remaining`, which is
missing when nothing is left. A wait without any deadline has no `timeout` either, and neither
freezing nor thawing changes it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bucketpoint.checkpoint import WaitState
from bucketpoint.timestamps import Duration, Timestamp

__all__ = ["ZERO_TIME", "freeze", "thaw"]

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""What the format's engines take for no time at all."""

_NOTHING = Duration()
_LEAST = Duration(nanoseconds=1)
_MOST = Duration(nanoseconds=2**63 - 1)


def freeze(wait: WaitState, now: datetime) -> WaitState:
    """Return the wait with its deadline turned into what is left of it.

    Args:
        wait: The wait; it is not changed. One that has no deadline comes back as it is.
        now: The time of the pause, with a time zone.
    """
    deadline = wait.wake_at
    if deadline is None or deadline == ZERO_TIME:
        return wait
    # Without a timeout, only something left tells a frozen wait from one without a deadline.
    least = _NOTHING if wait.timeout else _LEAST
    remaining = min(max(deadline - Timestamp.of(now), least), _MOST)
    return wait.model_copy(update={"wake_at": None, "remaining": remaining})


def thaw(wait: WaitState, now: datetime) -> WaitState:
    """Return the wait with what was left of it turned into a deadline again.

    Args:
        wait: The wait; it is not changed. One that is not frozen comes back as it is.
        now: The time of the unpause, with a time zone.
    """
    ticking = wait.wake_at is not None and wait.wake_at != ZERO_TIME
    if ticking or not (wait.timeout or wait.remaining):
        return wait
    wake_at = Timestamp.of(now) + (wait.remaining or _NOTHING)
    return wait.model_copy(update={"wake_at": wake_at, "remaining": None})
