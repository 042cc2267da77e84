"""How two ways of doing the same are compared on a machine that others use, too."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Call", "Comparison", "compare", "in_turn", "microseconds"]

ROUNDS = 31
SECONDS_A_SAMPLE = 0.02

Call = Callable[[], Any]
Measured = Callable[[], Sequence[float]]
"""Measures something once; returns one number or several, in whatever units."""


@dataclass(frozen=True)
class Comparison:
    """What two ways took, measured in turn: without the library, and with it.

    Attributes:
        bare: The median without the library.
        ours: The median with it.
        ratio: The median of the ratios of such pairs, ours to bare: a machine that is busy or
            changes its speed disturbs both of a pair.
        low: A quarter of the ratios is below.
        high: A quarter of the ratios is above.
    """

    bare: float
    ours: float
    ratio: float
    low: float
    high: float

    @classmethod
    def of(cls, pairs: list[tuple[float, float]]) -> Self:
        """Compare pairs of bare and ours, at least two."""
        bare, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = (our_part / bare_part for bare_part, our_part in pairs)
        low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(*(float(f"{number:.4g}") for number in (bare, ours, ratio, low, high)))

    @property
    def shown(self) -> str:
        """The ratio, and where the middle half of the ratios lies."""
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"

    def judged(self, target: float | None) -> str:
        """Tell whether the ratio is what it should be at most."""
        if target is None:
            return "none"
        return f"{target:.2f}, {'met' if self.ratio <= target else 'missed'}"


def in_turn(bare: Measured, ours: Measured, rounds: int) -> list[Comparison]:
    """Measure both in turn, so many times; for each number that they return, compare those."""
    pairs = [(bare(), ours()) for _ in range(rounds)]
    return [
        Comparison.of([(bare_numbers[n], our_numbers[n]) for bare_numbers, our_numbers in pairs])
        for n in range(len(pairs[0][0]))
    ]


def compare(bare: Call, ours: Call) -> Comparison:
    """Measure the CPU time of one call of each, in microseconds, all threads of this process."""
    bare()
    ours()  # what is set up at a first call is not measured
    times = max(1, round(SECONDS_A_SAMPLE * 1e6 / microseconds(bare, 3)[0]))
    cpu, _ = in_turn(lambda: microseconds(bare, times), lambda: microseconds(ours, times), ROUNDS)
    return cpu


def microseconds(call: Call, times: int = 1) -> tuple[float, float]:
    """Return the CPU time, of all threads, and the elapsed time of one call of so many."""
    gc.collect()
    cpu, elapsed = time.process_time(), time.perf_counter()
    for _ in range(times):
        call()
    micros = 1e6 / times
    return (time.process_time() - cpu) * micros, (time.perf_counter() - elapsed) * micros
