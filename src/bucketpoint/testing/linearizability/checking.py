"""Checking a history against a model, and finding out what is wrong with one that fails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from math import inf
from typing import Any

from bucketpoint.testing.linearizability.history import Operation, Outcome
from bucketpoint.testing.linearizability.models import Model
from bucketpoint.testing.linearizability.report import Result, Violation, listed
from bucketpoint.testing.linearizability.search import (
    Constraint,
    Found,
    SearchLimitError,
    search,
)

__all__ = ["by_key", "check"]

_STATES_OF_A_TRY = 5_000
_STATES_TO_SHRINK = 200_000
"""A violation that was found is shrunk for some seconds at most."""


def check(
    history: Iterable[Operation], model: Model[Any], *, max_states: int | None = None
) -> Result:
    """Tell for sure whether a history is linearizable.

    It is when the operations of each object can be put into one order in which each returns what
    the model says and none comes before another one that had ended before it began. Those with an
    unknown outcome may be left out.

    The search takes exponential time at worst. It is quick where few operations overlap or where
    their results tell the state: 100 operations of 8 clients take some milliseconds.

    Args:
        history: The operations, in any order; see `Recorder.history`.
        model: What they do and return one after another.
        max_states: Give up after so many states of the search for one object; None never does.

    Returns:
        An order for each object, or a violation of the first that has none.

    Raises:
        SearchLimitError: It gave up.

    Example:
        >>> from bucketpoint.testing.linearizability import Read, Recorder, Write, register
        >>> recorder = Recorder()
        >>> write = recorder.begin("worker-1", Write("a"))
        >>> write.unknown()
        >>> with recorder.record("worker-2", Read()) as call:
        ...     call.ok("a")
        >>> check(recorder.history, register()).is_linearizable
        True
    """
    states = 0
    orders: dict[Hashable, tuple[Operation, ...]] = {}
    for key, operations in by_key(history, model.key).items():
        constraints = [Constraint.of(one) for one in operations if one.outcome != Outcome.FAILED]
        found = search(constraints, model, max_states=inf if max_states is None else max_states)
        states += found.states
        if not found.is_complete:
            return Result(_violation(key, constraints, model), states)
        orders[key] = found.order
    return Result(None, states, orders)


def by_key(
    history: Iterable[Operation], key: Callable[[Any], Hashable]
) -> dict[Hashable, list[Operation]]:
    """Return the operations of each object: a history is linearizable if that of each is."""
    parts: defaultdict[Hashable, list[Operation]] = defaultdict(list)
    for operation in sorted(history, key=lambda operation: operation.began):
        parts[key(operation.action)].append(operation)
    return parts


def _violation(key: Hashable, constraints: Sequence[Constraint], model: Model[Any]) -> Violation:
    """Say what is wrong in as few operations as can be found in a while."""
    prefix = _shortest_prefix(constraints, model)
    core, furthest = _Shrinking(prefix, model).run()
    operations = tuple(prefix[number].operation for number in core)
    return Violation(
        key=key,
        operations=operations,
        reason=_reason(len(operations)),
        explanation=_explanation(furthest, operations),
    )


def _shortest_prefix(constraints: Sequence[Constraint], model: Model[Any]) -> list[Constraint]:
    """Return what was known when there was first no order; what began later is left out."""
    ends = sorted(constraint.ended for constraint in constraints if constraint.is_certain)
    low, high = 0, len(ends) - 1  # a prefix of a history with an order has one, too
    while low < high:
        middle = (low + high) // 2
        if _may_have_order(_known_at(ends[middle], constraints), model):
            low = middle + 1
        else:
            high = middle
    return _known_at(ends[low], constraints)


def _may_have_order(constraints: Sequence[Constraint], model: Model[Any]) -> bool:
    """Whether there is an order, or none was found out to be missing in a while."""
    try:
        return search(constraints, model, max_states=_STATES_TO_SHRINK).is_complete
    except SearchLimitError:
        return True


def _known_at(moment: float, constraints: Sequence[Constraint]) -> list[Constraint]:
    return [one.until(moment) for one in constraints if one.began <= moment]


class _Shrinking:
    """Finds operations without an order even if all others took effect at any time, or never.

    None of those that are left can be spared, unless the states to visit ran out.
    """

    def __init__(self, constraints: Sequence[Constraint], model: Model[Any]) -> None:
        self._constraints = constraints
        self._model = model
        self._states_left = _STATES_TO_SHRINK

    def run(self) -> tuple[list[int], Found]:
        core = list(range(len(self._constraints)))
        furthest = self._search(core, inf)
        size = max(1, len(core) // 2)
        while size:
            position = 0
            while position < len(core):
                fewer = core[:position] + core[position + size :]
                found = self._try(fewer)
                if found is None or found.is_complete:
                    position += size
                else:
                    core, furthest = fewer, found
            size //= 2
        return core, furthest

    def _try(self, core: Sequence[int]) -> Found | None:
        allowed = min(_STATES_OF_A_TRY, self._states_left)
        try:
            found = self._search(core, allowed)
        except SearchLimitError:
            self._states_left -= allowed
            return None
        self._states_left -= found.states
        return found

    def _search(self, core: Sequence[int], max_states: float) -> Found:
        kept = frozenset(core)
        constraints = [
            one if number in kept else one.relaxed() for number, one in enumerate(self._constraints)
        ]
        return search(constraints, self._model, max_states=max_states)


def _reason(count: int) -> str:
    if count == 1:
        return "nothing that had begun by then explains the result of this operation"
    return f"no order of these {count} operations agrees with their results"


def _explanation(furthest: Found, operations: Sequence[Operation]) -> str:
    left = [one for one in operations if one not in furthest.order and one.is_certain]
    lines = [
        *(["an order goes as far as this:", listed(furthest.order)] if furthest.order else []),
        f"then the state is {furthest.state!r}, and none of these fits:",
        listed(left),
    ]
    return "\n".join(lines)
