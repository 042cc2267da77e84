"""The search: every state that can be reached, each visited once."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from bucketpoint.core.retry import RetryPolicy
from bucketpoint.core.session import Settings
from bucketpoint.errors import InvalidInputError
from bucketpoint.stores.contract import Capabilities
from bucketpoint.testing.explore.clients import LETTERS, OPERATIONS_PER_CLIENT, Clients
from bucketpoint.testing.explore.memory import Environment
from bucketpoint.testing.explore.objects import Objects
from bucketpoint.testing.explore.operations import OPERATIONS
from bucketpoint.testing.explore.report import script
from bucketpoint.testing.explore.states import (
    NETWORK,
    Broken,
    Event,
    Learnt,
    Move,
    Start,
    State,
)
from bucketpoint.testing.explore.world import World

__all__ = ["Explorer", "Result", "Violation", "explore"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A schedule that breaks an invariant.

    Attributes:
        problem: What is broken.
        schedule: The moves that lead there; `Explorer.replay` takes them.
        script: The same for people: who sent what, what came of it, what was stored then.
    """

    problem: str
    schedule: tuple[Move, ...]
    script: str


@dataclass(frozen=True, slots=True)
class Result:
    """What an exploration found.

    Attributes:
        states: States visited.
        transitions: Moves tried.
        seconds: How long it took.
        violation: The first violation; a shortest one. None when there is none.
    """

    states: int
    transitions: int
    seconds: float
    violation: Violation | None = None


class Explorer:
    """Explores programs, and remembers what clients do, so that the next exploration is faster.

    When the code under test changes, an explorer that has seen the old one is of no use: make a
    new one.

    Args:
        content_versions: Versions derive from the bytes, as ETags on S3; else they are unique, as
            generations on GCS.
        attempts: Write attempts of one operation.
        single_delivery: Clients believe that no request reaches the store twice.
    """

    def __init__(
        self,
        *,
        content_versions: bool = False,
        attempts: int = 2,
        single_delivery: bool = False,
    ) -> None:
        capabilities = Capabilities(
            versions=True,
            conditional_delete=True,
            content_versions=content_versions,
            single_delivery=single_delivery,
        )
        settings = Settings(retry=RetryPolicy(attempts=attempts))
        objects = Objects(content_versions=content_versions)
        self._learnt = Learnt(Clients(Environment(capabilities, settings), objects))

    def world(
        self,
        programs: Sequence[Sequence[str]],
        *,
        faults: int = 2,
        kinds: Iterable[Event] = NETWORK,
        start: Start | str = Start.ABSENT,
        constant_rewrites: bool = False,
        grace: bool = True,
    ) -> World:
        """The world of these programs; the arguments are those of `explore`."""
        _check(programs)
        return World(
            self._learnt,
            tuple(tuple(program) for program in programs),
            start=Start(start),
            faults=faults,
            kinds=frozenset(kinds),
            constant_rewrites=constant_rewrites,
            grace=grace,
        )

    def explore(
        self,
        programs: Sequence[Sequence[str]],
        *,
        faults: int = 2,
        kinds: Iterable[Event] = NETWORK,
        start: Start | str = Start.ABSENT,
        constant_rewrites: bool = False,
        grace: bool = True,
    ) -> Result:
        """Visit every state that these programs can get to.

        Args:
            programs: One sequence of names of operations for each client.
            faults: How many faults there may be.
            kinds: Which faults there may be.
            start: What is stored before the clients begin.
            constant_rewrites: The other program always writes the same bytes, instead of what is
                stored without the reserved member.
            grace: A purge waits until nothing from before the tombstone goes on.

        Returns:
            The counts, and a shortest violation if there is one.
        """
        world = self.world(
            programs,
            faults=faults,
            kinds=kinds,
            start=start,
            constant_rewrites=constant_rewrites,
            grace=grace,
        )
        started = perf_counter()
        with _without_garbage_collection():
            states, transitions, is_broken = _visit_all(world)
            violation = _shortest(world) if is_broken else None
        return Result(states, transitions, perf_counter() - started, violation)


def explore(
    programs: Sequence[Sequence[str]],
    *,
    faults: int = 2,
    kinds: Iterable[Event] = NETWORK,
    start: Start | str = Start.ABSENT,
    content_versions: bool = False,
) -> Result:
    """Visit every state that these programs can get to, with every placement of the faults.

    Args:
        programs: One sequence of names of operations for each client.
        faults: How many faults there may be.
        kinds: Which faults there may be.
        start: What is stored before the clients begin.
        content_versions: Versions derive from the bytes, as ETags on S3.

    Returns:
        The counts, and a shortest violation if there is one.

    Example:
        >>> explore([["save", "update"], ["delete"]], faults=0).violation is None
        True
    """
    explorer = Explorer(content_versions=content_versions)
    return explorer.explore(programs, faults=faults, kinds=kinds, start=start)


def _check(programs: Sequence[Sequence[str]]) -> None:
    if not 1 <= len(programs) < len(LETTERS):
        msg = f"give one to {len(LETTERS) - 1} programs, not {len(programs)}"
        raise InvalidInputError(msg)
    for program in programs:
        if len(program) > OPERATIONS_PER_CLIENT - 2:
            msg = f"a program has at most {OPERATIONS_PER_CLIENT - 2} operations"
            raise InvalidInputError(msg)
        for name in program:
            if name not in OPERATIONS:
                msg = f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}"
                raise InvalidInputError(msg)


@contextmanager
def _without_garbage_collection() -> Generator[None]:
    """A third of the time would go into looking at what is all needed."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _visit_all(world: World) -> tuple[int, int, bool]:
    first = world.initial()
    seen = {first}
    stack = [first]
    transitions = 0
    successors = world.successors
    while stack:
        try:
            following = successors(stack.pop())
        except Broken:
            return len(seen), transitions, True
        transitions += len(following)
        for _, state in following:
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return len(seen), transitions, False


def _shortest(world: World) -> Violation:
    """Search breadth first for a violation that is known to be there."""
    first = world.initial()
    came_from: dict[State, tuple[State, Move] | None] = {first: None}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        try:
            following = world.successors(state)
        except Broken as broken:
            return _violation(came_from, state, broken)
        for move, reached in following:
            if reached not in came_from:
                came_from[reached] = (state, move)
                queue.append(reached)
    msg = "a violation was found once and not again: an operation is not deterministic"
    raise RuntimeError(msg)


def _violation(
    came_from: dict[State, tuple[State, Move] | None],
    state: State,
    broken: Broken,
) -> Violation:
    moves = [broken.move]
    states = [state]
    while (step := came_from[states[-1]]) is not None:
        states.append(step[0])
        moves.append(step[1])
    states.reverse()
    moves.reverse()
    return Violation(broken.problem, tuple(moves), script(states, moves, broken.problem))


def replay(world: World, schedule: Sequence[Move]) -> Violation | None:
    """Make the moves of a schedule again.

    Args:
        world: The world of the programs; `Explorer.world` makes it.
        schedule: The moves.

    Returns:
        The violation that they lead to; None when they lead to none.

    Raises:
        InvalidInputError: A move is not possible where it stands.
    """
    states = [world.initial()]
    for number, move in enumerate(schedule):
        try:
            following = dict(world.successors(states[-1]))
        except Broken as broken:
            if broken.move != move:
                following = {}
            else:
                moves = tuple(schedule[: number + 1])
                return Violation(broken.problem, moves, script(states, moves, broken.problem))
        if move not in following:
            msg = f"move {number + 1} of the schedule, {move}, is not possible there"
            raise InvalidInputError(msg)
        states.append(following[move])
    return None
