"""The world of an exploration: one object, its clients, a network, and all that can happen next."""

from __future__ import annotations

from typing import Any

from bucketpoint.testing.explore.clients import (
    LETTERS,
    OPERATIONS_PER_CLIENT,
    Aged,
    Answer,
    Node,
    Program,
    Sending,
)
from bucketpoint.testing.explore.documents import first, foreign
from bucketpoint.testing.explore.invariants import (
    Judged,
    Landing,
    Past,
    problem_of_end,
    problem_of_write,
)
from bucketpoint.testing.explore.memory import Frozen
from bucketpoint.testing.explore.objects import Objects, Stored
from bucketpoint.testing.explore.states import (
    Broken,
    Event,
    Learnt,
    Move,
    Start,
    State,
    Status,
)
from bucketpoint.testing.explore.tasks import NOT_APPLIED, Ended, Outcome

__all__ = ["World", "admits", "answer_unsent"]


def admits(sending: Sending, stored: Stored) -> bool:
    """Tell whether the condition of a write holds."""
    return sending.base == stored.version


def answer_unsent(status: Status) -> Answer:
    """What a store says when it has not sent a request: of an earlier sending it knows nothing."""
    return "unknown" if status.resent else "unavailable"


class World:
    """Everything that can happen to these programs."""

    def __init__(
        self,
        learnt: Learnt,
        programs: tuple[Program, ...],
        *,
        start: Start,
        faults: int,
        kinds: frozenset[Event],
        constant_rewrites: bool,
        grace: bool,
    ) -> None:
        self._learnt = learnt
        self._clients = clients = learnt.clients
        self._objects: Objects = clients.objects
        self._programs = programs
        self._start = start
        self._faults = faults
        self._kinds = kinds
        self._constant_rewrites = constant_rewrites
        self._grace = grace
        names = {name for program in programs for name in program}
        self._has_purge = "purge" in names
        self._ends_matter = bool(names & {"delete", "purge"})
        self._keeps_marks = "settle" in names
        self._statuses = learnt.statuses
        self._dormant = Status(
            len(programs), clients.begin(len(programs), 0, (), Frozen(""))[0], ()
        )

    # --- states ---------------------------------------------------------------------------------

    def initial(self) -> State:
        """The state before anything has happened."""
        stored = first(self._objects, self._start)
        member = stored.member
        lineages = frozenset({member.lineage} if member is not None else ())
        statuses = [
            self._enter(slot, start, program, Frozen(_writer(slot, start)))[0]
            for slot, program in enumerate(self._programs)
            for start in [_first_index(program)]
        ]
        if Event.CLONED in self._kinds:
            statuses.append(self._dormant)
        past = self._learnt.pasts.setdefault(lineages, Past(lineages=lineages))
        return stored, (), past, 0, 0, self._faults, tuple(statuses)

    def _enter(
        self, slot: int, index: int, program: Program, memory: Frozen
    ) -> tuple[Status, str | None]:
        """The client before its next operation."""
        node, rest, problem = self._clients.begin(slot, index, program, memory)
        return self._status(slot, node, rest), problem

    def _status(  # noqa: PLR0917 - the parts of a status in their order
        self,
        slot: int,
        node: Node,
        rest: Program,
        sight: int = 0,
        begun: bool = False,  # noqa: FBT001, FBT002 - likewise
        resent: bool = False,  # noqa: FBT001, FBT002 - likewise
        old: bool = False,  # noqa: FBT001, FBT002 - likewise
        doomed: int = 0,
    ) -> Status:
        key = (slot, node, rest, sight, begun, resent, old, doomed)
        status = self._statuses.get(key)
        if status is None:
            unseen = node.task.operation.watched & ~sight
            status = Status(slot, node, rest, sight, begun, resent, old, doomed, unseen)
            self._statuses[key] = status
        return status

    # --- what can happen ------------------------------------------------------------------------

    def successors(self, state: State) -> list[tuple[Move, State]]:
        """All moves from a state, with the states they lead to.

        Raises:
            Broken: A move breaks an invariant.
        """
        found: list[tuple[Move, State]] = []
        for index, sending in enumerate(state[1]):
            if index == 0 or sending is not state[1][index - 1]:
                self._deliver(state, index, sending, found)
        if state[5] and Event.REWRITTEN in self._kinds:
            self._rewrite(state, found)
        for slot, status in enumerate(state[6]):
            if status.node.request is not None:
                if state[5]:
                    self._interrupt(state, slot, status, found)
                begun = status if status.begun else self._begin(state, slot, status)
                if status.node.sending is None:
                    self._read(_with_client(state, slot, begun), slot, begun, found)
                else:
                    self._write(_with_client(state, slot, begun), slot, begun, found)
        return found

    def _deliver(
        self, state: State, index: int, sending: Sending, found: list[tuple[Move, State]]
    ) -> None:
        move = Move(Event.LANDS, index)
        flight = state[1][:index] + state[1][index + 1 :]
        without = (state[0], flight, *state[2:])
        landed = self._apply(without, sending, move)
        found.append((move, without if landed is None else landed))

    def _begin(self, state: State, slot: int, status: Status) -> Status:
        """The operation begins with its first request; what it sees then counts."""
        task = status.node.task
        doomed = 0
        if task.operation.name == "delete":
            for sending in state[1]:
                author = sending.task.number
                owner = state[6][author // OPERATIONS_PER_CLIENT]
                if owner.node.task.number != author:
                    doomed |= 1 << author
        sight = task.sight(state[0], state[2].holder)
        return self._status(slot, status.node, status.rest, sight, True, False, False, doomed)  # noqa: FBT003 - the hot path of the search

    def _interrupt(
        self, state: State, slot: int, status: Status, found: list[tuple[Move, State]]
    ) -> None:
        """What can befall a client between two requests."""
        poorer = (*state[:5], state[5] - 1, state[6])
        name = status.node.task.operation.name
        # Before its first request a deadline only takes the operation out of the program.
        can_be_late = status.begun and not status.resent and name != "load"
        if can_be_late and Event.DEADLINE in self._kinds:
            move = Move(Event.DEADLINE, slot)
            found.append((move, self._answer(poorer, slot, "deadline", move)))
        if Event.CRASHED in self._kinds and (status.rest or self._ends_matter):
            found.append((Move(Event.CRASHED, slot), self._crash(poorer, slot)))
        if (
            Event.CLONED in self._kinds
            and not status.begun
            and state[6][-1] is self._dormant
            and slot != len(state[6]) - 1
        ):
            found.append((Move(Event.CLONED, slot), self._clone(poorer, status)))

    def _read(
        self, state: State, slot: int, status: Status, found: list[tuple[Move, State]]
    ) -> None:
        stored = state[0]
        name = status.node.task.operation.name
        move = Move(Event.ANSWERED, slot)
        answer: Answer = stored
        if name == "purge" and self._is_past_grace(state, slot):
            answer = Aged.of(stored, 1e9)
        found.append((move, self._answer(state, slot, answer, move)))
        if name == "claim" and stored.member is not None and stored.member.owner is not None:
            move = Move(Event.EXPIRED, slot)
            found.append((move, self._answer(state, slot, Aged.of(stored, 1e9), move)))
        if state[5] and Event.NEVER_SENT in self._kinds:
            move = Move(Event.NEVER_SENT, slot)
            poorer = (*state[:5], state[5] - 1, state[6])
            found.append((move, self._answer(poorer, slot, "unavailable", move)))

    def _write(
        self, state: State, slot: int, status: Status, found: list[tuple[Move, State]]
    ) -> None:
        sending = status.node.sending
        assert sending is not None, "a client that writes has something to send"
        move = Move(Event.ANSWERED, slot)
        applied = self._apply(state, sending, move)
        if applied is None:
            refusal = self._refusal(sending, state[0])
            found.append((move, self._answer(state, slot, refusal, move)))
        else:
            found.append((move, self._answer(applied, slot, self._result(applied, sending), move)))
        if not state[5]:
            return
        poorer = (*state[:5], state[5] - 1, state[6])
        if applied is not None:
            self._fail_after((*applied[:5], state[5] - 1, applied[6]), slot, found)
        later = self._launch(poorer, sending, old=status.old)
        self._fail_before(later, slot, status, found)
        if Event.NEVER_SENT in self._kinds:
            move = Move(Event.NEVER_SENT, slot)
            found.append((move, self._answer(poorer, slot, answer_unsent(status), move)))

    def _fail_after(self, applied: State, slot: int, found: list[tuple[Move, State]]) -> None:
        """The request was applied; what can go wrong then."""
        if Event.LOST in self._kinds:
            move = Move(Event.LOST, slot)
            found.append((move, self._answer(applied, slot, "unknown", move)))
        if Event.DUPLICATED in self._kinds:
            found.append((Move(Event.DUPLICATED, slot), self._resend(applied, slot)))
        if Event.CRASHED_AFTER in self._kinds and (applied[6][slot].rest or self._ends_matter):
            found.append((Move(Event.CRASHED_AFTER, slot), self._crash(applied, slot)))

    def _fail_before(
        self, later: State, slot: int, status: Status, found: list[tuple[Move, State]]
    ) -> None:
        """The request is under way; what can go wrong then."""
        if Event.LATE in self._kinds:
            move = Move(Event.LATE, slot)
            found.append((move, self._answer(later, slot, "unknown", move)))
        if Event.DUPLICATED_LATE in self._kinds and later[1]:
            found.append((Move(Event.DUPLICATED_LATE, slot), self._resend(later, slot)))
        if Event.CRASHED_DURING in self._kinds and (status.rest or self._ends_matter):
            found.append((Move(Event.CRASHED_DURING, slot), self._crash(later, slot)))

    # --- what becomes of it ---------------------------------------------------------------------

    def _refusal(self, sending: Sending, stored: Stored) -> Answer:
        """How a store refuses: a removal of nothing is no failure."""
        return False if sending.body is None and stored.version is None else "precondition failed"

    def _result(self, applied: State, sending: Sending) -> Answer:
        return True if sending.body is None else applied[0]

    def _answer(self, state: State, slot: int, answer: Answer, move: Move) -> State:
        stored, flight, past, applied, barred, faults, statuses = state
        status = statuses[slot]
        learnt = status.moves.get(answer)
        if learnt is None:
            learnt = status.moves[answer] = self._learn(status, answer)
        following, ended, problem = learnt
        if problem is not None:
            raise Broken(move, problem)
        if ended is not None:
            applied, barred = self._end(state, status, ended, move)
        statuses = (*statuses[:slot], following, *statuses[slot + 1 :])
        return stored, flight, past, applied, barred, faults, statuses

    def _learn(self, status: Status, answer: Answer) -> tuple[Status, Ended | None, str | None]:
        step = status.node.step(answer)
        if step.node is not None:
            following = self._status(
                status.slot,
                step.node,
                status.rest,
                status.sight,
                True,  # noqa: FBT003 - it has begun
                False,  # noqa: FBT003 - and this request has not been sent
                status.old,
                status.doomed,
            )
            return following, None, step.problem
        assert step.memory is not None, "an operation that has ended leaves a memory"
        following, problem = self._enter(status.slot, status.index + 1, status.rest, step.memory)
        return following, step.ended, step.problem or problem

    def _end(self, state: State, status: Status, ended: Ended, move: Move) -> tuple[int, int]:
        """Check how an operation ended, and note what must not happen from now on."""
        stored, flight, _, applied, barred, _, _ = state
        task, bit = status.node.task, status.bit
        about = 1 << ended.about if ended.about >= 0 else 0
        judged = Judged(ended, stored, bool(applied & bit), bool(applied & about))
        if judged not in status.ends:
            status.ends[judged] = problem_of_end(task, status.sight, judged)
        problem = status.ends[judged]
        if problem is not None:
            raise Broken(move, f"{task.token} {task.operation.name} {problem}")
        if ended.outcome is Outcome.SETTLED_NOT_APPLIED:
            barred |= about
        if ended.outcome is Outcome.WRITTEN:
            barred |= status.doomed
        elif ended.outcome in NOT_APPLIED or (
            ended.outcome is Outcome.RELEASED and not applied & bit
        ):
            barred |= bit
        return self._without_marks(flight, applied, barred, bit)

    def _without_marks(
        self, flight: tuple[Sending, ...], applied: int, barred: int, bit: int
    ) -> tuple[int, int]:
        """Forget whether an operation was applied, once it cannot be any more."""
        if self._keeps_marks:
            return applied, barred
        for sending in flight:
            if 1 << sending.task.number == bit:
                return applied, barred
        return applied & ~bit, barred & ~bit

    def _apply(self, state: State, sending: Sending, move: Move) -> State | None:
        """The store applies a write; None when its condition does not hold."""
        stored, flight, past, applied, barred, faults, statuses = state
        landing: Landing | None = sending.landings.get(stored)
        if landing is None:
            if not admits(sending, stored):
                return None
            landing = sending.landings[stored] = self._landing(sending, stored)
        past, problem = landing.past(past)
        bit = 1 << sending.task.number
        problem = landing.problem or problem
        if applied & bit:
            problem = "was applied a second time"
        elif barred & bit:
            problem = "was applied after it was sure not to be"
        if problem is not None:
            task = sending.task
            raise Broken(move, f"{task.token} {task.operation.name} {problem}")
        after = landing.after
        if self._has_purge and after.member is not None and after.member.deleted:
            flight = tuple(self._aged(sending) for sending in flight)
            statuses = tuple(self._grown_old(status) for status in statuses)
        return (
            after,
            self._that_can_land(flight, after),
            past,
            applied | bit,
            barred,
            faults,
            self._that_see(statuses, after, past.holder),
        )

    def _landing(self, sending: Sending, stored: Stored) -> Landing:
        task = sending.task
        if sending.body is None:
            after = self._objects.absence(stored.writes)
        else:
            after = self._objects.document(sending.body, task.number, stored)
        return Landing(task, stored, after, problem_of_write(task, stored, after))

    def _that_can_land(self, flight: tuple[Sending, ...], stored: Stored) -> tuple[Sending, ...]:
        if not flight:
            return flight
        return tuple(
            sending for sending in flight if admits(sending, stored) or self._may_recur(sending)
        )

    def _may_recur(self, sending: Sending) -> bool:
        """Tell whether the state that a write waits for can come back."""
        if sending.base is None:
            return self._has_purge
        base = self._objects.of_version(sending.base)
        return self._objects.content_versions and base is not None and base.member is None

    def _that_see(
        self, statuses: tuple[Status, ...], stored: Stored, holder: int | None
    ) -> tuple[Status, ...]:
        """The clients, having seen the object change."""
        for slot, status in enumerate(statuses):
            if status.unseen and status.begun:
                key = (stored, holder)
                after = status.sights.get(key)
                if after is None:
                    sight = status.sight | status.node.task.sight(stored, holder)
                    after = status.sights[key] = self._changed(status, sight=sight)
                if after is not status:
                    statuses = (*statuses[:slot], after, *statuses[slot + 1 :])
        return statuses

    def _changed(self, status: Status, **changes: Any) -> Status:
        parts: dict[str, Any] = {
            "sight": status.sight,
            "begun": status.begun,
            "resent": status.resent,
            "old": status.old,
            "doomed": status.doomed,
            **changes,
        }
        return self._status(status.slot, status.node, status.rest, **parts)

    def _resend(self, state: State, slot: int) -> State:
        return _with_client(state, slot, self._changed(state[6][slot], resent=True))

    def _launch(self, state: State, sending: Sending, *, old: bool) -> State:
        """Put a write under way, unless it can never land."""
        if not admits(sending, state[0]) and not self._may_recur(sending):
            return state
        launched = self._aged(sending) if old else sending
        flight = tuple(sorted((*state[1], launched), key=lambda one: one.number))
        return (state[0], flight, *state[2:])

    def _aged(self, sending: Sending) -> Sending:
        if sending.old or sending.body is None:
            return sending
        if not sending.older:
            sending.older.append(
                Sending(sending.task, sending.base, sending.body, sending.number + 1, old=True)
            )
        return sending.older[0]

    def _grown_old(self, status: Status) -> Status:
        return self._changed(status, old=True) if status.begun and not status.old else status

    def _is_past_grace(self, state: State, slot: int) -> bool:
        """Tell whether the tombstone can be so old that nothing from before it goes on."""
        member = state[0].member
        if member is None or not member.deleted:
            return False
        if not self._grace:
            return True
        others = (status for index, status in enumerate(state[6]) if index != slot)
        return not any(sending.old for sending in state[1]) and not any(
            status.old for status in others
        )

    def _crash(self, state: State, slot: int) -> State:
        """The client is gone, and comes back as a new writer that goes on with what is left."""
        stored, flight, past, applied, barred, faults, statuses = state
        status = statuses[slot]
        restarted = status.restarted
        if restarted is None:
            index = status.index + 1
            memory = Frozen(_writer(slot, index))
            restarted, _ = self._enter(slot, index, status.rest, memory)
            status.restarted = restarted
        applied, barred = self._without_marks(flight, applied, barred, status.bit)
        statuses = (*statuses[:slot], restarted, *statuses[slot + 1 :])
        return stored, flight, past, applied, barred, faults, statuses

    def _clone(self, state: State, status: Status) -> State:
        slot = len(state[6]) - 1
        program = (status.node.task.operation.name, *status.rest)
        cloned, _ = self._enter(slot, 0, program, status.node.memory)
        return _with_client(state, slot, cloned)

    def _rewrite(self, state: State, found: list[tuple[Move, State]]) -> None:
        stored, flight, past, applied, barred, faults, statuses = state
        if stored.data is None:
            return
        body = foreign(None if self._constant_rewrites else stored)
        after = self._objects.document(body, None, stored)
        if after is stored:
            return
        past = past.then((None, past.lineages, past.grants), holder=None)
        rewritten = (
            after,
            self._that_can_land(flight, after),
            past,
            applied,
            barred,
            faults - 1,
            self._that_see(statuses, after, None),
        )
        found.append((Move(Event.REWRITTEN), rewritten))


def _writer(slot: int, index: int) -> str:
    """The ID of the process that begins with this operation."""
    return f"w{LETTERS[slot]}{index}"


def _first_index(program: Program) -> int:
    """Programs that differ in a first load only number the rest alike, and so share its steps."""
    return 0 if program[:1] == ("load",) else 1


def _with_client(state: State, slot: int, status: Status) -> State:
    statuses = state[6]
    if statuses[slot] is status:
        return state
    return (*state[:6], (*statuses[:slot], status, *statuses[slot + 1 :]))
