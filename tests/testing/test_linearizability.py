"""The checker of histories: what it accepts, what it refuses, and that a brute force agrees."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given

from bucketpoint.testing.linearizability import (
    ABSENT,
    REJECTED,
    Append,
    CompareAndSet,
    Delete,
    Model,
    Operation,
    Outcome,
    Read,
    Recorder,
    SearchLimitError,
    Write,
    check,
    check_appends,
    register,
)
from tests.testing.histories import (
    FAILED,
    NOBODY_KNOWS,
    OK,
    ActionOf,
    done,
    executions,
    explains,
    failed,
    is_linearizable_by_force,
    mutated,
    simulated,
    unknown,
)

# --- known histories of a register --------------------------------------------------------------

GOOD: dict[str, list[Operation]] = {
    "nothing happened": [],
    "one after another": [done(1, 2, Write("a")), done(3, 4, Read(), "a")],
    "a read beside a write sees the old value": [
        done(1, 4, Write("a")),
        done(2, 3, Read(), ABSENT),
    ],
    "a read beside a write sees the new value": [done(1, 4, Write("a")), done(2, 3, Read(), "a")],
    "an unknown write took effect late": [
        unknown(1, 2, Write("a")),
        done(3, 4, Read(), ABSENT),
        done(5, 6, Read(), "a"),
    ],
    "an unknown write took no effect": [unknown(1, 2, Write("a")), done(3, 4, Read(), ABSENT)],
    "a write that never returned took effect": [
        unknown(1, None, Write("a")),
        done(2, 3, Read(), "a"),
    ],
    "what failed took no effect": [failed(1, 2, Write("a")), done(3, 4, Read(), ABSENT)],
    "one of two replaced it": [
        done(1, 4, CompareAndSet(ABSENT, "a"), True),
        done(2, 3, CompareAndSet(ABSENT, "b"), False),
    ],
    "deleting again does not matter": [
        done(1, 9, Delete()),
        done(2, 3, Write("a")),
        done(4, 5, Delete()),
        done(6, 7, Append("b"), ABSENT),
    ],
    "a deletion beside others takes effect when it helps": [
        done(1, 6, Delete()),
        done(2, 3, Write("a")),
        done(4, 5, Read(), "a"),
        done(7, 8, Read(), ABSENT),
    ],
    "each key is another object": [
        done(1, 2, Write("a", key="x")),
        done(3, 4, Read(key="y"), ABSENT),
        done(5, 6, Read(key="x"), "a"),
    ],
}

BAD: dict[str, tuple[int, list[Operation]]] = {
    "a stale read": (
        3,
        [
            done(1, 2, Write("a")),
            done(3, 4, Write("b")),
            done(5, 6, Read(), "a"),
        ],
    ),
    "a lost update": (
        2,
        [
            done(1, 2, Write(())),
            done(3, 4, Append("a"), ("a",)),
            done(5, 6, Append("b"), ("b",)),
        ],
    ),
    "both replaced it": (
        2,
        [
            done(1, 4, CompareAndSet(ABSENT, "a"), True),
            done(2, 3, CompareAndSet(ABSENT, "b"), True),
        ],
    ),
    "a needless refusal": (1, [done(1, 2, CompareAndSet(ABSENT, "a"), False)]),
    "applied twice": (
        1,
        [
            done(1, 2, Write(())),
            done(3, 4, Append("a")),
            done(5, 6, Read(), ("a", "a")),
        ],
    ),
    "unknown, and applied twice": (
        3,
        [
            unknown(1, 2, Write("a")),
            done(3, 4, Read(), "a"),
            done(5, 6, Write("b")),
            done(7, 8, Read(), "b"),
            done(9, 10, Read(), "a"),
            done(11, 12, Write("c")),
            done(13, 14, Read(), "a"),
        ],
    ),
    "an unknown write that was taken back": (
        2,
        [
            unknown(1, 2, Write("a")),
            done(3, 4, Read(), "a"),
            done(5, 6, Read(), ABSENT),
        ],
    ),
    "an unknown write before it began": (1, [done(1, 2, Read(), "a"), unknown(3, 4, Write("a"))]),
    "what failed took effect": (1, [failed(1, 2, Write("a")), done(3, 4, Read(), "a")]),
    "a resurrection": (
        3,
        [
            done(1, 2, Write("a")),
            done(3, 4, Delete()),
            done(5, 6, Read(), "a"),
        ],
    ),
    "two readers disagree on the order": (
        3,
        [
            done(1, 10, Write("a")),
            done(2, 10, Write("b")),
            done(3, 4, Read(), "a"),
            done(5, 6, Read(), "b"),
            done(7, 8, Read(), "a"),
        ],
    ),
    "one of the keys is wrong": (
        1,
        [
            done(1, 2, Write("a", key="x")),
            done(3, 4, Read(key="y"), "a"),
        ],
    ),
}
"""How many operations are enough to see it, and the history."""


@pytest.mark.parametrize("history", GOOD.values(), ids=GOOD)
def test_a_good_history_is_accepted_with_an_order_that_explains_it(
    history: list[Operation],
) -> None:
    result = check(history, register())
    assert result.is_linearizable, result.violation
    for order in result.orders.values():
        assert explains(order, register())


@pytest.mark.parametrize(("count", "history"), BAD.values(), ids=BAD)
def test_a_bad_history_is_refused_by_few_operations_that_are_bad_by_themselves(
    count: int, history: list[Operation]
) -> None:
    violation = check(history, register()).violation
    assert violation is not None
    assert len(violation.operations) == count
    assert [one for one in history if one in violation.operations] == [*violation.operations]
    last = max(one.effective_by for one in violation.operations)
    others_at_any_time = [
        replace(one, began=0, ended=None, outcome=NOBODY_KNOWS)
        for one in history
        if one not in violation.operations and one.outcome is not FAILED and one.began < last
        if one.action.key == violation.key
    ]
    assert not is_linearizable_by_force([*violation.operations, *others_at_any_time], register())


# --- random histories ---------------------------------------------------------------------------


@given(executions(size=20))
def test_whatever_really_happened_is_accepted(history: list[Operation]) -> None:
    result = check(history, register())
    assert result.is_linearizable, result.violation
    assert explains(result.orders[None], register())


@given(mutated(executions()))
def test_a_brute_force_comes_to_the_same_verdict(history: list[Operation]) -> None:
    result = check(history, register())
    event(f"linearizable: {result.is_linearizable}")
    assert result.is_linearizable == is_linearizable_by_force(history, register())


@given(mutated(executions()))
def test_whether_the_model_knows_what_only_reads_changes_no_verdict(
    history: list[Operation],
) -> None:
    knowing = register()
    ignorant = Model(knowing.initial, knowing.step)
    verdict = check(history, ignorant).is_linearizable
    assert check(history, knowing).is_linearizable == verdict


def known_at(moment: float, history: Sequence[Operation]) -> list[Operation]:
    """Return a history as it was known before its later part happened."""
    return [
        one if one.effective_by <= moment else replace(one, outcome=NOBODY_KNOWS, result=None)
        for one in history
        if one.began <= moment
    ]


@given(mutated(executions()))
def test_a_violation_lies_in_the_shortest_prefix_that_has_one(history: list[Operation]) -> None:
    violation = check(history, register()).violation
    if violation is None:
        return
    history = [one for one in history if one.outcome is not FAILED]
    first = min(
        end
        for end in [one.effective_by for one in history]
        if not is_linearizable_by_force(known_at(end, history), register())
    )
    assert all(one.began <= first for one in violation.operations)


# --- the size of histories ----------------------------------------------------------------------


def checkpoint_actions(chance: random.Random, number: int, value: Any) -> Any:
    """The mix of a workflow's run: updates and loads, now and then a guarded save or a delete."""
    kinds: list[Any] = [Append(number)] * 5 + [Read()] * 3
    kinds += [CompareAndSet(value, (number,)), Delete()]
    return chance.choice(kinds)


def values_of_three(chance: random.Random, number: int, _: Any) -> Any:
    """Values that tell little: each is written again and again."""
    return Write(number % 3) if chance.random() < 0.5 else Read()


@pytest.mark.parametrize("clients", [4, 8])
@pytest.mark.parametrize("action_of", [checkpoint_actions, values_of_three])
def test_a_hundred_operations_take_a_few_thousand_states(clients: int, action_of: ActionOf) -> None:
    for seed in range(5):
        history = simulated(seed, clients, 100, action_of)
        result = check(history, register(()))
        assert result.is_linearizable, result.violation
        assert result.states < 5_000


@pytest.mark.parametrize("clients", [4, 8])
def test_one_stale_read_among_a_hundred_operations_is_found_and_shown(clients: int) -> None:
    history = simulated(1, clients, 100, checkpoint_actions)
    reads = [one for one in history if one.action == Read() and one.is_certain]
    stale = replace(reads[-1], result=reads[0].result)
    assert stale != reads[-1]
    result = check([stale if one is reads[-1] else one for one in history], register(()))
    assert result.violation is not None
    assert stale in result.violation.operations
    assert len(result.violation.operations) < 12
    assert result.states < 50_000


def test_a_search_that_is_too_long_can_be_given_up() -> None:
    history = [done(number, 100, Write(number)) for number in range(12)]
    with pytest.raises(SearchLimitError, match="1001 states: record shorter"):
        check([*history, done(101, 102, Read(), "never")], register(), max_states=1_000)


# --- models -------------------------------------------------------------------------------------


def test_any_model_can_be_given() -> None:
    def take(left: frozenset[str], action: str, result: Any) -> Any:
        """A pool of which each thing is taken once."""
        return left - {result} if result in left else REJECTED

    pool = Model(frozenset("ab"), take)
    assert check([done(1, 4, "take", "a"), done(2, 3, "take", "b")], pool).is_linearizable
    assert not check([done(1, 4, "take", "a"), done(2, 3, "take", "a")], pool).is_linearizable


def test_a_model_that_knows_no_keys_has_one_object() -> None:
    history = [done(1, 2, Write("a", key="x")), done(3, 4, Read(key="y"), "a")]
    assert check(history, Model(ABSENT, register().step)).is_linearizable


# --- what people read ---------------------------------------------------------------------------


def test_a_violation_reads_as_a_timeline() -> None:
    history = [
        *(done(10 * n, 10 * n + 1, Write(n, key="run-1")) for n in range(1, 9)),
        done(101, 110, Read(key="run-1"), 8),
        done(102, 120, Write("c", key="run-1")),
        done(121, 122, Read(key="run-1"), "c"),
        unknown(123, 124, Write("d", key="run-1")),
        done(133, 134, Read(key="run-1"), 8),
    ]
    assert str(check(history, register()).violation).splitlines() == [
        "'run-1': no order of these 3 operations agrees with their results:",
        "",
        "  client-101  |-|          read -> 8",
        "  client-121      |-|      read -> 'c'",
        "  client-133          |-|  read -> 8",
        "",
        "an order goes as far as this:",
        "  write 8 -> ok",
        "  read -> 8",
        "  write 'c' -> ok",
        "  read -> 'c'",
        "then the state is 'c', and none of these fits:",
        "  read -> 8",
    ]


def test_a_timeline_shows_what_may_have_taken_effect_later() -> None:
    violation = check(
        [
            done(1, 2, Read(), "b"),
            unknown(3, 4, Write("b")),
            unknown(5, None, Write("b")),
        ],
        register(),
    ).violation
    assert violation is not None
    assert violation.operations == (done(1, 2, Read(), "b"),)
    violation = replace(
        violation, operations=(unknown(3, 4, Write("b")), unknown(1, None, Write("b" * 200)))
    )
    first, second = str(violation).splitlines()[2:4]
    assert first.startswith("  client-1  |---?  write 'bbbb")
    assert " … " in first
    assert len(first) < 130
    assert second == "  client-3    |-?  write 'b' -> unknown"


# --- recording ----------------------------------------------------------------------------------


def test_what_ended_before_another_began_has_the_smaller_number() -> None:
    recorder = Recorder()
    first = recorder.begin("client-1", Write("a"))
    second = recorder.begin("client-2", Write("b"))
    first.ok()
    third = recorder.begin("client-1", Read())
    second.failed()
    assert recorder.history == (
        Operation("client-1", Write("a"), 1, 3),
        Operation("client-2", Write("b"), 2, 5, FAILED),
        Operation("client-1", Read(), 4, None, NOBODY_KNOWS),
    )
    third.ok("a")
    assert recorder.history[2] == Operation("client-1", Read(), 4, 6, OK, "a")


def test_an_operation_ends_once() -> None:
    operation = Recorder().begin("client-1", Read())
    operation.ok("a")
    with pytest.raises(RuntimeError, match=r"noted before: read -> 'a'"):
        operation.unknown()


def test_an_exception_is_an_unknown_outcome_unless_it_proves_more() -> None:
    recorder = Recorder()
    for error, known in [(OSError(), ()), (OSError(), (OSError,)), (KeyboardInterrupt(), ())]:
        with (
            pytest.raises(type(error)),
            recorder.record("client", Write("a"), failed=known),
        ):
            raise error
    with recorder.record("client", Write("b")):
        pass
    with suppress(OSError), recorder.record("client", Read()) as call:
        call.ok("a")
        raise OSError
    outcomes = [operation.outcome for operation in recorder.history]
    assert outcomes == [NOBODY_KNOWS, FAILED, NOBODY_KNOWS, OK, OK]


def test_threads_may_record_at_the_same_time() -> None:
    recorder = Recorder()

    def work(client: int) -> None:
        for number in range(200):
            with recorder.record(client, Append((client, number))):
                pass

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, client) for client in range(8)]:
            future.result()
    moments = sorted(moment for one in recorder.history for moment in ends_of(one))
    assert moments == [*range(1, 2 * 8 * 200 + 1)]
    assert check_appends(with_key(recorder.history)).is_linearizable


def ends_of(operation: Operation) -> Iterator[int]:
    assert operation.ended is not None
    yield from (operation.began, operation.ended)


def with_key(history: Sequence[Operation]) -> list[Operation]:
    """Each client has a list of its own."""
    return [replace(one, action=replace(one.action, key=one.client)) for one in history]


@pytest.mark.parametrize(
    ("ended", "outcome", "message"),
    [(None, OK, "never ended has an unknown"), (1, OK, r"end \(1\) before it began \(2\)")],
)
def test_an_impossible_operation_is_refused(
    ended: int | None, outcome: Outcome, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Operation("client", Read(), 2, ended, outcome)
