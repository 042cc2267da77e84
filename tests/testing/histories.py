"""Histories for the tests of the checker: by hand, drawn or simulated; and a brute force."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bucketpoint.testing.linearizability import (
    ABSENT,
    REJECTED,
    UNKNOWN,
    Append,
    CompareAndSet,
    Delete,
    Model,
    Operation,
    Outcome,
    Read,
    Recorder,
    Write,
)

OK, FAILED, NOBODY_KNOWS = Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN


def done(began: int, ended: int, action: Any, result: Any = None) -> Operation:
    """An operation that was acknowledged."""
    return Operation(f"client-{began}", action, began, ended, OK, result)


def unknown(began: int, ended: int | None, action: Any) -> Operation:
    """An operation whose outcome is unknown."""
    return Operation(f"client-{began}", action, began, ended, NOBODY_KNOWS)


def failed(began: int, ended: int, action: Any) -> Operation:
    """An operation that surely took no effect."""
    return Operation(f"client-{began}", action, began, ended, FAILED)


def explains(order: Sequence[Operation], model: Model[Any]) -> bool:
    """Whether an order agrees with real time and with the results."""
    state = model.initial
    for number, operation in enumerate(order):
        if any(later.effective_by < operation.began for later in order[number + 1 :]):
            return False
        result = operation.result if operation.is_certain else UNKNOWN
        state = model.step(state, operation.action, result)
        if state is REJECTED:
            return False
    return True


def is_linearizable_by_force(history: Sequence[Operation], model: Model[Any]) -> bool:
    """Try every order of the certain operations and of every choice of the unknown ones."""
    certain = [one for one in history if one.outcome is OK]
    possible = [one for one in history if one.outcome is NOBODY_KNOWS]
    return any(
        explains(order, model)
        for count in range(len(possible) + 1)
        for chosen in itertools.combinations(possible, count)
        for order in itertools.permutations([*certain, *chosen])
    )


VALUES = st.sampled_from([ABSENT, (), ("x",)])
REGISTER_ACTIONS = st.one_of(
    st.builds(Read),
    st.builds(Delete),
    st.builds(Write, VALUES),
    st.builds(CompareAndSet, VALUES, VALUES),
    st.builds(Append, st.sampled_from("xy")),
)


def performed(value: Any, action: Any) -> tuple[Any, Any]:
    """Perform an action as users understand it; return the new value and the result."""
    if isinstance(action, Write):
        return action.value, None
    if isinstance(action, Delete):
        return ABSENT, None
    if isinstance(action, CompareAndSet):
        return (action.value, True) if value == action.expected else (value, False)
    if isinstance(action, Append) and value is not ABSENT:
        return (*value, action.token), (*value, action.token)
    return value, value


@st.composite
def executions(
    draw: st.DrawFn,
    actions: st.SearchStrategy[Any] = REGISTER_ACTIONS,
    initial: Hashable = ABSENT,
    size: int = 6,
) -> list[Operation]:
    """Operations that took effect one after another, seen as intervals around that moment."""
    value: Any = initial
    history: list[Operation] = []
    for moment in range(10, 10 + 10 * draw(st.integers(1, size)), 10):
        action = draw(actions)
        began = moment - draw(st.integers(0, 30))
        ended = moment + draw(st.integers(0, 30))
        outcome = draw(st.sampled_from([OK, OK, OK, OK, NOBODY_KNOWS, FAILED]))
        takes_effect = outcome is OK or (outcome is NOBODY_KNOWS and draw(st.booleans()))
        value, result = performed(value, action) if takes_effect else (value, None)
        if outcome is NOBODY_KNOWS:  # its caller may have given up before it took effect
            ended = began + draw(st.integers(0, 10))
        history.append(
            Operation("client", action, began, ended, outcome, result if outcome is OK else None)
        )
    return history


@st.composite
def mutated(draw: st.DrawFn, histories: st.SearchStrategy[list[Operation]]) -> list[Operation]:
    """A history with one operation changed, so that it may be wrong."""
    history = draw(histories)
    number = draw(st.integers(0, len(history) - 1))
    one = history[number]
    certain = [other.result for other in history if other.outcome is OK]
    kind = draw(st.sampled_from(["moved", "told", "forgotten", "other result"]))
    if kind == "moved":
        began = draw(st.integers(0, 80))
        one = replace(one, began=began, ended=began + draw(st.integers(0, 10)))
    elif kind == "told":
        one = replace(one, outcome=OK)
    elif kind == "forgotten":
        one = replace(one, outcome=FAILED)
    elif one.outcome is OK:
        one = replace(one, result=draw(st.sampled_from(certain)))
    return [*history[:number], one, *history[number + 1 :]]


ActionOf = Callable[[random.Random, int, Any], Any]


def simulated(
    seed: int,
    clients: int,
    count: int,
    action_of: ActionOf,
    *,
    initial: Hashable = (),
    is_telling: bool = True,
) -> list[Operation]:
    """What concurrent clients of a real object record; each fiftieth outcome is unknown.

    Unless it is telling, appends do not return the lists that they make.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeatable, not to be secret
    recorder = Recorder()
    value: Any = initial
    free = [*range(clients)]
    running: list[tuple[int, Any, Any]] = []
    finished: list[tuple[int, Any, Any]] = []
    begun = 0
    while begun < count or running or finished:
        step = chance.randrange(3)
        if step == 0 and free and begun < count:
            client = free.pop(chance.randrange(len(free)))
            action = action_of(chance, begun, value)
            running.append((client, action, recorder.begin(f"client-{client}", action)))
            begun += 1
        elif step == 1 and running:
            client, action, operation = running.pop(chance.randrange(len(running)))
            value, result = performed(value, action)
            if not is_telling and isinstance(action, Append):
                result = None
            finished.append((client, operation, result))
        elif step == 2 and finished:
            client, operation, result = finished.pop(chance.randrange(len(finished)))
            free.append(client)
            if chance.random() < 0.02:
                operation.unknown()
            else:
                operation.ok(result)
    return [*recorder.history]
