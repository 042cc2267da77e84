"""The search for one order of the operations of one object: the algorithm of Wing, Gong and Lowe.

An operation may come next if no other one that is left had ended before it began. What was tried
is remembered as the set of operations that were ordered and the state they led to: whatever way
led there, what follows is the same. An operation that may be left out is better left for later, so
a way that has used more of them to the same end is not followed either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Self

from bucketpoint.testing.linearizability.history import Operation
from bucketpoint.testing.linearizability.models import REJECTED, UNKNOWN, Model

__all__ = ["Constraint", "Found", "SearchLimitError", "search"]


class SearchLimitError(RuntimeError):
    """The search visited as many states as it was allowed to, and had no answer yet."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What an order must do with one operation.

    Attributes:
        operation: The operation.
        began: It comes after all that ended before this.
        ended: It comes before all that began after this.
        is_certain: It must be in the order; else it may be left out.
        result: What the model must allow it to return.
    """

    operation: Operation
    began: float
    ended: float
    is_certain: bool
    result: Any

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """Return what follows from what the client knows."""
        return cls(
            operation,
            began=operation.began,
            ended=operation.effective_by,
            is_certain=operation.is_certain,
            result=operation.result if operation.is_certain else UNKNOWN,
        )

    def until(self, moment: float) -> Self:
        """Return what was certain at that moment: an operation that had not ended is not."""
        return self if self.ended <= moment else replace(self, ended=inf, is_certain=False)

    def relaxed(self) -> Self:
        """Return that it may have taken effect at any moment at all, or never."""
        return replace(self, began=-inf, ended=inf, is_certain=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Attributes:
        is_complete: Whether it found an order of all.
        order: That order; else one of those that got furthest.
        state: The state after it.
        states: How many pairs of ordered operations and state were visited.
    """

    is_complete: bool
    order: tuple[Operation, ...]
    state: Hashable
    states: int


@dataclass(slots=True)
class _Node:
    """Where the search has come.

    Attributes:
        done: The set of operations that were ordered.
        state: What they led to.
        step: The last of them, and where it was taken.
    """

    done: int
    state: Hashable
    step: tuple[Constraint, _Node] | None

    def path(self) -> Iterator[Operation]:
        """Yield the operations that were ordered, the last first."""
        step = self.step
        while step is not None:
            yield step[0].operation
            step = step[1].step


def _end_of_last(node: _Node) -> float:
    return node.step[0].ended if node.step is not None else inf


def search(
    constraints: Iterable[Constraint], model: Model[Any], *, max_states: float = inf
) -> Found:
    """Find an order of the operations that the model allows, or prove that there is none.

    Raises:
        SearchLimitError: It is still open after that many states.
    """
    return _Search(constraints, model).run(max_states)


class _Search:
    """Depth first; operations are numbered, and a set of them is an integer's bits."""

    def __init__(self, constraints: Iterable[Constraint], model: Model[Any]) -> None:
        ordered = sorted(constraints, key=lambda constraint: constraint.began)
        self._certain = [constraint for constraint in ordered if constraint.is_certain]
        self._uncertain = [constraint for constraint in ordered if not constraint.is_certain]
        self._all = self._certain + self._uncertain  # the certain ones are the lowest bits
        self._everything = (1 << len(self._certain)) - 1
        self._model = model
        self._visited: defaultdict[tuple[int, Hashable], list[int]] = defaultdict(list)
        self._states = 0

    def run(self, max_states: float) -> Found:
        start = _Node(0, self._model.initial, None)
        self._is_new(start)
        stack = [start]
        furthest, most = start, 0
        while stack:
            node = stack.pop()
            ordered = (node.done & self._everything).bit_count()
            if ordered > most:
                furthest, most = node, ordered
            if ordered == len(self._certain):
                break
            stack.extend(after for after in self._moves(node) if self._is_new(after))
            if self._states > max_states:
                msg = (
                    f"no answer after {self._states} states: record shorter histories, fewer "
                    "operations at a time or more reads, or allow more states"
                )
                raise SearchLimitError(msg)
        order = tuple(reversed([*furthest.path()]))
        return Found(most == len(self._certain), order, furthest.state, self._states)

    def _is_new(self, node: _Node) -> bool:
        """Note a node, unless another one of the same end has used no more uncertain operations."""
        certain, used = node.done & self._everything, node.done & ~self._everything
        others = self._visited[certain, node.state]
        if any(other & used == other for other in others):
            return False
        others.append(used)
        self._states += 1
        return True

    def _moves(self, node: _Node) -> list[_Node]:
        """Return where it may go on; what is best to try comes last."""
        enabled, earliest_end = self._enabled(node.done)
        reads_only = self._model.reads_only
        moves: list[_Node] = []
        for number in enabled:
            after = self._after(node, number)
            constraint = self._all[number]
            if after is not None and reads_only(constraint.operation.action, constraint.result):
                return [after]  # to take it now forbids nothing later: no need to try others
            if after is not None:
                moves.append(after)
        moves.sort(key=_end_of_last, reverse=True)
        uncertain: list[_Node] = []
        for number in range(len(self._certain), len(self._all)):
            if self._all[number].began > earliest_end:
                break
            after = None if node.done >> number & 1 else self._after(node, number)
            if after is not None and after.state != node.state:  # else it is better left for later
                uncertain.append(after)
        return uncertain + moves

    def _after(self, node: _Node, number: int) -> _Node | None:
        """Return where an operation leads, if the model allows it."""
        constraint = self._all[number]
        state = self._model.step(node.state, constraint.operation.action, constraint.result)
        return (
            None if state is REJECTED else _Node(node.done | 1 << number, state, (constraint, node))
        )

    def _enabled(self, done: int) -> tuple[list[int], float]:
        """Return the certain operations that may come next, and the earliest end of any left."""
        certain = self._certain
        first_left = (~done & (done + 1)).bit_length() - 1
        earliest_end = inf
        enabled: list[int] = []
        for number in range(first_left, len(certain)):
            if done >> number & 1:
                continue
            if certain[number].began > earliest_end:
                break
            enabled.append(number)
            earliest_end = min(earliest_end, certain[number].ended)
        return enabled, earliest_end
