"""A lock that many may share, or one have alone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition

__all__ = ["SharedLock"]


class SharedLock:
    """Held by any number of threads together, or by one alone, which goes before new sharers."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._sharers = 0
        self._waiting = 0
        self._is_exclusive = False

    @contextmanager
    def shared(self) -> Generator[None]:
        """Hold the lock together with others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_exclusive and not self._waiting)
            self._sharers += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharers -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Hold the lock alone."""
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._is_exclusive and not self._sharers)
            self._waiting -= 1
            self._is_exclusive = True
        try:
            yield
        finally:
            with self._changed:
                self._is_exclusive = False
                self._changed.notify_all()
