"""Make a failing schedule short: leave out faults and operations while the same promise breaks.

This is delta debugging (Zeller's ddmin) on lists whose every part can go without changing the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bucketpoint.testing.simulate.plan import Plan
from bucketpoint.testing.simulate.simulation import Setup, Simulation

__all__ = ["shrink"]

T = TypeVar("T")


def shrink(setup: Setup, failing: Simulation, *, runs: int) -> tuple[Plan, Simulation]:
    """Find a short schedule that breaks the same promise.

    Args:
        setup: What is simulated.
        failing: A run that broke a promise.
        runs: Runs that this may take at most.

    Returns:
        The schedule and its run.
    """
    return _Shrinking(setup, failing, runs).shrunk()


class _Shrinking:
    def __init__(self, setup: Setup, failing: Simulation, runs: int) -> None:
        self._setup = setup
        self._rule = failing.broken.rule if failing.broken is not None else ""
        self._runs = runs
        self._plan = failing.schedule
        self._best = failing

    def shrunk(self) -> tuple[Plan, Simulation]:
        self._try(self._plan)  # what is kept is a run of the plan itself
        before: Plan | None = None
        while before != self._plan:
            before = self._plan
            self._without_clients()
            self._without_faults()
            self._without_operations()
        return self._plan, self._best

    def _without_clients(self) -> None:
        clients = sorted({client for client, _ in self._plan.operations or ()})
        _minimized(clients, self._keeps_clients)

    def _keeps_clients(self, clients: Sequence[int]) -> bool:
        kept = frozenset(clients)
        operations = frozenset(one for one in self._plan.operations or () if one[0] in kept)
        faults = tuple(fault for fault in self._plan.faults or () if fault.at[0] in kept)
        return self._try(replace(self._plan, operations=operations, faults=faults))

    def _without_faults(self) -> None:
        faults = self._plan.faults or ()
        _minimized(faults, lambda kept: self._try(replace(self._plan, faults=tuple(kept))))

    def _without_operations(self) -> None:
        operations = sorted(self._plan.operations or ())
        _minimized(
            operations, lambda kept: self._try(replace(self._plan, operations=frozenset(kept)))
        )

    def _try(self, plan: Plan) -> bool:
        """Run a smaller schedule, and keep it if it breaks the promise, too."""
        if self._runs <= 0:
            return False
        self._runs -= 1
        run = Simulation(self._setup, plan).run()
        if run.broken is None or run.broken.rule != self._rule:
            return False
        # What it did not come to before the promise broke is no part of it.
        self._plan = replace(run.schedule, rounds=plan.rounds)
        self._best = run
        return True


def _minimized(parts: Sequence[T], still_fails: Callable[[Sequence[T]], bool]) -> None:
    """Leave out ever smaller pieces; `still_fails` keeps what it accepts."""
    pieces = 2
    while parts:
        size = -(-len(parts) // pieces)
        for start in range(0, len(parts), size):
            rest = [*parts[:start], *parts[start + size :]]
            if still_fails(rest):
                parts, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                return
            pieces = min(len(parts), 2 * pieces)
