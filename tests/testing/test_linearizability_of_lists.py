"""The checker of long histories of lists: its verdicts are those of the search and of brute force."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from bucketpoint.testing.linearizability import (
    ABSENT,
    Append,
    Delete,
    Model,
    Operation,
    Read,
    check,
    check_appends,
    register,
)
from tests.testing.histories import (
    done,
    executions,
    explains,
    failed,
    is_linearizable_by_force,
    mutated,
    simulated,
    unknown,
)

GOOD_LISTS: dict[str, list[Operation]] = {
    "nothing happened": [],
    "nothing was read": [done(1, 2, Append("a")), done(3, 4, Append("b"))],
    "in real time": [
        done(1, 2, Append("a")),
        done(3, 4, Append("b"), ["a", "b"]),
        done(5, 6, Read(), ["a", "b"]),
    ],
    "side by side": [
        done(1, 9, Append("a")),
        done(2, 8, Append("b")),
        done(3, 4, Read(), []),
        done(5, 6, Read(), ["b"]),
        done(10, 11, Read(), ["b", "a"]),
    ],
    "unknown, and late": [
        unknown(1, 2, Append("a")),
        done(3, 4, Read(), []),
        done(5, 6, Append("b")),
        done(7, 8, Read(), ["b", "a"]),
    ],
    "unknown, and never": [unknown(1, 2, Append("a")), done(3, 4, Read(), [])],
    "failed": [failed(1, 2, Append("a")), failed(1, 2, Read()), done(3, 4, Read(), [])],
    "never seen, and after all that was": [
        done(1, 8, Append("a")),
        done(2, 3, Append("b")),
        done(4, 5, Read(), ["b"]),
    ],
    "each key is another list": [
        done(1, 2, Append("a", key="x"), ["a"]),
        done(3, 4, Append("a", key="y"), ["a"]),
    ],
}

BAD_LISTS: dict[str, tuple[str, int, list[Operation]]] = {
    "a stale read": (
        "a list was read without 'a', whose append had ended before",
        2,
        [done(1, 2, Append("a")), done(3, 4, Read(), []), done(5, 6, Read(), ["a"])],
    ),
    "lost": (
        "a list was read without 'a', whose append had ended before",
        2,
        [done(1, 2, Append("a")), done(3, 4, Read(), [])],
    ),
    "a lost append among others": (
        "'a' was appended before 'b', but is not in front of it",
        3,
        [done(1, 2, Append("a")), done(3, 6, Append("b")), done(2, 7, Read(), ["b"])],
    ),
    "against real time": (
        "'a' was appended before 'b', but is not in front of it",
        3,
        [done(1, 2, Append("a")), done(3, 4, Append("b")), done(5, 6, Read(), ["b", "a"])],
    ),
    "unknown, but only after it began": (
        "'a' was read before its append began",
        2,
        [done(1, 2, Read(), ["a"]), unknown(3, 4, Append("a"))],
    ),
    "a shorter list": (
        "a list was read after a longer one",
        2,
        [unknown(1, 2, Append("a")), done(3, 4, Read(), ["a"]), done(5, 6, Read(), [])],
    ),
    "two orders": (
        "two lists disagree on the order",
        2,
        [
            done(1, 9, Append("a")),
            done(1, 9, Append("b")),
            done(2, 3, Read(), ["a", "b"]),
            done(4, 5, Read(), ["b", "a"]),
        ],
    ),
    "twice": (
        "'a' was appended twice",
        2,
        [unknown(1, 2, Append("a")), done(3, 4, Read(), ["a", "a"])],
    ),
    "failed": (
        "'a' is in the list, though its append failed",
        2,
        [failed(1, 2, Append("a")), done(3, 4, Read(), ["a"])],
    ),
    "out of nothing": ("nobody has appended 'a'", 1, [done(1, 2, Read(), ["a"])]),
    "not what it made": (
        "the list made by the append of 'a' ends otherwise",
        1,
        [unknown(1, 2, Append("b")), done(3, 4, Append("a"), ["a", "b"])],
    ),
}


@pytest.mark.parametrize("history", GOOD_LISTS.values(), ids=GOOD_LISTS)
def test_a_good_history_of_a_list_is_accepted(history: list[Operation]) -> None:
    result = check_appends(history)
    assert result.is_linearizable, result.violation
    assert all(explains(order, AS_LISTS) for order in result.orders.values())


@pytest.mark.parametrize(("reason", "count", "history"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_bad_history_of_a_list_is_refused_with_its_reason(
    reason: str, count: int, history: list[Operation]
) -> None:
    violation = check_appends(history).violation
    assert violation is not None
    assert (violation.reason, len(violation.operations)) == (reason, count)
    assert not check([as_tuple(one) for one in history], register(())).is_linearizable


def as_tuple(operation: Operation) -> Operation:
    """The same with a list that can be part of a state."""
    return replace(operation, result=frozen(operation.result))


def _step_of_lists(state: Any, action: Any, result: Any) -> Any:
    return register(()).step(state, action, frozen(result))


def frozen(result: list[str] | tuple[str, ...] | None) -> tuple[str, ...] | None:
    return tuple(result) if isinstance(result, list) else result


AS_LISTS = Model[Any]((), _step_of_lists)


def test_what_each_list_holds_at_first_is_told() -> None:
    history = [done(1, 2, Append("b"), ["a", "b"]), done(3, 4, Read(), ["a", "b"])]
    assert check_appends(history, initial=["a"]).is_linearizable
    for result in ([], ["b"], ["b", "a"]):
        wrong = [done(3, 4, Read(), result), unknown(1, 2, Append("b"))]
        assert not check_appends(wrong, initial=["a"]).is_linearizable


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (done(3, 4, Delete()), "only Append and Read, not delete"),
        (done(3, 4, Append("a")), "'a' is appended twice"),
        (done(3, 4, Read(), ABSENT), "not absent: use check"),
    ],
)
def test_what_only_the_search_can_check_is_sent_there(operation: Operation, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_appends([done(1, 2, Append("a")), operation])


TOKENS = st.integers(0, 9)


def _has_unique_tokens(history: list[Operation]) -> bool:
    tokens = [one.action.token for one in history if isinstance(one.action, Append)]
    return len(tokens) == len(set(tokens))


LIST_ACTIONS = st.one_of(st.builds(Read), st.builds(Append, TOKENS))
LIST_HISTORIES = executions(LIST_ACTIONS, ()).filter(_has_unique_tokens)


def _is_of_lists(history: list[Operation]) -> bool:
    """A read that failed may have been made to return nothing at all."""
    return all(
        isinstance(one.result, tuple) for one in history if one.is_certain and one.action == Read()
    )


@given(LIST_HISTORIES)
def test_whatever_really_happened_to_a_list_is_accepted(history: list[Operation]) -> None:
    result = check_appends(history)
    assert result.is_linearizable, result.violation
    assert all(explains(order, register(())) for order in result.orders.values())


@given(mutated(LIST_HISTORIES).filter(_is_of_lists))
def test_a_brute_force_comes_to_the_same_verdict_of_a_list(history: list[Operation]) -> None:
    result = check_appends(history)
    event(f"linearizable: {result.is_linearizable}")
    assert result.is_linearizable == is_linearizable_by_force(history, register(()))


def appends_and_reads(chance: random.Random, number: int, _: Any) -> Any:
    return Append(number) if chance.random() < 0.95 else Read()


def test_ten_thousand_operations_on_a_list_are_checked() -> None:
    history = simulated(0, 16, 10_000, appends_and_reads, is_telling=False)
    result = check_appends(history)
    assert result.is_linearizable, result.violation
    reads = [one for one in history if one.action == Read() and one.is_certain]
    stale = replace(reads[-1], result=reads[-1].result[:-100])
    violation = check_appends([stale if one is reads[-1] else one for one in history]).violation
    assert violation is not None
    assert stale in violation.operations
