"""Waiting: after conflicts, after outages, and between writes to a throttled object."""

from datetime import UTC, datetime
from typing import Any

from bucketpoint import RetryPolicy
from bucketpoint.core.effects import Clock, Effect, Procedure, ReadClock, Sleep
from bucketpoint.core.retry import Pacing

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def sleeps(procedure: Procedure[None], elapsed: float = 0.0) -> list[Sleep]:
    """Run a procedure at a point in time and return its sleeps, each as long as it may be."""
    slept: list[Sleep] = []
    answer: Any = None
    try:
        while True:
            effect: Effect = procedure.send(answer)
            answer = None
            if isinstance(effect, Sleep):
                slept.append(effect)
                elapsed += effect.at_most
            else:
                assert isinstance(effect, ReadClock)
                answer = Clock(elapsed, NOW)
    except StopIteration:
        return slept


def longest(wait: Procedure[None]) -> float:
    (effect,) = sleeps(wait)
    assert effect.at_least == 0
    return effect.at_most


def test_waits_double_up_to_a_limit_and_grow_with_the_number_of_rivals() -> None:
    policy = RetryPolicy(conflict_s=0.5, outage_s=1, cap_s=6)
    assert [longest(policy.after_outage(n)) for n in (1, 2, 3, 4, 99)] == [
        1,
        2,
        4,
        6,
        6,
    ]
    assert [longest(policy.after_conflict(1, n)) for n in (0, 1, 3)] == [0.5, 0.5, 1.5]
    assert longest(policy.after_conflict(10**6, 16)) == 6


def test_a_writer_that_keeps_losing_does_not_wait_ever_longer() -> None:
    policy = RetryPolicy(conflict_s=0.02)
    waits = [longest(policy.after_conflict(n, 1)) for n in (1, 2, 5, 6, 50)]
    assert [round(wait, 2) for wait in waits] == [0.02, 0.04, 0.32, 0.32, 0.32]


def test_an_object_that_was_never_throttled_is_written_at_once() -> None:
    assert sleeps(Pacing().before_write("a")) == []


def test_a_throttled_object_is_written_once_a_second_for_a_minute() -> None:
    pacing = Pacing()
    assert sleeps(pacing.throttled("a"), 100.0) == []
    (first,) = sleeps(pacing.before_write("a"), 100.25)
    assert (first.at_least, round(first.at_most, 6)) == (0.75, 0.825)
    (second,) = sleeps(pacing.before_write("a"), 101.5)
    assert round(second.at_least, 6) == 0.575  # a second after the first, which slept longest
    assert sleeps(pacing.before_write("a"), 130.0) == []
    assert sleeps(pacing.before_write("b"), 100.25) == []
    assert sleeps(pacing.before_write("a"), 160.5) == []
    assert sleeps(pacing.before_write("a"), 160.6) == []
