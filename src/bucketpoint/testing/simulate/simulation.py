"""One run: a heap of events in virtual time, and the processes that they wake.

A process is a workload that has yielded an operation, whose procedure has yielded an effect. The
effects are those of `bucketpoint.core.effects`, performed as the shipped drivers perform them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.drive import drive
from bucketpoint.core.effects import (
    Call,
    Clock,
    DeadlinePassed,
    Delete,
    Effect,
    Get,
    NewID,
    Put,
    ReadClock,
    Sleep,
    WriterID,
)
from bucketpoint.core.save import save
from bucketpoint.core.session import Session, Settings
from bucketpoint.errors import BucketpointError, OutcomeUnknownError, StoreUnavailableError
from bucketpoint.testing.simulate.clients import (
    Client,
    Operation,
    Pause,
    Step,
    Workload,
)
from bucketpoint.testing.simulate.plan import (
    EPOCH,
    Fault,
    FaultKind,
    Faults,
    Latency,
    Plan,
    Point,
    drawn_at,
)
from bucketpoint.testing.simulate.promises import Promises
from bucketpoint.testing.simulate.records import Broken, Ending, Record
from bucketpoint.testing.simulate.store import SimulatedStore, describe, unanswered, unsent

__all__ = ["Counts", "Setup", "Simulation"]

URL = "simulated://"
_ROUND = 100
"""Operations are numbered from a multiple of this in each round."""

Request = Get | Put | Delete
_GIVEN_UP = frozenset({FaultKind.LOST_ANSWER, FaultKind.LATE})
_DELAYED = frozenset({FaultKind.LATE, FaultKind.RESENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a simulation is made of, but for its schedule; see `simulate`."""

    workload: Workload
    clients: int
    latency: Latency
    faults: Faults
    duration: timedelta
    timeout: tuple[float, float]
    settings: Settings
    start: tuple[Checkpoint, ...]


@dataclass(slots=True)
class Counts:
    """What happened, in numbers.

    Attributes:
        operations: Operations that began, each try of a claim that waits among them.
        acknowledged: Those that returned.
        refused: Those that raised, and are not applied.
        unknown: Those of which their callers cannot tell.
        requests: Requests that were made.
        conflicts: Those that the store refused, for their condition did not hold.
        throttled: Those that got a 429.
        virtual_seconds: When the last thing happened.
        slowest_s: Virtual seconds that the slowest operation took.
        by_client: Acknowledged operations of each client.

    Example:
        >>> Counts(operations=3, acknowledged=2, unknown=1).refused
        0
    """

    operations: int = 0
    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    requests: int = 0
    conflicts: int = 0
    throttled: int = 0
    virtual_seconds: float = 0.0
    slowest_s: float = 0.0
    by_client: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True, eq=False)
class _Process:
    """One life of a client.

    Attributes:
        frozen_s: What its monotonic clock lags behind.
        wall_offset_s: What its wall clock is ahead.
        cut_off_until_s: When the store can be reached again.
    """

    client: Client
    number: int
    life: int
    workload: Generator[Step, Any, None]
    frozen_s: float = 0.0
    wall_offset_s: float = 0.0
    cut_off_until_s: float = 0.0
    alive: bool = True
    ticket: int = 0
    drawn: int = 0
    running: _Running | None = None


@dataclass(slots=True, eq=False)
class _Running:
    """An operation that goes on.

    Attributes:
        caller: The operation that waits for this one.
        last_call_s: What the last operation that it called might take.
    """

    record: Record
    procedure: Generator[Effect, Any, Any]
    allowed_s: float
    began_s: float
    caller: _Running | None = None
    last_call_s: float = 0.0
    requests: int = 0
    sleeps: int = 0


class Simulation:
    """Runs one plan once.

    Args:
        setup: What is simulated.
        plan: The schedule.

    Attributes:
        lines: The trace.
        counts: What happened, in numbers.
        records: All operations.
        faults: All that went wrong.
        rounds: When each round began: client, round, virtual seconds.
        broken: The promise that did not hold, if one did not.
    """

    def __init__(self, setup: Setup, plan: Plan) -> None:
        self.lines: list[str] = []
        self.counts = Counts(by_client=dict.fromkeys(range(setup.clients), 0))
        self.records: list[Record] = []
        self.faults: list[Fault] = []
        self.rounds: list[tuple[int, int, float]] = []
        self.broken: Broken | None = None
        self._setup = setup
        self._plan = plan
        self._planned = {fault.at: fault for fault in plan.faults or ()}
        self._promises = Promises(setup.settings.retry.attempts)
        self._store = SimulatedStore(setup.latency, self._promises)
        self._end_s = setup.duration.total_seconds()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._now = 0.0
        self._numbers = [0] * setup.clients
        self._rounds = [0] * setup.clients
        self._planned_rounds = {(client, which): at_s for client, which, at_s in plan.rounds}
        self._errors: dict[str, Record] = {}
        self._last_kept = _last_kept(plan.operations)

    @property
    def schedule(self) -> Plan:
        """What has been run, as a plan of its own."""
        operations = frozenset((one.client, one.number) for one in self.records)
        return Plan(self._plan.seed, tuple(self.faults), operations, tuple(self.rounds))

    def run(self) -> Simulation:
        """Run to the end, or to the first promise that is broken."""
        session = self._session()
        for checkpoint in self._setup.start:
            own = Checkpoint.from_document(checkpoint.to_document())  # the user's stays as it is
            drive(save(session, own, overwrite=True), self._perform_at_first)
        for number in range(self._setup.clients):
            if self._last_kept is None or number in self._last_kept:
                self._at(0.0, partial(self._begin_process, number, 0))
        try:
            while self._heap:
                self._now, _, event = heapq.heappop(self._heap)
                event()
            for execution_id in sorted({one.operation.execution_id for one in self.records}):
                key = session.target(execution_id).key
                self._promises.left(execution_id, self._store.stored(key))
        except Broken as broken:
            self.broken = broken
            self._trace(f"=> {broken.problem}")
        self.counts.virtual_seconds = self._now
        return self

    def _perform_at_first(self, effect: Effect) -> object:
        """What is stored before the first client begins was saved by a writer of its own."""
        match effect:
            case NewID() | WriterID():
                self._scheduled += 1
                return f"start-{self._scheduled}"
            case ReadClock():
                return Clock(0.0, EPOCH)
            case Put(key, body):
                return self._store.put_at_first(key, body)
            case _:
                return None

    # --- time -----------------------------------------------------------------------------------

    def _at(self, time_s: float, event: Callable[[], None]) -> None:
        self._scheduled += 1
        heapq.heappush(self._heap, (time_s, self._scheduled, event))

    def _wake(self, process: _Process, after_s: float, event: Callable[[], None]) -> None:
        """Let something happen inside a process, unless it is dead then, or has moved on."""
        process.ticket += 1
        ticket = process.ticket

        def wake() -> None:
            if process.alive and process.ticket == ticket:
                event()

        self._at(self._now + after_s, wake)

    def _elapsed(self, process: _Process) -> float:
        return self._now - process.frozen_s

    def _trace(self, line: str) -> None:
        self.lines.append(f"{self._now:12.6f}  {line}")

    # --- processes ------------------------------------------------------------------------------

    def _session(self) -> Session:
        return Session(URL, self._setup.latency.capabilities, self._setup.settings)

    def _begin_process(self, number: int, life: int) -> None:
        session = self._session()
        chance = drawn_at(self._plan.seed, number, life)
        client = Client(number, session, chance, _life=life)
        process = _Process(client, number, life, self._setup.workload(client))
        self._go_on(process, lambda: next(process.workload))

    def _go_on(self, process: _Process, advance: Callable[[], Step]) -> None:
        """Let the workload run to its next step."""
        try:
            step = advance()
        except StopIteration:
            process.alive = False
            return
        except BucketpointError as error:
            process.alive = False
            self._trace(f"c{process.number} ends: {error.kind.value} was not caught")
            return
        if self._now >= self._end_s:
            process.alive = False
            process.workload.close()
            return
        if isinstance(step, Operation):
            self._begin(process, step)
            return
        seconds = step.seconds if isinstance(step, Pause) else self._until_round(process)
        self._wake(
            process, seconds, lambda: self._go_on(process, lambda: process.workload.send(None))
        )

    def _until_round(self, process: _Process) -> float:
        """Make the client ready for its next round; returns in how many seconds that begins."""
        client = process.client
        which = client.number, self._rounds[client.number] + 1
        self._rounds[client.number] += 1
        self._numbers[client.number] = max(self._numbers[client.number], _ROUND * which[1])
        client.random = drawn_at(self._plan.seed, "round", *which)
        begins_s = max(self._now, self._planned_rounds.get(which, 0.0))
        self.rounds.append((*which, begins_s))
        return begins_s - self._now

    def _begin(self, process: _Process, operation: Operation) -> None:
        number = self._numbers[process.number]
        self._numbers[process.number] += 1
        kept, name = self._plan.operations, (process.number, number)
        if kept is not None and name not in kept:
            self._leave_out(process, number)
        else:
            self._start(process, operation, number)

    def _start(
        self,
        process: _Process,
        operation: Operation,
        number: int,
        caller: _Running | None = None,
    ) -> None:
        """Begin an operation; one that is part of another counts its requests on from there."""
        record = Record(process.number, number, operation, self._now)
        self.records.append(record)
        self.counts.operations += 1
        self._promises.begun(record)
        running = _Running(
            record, operation.begin(), self._allowed(record), self._elapsed(process), caller
        )
        if caller is not None:
            running.requests, running.sleeps = caller.requests, caller.sleeps
            caller.last_call_s = running.allowed_s
        process.running = running
        self._trace(f"{record}")
        self._step(process, None)

    def _allowed(self, record: Record) -> float:
        """How many seconds the operation may take, by any order of magnitude alike."""
        if record.operation.timeout is not None:
            return record.operation.timeout
        at_least, at_most = self._setup.timeout
        if at_least == at_most:
            return at_most
        chance = drawn_at(self._plan.seed, record.client, record.number, "timeout")
        return at_most * math.pow(at_least / at_most, chance.random())

    def _leave_out(self, process: _Process, number: int) -> None:
        """An operation that is not of the schedule fails as if the store could not be reached."""
        if self._last_kept is not None and number > self._last_kept[process.number]:
            process.alive = False
            process.workload.close()
            return
        error = StoreUnavailableError("left out of the schedule")
        self._wake(process, self._setup.latency.read_s[1], lambda: self._tell(process, error))

    def _tell(self, process: _Process, result: object) -> None:
        """Give what an operation came to to who called it: another operation, or the workload."""
        if process.running is not None:
            self._step(process, result)
        elif isinstance(result, Exception):
            self._go_on(process, lambda: process.workload.throw(result))
        else:
            self._go_on(process, lambda: process.workload.send(result))

    def _crash(self, process: _Process) -> None:
        running = process.running
        process.alive = False
        process.workload.close()
        while running is not None:
            running.procedure.close()
            running.record.ending = Ending.DIED
            running.record.ended_s = self._now
            self._trace(f"{running.record}: {Ending.DIED.value}")
            running = running.caller
        number, life = process.number, process.life + 1
        if self._now < self._end_s:
            after_s = self._setup.faults.restart_s
            self._at(self._now + after_s, lambda: self._begin_process(number, life))

    # --- operations -----------------------------------------------------------------------------

    def _step(self, process: _Process, answer: object) -> None:
        """Give the procedure an answer, and perform what needs no time until it waits or ends."""
        running = process.running
        assert running is not None, "only an operation that goes on gets an answer"
        while True:
            try:
                if isinstance(answer, Exception):
                    effect = running.procedure.throw(answer)
                else:
                    effect = running.procedure.send(answer)
            except StopIteration as stop:
                self._ended(process, running, stop.value)
                return
            except Exception as error:  # noqa: BLE001 - the caller's, whatever it is
                self._ended(process, running, error)
                return
            if isinstance(effect, Get | Put | Delete | Sleep):
                if self._begin_waiting(process, running, effect):
                    return
                answer = DeadlinePassed()
            else:
                answer = self._perform(process, effect)
            if isinstance(answer, Operation):
                self._start(process, answer, running.record.number, running)
                return

    def _perform(self, process: _Process, effect: Effect) -> object | Exception:
        match effect:
            case NewID():
                process.drawn += 1
                return f"c{process.number}.{process.life}-{process.drawn}"
            case WriterID():
                return f"c{process.number}.{process.life}"
            case ReadClock():
                wall_s = self._now + process.wall_offset_s
                return Clock(self._elapsed(process), EPOCH + timedelta(seconds=wall_s))
            case Call(function, arguments):
                try:
                    result: object = function(*arguments)
                except Exception as error:  # noqa: BLE001 - the procedure handles what users raise
                    return error
                return result
            case _:
                msg = f"a simulation cannot perform {type(effect).__name__}"
                raise TypeError(msg)

    def _remaining(self, process: _Process, running: _Running) -> float:
        return running.began_s + running.allowed_s - self._elapsed(process)

    def _begin_waiting(self, process: _Process, running: _Running, effect: Request | Sleep) -> bool:
        """Send or sleep; False when the deadline leaves no time for it, as in the drivers."""
        remaining = self._remaining(process, running)
        if isinstance(effect, Sleep):
            running.sleeps += 1
            name = (running.record.client, running.record.number, "sleep", running.sleeps)
            seconds = drawn_at(self._plan.seed, *name).uniform(effect.at_least, effect.at_most)
            if seconds >= remaining:
                return False
            self._wake(process, seconds, lambda: self._step(process, None))
            return True
        if remaining <= 0:
            return False
        self._send(process, running, effect, remaining)
        return True

    def _ended(self, process: _Process, running: _Running, result: object) -> None:
        record = running.record
        process.running = caller = running.caller
        if caller is not None:
            caller.requests, caller.sleeps = running.requests, running.sleeps
        record.ended_s = self._now
        match result:
            case OutcomeUnknownError():
                record.ending = Ending.UNKNOWN
                self.counts.unknown += 1
                # The first to raise it is who wrote; others pass it on.
                self._errors.setdefault(_operation_id(result), record)
            case Exception():
                record.ending = Ending.REFUSED
                self.counts.refused += 1
            case _:
                record.ending = Ending.ACKNOWLEDGED
                self.counts.acknowledged += 1
                self.counts.by_client[record.client] += 1
        self.counts.slowest_s = max(self.counts.slowest_s, record.ended_s - record.begun_s)
        why = f" ({type(result).__name__})" if isinstance(result, Exception) else ""
        self._trace(f"{record}: {record.ending.value}{why}")
        self._promises.ended(record, result)
        taken_s = self._elapsed(process) - running.began_s
        self._promises.outlasted(record, taken_s, running.allowed_s + running.last_call_s)
        about = record.operation.about
        if about is not None and isinstance(result, bool):
            self._promises.settled(self._errors[_operation_id(about)], landed=result)
        self._tell(process, result)

    # --- the network ----------------------------------------------------------------------------

    def _send(
        self, process: _Process, running: _Running, request: Request, remaining: float
    ) -> None:
        """Put a request on its way, and let go wrong what the plan says."""
        record = running.record
        at = (record.client, record.number, running.requests)
        running.requests += 1
        self._count(record, request)
        chance = drawn_at(self._plan.seed, *at)
        took = self._setup.latency.draw(request, chance)
        fault = self._fault(process, at, chance)
        kind = fault.kind if fault is not None else None
        seconds = fault.seconds if fault is not None else 0.0
        if fault is not None:
            far = f" ({seconds:.3f} s)" if seconds else ""
            self._trace(f"{record}: {_named(request)} {fault.kind.value}{far}")
        if kind is FaultKind.CRASH_BEFORE:
            self._crash(process)
            return
        if kind is FaultKind.CLOCK_JUMP:
            process.wall_offset_s += seconds
        if kind is FaultKind.CUT_OFF:
            process.cut_off_until_s = self._now + seconds
        frozen = seconds if kind is FaultKind.FREEZE else 0.0
        process.frozen_s += frozen
        answer = self._answer(record, request, fault, self._now + frozen + took / 2)
        if kind is FaultKind.CRASH_AFTER:
            self._wake(process, took, lambda: self._crash(process))
        elif took <= remaining:
            self._wake(process, frozen + took, lambda: self._step(process, answer()))
        else:
            self._wake(
                process,
                frozen + remaining,
                lambda: self._step(process, unanswered(request, "no answer")),
            )

    def _answer(
        self, record: Record, request: Request, fault: Fault | None, arrives_s: float
    ) -> Callable[[], object]:
        """Let the request reach the store, or not; returns what tells the answer later."""
        kind = fault.kind if fault is not None else None
        seconds = fault.seconds if fault is not None else 0.0
        if kind in {FaultKind.NEVER_SENT, FaultKind.CUT_OFF}:
            return lambda: unsent(request, resent=False)
        if kind is FaultKind.THROTTLED:
            self.counts.throttled += 1
            return lambda: unanswered(request, "429", throttled=True)
        answers: list[object] = []

        def arrive() -> None:
            answers.append(self._arrived(record, request))

        writes = not isinstance(request, Get)
        self._at(arrives_s + (seconds if kind in _DELAYED else 0.0), arrive)
        if kind is FaultKind.DUPLICATE and writes:
            self._at(arrives_s, arrive)
        if kind is FaultKind.LATE_DUPLICATE and writes:
            self._at(arrives_s + seconds, arrive)
        if kind is FaultKind.RESENT:
            return lambda: unsent(request, resent=True)
        if kind in _GIVEN_UP:
            return lambda: unanswered(request, "no answer")
        last = kind is FaultKind.DUPLICATE and writes
        return lambda: answers[1 if last else 0]

    def _arrived(self, record: Record, request: Request) -> object:
        try:
            answer = self._store.perform(request, record, self._now)
        except Broken:
            self._trace(f"{record}: {_named(request)} applied")
            raise
        if isinstance(answer, OutcomeUnknownError):
            self.counts.throttled += 1
        elif isinstance(answer, Exception):
            self.counts.conflicts += 1
        said = describe(answer, self._store, request.key)
        self._trace(f"{record}: {_named(request)} {said}")
        return answer

    def _fault(self, process: _Process, at: Point, chance: Random) -> Fault | None:
        """What goes wrong at this request, by the plan or because of what went wrong before."""
        if self._now < process.cut_off_until_s:
            return Fault(at, FaultKind.NEVER_SENT)
        if self._plan.faults is not None:
            fault = self._planned.get(at)
        else:
            fault = self._setup.faults.draw(at, chance)
        if fault is not None:
            self.faults.append(fault)
        return fault

    def _count(self, record: Record, request: Request) -> None:
        self.counts.requests += 1
        if isinstance(request, Get):
            record.reads += 1
        else:
            record.writes += 1


def _named(request: Request) -> str:
    attempt = f" #{request.attempt}" if isinstance(request, Put) else ""
    return type(request).__name__.upper() + attempt


def _operation_id(error: OutcomeUnknownError) -> str:
    return str(getattr(error.evidence, "operation", "?"))


def _last_kept(operations: Iterable[tuple[int, int]] | None) -> dict[int, int] | None:
    """The last operation that each client performs."""
    if operations is None:
        return None
    last: dict[int, int] = {}
    for client, number in operations:
        last[client] = max(number, last.get(client, -1))
    return last
