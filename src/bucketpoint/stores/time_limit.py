"""How long one call of a store may still take, when the call is more than one request."""

from __future__ import annotations

import time

from bucketpoint.errors import DeadlineExceededError

__all__ = ["SHORTEST_S", "TimeLimit", "no_time_left"]

SHORTEST_S = 0.1
"""Seconds below which no request can be expected to end: it would only have an unknown outcome."""


class TimeLimit:
    """Seconds from now, counted on this process's monotonic clock.

    Args:
        seconds: None for no limit.
    """

    __slots__ = ("_ends",)

    def __init__(self, seconds: float | None) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds

    def left(self, key: str) -> float | None:
        """Return the seconds that the next request may take; None without a limit.

        Args:
            key: The object that the request is about.

        Raises:
            DeadlineExceededError: Too few are left.
        """
        if self._ends is None:
            return None
        left = self._ends - time.monotonic()
        if left < SHORTEST_S:
            raise no_time_left(key)
        return left


def no_time_left(key: str) -> DeadlineExceededError:
    """Return the error for a request that is not sent, since it could not end in time."""
    msg = f"no time was left to send a request about {key!r}: call again with a longer timeout"
    return DeadlineExceededError(msg, key=key)
