"""A schedule as people read it: who sent what, what came of it, and what was stored then."""

from __future__ import annotations

from collections.abc import Sequence

from bucketpoint.core.effects import Delete, Get, Put
from bucketpoint.stores.contract import IfAbsent
from bucketpoint.testing.explore.clients import LETTERS, Aged, Answer, Sending
from bucketpoint.testing.explore.objects import Stored
from bucketpoint.testing.explore.states import Event, Move, State, Status

__all__ = ["script"]


def script(states: Sequence[State], moves: Sequence[Move], problem: str) -> str:
    """Write down a schedule.

    Args:
        states: The state before each move.
        moves: The moves; the last one breaks something.
        problem: What it breaks.
    """
    lines = [f"   at first: {_object(states[0][0].stored)}"]
    for number, (state, move) in enumerate(zip(states, moves, strict=True), 1):
        lines.append(f"{number:2}. {_what(state, move)}")
        if number < len(states):
            before, after = state[0].stored, states[number][0].stored
            if after is not before:
                lines.append(f"      stored: {_object(after)}")
            lines.extend(_ends(state, move, states[number]))
    return "\n".join([*lines, f"    => {problem}"])


def _what(state: State, move: Move) -> str:
    if move.event is Event.LANDS:
        return f"{_sending(state[0].flight[move.client])}: {move.event.value}"
    if move.event is Event.REWRITTEN:
        return move.event.value
    status = state[1][move.client]
    return f"{LETTERS[move.client]} {_operation(status)}: {_request(status)}: {move.event.value}"


def _operation(status: Status) -> str:
    return f"{status.node.task.operation.name} ({status.node.task.token})"


def _request(status: Status) -> str:
    match status.node.request:
        case Get():
            return "GET"
        case Put(when=IfAbsent()):
            return "PUT if absent"
        case Put() as put:
            return (
                f"PUT if version {put.when.version}" if not isinstance(put.when, IfAbsent) else ""
            )
        case Delete() as delete:
            return f"DELETE if version {delete.when.version}"
        case None:
            return "nothing"


def _sending(sending: Sending) -> str:
    verb = "PUT" if sending.body is not None else "DELETE"
    condition = "if absent" if sending.base is None else f"if version {sending.base}"
    return f"{sending.task.operation.name} ({sending.task.token}): {verb} {condition}"


def _ends(before: State, move: Move, after: State) -> list[str]:
    """The operation that ends with a move."""
    if move.event in _WITHOUT_ANSWER:
        return []
    was, now = before[1][move.client], after[1][move.client]
    for answer, step in was.node.steps.items():
        if (
            step.ended is not None
            and was.moves_to(answer) is now
            and _is_answer(answer, move, before, after)
        ):
            return [f"      {_operation(was)} ended: {step.ended.outcome.value}"]
    return []


_WITHOUT_ANSWER = frozenset(Event) - {
    Event.ANSWERED,
    Event.EXPIRED,
    Event.LOST,
    Event.LATE,
    Event.NEVER_SENT,
    Event.DEADLINE,
}


def _is_answer(answer: Answer, move: Move, before: State, after: State) -> bool:
    """Tell whether an event brings a client this answer."""
    match move.event:
        case Event.LOST | Event.LATE:
            return answer == "unknown"
        case Event.NEVER_SENT:
            return answer in {"unavailable", "unknown"}
        case Event.DEADLINE:
            return answer == "deadline"
        case _:
            stored = answer.stored if isinstance(answer, Aged) else answer
            return stored in {before[0].stored, after[0].stored, "precondition failed", True, False}


def _object(stored: Stored) -> str:
    if stored.version is None:
        return "nothing"
    member = stored.member
    if member is None:
        where = "foreign"
    else:
        where = f"{member.lineage} revision {member.revision}"
        if member.owner is not None or member.epoch:
            where += f", epoch {member.epoch}" + ("" if member.owner is None else " claimed")
    if stored.data is None:
        what = "tombstone"
    else:
        what = f"[{', '.join(stored.data.tokens)}]" + (" paused" if stored.data.paused else "")
    return f"{what} ({where}, version {stored.version})"
