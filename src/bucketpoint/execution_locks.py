"""One call at a time on one execution, and a clear error for a call that would wait for itself."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from bucketpoint.core.session import Target
from bucketpoint.errors import ReentrantCallError

__all__ = ["ThreadLocks", "entered"]

_running: ContextVar[frozenset[tuple[int, str]]] = ContextVar(
    "bucketpoint_running", default=frozenset()
)


@contextmanager
def entered(checkpointer: object, target: Target) -> Generator[None]:
    """Mark that this thread or task is inside a call; raise when it is inside already."""
    here = (id(checkpointer), target.key)
    if here in _running.get():
        msg = (
            f"the function given to atomic_update on execution {target.execution_id!r} called the "
            "same checkpointer for the same execution, which would wait for itself for ever: "
            "change the checkpoint that the function is given instead"
        )
        raise ReentrantCallError(msg, execution_id=target.execution_id, key=target.key)
    token = _running.set(_running.get() | {here})
    try:
        yield
    finally:
        _running.reset(token)


@dataclass(slots=True)
class _Lock:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class ThreadLocks:
    """A lock for each key that is in use, and none for the others."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, _Lock] = {}

    @contextmanager
    def held(self, key: str, timeout: float) -> Generator[bool]:
        """Hold the key's lock; yields False when it could not be had within the timeout."""
        with self._guard:
            entry = self._locks.setdefault(key, _Lock())
            entry.users += 1
        acquired = False
        try:
            acquired = entry.lock.acquire(timeout=max(0.0, min(timeout, threading.TIMEOUT_MAX)))
            yield acquired
        finally:
            if acquired:
                entry.lock.release()
            with self._guard:
                entry.users -= 1
                if not entry.users:
                    del self._locks[key]
