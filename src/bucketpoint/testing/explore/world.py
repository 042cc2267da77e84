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
    Scene,
    Seen,
    Start,
    State,
    Status,
    Turn,
)
from bucketpoint.testing.explore.tasks import NOT_APPLIED, Ended, Outcome

__all__ = ["World", "admits", "answer_unsent"]

_PURGING = frozenset({"purge", "collect"})
"""Operations that remove a tombstone once it is old."""


def admits(sending: Sending, stored: Stored) -> bool:
    """Tell whether the condition of a write holds."""
    return sending.base == stored.version


def answer_unsent(status: Status) -> Answer:
    """What a store says when it has not sent a request: of an earlier sending it knows nothing."""
    return "unknown" if status.resent else "unavailable"


class World:
    """Everything that can happen to these programs.

    What a client can do next depends on the scene and on where it is itself, and hardly ever on
    the others: so its turns are found out once for each such pair, and then put together to states.
    """

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
        self._scenes: dict[object, Scene] = {}
        self._turns: dict[tuple[Scene, Status, int], list[Turn]] = {}
        self._happenings: dict[Scene, list[tuple[Move, Scene, Seen | None]]] = {}
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
        return self._scene(stored, (), past, 0, 0, self._faults), tuple(statuses)

    def _scene(  # noqa: PLR0917 - the parts of a scene in their order
        self,
        stored: Stored,
        flight: tuple[Sending, ...],
        past: Past,
        applied: int,
        barred: int,
        faults: int,
    ) -> Scene:
        key = (stored, flight, past, applied, barred, faults)
        scene = self._scenes.get(key)
        if scene is None:
            scene = self._scenes[key] = Scene(*key)
        return scene

    def _marked(self, scene: Scene, applied: int, barred: int) -> Scene:
        return self._scene(scene.stored, scene.flight, scene.past, applied, barred, scene.faults)

    def _flown(self, scene: Scene, flight: tuple[Sending, ...]) -> Scene:
        return self._scene(
            scene.stored, flight, scene.past, scene.applied, scene.barred, scene.faults
        )

    def _poorer(self, scene: Scene) -> Scene:
        return self._scene(
            scene.stored, scene.flight, scene.past, scene.applied, scene.barred, scene.faults - 1
        )

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
            operation = node.task.operation
            unseen = operation.watched & ~sight
            regards = operation.name in _PURGING or (operation.name == "delete" and not begun)
            status = Status(slot, node, rest, sight, begun, resent, old, doomed, unseen, regards)
            self._statuses[key] = status
        return status

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

    # --- what can happen ------------------------------------------------------------------------

    def successors(self, state: State) -> list[tuple[Move, State]]:
        """All moves from a state, with the states they lead to.

        Raises:
            Broken: A move breaks an invariant.
        """
        scene, statuses = state
        happenings = self._happenings.get(scene)
        if happenings is None:
            happenings = self._happenings[scene] = self._happenings_in(scene)
        found: list[tuple[Move, State]] = [
            (move, (after, self._all_see(statuses, seen) if seen is not None else statuses))
            for move, after, seen in happenings
        ]
        for slot, status in enumerate(statuses):
            if status.node.request is None:
                continue
            regard = self._regard(scene, statuses, status) if status.regards_others else 0
            turns = self._turns.get((scene, status, regard))
            if turns is None:
                turns = self._turns_of(scene, status, regard)
                self._turns[scene, status, regard] = turns
            before, behind = statuses[:slot], statuses[slot + 1 :]
            for move, after, following, seen in turns:
                if seen is None:
                    found.append((move, (after, (*before, following, *behind))))
                else:
                    others = self._all_see(before, seen), self._all_see(behind, seen)
                    found.append((move, (after, (*others[0], following, *others[1]))))
            if Event.CLONED in self._kinds:
                self._clone(scene, statuses, slot, found)
        return found

    def _regard(self, scene: Scene, statuses: tuple[Status, ...], status: Status) -> int:
        """What the next request of an operation depends on in where the other clients are.

        A delete dooms what had ended before it began, and is still under way; a purge waits until
        nobody goes on from before the tombstone.
        """
        if status.node.task.operation.name in _PURGING:
            return any(other.old for other in statuses if other is not status)
        doomed = 0
        for sending in scene.flight:
            author = sending.task.number
            owner = statuses[author // OPERATIONS_PER_CLIENT]
            if owner.node.task.number != author:
                doomed |= 1 << author
        return doomed

    def _happenings_in(self, scene: Scene) -> list[tuple[Move, Scene, Seen | None]]:
        """What can happen without any client: late requests land, other programs write."""
        found: list[tuple[Move, Scene, Seen | None]] = []
        flight = scene.flight
        for index, sending in enumerate(flight):
            if index == 0 or sending is not flight[index - 1]:
                move = Move(Event.LANDS, index)
                without = self._flown(scene, flight[:index] + flight[index + 1 :])
                after, seen = self._apply(without, sending, move) or (without, None)
                found.append((move, after, seen))
        if scene.faults and Event.REWRITTEN in self._kinds:
            self._rewrite(scene, found)
        return found

    def _turns_of(self, scene: Scene, status: Status, regard: int) -> list[Turn]:
        """What can happen to a client."""
        found: list[Turn] = []
        if scene.faults:
            self._interrupt(self._poorer(scene), status, found)
        begun = status if status.begun else self._begin(scene, status, regard)
        if status.node.sending is None:
            self._read(scene, begun, regard, found)
        else:
            self._write(scene, begun, found)
        return found

    def _begin(self, scene: Scene, status: Status, regard: int) -> Status:
        """The operation begins with its first request; what it sees then counts."""
        task = status.node.task
        doomed = regard if task.operation.name == "delete" else 0
        sight = task.sight(scene.stored, scene.past.holder)
        return self._changed(status, sight=sight, begun=True, doomed=doomed)

    def _interrupt(self, poorer: Scene, status: Status, found: list[Turn]) -> None:
        """What can befall a client between two requests."""
        name = status.node.task.operation.name
        # Before its first request a deadline only takes the operation out of the program.
        can_be_late = status.begun and not status.resent and name != "load"
        if can_be_late and Event.DEADLINE in self._kinds:
            found.append(self._answer(poorer, status, "deadline", Event.DEADLINE))
        if Event.CRASHED in self._kinds and (status.rest or self._ends_matter):
            found.append(self._crash(poorer, status, Event.CRASHED))

    def _read(self, scene: Scene, status: Status, regard: int, found: list[Turn]) -> None:
        stored = scene.stored
        name = status.node.task.operation.name
        answer: Answer = stored
        if name in _PURGING and self._is_past_grace(scene, others_are_old=bool(regard)):
            answer = Aged.of(stored, 1e9)
        found.append(self._answer(scene, status, answer, Event.ANSWERED))
        if _may_be_old(name, stored):
            found.append(self._answer(scene, status, Aged.of(stored, 1e9), Event.EXPIRED))
        if scene.faults and Event.NEVER_SENT in self._kinds:
            poorer = self._poorer(scene)
            found.append(self._answer(poorer, status, "unavailable", Event.NEVER_SENT))

    def _write(self, scene: Scene, status: Status, found: list[Turn]) -> None:
        sending = status.node.sending
        assert sending is not None, "a client that writes has something to send"
        applied = self._apply(scene, sending, Move(Event.ANSWERED, status.slot))
        if applied is None:
            refusal = self._refusal(sending, scene.stored)
            found.append(self._answer(scene, status, refusal, Event.ANSWERED))
        else:
            after, seen = applied
            result = True if sending.body is None else after.stored
            witness = self._sees(status, seen)
            found.append(self._answer(after, witness, result, Event.ANSWERED, seen))
            if scene.faults:
                self._fail_after(self._poorer(after), witness, seen, found)
        if not scene.faults:
            return
        poorer = self._poorer(scene)
        later = self._launch(poorer, sending, old=status.old)
        self._fail_before(later, status, found)
        if Event.NEVER_SENT in self._kinds:
            unsent = answer_unsent(status)
            found.append(self._answer(poorer, status, unsent, Event.NEVER_SENT))

    def _fail_after(self, applied: Scene, status: Status, seen: Seen, found: list[Turn]) -> None:
        """The request was applied; what can go wrong then."""
        if Event.LOST in self._kinds:
            found.append(self._answer(applied, status, "unknown", Event.LOST, seen))
        if Event.DUPLICATED in self._kinds:
            found.append(self._resend(applied, status, Event.DUPLICATED, seen))
        if Event.CRASHED_AFTER in self._kinds and (status.rest or self._ends_matter):
            found.append(self._crash(applied, status, Event.CRASHED_AFTER, seen))

    def _fail_before(self, later: Scene, status: Status, found: list[Turn]) -> None:
        """The request is under way; what can go wrong then."""
        if Event.LATE in self._kinds:
            found.append(self._answer(later, status, "unknown", Event.LATE))
        if Event.DUPLICATED_LATE in self._kinds and later.flight:
            found.append(self._resend(later, status, Event.DUPLICATED_LATE))
        if Event.CRASHED_DURING in self._kinds and (status.rest or self._ends_matter):
            found.append(self._crash(later, status, Event.CRASHED_DURING))

    # --- what becomes of it ---------------------------------------------------------------------

    def _refusal(self, sending: Sending, stored: Stored) -> Answer:
        """How a store refuses: a removal of nothing is no failure."""
        return False if sending.body is None and stored.version is None else "precondition failed"

    def _answer(
        self, scene: Scene, status: Status, answer: Answer, event: Event, seen: Seen | None = None
    ) -> Turn:
        move = Move(event, status.slot)
        learnt = status.moves.get(answer)
        if learnt is None:
            learnt = status.moves[answer] = self._learn(status, answer)
        following, ended, problem = learnt
        if problem is not None:
            raise Broken(move, problem)
        if ended is not None:
            scene = self._end(scene, status, ended, move)
        return Turn(move, scene, following, seen)

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

    def _end(self, scene: Scene, status: Status, ended: Ended, move: Move) -> Scene:
        """Check how an operation ended, and note what must not happen from now on."""
        applied, barred = scene.applied, scene.barred
        task, bit = status.node.task, status.bit
        about = 1 << ended.about if ended.about >= 0 else 0
        judged = Judged(ended, scene.stored, bool(applied & bit), bool(applied & about))
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
        return self._without_marks(self._marked(scene, applied, barred), bit)

    def _without_marks(self, scene: Scene, bit: int) -> Scene:
        """Forget whether an operation was applied, once it cannot be any more."""
        if self._keeps_marks:
            return scene
        for sending in scene.flight:
            if 1 << sending.task.number == bit:
                return scene
        return self._marked(scene, scene.applied & ~bit, scene.barred & ~bit)

    def _apply(self, scene: Scene, sending: Sending, move: Move) -> tuple[Scene, Seen] | None:
        """The store applies a write; None when its condition does not hold."""
        stored = scene.stored
        landing: Landing | None = sending.landings.get(stored)
        if landing is None:
            if not admits(sending, stored):
                return None
            landing = sending.landings[stored] = self._landing(sending, stored)
        past, problem = landing.past(scene.past)
        bit = 1 << sending.task.number
        problem = landing.problem or problem
        if scene.applied & bit:
            problem = "was applied a second time"
        elif scene.barred & bit:
            problem = "was applied after it was sure not to be"
        if problem is not None:
            task = sending.task
            raise Broken(move, f"{task.token} {task.operation.name} {problem}")
        seen = Seen(landing.after, past.holder)
        flight = scene.flight
        if self._ends_a_life(seen):
            flight = tuple(self._aged(sending) for sending in flight)
        flight = self._that_can_land(flight, seen.stored)
        after = self._scene(
            seen.stored, flight, past, scene.applied | bit, scene.barred, scene.faults
        )
        return after, seen

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

    def _all_see(self, statuses: tuple[Status, ...], seen: Seen) -> tuple[Status, ...]:
        """The clients, having seen the object change."""
        for status in statuses:
            if status.begun and (status.unseen or self._has_purge):
                return tuple([self._sees(status, seen) for status in statuses])
        return statuses

    def _sees(self, status: Status, seen: Seen) -> Status:
        """The client, having seen the object change."""
        if not status.begun:
            return status
        if not status.old and self._ends_a_life(seen):
            status = self._changed(status, old=True)
        if not status.unseen:
            return status
        after = status.sights.get(seen)
        if after is None:
            sight = status.sight | status.node.task.sight(seen.stored, seen.holder)
            after = status.sights[seen] = self._changed(status, sight=sight)
        return after

    def _ends_a_life(self, seen: Seen) -> bool:
        """Tell whether a tombstone was written that a purge waits on."""
        member = seen.stored.member
        return self._has_purge and member is not None and member.deleted

    def _resend(self, scene: Scene, status: Status, event: Event, seen: Seen | None = None) -> Turn:
        return Turn(Move(event, status.slot), scene, self._changed(status, resent=True), seen)

    def _launch(self, scene: Scene, sending: Sending, *, old: bool) -> Scene:
        """Put a write under way, unless it can never land."""
        if not admits(sending, scene.stored) and not self._may_recur(sending):
            return scene
        launched = self._aged(sending) if old else sending
        flight = sorted((*scene.flight, launched), key=lambda one: one.number)
        return self._flown(scene, tuple(flight))

    def _aged(self, sending: Sending) -> Sending:
        if sending.old or sending.body is None:
            return sending
        if not sending.older:
            sending.older.append(
                Sending(sending.task, sending.base, sending.body, sending.number + 1, old=True)
            )
        return sending.older[0]

    def _is_past_grace(self, scene: Scene, *, others_are_old: bool) -> bool:
        """Tell whether the tombstone can be so old that nothing from before it goes on."""
        member = scene.stored.member
        if member is None or not member.deleted:
            return False
        if not self._grace:
            return True
        return not others_are_old and not any(sending.old for sending in scene.flight)

    def _crash(self, scene: Scene, status: Status, event: Event, seen: Seen | None = None) -> Turn:
        """The client is gone, and comes back as a new writer that goes on with what is left."""
        restarted = status.restarted
        if restarted is None:
            slot, index = status.slot, status.index + 1
            memory = Frozen(_writer(slot, index))
            restarted, _ = self._enter(slot, index, status.rest, memory)
            status.restarted = restarted
        scene = self._without_marks(scene, status.bit)
        return Turn(Move(event, status.slot), scene, restarted, seen)

    def _clone(
        self,
        scene: Scene,
        statuses: tuple[Status, ...],
        slot: int,
        found: list[tuple[Move, State]],
    ) -> None:
        """The client's memory is restored, in the last slot, before it begins an operation."""
        status, last = statuses[slot], len(statuses) - 1
        if not scene.faults or status.begun or slot == last or statuses[last] is not self._dormant:
            return
        program = (status.node.task.operation.name, *status.rest)
        cloned, _ = self._enter(last, 0, program, status.node.memory)
        found.append((Move(Event.CLONED, slot), (self._poorer(scene), (*statuses[:last], cloned))))

    def _rewrite(self, scene: Scene, found: list[tuple[Move, Scene, Seen | None]]) -> None:
        stored, past = scene.stored, scene.past
        if stored.data is None:
            return
        body = foreign(None if self._constant_rewrites else stored)
        after = self._objects.document(body, None, stored)
        if after is stored:
            return
        past = past.then((None, past.lineages, past.grants), holder=None)
        flight = self._that_can_land(scene.flight, after)
        rewritten = self._scene(after, flight, past, scene.applied, scene.barred, scene.faults - 1)
        found.append((Move(Event.REWRITTEN), rewritten, Seen(after, None)))


def _may_be_old(name: str, stored: Stored) -> bool:
    """Tell whether it matters to the operation that nobody has written for long."""
    if name == "collect":
        return stored.data is not None
    return name == "claim" and stored.member is not None and stored.member.owner is not None


def _writer(slot: int, index: int) -> str:
    """The ID of the process that begins with this operation."""
    return f"w{LETTERS[slot]}{index}"


def _first_index(program: Program) -> int:
    """Programs that differ in a first load only number the rest alike, and so share its steps."""
    return 0 if program[:1] == ("load",) else 1
