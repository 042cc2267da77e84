"""A lock between processes and threads, held by the operating system.

The system drops the lock of a process that dies, however it dies. A process that is stopped keeps
it, so whoever waits does so for a limited time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["LockTimeoutError", "locked"]

# Always the same, since one who waits longer and longer never finds the lock free.
_PAUSE_S = 0.001


class LockTimeoutError(Exception):
    """Another holder kept the lock for all of the time that there was."""


if sys.platform == "win32":  # pragma: no cover - Windows only
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    _TAKEN: tuple[type[OSError], ...] = (PermissionError,)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    _TAKEN = (BlockingIOError,)

_open_here: set[int] = set()


def _forget_after_fork() -> None:
    """Close the child's copies: a lock lives as long as any copy, and the parent may be killed."""
    for descriptor in _open_here:
        with suppress(OSError):
            os.close(descriptor)
    _open_here.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_forget_after_fork)


@contextmanager
def locked(path: Path, timeout: float) -> Generator[None]:
    """Hold the lock of this path, whose file is made when it is not there.

    Args:
        path: The lock file.
        timeout: Seconds to wait for another holder at most.

    Raises:
        LockTimeoutError: The time was used up.
        OSError: The file could not be opened, or its file system has no locks.
    """
    deadline = time.monotonic() + timeout
    descriptor = _acquire(path, deadline)
    while not _is_still(path, descriptor):
        _release(descriptor)
        descriptor = _acquire(path, deadline)
    try:
        yield
    finally:
        _release(descriptor)


def _acquire(path: Path, deadline: float) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    _open_here.add(descriptor)
    try:
        while True:
            with suppress(*_TAKEN):
                _try_lock(descriptor)
                return descriptor
            time.sleep(min(_PAUSE_S, _remaining(deadline)))
    except BaseException:
        _close(descriptor)
        raise


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise LockTimeoutError
    return remaining


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether the path still leads to the file that is locked: somebody may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(descriptor: int) -> None:
    # What was done under the lock is done: no failure of letting go may look like one of doing.
    with suppress(OSError):
        _unlock(descriptor)
    _close(descriptor)


def _close(descriptor: int) -> None:
    _open_here.discard(descriptor)
    with suppress(OSError):
        os.close(descriptor)
