"""The clients: real procedures, run one request at a time, each step learned once.

A generator cannot be copied, so a point in an operation is named by the memory it began with and
the answers received since. To go on from there in another way, the operation is run again with
the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bucketpoint.core.effects import (
    Call,
    Clock,
    DeadlinePassed,
    Delete,
    Effect,
    Get,
    ListVersions,
    NewID,
    Put,
    ReadClock,
    Sleep,
    WriterID,
)
from bucketpoint.errors import (
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import IfAbsent, StoredObject, Version
from bucketpoint.testing.explore.memory import NOW, OLD_VERSION, Environment, Frozen, Memory
from bucketpoint.testing.explore.objects import Objects, Stored
from bucketpoint.testing.explore.objects import read_data as read
from bucketpoint.testing.explore.operations import OPERATIONS, perform
from bucketpoint.testing.explore.tasks import Ended, Outcome, Task

__all__ = [
    "IDLE",
    "LETTERS",
    "Aged",
    "Answer",
    "Clients",
    "Node",
    "Program",
    "Sending",
    "Step",
    "new_id",
]

LETTERS = "ABCD"
OPERATIONS_PER_CLIENT = 8
_CLOCK = Clock(elapsed=0.0, now=NOW)

_ERRORS: dict[str, Callable[[], Exception]] = {
    "precondition failed": lambda: PreconditionFailedError("refused"),
    "unknown": lambda: OutcomeUnknownError("no answer"),
    "unavailable": lambda: StoreUnavailableError("not sent"),
    "deadline": DeadlinePassed,
}
"""The answers that are errors, by what stands for them in an exploration."""


@dataclass(frozen=True, slots=True, eq=False)
class Aged:
    """The answer to a read of a state that has not changed for so long."""

    stored: Stored
    age_s: float

    @classmethod
    def of(cls, stored: Stored, age_s: float) -> Aged:
        """The one answer of this age."""
        if age_s not in stored.aged:
            stored.aged[age_s] = cls(stored, age_s)
        aged: Aged = stored.aged[age_s]
        return aged


Answer = Stored | Aged | str | bool
Program = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sending:
    """A write as the store sees it, whoever sends it and however often.

    Attributes:
        task: The operation it belongs to.
        base: The version that must be current; None for absence.
        body: What to store; None to remove the object.
        old: A tombstone has been written since it was sent.
        number: Orders the sendings that are under way.
        landings: What it does to each state, as it becomes known.
        older: The same, once a tombstone has been written.
    """

    task: Task
    base: Version | None
    body: bytes | None
    number: int
    old: bool = False
    landings: dict[Stored, Any] = field(default_factory=dict[Stored, Any])
    older: list[Sending] = field(default_factory=list["Sending"])


@dataclass(frozen=True, slots=True)
class Step:
    """Where one answer takes a client.

    Attributes:
        node: The next request; None when the operation has ended.
        ended: How it ended.
        memory: What the client keeps.
        problem: What is wrong with how it ended, seen from the client alone.
    """

    node: Node | None
    ended: Ended | None = None
    memory: Frozen | None = None
    problem: str | None = None


class Node:
    """A client waiting for the answer to a request of a task."""

    __slots__ = (
        "_alive",
        "answer",
        "bodies",
        "clients",
        "memory",
        "parent",
        "request",
        "sending",
        "slot",
        "steps",
        "task",
    )

    def __init__(
        self, clients: Clients, slot: int, task: Task, memory: Frozen, parent: Node | None
    ) -> None:
        self.clients = clients
        self.slot = slot
        self.task = task
        self.parent = parent
        self.answer: Answer = ""
        self.bodies: tuple[bytes, ...] = parent.bodies if parent is not None else ()
        self.request: Get | Put | Delete | None = None
        self.sending: Sending | None = None
        self.steps: dict[Answer, Step] = {}
        self.memory = memory
        self._alive: _Performance | None = None

    @property
    def is_first(self) -> bool:
        """No answer has been received yet: nobody can tell that the operation has begun."""
        return self.parent is None

    def step(self, answer: Answer) -> Step:
        """Where this answer takes the client."""
        step = self.steps.get(answer)
        if step is None:
            step = self.steps[answer] = self._learn(answer)
        return step

    def wait(self, performance: _Performance, request: Get | Put | Delete) -> None:
        """Make the request."""
        self._alive = performance
        self.request = request
        if isinstance(request, Put):
            self.bodies = (*self.bodies, request.body)
        if not isinstance(request, Get):
            self.sending = self.clients.sending(self.task, request)

    def _learn(self, answer: Answer) -> Step:
        performance = self._revive()
        try:
            request = performance.answer(answer)
        except StopIteration as stop:
            ended: Ended = stop.value
            problem = _problem(self, ended)
            return Step(None, ended, performance.memory.freeze(), problem)
        except Exception as error:  # noqa: BLE001 - whatever comes out is a finding
            problem = f"raised {type(error).__name__}: {error}"
            return Step(None, Ended(Outcome.NOTHING), self.memory, problem)
        following = Node(self.clients, self.slot, self.task, self.memory, self)
        following.answer = answer
        following.wait(performance, request)
        return Step(following)

    def _revive(self) -> _Performance:
        """The operation at this point; run again up to here unless nobody has gone on yet."""
        performance, self._alive = self._alive, None
        if performance is not None:
            return performance
        performance = _Performance(self.clients.environment, self.task, self.memory)
        performance.begin()
        for answer in self._answers():
            performance.answer(answer)
        return performance

    def _answers(self) -> list[Answer]:
        answers: list[Answer] = []
        node = self
        while node.parent is not None:
            answers.append(node.answer)
            node = node.parent
        return answers[::-1]


def _problem(node: Node, ended: Ended) -> str | None:
    """What is wrong with an acknowledgement, by what was sent and what was returned."""
    if ended.outcome is not Outcome.WRITTEN or ended.tokens is None or not node.bodies:
        return None
    stored = node.clients.objects.of_version(ended.version)
    if stored is None:
        return None
    if stored.author != node.task.number:
        return "returned a version that another operation made"
    if stored.data is None or stored.data.tokens != ended.tokens:
        return "returned a checkpoint that is not the one saved"
    return None


def new_id(task: Task, writer: str, drawn: int) -> str:  # noqa: ARG001 - tests of bad IDs use it
    """The random ID that an operation draws: nobody else's, and always the same."""
    return f"{task.token}.{drawn}"


class _Performance:
    """One run of an operation: performs what needs no store, hands out what does."""

    def __init__(self, environment: Environment, task: Task, memory: Frozen) -> None:
        self.memory = Memory(environment, memory)
        self._task = task
        self._generator: Generator[Effect, Any, Ended] = perform(self.memory, task)
        self._request: Get | Put | Delete | None = None
        self._drawn = 0

    def begin(self) -> Get | Put | Delete:
        """Return the first request, or raise `StopIteration`."""
        return self._go_on(next(self._generator))

    def answer(self, answer: Answer) -> Get | Put | Delete:
        """Return the request that follows this answer, or raise `StopIteration`."""
        if isinstance(answer, str):
            return self._go_on(self._generator.throw(_ERRORS[answer]()))
        return self._go_on(self._generator.send(_result(self._request, answer)))

    def _go_on(self, effect: Effect) -> Get | Put | Delete:
        while not isinstance(effect, Get | Put | Delete) or _is_of_old_version(effect):
            try:
                result = self._perform(effect)
            except Exception as error:  # noqa: BLE001 - the user's function may raise anything
                effect = self._generator.throw(error)
            else:
                effect = self._generator.send(result)
        self._request = effect
        return effect

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case NewID():
                self._drawn += 1
                return new_id(self._task, self.memory.writer, self._drawn)
            case WriterID():
                return self.memory.writer
            case ReadClock():
                return _CLOCK
            case Call(function, arguments):
                return function(*arguments)
            case Sleep():
                return None
            case Get() | ListVersions():
                return _history(effect)
            case _:
                msg = f"an exploration cannot perform {type(effect).__name__}"
                raise TypeError(msg)


def _history(effect: Get | ListVersions) -> object:
    """What nobody can change, so that it does not matter when it is read: one old version.

    Nothing that the clients write is kept.
    """
    return OLD_VERSION if isinstance(effect, Get) else []


def _is_of_old_version(request: Get | Put | Delete) -> bool:
    return isinstance(request, Get) and request.version_id is not None


def _result(request: Get | Put | Delete | None, answer: Answer) -> object:
    """The answer as a store returns it."""
    if isinstance(answer, bool | str):
        return answer
    stored, age_s = (answer.stored, answer.age_s) if isinstance(answer, Aged) else (answer, 0.0)
    if isinstance(request, Put) or stored.version is None:
        return stored.version
    served_at = NOW + timedelta(seconds=age_s)
    return StoredObject(stored.body, stored.version, None, NOW, served_at)


IDLE = Task(-1, "-", OPERATIONS["load"])
"""Stands where a client has nothing more to do."""


class Clients:
    """All that is known of what clients do, for one environment."""

    def __init__(self, environment: Environment, objects: Objects) -> None:
        self.environment = environment
        self.objects = objects
        self._begun: dict[object, Node | tuple[Ended, Frozen]] = {}
        self._sendings: dict[object, Sending] = {}
        self._idle = [Node(self, slot, IDLE, Frozen(""), None) for slot in range(len(LETTERS))]

    def begin(
        self, slot: int, index: int, program: Program, memory: Frozen
    ) -> tuple[Node, Program, str | None]:
        """Find the client's next request.

        Args:
            slot: Which client.
            index: How many operations it has done.
            program: The operations it has still to do.
            memory: What it remembers of what it has done.

        Returns:
            The request, the operations after the one it belongs to, and what was wrong with the
            operations that made none.
        """
        while program:
            memory = _prune(memory, program)
            key = (slot, index, program[0], memory)
            begun = self._begun.get(key)
            if begun is None:
                begun = self._begun[key] = self._begin(slot, index, program[0], memory)
            index, program = index + 1, program[1:]
            if isinstance(begun, Node):
                return begun, program, None
            ended, following = begun
            lost = memory.claimed is not None and memory.claimed.ended[0]
            if ended.outcome is not Outcome.NOTHING and not (
                ended.outcome is Outcome.FENCED and lost
            ):
                return self._idle[slot], (), f"{ended.outcome.value} without asking the store"
            memory = following
        return self._idle[slot], (), None

    def _begin(
        self, slot: int, index: int, name: str, memory: Frozen
    ) -> Node | tuple[Ended, Frozen]:
        task = self._task(slot, index, name, memory)
        performance = _Performance(self.environment, task, memory)
        try:
            request = performance.begin()
        except StopIteration as stop:
            ended: Ended = stop.value
            return ended, performance.memory.freeze()
        root = Node(self, slot, task, memory, None)
        root.wait(performance, request)
        return root

    def _task(self, slot: int, index: int, name: str, memory: Frozen) -> Task:
        operation = OPERATIONS[name]
        number = slot * OPERATIONS_PER_CLIENT + index
        token = f"{LETTERS[slot]}{index}"
        held, claimed = memory.held, memory.claimed
        if operation.needs == "version" and memory.version is not None:
            return Task(number, token, operation, self._bodies(memory.version))
        if operation.needs == "held" and held is not None:
            saved = read(held.body)
            seen = self._bodies(held.version) if held.version is not None else None
            return Task(
                number,
                token,
                operation,
                seen,
                held.unsettled,
                tokens=saved.tokens,
                paused=saved.paused,
            )
        if operation.needs == "claimed" and claimed is not None:
            tokens = read(claimed.snapshot.body).tokens
            given = self.objects.of_version(claimed.snapshot.version)
            return Task(
                number,
                token,
                operation,
                claim_number=claimed.number,
                known=claimed.known,
                returned=frozenset({given.data.tokens} if given and given.data else ()),
                tokens=tokens,
            )
        return Task(number, token, operation)

    def _bodies(self, version: Version) -> frozenset[bytes]:
        stored = self.objects.of_version(version)
        return frozenset({stored.body}) if stored is not None else frozenset()

    def sending(self, task: Task, request: Put | Delete) -> Sending:
        """The write that a request makes."""
        body = request.body if isinstance(request, Put) else None
        base = None if isinstance(request.when, IfAbsent) else request.when.version
        key = (task, base, body)
        if key not in self._sendings:
            self._sendings[key] = Sending(task, base, body, 2 * len(self._sendings))
        return self._sendings[key]


def _prune(memory: Frozen, program: tuple[str, ...]) -> Frozen:
    """Forget what no operation to come needs."""
    needed = {OPERATIONS[name].needs for name in program}
    return memory._replace(
        held=memory.held if "held" in needed else None,
        version=memory.version if "version" in needed else None,
        claimed=memory.claimed if "claimed" in needed else None,
        doubt=memory.doubt if "doubt" in needed else None,
    )
