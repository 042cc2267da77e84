"""Deadlines: how long a call may take, set per call, per block, or per checkpointer."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from bucketpoint.arguments import is_a
from bucketpoint.errors import InvalidInputError

__all__ = ["Deadline", "deadline"]


class Deadline:
    """A point on this process's monotonic clock.

    Args:
        seconds: How far away it is.
    """

    __slots__ = ("_ends",)

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left; 0 or less when it has passed."""
        return self._ends - time.monotonic()


_innermost: ContextVar[Deadline | None] = ContextVar("bucketpoint_deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Generator[None]:
    """No attempt of any call inside the block starts after it, whatever the calls ask for.

    Blocks nest: the earliest deadline counts. It holds for calls of the same thread or task.

    Args:
        seconds: From now; give it a little less than the platform leaves the process.

    Raises:
        InvalidInputError: `seconds` is not a number, or negative.

    Example:
        >>> with deadline(2.5):
        ...     pass  # checkpointer calls here take at most 2.5 seconds together
    """
    outer = _innermost.get()
    inner = Deadline(check_seconds(seconds, "a deadline"))
    nearest = inner if outer is None or inner.remaining() < outer.remaining() else outer
    token = _innermost.set(nearest)
    try:
        yield
    finally:
        _innermost.reset(token)


def for_call(timeout: float) -> Deadline:
    """The deadline of a call that may take `timeout` seconds, inside whatever block it is."""
    outer = _innermost.get()
    own = Deadline(timeout)
    return own if outer is None or own.remaining() < outer.remaining() else outer


def check_seconds(seconds: float, what: str) -> float:
    """Return a number of seconds, or raise `InvalidInputError`."""
    is_number = is_a(seconds, (int, float)) and not is_a(seconds, bool)
    if not is_number or math.isnan(seconds) or seconds < 0:
        msg = f"{what} must be a number of seconds of at least 0, not {seconds!r}"
        raise InvalidInputError(msg)
    return float(seconds)
