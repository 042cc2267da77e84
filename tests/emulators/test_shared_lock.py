"""A lock that many may share, or one have alone."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest

from bucketpoint.testing.emulators.shared_lock import SharedLock

WITHIN_S = 20.0
A_MOMENT_S = 0.05


def started(target: Callable[[], None]) -> Thread:
    thread = Thread(target=target, daemon=True)
    thread.start()
    return thread


def test_many_hold_it_together() -> None:
    lock, together = SharedLock(), Barrier(3, timeout=WITHIN_S)

    def share() -> None:
        with lock.shared():
            together.wait()

    threads = [started(share), started(share)]
    with lock.shared():
        together.wait()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("held", ["shared", "exclusive"])
@pytest.mark.parametrize("wanted", ["shared", "exclusive"])
def test_one_who_holds_it_alone_meets_nobody(held: str, wanted: str) -> None:
    lock, entered = SharedLock(), Event()

    def enter() -> None:
        with getattr(lock, wanted)():
            entered.set()

    with getattr(lock, held)():
        thread = started(enter)
        assert entered.wait(A_MOMENT_S) == (held == wanted == "shared")
    thread.join()
    assert entered.is_set()


def test_one_who_waits_to_have_it_alone_goes_before_new_sharers() -> None:
    lock, order = SharedLock(), list[str]()

    def enter_alone() -> None:
        with lock.exclusive():
            order.append("alone")

    def share() -> None:
        with lock.shared():
            order.append("shared")

    with lock.shared():
        alone = started(enter_alone)
        with lock._changed:
            assert lock._changed.wait_for(lambda: lock._waiting == 1, timeout=WITHIN_S)
        sharing = started(share)
    alone.join()
    sharing.join()
    assert order == ["alone", "shared"]
