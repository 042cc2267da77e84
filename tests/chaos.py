"""Writers that leave marks while something is killed, and the check of what is left of them.

Each update appends a mark of its own to a checkpoint, so that what was applied twice is seen as
well as what was lost. A mark is told as `EXECUTION WRITER.NUMBER`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bucketpoint import BucketCheckpointer, Checkpoint
from tests.conftest import THOROUGH
from tests.core import chaos_worker
from tests.core.chaos_worker import OTHERS, SHARED, marks

WORKERS = 6
SECONDS = 600.0 if THOROUGH else 20.0
EXECUTIONS = [SHARED, *OTHERS]

_MARKS_PER_KILL = 4
_SLOWEST_S = 180.0
"""How much longer it may last on a machine that is busy with other things."""


# --- marks ----------------------------------------------------------------------------------------


def create(checkpointer: BucketCheckpointer, executions: Iterable[str]) -> None:
    """Start the executions, without a mark."""
    for execution in executions:
        started = Checkpoint(execution_id=execution, variables={"marks": []})
        checkpointer.save_checkpoint(started, if_absent=True)


def stored(checkpointer: BucketCheckpointer, executions: Iterable[str]) -> Counter[str]:
    """Count how often each mark is there."""
    return Counter(
        f"{execution} {mark}"
        for execution in executions
        for mark in marks(checkpointer.load_checkpoint(execution))
    )


@dataclass
class Told:
    """What writers were told of the marks that they began to leave; of the rest they know nothing."""

    begun: list[str] = field(default_factory=list[str])
    acknowledged: list[str] = field(default_factory=list[str])
    not_applied: list[str] = field(default_factory=list[str])

    def violations(self, applied: Counter[str]) -> list[str]:
        """Say of each mark how what is stored breaks what its writer was told."""
        found = {
            "was lost": set(self.acknowledged) - set(applied),
            "was not to be applied": set(self.not_applied) & set(applied),
            "was applied more than once": {mark for mark in applied if applied[mark] > 1},
            "was begun by nobody": set(applied) - set(self.begun),
        }
        return [f"{mark} {wrong}" for wrong, each in found.items() for mark in sorted(each)]


# --- worker processes -----------------------------------------------------------------------------


class Life:
    """One life of one worker process, from its start to its kill.

    Attributes:
        process: The worker, which never ends by itself.
    """

    def __init__(self, url: str, log: Path) -> None:
        log.touch()
        self._log = log
        self.process = subprocess.Popen([sys.executable, chaos_worker.__file__, url, str(log)])

    def is_at_work(self) -> bool:
        """Whether it has begun to leave marks; before, it imports what it needs."""
        return self._log.stat().st_size > 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def logged(self, word: str) -> list[str]:
        # The last line may be torn: the process was killed while it wrote it.
        lines = self._log.read_text(encoding="utf-8").split("\n")[:-1]
        return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


class Crew:
    """Six workers on one store, of which one after the other is killed and replaced.

    Args:
        url: The store, as `bucketpoint.open` takes it.
        logs: A folder for what the workers were told.

    Attributes:
        lives: All that ever lived.
    """

    def __init__(self, url: str, logs: Path) -> None:
        self.lives: list[Life] = []
        self._url = url
        self._logs = logs
        self._chance = random.Random(42)  # noqa: S311 - a test's schedule
        self._alive = [self._born() for _ in range(WORKERS)]
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for life in self._alive:
            life.kill()

    def kill_one(self) -> None:
        """Kill a worker that is at work, whatever it is doing, and start another in its place.

        Nobody is killed before the crew has got on since the last kill: on a busy machine, workers
        would do nothing but start.
        """
        time.sleep(self._chance.uniform(0.1, 0.6))
        assert all(life.process.poll() is None for life in self._alive), "a worker ended by itself"
        at_work = [n for n, life in enumerate(self._alive) if life.is_at_work()]
        if at_work and self._acknowledged() >= self._before + _MARKS_PER_KILL:
            victim = self._chance.choice(at_work)
            self._alive[victim].kill()
            self._alive[victim] = self._born()
            self._before = self._acknowledged()

    def told(self) -> Told:
        """What the workers were told so far."""
        return Told(begun=self._logged("begin"), acknowledged=self._logged("done"))

    def failures(self) -> list[str]:
        """What should not have been raised in a worker."""
        return self._logged("failed")

    def _acknowledged(self) -> int:
        """How many marks of the living are acknowledged."""
        return sum(len(life.logged("done")) for life in self._alive)

    def _logged(self, word: str) -> list[str]:
        return [line for life in self.lives for line in life.logged(word)]

    def _born(self) -> Life:
        life = Life(self._url, self._logs / f"worker-{len(self.lives)}")
        self.lives.append(life)
        return life


class Reader:
    """Reads the shared execution again and again: what one read saw, every later one sees."""

    def __init__(self, checkpointer: BucketCheckpointer) -> None:
        self._checkpointer = checkpointer
        self._seen: list[str] = []

    def read(self) -> None:
        now = marks(self._checkpointer.load_checkpoint(SHARED))
        assert now[: len(self._seen)] == self._seen, "what was there is gone"
        self._seen = now


def survive_kills(
    url: str,
    checkpointer: BucketCheckpointer,
    logs: Path,
    *,
    least: int,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Kill six workers at random for a while; check that nothing was lost, doubled or blocked.

    Args:
        url: The store that the workers open.
        checkpointer: One on the same store.
        logs: An empty folder.
        least: How many updates have to be acknowledged for this to mean anything. A busy machine
            takes longer to get there.
        meanwhile: Called between the kills, to look at the store in another way.
    """
    create(checkpointer, EXECUTIONS)
    reader = Reader(checkpointer)
    began = time.monotonic()
    with Crew(url, logs) as crew:
        while time.monotonic() < began + SECONDS or not _is_enough(crew, least):
            assert time.monotonic() < began + SECONDS + _SLOWEST_S, "too little happens"
            crew.kill_one()
            reader.read()
            meanwhile()
    # Nobody who was killed has left anything behind that blocks; nor can it land from now on.
    for execution in EXECUTIONS:
        checkpointer.atomic_update(execution, lambda _: None, timeout=10)
    told = crew.told()
    # Helpers are not rewritten by pytest: each assertion says itself what it found.
    assert not (failures := crew.failures()), failures
    assert not (violations := told.violations(stored(checkpointer, EXECUTIONS))), violations
    in_flight, kills = len(told.begun) - len(told.acknowledged), len(crew.lives) - WORKERS
    assert in_flight >= kills / 2, "hardly anybody was killed in the middle of a write"


def _is_enough(crew: Crew, least: int) -> bool:
    return len(crew.lives) > 2 * WORKERS and len(crew.told().acknowledged) >= least
