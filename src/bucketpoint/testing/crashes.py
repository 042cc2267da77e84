"""Runs a handler once for each place where its process may be killed, and checks what it made."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar, cast

from bucketpoint.aio import AsyncBucketCheckpointer
from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.core.effects import Effect, Sleep
from bucketpoint.deadlines import Deadline
from bucketpoint.errors import BucketpointError, ClaimHeldError, StoreUnavailableError
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    Store,
    StoredObject,
    Version,
)
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.testing.faults import Fault, FaultyStore

__all__ = [
    "Crash",
    "CrashReport",
    "CrashTestError",
    "Killed",
    "Times",
    "World",
    "at_least_once",
    "at_most",
    "crash_everywhere",
    "exactly_once",
]

T = TypeVar("T")


class Killed(BaseException):
    """The process was killed here; `except Exception` does not catch it."""


class CrashTestError(AssertionError):
    """The handler did not survive; the message is the script of what happened."""


class Crash(StrEnum):
    """What happens at one point of a run."""

    BEFORE = "killed before it"
    AFTER = "killed after it"
    LOST_ANSWER = "applied, but the answer is lost"
    CUT_OFF = "cut off from the store; the write lands after the restart"
    """Behind the first read after it."""


@dataclass(frozen=True, slots=True)
class Times:
    """How often an effect may happen in one run, over all lives.

    Attributes:
        least: At least so often.
        most: At most so often; None for any number.
    """

    least: int
    most: int | None

    def __contains__(self, count: int) -> bool:
        """Tell whether so many are allowed."""
        return self.least <= count and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        """Say it in words."""
        return f"at least {self.least}" + ("" if self.most is None else f", at most {self.most}")


exactly_once = Times(1, 1)
at_least_once = Times(1, None)


def at_most(count: int) -> Times:
    """Allow the effect so many times, or fewer."""
    return Times(0, count)


@dataclass(frozen=True, slots=True)
class CrashReport:
    """What was tried without a failure.

    Attributes:
        points: Store requests and effects of the run without a crash.
        runs: How many runs there were, that one included.
    """

    points: int
    runs: int


class World:
    """What one run sees: a store that outlives its workers, and one checkpointer for each life."""

    def __init__(self, store: Store, plan: Mapping[int, Crash], max_requests: int) -> None:
        self._dated = _DatedStore(store, lambda: self.skew)
        self.store = FaultyStore(cast("Store", self._dated), lambda _: self._fault)
        self.max_requests = max_requests
        self.effects: Counter[str] = Counter()
        self.points: list[tuple[Crash, ...]] = []
        self.script: list[str] = []
        self.skew = timedelta(0)
        self.calm = False
        self._plan = plan
        self._fault: Fault | None = None
        self.begin_life()

    def begin_life(self) -> None:
        """Start a new process: a new writer, on the same store."""
        self.life = _Life(self)
        self.checkpointer: BucketCheckpointer = _Checkpointer(self.life)
        self.async_checkpointer: AsyncBucketCheckpointer = _AsyncCheckpointer(self.life)

    def effect(self, name: str, result: Any = None) -> Callable[..., Any]:
        """Return a function that stands for something done outside; it takes any arguments.

        Args:
            name: Under which it is counted.
            result: What the function returns.
        """
        life = self.life

        def happen(*_: object, **__: object) -> Any:
            crash = self.arrive(life, f"effect {name!r}", (Crash.BEFORE, Crash.AFTER))
            self.effects[name] += 1
            if crash is Crash.AFTER:
                life.kill()
            return result

        return happen

    def pass_time(self, by: timedelta) -> None:
        """Let time go by, as before a scheduler calls again; claims expire by it."""
        self.skew += by

    def arrive(self, life: _Life, what: str, possible: tuple[Crash, ...]) -> Crash | None:
        """Note that a life has come to a point; kill it here if the plan says so."""
        life.check_alive()
        if self.calm:
            return None
        self.points.append(possible)
        crash = self._plan.get(len(self.points) - 1)
        self.script.append(f"  {len(self.points):3}. {what}" + (f": {crash}" if crash else ""))
        life.hit = life.hit or crash is not None
        if crash is Crash.BEFORE:
            life.kill()
        return crash

    def write(self, life: _Life, what: str, send: Callable[[], T]) -> T:
        """Carry out a write, as the plan will have it."""
        life.check_connected()
        crash = self.arrive(life, what, tuple(Crash))
        life.cut_off = crash is Crash.CUT_OFF
        self._fault = {Crash.LOST_ANSWER: Fault.LOST_ANSWER, Crash.CUT_OFF: Fault.LATE}.get(
            crash or Crash.BEFORE
        )
        try:
            result = send()
        finally:
            self._fault = None
        if crash is Crash.AFTER:
            life.kill()
        return result

    def read(self, life: _Life, what: str, send: Callable[[], T]) -> T:
        """Carry out a read; what a dead worker sent lands behind the first read of the next one."""
        life.check_connected()
        self.arrive(life, what, (Crash.BEFORE,))
        result = send()
        if self.store.held:
            self.script.append(f"       the late write lands: {', '.join(self.store.release())}")
        return result

    def dated(self, found: StoredObject | None) -> StoredObject | None:
        """Return the object with times by the world's clock, which is moved and never waited for."""
        if found is None:
            return None
        written = self._dated.written.get(found.version, timedelta(0))
        return replace(
            found,
            modified_at=found.modified_at + written,
            served_at=found.served_at + self.skew,
        )


class _DatedStore:
    """Notes at which time of the world a write lands, be its answer lost or the write late."""

    def __init__(self, store: Store, clock: Callable[[], timedelta]) -> None:
        self._store = store
        self._clock = clock
        self.written: dict[Version, timedelta] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = self._store.put(key, body, when=when, timeout=timeout)
        self.written[version] = self._clock()
        return version


class _EndlessError(BaseException):
    """One life makes request after request; `except Exception` does not catch it."""


class _Life:
    """The store as one process sees it; once killed it sends nothing any more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests = 0
        self.dead = self.cut_off = self.hit = False

    def kill(self) -> None:
        self.dead = True
        raise Killed

    def check_alive(self) -> None:
        if self.dead:
            raise Killed
        self._requests += 1
        if self._requests > self._world.max_requests:
            raise _EndlessError

    def check_connected(self) -> None:
        """A request of a worker that is cut off is no point: it reaches nothing."""
        self.check_alive()
        if self.cut_off:
            msg = "this worker was cut off from the store, on purpose"
            raise StoreUnavailableError(msg)

    def sleep(self, seconds: float) -> None:
        """Move the world's clock instead of waiting."""
        self.check_alive()
        self._world.skew += timedelta(seconds=seconds)

    @property
    def url(self) -> str:
        return self._world.store.url

    @property
    def capabilities(self) -> Capabilities:
        return self._world.store.capabilities

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        store = self._world.store
        found = self._world.read(
            self, f"get {key!r}", lambda: store.get(key, version_id=version_id, timeout=timeout)
        )
        return self._world.dated(found)

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        store = self._world.store
        return self._world.write(
            self, f"put {key!r}", lambda: store.put(key, body, when=when, timeout=timeout)
        )

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        store = self._world.store
        return self._world.write(
            self, f"delete {key!r}", lambda: store.delete(key, when=when, timeout=timeout)
        )

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        store = self._world.store
        yield from self._world.read(
            self,
            f"list {prefix!r}",
            lambda: [*store.list(prefix, start_after=start_after, limit=limit, timeout=timeout)],
        )

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        store = self._world.store
        yield from self._world.read(
            self, f"list versions {key!r}", lambda: [*store.list_versions(key, timeout=timeout)]
        )

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        store = self._world.store
        self._world.write(
            self,
            f"delete version {key!r}",
            lambda: store.delete_version(key, version_id, timeout=timeout),
        )

    def close(self) -> None:
        """Do nothing: the store outlives the worker."""


class _Checkpointer(BucketCheckpointer):
    def _perform(self, effect: Effect, deadline: Deadline) -> Any:
        if isinstance(effect, Sleep):
            return cast("_Life", self._store).sleep(effect.at_most)
        return super()._perform(effect, deadline)


class _AsyncCheckpointer(AsyncBucketCheckpointer):
    async def _perform(self, effect: Effect, deadline: Deadline) -> Any:
        if isinstance(effect, Sleep):
            return cast("_Life", self._store).sleep(effect.at_most)
        return await super()._perform(effect, deadline)


Run = Callable[[World], object]
"""One life of the worker; may be `async def`. Called again until it returns."""


@dataclass(frozen=True, slots=True)
class _Trial:
    run: Run
    check: Callable[[World], object]
    effects: Mapping[str, Times]
    make_store: Callable[[], Store]
    max_lives: int
    max_requests: int
    restart_after: timedelta

    def carry_out(self, plan: Mapping[int, Crash]) -> World:
        """Make one run with these crashes and check it; raise its script if it failed."""
        world = World(self.make_store(), plan, self.max_requests)
        for life in range(1, self.max_lives + 1):
            world.script.append(f"life {life}:")
            if self._live(world):
                self._check(world)
                return world
            world.skew += self.restart_after
            world.begin_life()
        raise _failed(world, f"the handler did not finish in {self.max_lives} lives")

    def _live(self, world: World) -> bool:
        """Tell whether the life came to its end; the errors that a crash brings about end it."""
        try:
            result = self.run(world)
            if inspect.isawaitable(result):
                asyncio.run(_awaited(result))
        except Killed:
            return False
        except _EndlessError as error:
            msg = f"one life made more than {self.max_requests} requests"
            raise _failed(world, msg) from error
        except ClaimHeldError as held:
            world.skew += timedelta(seconds=held.remaining_s)
            world.script.append(f"       raised {held!r}")
            return False
        except Exception as error:
            if world.life.hit and _follows_from_a_fault(error):
                world.script.append(f"       raised {error!r}")
                return False
            if world.life.dead:
                return False
            raise _failed(world, f"the handler raised {error!r}") from error
        return not world.life.dead

    def _check(self, world: World) -> None:
        world.calm = True
        world.script.append("finished")
        for name, times in self.effects.items():
            if world.effects[name] not in times:
                msg = f"effect {name!r} happened {world.effects[name]} times, expected {times}"
                raise _failed(world, msg)
        world.begin_life()
        try:
            self.check(world)
        except Exception as error:
            raise _failed(world, f"the check raised {error!r}") from error


def _follows_from_a_fault(error: BaseException | None) -> bool:
    """Tell whether it is an error of the library, or was raised because of one."""
    while error is not None:
        if isinstance(error, (BucketpointError, Killed)):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _awaited(result: Awaitable[T]) -> T:
    return await result


def _failed(world: World, problem: str) -> CrashTestError:
    counts = ", ".join(f"{name!r}: {count}" for name, count in sorted(world.effects.items()))
    lines = [problem, *world.script, f"effects: {counts or 'none'}"]
    return CrashTestError("\n".join(lines))


def crash_everywhere(
    run: Run,
    *,
    check: Callable[[World], object],
    effects: Mapping[str, Times] | None = None,
    make_store: Callable[[], Store] = MemoryStore,
    depth: int = 1,
    max_lives: int = 10,
    max_requests: int = 10_000,
    restart_after: timedelta = timedelta(hours=1),
) -> CrashReport:
    """Kill a handler at each store request and each effect, restart it, and check the result.

    Nothing really waits: a checkpointer's sleeps and the time between lives move the world's clock,
    by which claims expire. The handler's own clocks are left as they are.

    Args:
        run: One life of the worker, which may be `async def`; called again until it returns.
        check: Called at the end of each run; raises when the result is wrong.
        effects: How often each effect may happen in one run.
        make_store: Makes an empty store for each run.
        depth: Crashes in one run at most.
        max_lives: A run that has not finished after so many has failed.
        max_requests: Requests and effects of one life; a life that wants more has failed.
        restart_after: Time between two lives, so that a dead worker's claim has expired.

    Returns:
        How much was tried.

    Raises:
        CrashTestError: A run failed; the message tells what happened in it.

    Example:
        >>> from bucketpoint import Checkpoint
        >>> def run(world):
        ...     world.effect("send email")()
        ...     world.checkpointer.save_checkpoint(Checkpoint(execution_id="A-1"))
        >>> report = crash_everywhere(
        ...     run,
        ...     check=lambda world: world.checkpointer.load_checkpoint("A-1"),
        ...     effects={"send email": at_least_once},
        ... )
        >>> report.runs > report.points
        True
    """
    trial = _Trial(run, check, effects or {}, make_store, max_lives, max_requests, restart_after)
    first = trial.carry_out({})
    runs = 1 + _explore(trial, first, {}, depth)
    return CrashReport(len(first.points), runs)


def _explore(trial: _Trial, world: World, plan: Mapping[int, Crash], depth: int) -> int:
    """Add one crash behind the last one, in every way; return how many runs that took."""
    if depth == 0:
        return 0
    runs = 0
    for point in range(max(plan, default=-1) + 1, len(world.points)):
        for crash in world.points[point]:
            longer = {**plan, point: crash}
            runs += 1 + _explore(trial, trial.carry_out(longer), longer, depth - 1)
    return runs
