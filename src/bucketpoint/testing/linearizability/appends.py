"""Long histories of a list: its reads tell the order of the appends, so nothing is searched.

With unique tokens every list that was read must be a beginning of the longest one. Each operation
then has its place: an append that of its token, a read behind the last token it saw. The history
is linearizable if and only if no operation ended before another one began whose place is earlier.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from math import inf
from typing import Any, cast

from bucketpoint.testing.linearizability.checking import by_key
from bucketpoint.testing.linearizability.history import Operation, Outcome
from bucketpoint.testing.linearizability.models import Append, Read
from bucketpoint.testing.linearizability.report import Result, Violation

__all__ = ["check_appends"]


def check_appends(history: Iterable[Operation], *, initial: Sequence[Hashable] = ()) -> Result:
    """Tell for sure whether a history of appends and reads of lists is linearizable.

    It takes as long as it takes to sort the operations and to look at each list once. What it
    calls linearizable `check` does, too, with the model `register(tuple(initial))`.

    Args:
        history: `Append` of tokens of which none is given twice for one list, and `Read`. A read
            returns the whole list; an append returns None, or the list that it made.
        initial: What each list holds at first.

    Returns:
        An order for each list, or a violation of the first that has none.

    Raises:
        ValueError: It holds something else.

    Example:
        >>> from bucketpoint.testing.linearizability import Append, Read, Recorder
        >>> recorder = Recorder()
        >>> for token in "ab":
        ...     with recorder.record("worker-1", Append(token)):
        ...         pass  # the call of the system under test
        >>> with recorder.record("worker-2", Read()) as call:
        ...     call.ok(["a"])
        >>> print(check_appends(recorder.history).violation)
        a list was read without 'b', whose append had ended before:
        <BLANKLINE>
          worker-1  |-|      append 'b' -> ok
          worker-2      |-|  read -> ['a']
    """
    orders: dict[Hashable, tuple[Operation, ...]] = {}
    for key, operations in by_key(history, lambda action: action.key).items():
        try:
            orders[key] = _List(operations, initial).order()
        except _Contradiction as found:
            seen = {id(one): one for one in found.operations}.values()
            ordered = tuple(sorted(seen, key=lambda one: one.began))
            return Result(Violation(key, ordered, found.reason))
    return Result(None, orders=orders)


_Place = tuple[float, bool]
"""How many tokens the list has after the operation; a read comes behind the append of the last."""


class _Contradiction(Exception):  # noqa: N818 - it ends the check, and nobody else sees it
    def __init__(self, reason: str, *operations: Operation) -> None:
        super().__init__(reason)
        self.reason = reason
        self.operations = operations


class _List:
    """The operations on one list."""

    def __init__(self, operations: Sequence[Operation], initial: Sequence[Hashable]) -> None:
        self._operations = operations
        self._initial = list(initial)
        self._appends = self._by_token()
        self._observers = [one for one in operations if _seen_by(one) is not None]
        self._longest: Operation | None = max(
            self._observers, key=lambda one: len(_seen_by(one) or ()), default=None
        )
        seen = None if self._longest is None else _seen_by(self._longest)
        self._tokens = self._initial if seen is None else list(seen)

    def _by_token(self) -> dict[Hashable, Operation]:
        appends: dict[Hashable, Operation] = {}
        for operation in self._operations:
            if not isinstance(operation.action, (Append, Read)):
                msg = f"check_appends knows only Append and Read, not {operation.action}: use check"
                raise ValueError(msg)  # noqa: TRY004 - the value of an operation, not an argument
            if isinstance(operation.action, Append):
                token = operation.action.token
                if token in appends or token in self._initial:
                    msg = f"the token {token!r} is appended twice: give each append its own"
                    raise ValueError(msg)
                appends[token] = operation
        return appends

    def order(self) -> tuple[Operation, ...]:
        """Return an order that explains what was seen."""
        self._check_tokens()
        for observer in self._observers:
            self._check_beginning(observer)
        placed = sorted(self._placed(), key=_place_and_beginning)
        ordered = tuple(operation for _, operation in placed)
        self._check_real_time(ordered)
        return ordered

    def _check_tokens(self) -> None:
        """Each token of the longest list was appended, once, by what did not fail."""
        if self._longest is None:
            return
        if self._tokens[: len(self._initial)] != self._initial:
            reason = f"a list was read that does not begin with {self._initial!r}"
            raise _Contradiction(reason, self._longest)
        seen = set(self._initial)
        for token in self._tokens[len(self._initial) :]:
            append = self._appends.get(token)
            if append is None:
                raise _Contradiction(f"nobody has appended {token!r}", self._longest)
            if append.outcome is Outcome.FAILED:
                reason = f"{token!r} is in the list, though its append failed"
                raise _Contradiction(reason, append, self._longest)
            if token in seen:
                raise _Contradiction(f"{token!r} was appended twice", append, self._longest)
            seen.add(token)

    def _check_beginning(self, observer: Operation) -> None:
        """Each other list is a beginning of the longest, and ends with the append that made it."""
        seen = list(_seen_by(observer) or ())
        if self._longest is not None and seen != self._tokens[: len(seen)]:
            raise _Contradiction("two lists disagree on the order", observer, self._longest)
        if len(seen) < len(self._initial):
            reason = f"a list was read that does not begin with {self._initial!r}"
            raise _Contradiction(reason, observer)
        if isinstance(observer.action, Append) and seen[-1:] != [observer.action.token]:
            reason = f"the list made by the append of {observer.action.token!r} ends otherwise"
            raise _Contradiction(reason, observer)

    def _placed(self) -> Iterator[tuple[_Place, Operation]]:
        """Yield the operations that surely took effect, each with its place."""
        position = {token: number for number, token in enumerate(self._tokens, start=1)}
        for operation in self._operations:
            if isinstance(operation.action, Append):
                place = position.get(operation.action.token, inf)  # behind all that was seen
                if place < inf or operation.is_certain:
                    yield (place, False), operation
            elif operation.is_certain:
                yield (len(_seen_by(operation) or ()), True), operation

    def _check_real_time(self, ordered: Sequence[Operation]) -> None:
        """None had ended before one began that is earlier in the order.

        Of those in one place the first to begin comes first, so they never contradict each other.
        """
        last_begun = ordered[0] if ordered else None
        for operation in ordered:
            if last_begun is None or operation.began > last_begun.began:
                last_begun = operation
            elif operation.effective_by < last_begun.began:
                raise self._too_early(operation, last_begun)

    def _too_early(self, ended: Operation, began: Operation) -> _Contradiction:
        """Say that an operation had ended before one began whose place is earlier."""
        match ended.action, began.action:
            case Append(token=token), Read():
                reason = f"a list was read without {token!r}, whose append had ended before"
            case Read(), Append(token=token):
                reason = f"{token!r} was read before its append began"
            case Read(), _:
                reason = "a list was read after a longer one"
            case Append(token=token), Append(token=earlier):
                reason = f"{token!r} was appended before {earlier!r}, but is not in front of it"
                if self._longest is not None:
                    return _Contradiction(reason, ended, began, self._longest)
            case _:
                raise AssertionError
        return _Contradiction(reason, ended, began)


def _place_and_beginning(placed: tuple[_Place, Operation]) -> tuple[_Place, int]:
    place, operation = placed
    return place, operation.began


def _seen_by(operation: Operation) -> Sequence[Hashable] | None:
    """Return the list that an operation saw, if it saw one."""
    result: Any = operation.result
    is_silent = result is None and isinstance(operation.action, Append)
    if is_silent or not operation.is_certain:
        return None
    if not isinstance(result, (list, tuple)):
        msg = f"check_appends takes lists that were read, not {result!r}: use check"
        raise ValueError(msg)  # noqa: TRY004 - the value of an operation, not an argument
    return cast("Sequence[Hashable]", result)
