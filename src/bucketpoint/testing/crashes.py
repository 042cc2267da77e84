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
from bucketpoint.errors import (
    BucketpointError,
    ClaimHeldError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
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
    """The process was killed here; `except Exception` does not catch it.

    Example:
        >>> issubclass(Killed, Exception)
        False
    """


class CrashTestError(AssertionError):
    """The handler did not survive; the message is the script of what happened."""


class Crash(StrEnum):
    """What happens at one point of a run."""

    BEFORE = "killed before it"
    AFTER = "killed after it"
    LOST_ANSWER = "applied, but the answer is lost"
    CUT_OFF = "cut off from the store before the write gets there"
    LATE = "cut off from the store; the write lands after the restart"
    """Behind the first read after it, at the latest before the check."""


_FAULTS = {Crash.LOST_ANSWER: Fault.LOST_ANSWER, Crash.LATE: Fault.LATE}


@dataclass(frozen=True, slots=True)
class Times:
    """How often an effect may happen in one run, over all lives.

    Attributes:
        least: At least so often.
        most: At most so often; None for any number.

    Example:
        >>> 3 in Times(1, 2), str(Times(1, 2))
        (False, 'at least 1, at most 2')
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
"""An effect that must not be repeated: no worker may die between it and its record."""

at_least_once = Times(1, None)
"""An effect that may be repeated: all that a worker can promise of the world outside."""


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
    """What a handler and a check see of one run: a store, and what happens outside of it.

    Example:
        >>> from bucketpoint import Checkpoint
        >>> def run(world: World) -> None:
        ...     world.checkpointer.save_checkpoint(Checkpoint(execution_id="A-1"))
        ...     world.effect("send email")("ada@example.com")
        >>> crash_everywhere(
        ...     run, check=lambda world: world.checkpointer.load_checkpoint("A-1")
        ... ).points
        3
    """

    def __init__(self, run: _Run) -> None:
        self._run = run

    @property
    def checkpointer(self) -> BucketCheckpointer:
        """This life's checkpointer: another writer than those of earlier lives."""
        return self._run.life.checkpointer

    @property
    def async_checkpointer(self) -> AsyncBucketCheckpointer:
        """The same for asyncio."""
        return self._run.life.async_checkpointer

    @property
    def store(self) -> FaultyStore:
        """The store, which outlives the workers; what is done to it directly is no request."""
        return self._run.store

    @property
    def effects(self) -> Counter[str]:
        """How often each effect has happened so far, in all lives."""
        return self._run.effects

    @property
    def script(self) -> str:
        """What has happened so far, a line each."""
        return "\n".join(self._run.script)

    def effect(self, name: str, result: Any = None) -> Callable[..., Any]:
        """Return a function that stands for something done outside; it takes any arguments.

        Args:
            name: Under which it is counted.
            result: What the function returns.
        """
        return self._run.effect(name, result)

    def pass_time(self, by: timedelta) -> None:
        """Let time go by, as before a scheduler calls again; claims expire by it."""
        self._run.clock += by


class _Run:
    """The machine behind a world: counts requests and effects, and lets the planned ones go wrong.

    Attributes:
        points: What could have gone wrong at each request and effect so far.
        clock: How far the world's clock has been moved; nobody ever waits.
        calm: Nothing goes wrong any more: the check is looking.
    """

    def __init__(self, store: Store, plan: Mapping[int, Crash], max_requests: int) -> None:
        self.clock = timedelta(0)
        self._dated = _DatedStore(store, lambda: self.clock)
        self.store = FaultyStore(cast("Store", self._dated), lambda _: self._fault)
        self.effects: Counter[str] = Counter()
        self.points: list[tuple[Crash, ...]] = []
        self.script: list[str] = []
        self.calm = False
        self._plan = plan
        self._max_requests = max_requests
        self._fault: Fault | None = None
        self.world = World(self)
        self.begin_life()

    def begin_life(self) -> None:
        """Start a new process: a new writer, on the same store."""
        self.life = _Life(self, self._max_requests)

    def effect(self, name: str, result: Any) -> Callable[..., Any]:
        life = self.life

        def happen(*_: object, **__: object) -> Any:
            life.begin_request()
            crash = self._arrive(life, f"effect {name!r}", (Crash.BEFORE, Crash.AFTER))
            self.effects[name] += 1
            if crash is Crash.AFTER:
                life.kill()
            return result

        return happen

    def write(self, life: _Life, what: str, send: Callable[[], T]) -> T:
        """Carry out a write, as the plan will have it."""
        life.begin_store_request()
        crash = self._arrive(life, what, tuple(Crash))
        if crash in {Crash.CUT_OFF, Crash.LATE}:
            life.is_cut_off = True
        if crash is Crash.CUT_OFF:
            msg = "this worker was cut off from the store in the middle of a write, on purpose"
            raise OutcomeUnknownError(msg)
        self._fault = _FAULTS.get(crash) if crash is not None else None
        try:
            result = send()
        finally:
            self._fault = None
        if crash is Crash.AFTER:
            life.kill()
        return result

    def read(self, life: _Life, what: str, send: Callable[[], T]) -> T:
        """Carry out a read; what a dead worker sent lands behind the first read of the next one."""
        life.begin_store_request()
        self._arrive(life, what, (Crash.BEFORE,))
        result = send()
        self.land_late_writes()
        return result

    def land_late_writes(self) -> None:
        """Let what was sent by workers that were cut off reach the store now."""
        if self.store.held:
            self.script.append(f"       the late write lands: {', '.join(self.store.release())}")

    def dated(self, key: str, found: StoredObject | None) -> StoredObject | None:
        """Return the object with times by the world's clock."""
        if found is None:
            return None
        written = self._dated.written.get((key, found.version), timedelta(0))
        return replace(
            found,
            modified_at=found.modified_at + written,
            served_at=found.served_at + self.clock,
        )

    def _arrive(self, life: _Life, what: str, possible: tuple[Crash, ...]) -> Crash | None:
        """Note that a life has come to a point; kill it here if the plan says so."""
        if self.calm:
            return None
        self.points.append(possible)
        crash = self._plan.get(len(self.points) - 1)
        self.script.append(f"  {len(self.points):3}. {what}" + (f": {crash}" if crash else ""))
        life.was_hit = life.was_hit or crash is not None
        if crash is Crash.BEFORE:
            life.kill()
        return crash


class _DatedStore:
    """Notes at which time of the world a write lands, be its answer lost or the write late."""

    def __init__(self, store: Store, clock: Callable[[], timedelta]) -> None:
        self._store = store
        self._clock = clock
        self.written: dict[tuple[str, Version], timedelta] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = self._store.put(key, body, when=when, timeout=timeout)
        self.written[key, version] = self._clock()
        return version


class _EndlessError(BaseException):
    """One life makes request after request; `except Exception` does not catch it."""


class _Life:
    """The store as one process sees it; once killed it sends nothing any more."""

    def __init__(self, run: _Run, max_requests: int) -> None:
        self._run = run
        self._left = max_requests
        self.is_dead = self.is_cut_off = self.was_hit = False
        self.checkpointer: BucketCheckpointer = _Checkpointer(self)
        self.async_checkpointer: AsyncBucketCheckpointer = _AsyncCheckpointer(self)

    def kill(self) -> None:
        """End this life, here."""
        self.is_dead = True
        raise Killed

    def begin_request(self) -> None:
        """Raise what ends this life for good, if something does."""
        if self.is_dead:
            raise Killed
        self._left -= 1
        if self._left < 0:
            raise _EndlessError

    def begin_store_request(self) -> None:
        """Refuse a worker that is cut off: its requests reach nothing, and are no points."""
        self.begin_request()
        if self.is_cut_off:
            msg = "this worker was cut off from the store, on purpose"
            raise StoreUnavailableError(msg)

    def sleep(self, seconds: float) -> None:
        """Move the world's clock instead of waiting."""
        if self.is_dead:
            raise Killed
        self._run.clock += timedelta(seconds=seconds)

    @property
    def url(self) -> str:
        return self._run.store.url

    @property
    def capabilities(self) -> Capabilities:
        return self._run.store.capabilities

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        store = self._run.store
        found = self._run.read(
            self, f"get {key!r}", lambda: store.get(key, version_id=version_id, timeout=timeout)
        )
        return self._run.dated(key, found)

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        store = self._run.store
        return self._run.write(
            self, f"put {key!r}", lambda: store.put(key, body, when=when, timeout=timeout)
        )

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        store = self._run.store
        return self._run.write(
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
        store = self._run.store
        yield from self._run.read(
            self,
            f"list {prefix!r}",
            lambda: [*store.list(prefix, start_after=start_after, limit=limit, timeout=timeout)],
        )

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        store = self._run.store
        yield from self._run.read(
            self, f"list versions {key!r}", lambda: [*store.list_versions(key, timeout=timeout)]
        )

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        store = self._run.store
        self._run.write(
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
    handler: Run
    check: Callable[[World], object]
    effects: Mapping[str, Times]
    make_store: Callable[[], Store]
    max_lives: int
    max_requests: int
    restart_after: timedelta

    def carry_out(self, plan: Mapping[int, Crash]) -> _Run:
        """Make one run with these crashes and check it; raise its script if it failed."""
        run = _Run(self.make_store(), plan, self.max_requests)
        for life in range(1, self.max_lives + 1):
            run.script.append(f"life {life}:")
            if self._live(run):
                self._check(run)
                return run
            run.clock += self.restart_after
            run.begin_life()
        raise _failed(run, f"the handler did not finish in {self.max_lives} lives")

    def _live(self, run: _Run) -> bool:
        """Tell whether the life came to its end; the errors that a crash brings about end it."""
        try:
            result = self.handler(run.world)
            if inspect.isawaitable(result):
                asyncio.run(_awaited(result))
        except Killed:
            return False
        except _EndlessError as error:
            msg = f"one life made more than {self.max_requests} requests"
            raise _failed(run, msg) from error
        except ClaimHeldError as held:
            run.clock += timedelta(seconds=held.remaining_s)
            run.script.append(f"       raised {held!r}")
            return False
        except Exception as error:
            if run.life.was_hit and _follows_from_a_fault(error):
                run.script.append(f"       raised {error!r}")
                return False
            if run.life.is_dead:
                return False
            raise _failed(run, f"the handler raised {error!r}") from error
        return not run.life.is_dead

    def _check(self, run: _Run) -> None:
        run.script.append("finished")
        run.land_late_writes()  # those behind which nobody has read
        run.calm = True
        for name, times in self.effects.items():
            if run.effects[name] not in times:
                msg = f"effect {name!r} happened {run.effects[name]} times, expected {times}"
                raise _failed(run, msg)
        run.begin_life()
        try:
            self.check(run.world)
        except Exception as error:
            raise _failed(run, f"the check raised {error!r}") from error


def _follows_from_a_fault(error: BaseException | None) -> bool:
    """Tell whether it is an error of the library, or was raised because of one."""
    while error is not None:
        if isinstance(error, (BucketpointError, Killed)):
            return True
        error = error.__cause__ or error.__context__
    return False


async def _awaited(result: Awaitable[T]) -> T:
    return await result


def _failed(run: _Run, problem: str) -> CrashTestError:
    counts = ", ".join(f"{name!r}: {count}" for name, count in sorted(run.effects.items()))
    lines = [problem, *run.script, f"effects: {counts or 'none'}"]
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


def _explore(trial: _Trial, run: _Run, plan: Mapping[int, Crash], depth: int) -> int:
    """Add one crash behind the last one, in every way; return how many runs that took."""
    if depth == 0:
        return 0
    runs = 0
    for point in range(max(plan, default=-1) + 1, len(run.points)):
        for crash in run.points[point]:
            longer = {**plan, point: crash}
            runs += 1 + _explore(trial, trial.carry_out(longer), longer, depth - 1)
    return runs
