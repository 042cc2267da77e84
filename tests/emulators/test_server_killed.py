"""The server killed in the middle of writes: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event

import pytest

from bucketpoint import (
    BucketCheckpointer,
    ConflictError,
    OutcomeUnknownError,
    RetryPolicy,
    StoreUnavailableError,
)
from bucketpoint.testing.emulators import SeaweedFS
from tests.chaos import Told, create, stored
from tests.conftest import THOROUGH
from tests.core.chaos_worker import leave
from tests.emulators.clouds import S3

KILLS = 40 if THOROUGH else 3
WRITERS = 6
EXECUTIONS = [f"run-{n}" for n in range(8)]
TIMEOUTS_S = [2.0, 60.0]
"""Shorter than the server is away, so that outcomes stay unknown, and longer."""

RETRY = RetryPolicy(cap_s=0.5)
"""The server comes back in seconds, and is to meet all writers at once."""

_PROGRESS_WITHIN_S = 120.0


@dataclass
class Ledger(Told):
    """What the writers were told.

    Attributes:
        unknown: Outcomes that nobody could tell at first.
    """

    unknown: list[str] = field(default_factory=list[str])
    _news: Condition = field(default_factory=Condition)

    def acknowledge(self, mark: str) -> None:
        """Note that a mark was left."""
        with self._news:
            self.acknowledged.append(mark)
            self._news.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many more marks are acknowledged."""
        with self._news:
            least = len(self.acknowledged) + more
            assert self._news.wait_for(
                lambda: len(self.acknowledged) >= least, _PROGRESS_WITHIN_S
            ), "nothing is acknowledged any more"


class Writer:
    """Leaves marks in executions at random, and settles what is unknown before it writes there again.

    Args:
        number: Its own.
        checkpointer: Its own, too.
        ledger: Where it notes what it was told.
    """

    def __init__(self, number: int, checkpointer: BucketCheckpointer, ledger: Ledger) -> None:
        self._name = f"writer-{number}"
        self._checkpointer = checkpointer
        self._ledger = ledger
        self._chance = random.Random(number)  # noqa: S311 - a test's schedule
        self._unsettled: dict[str, tuple[str, OutcomeUnknownError]] = {}

    def write_until(self, stop: Event) -> None:
        """Go on until told to stop."""
        for number in itertools.count(1):
            if stop.is_set():
                return
            execution = self._chance.choice(EXECUTIONS)
            if self._is_settled(execution):
                self._update(execution, f"{self._name}.{number}")

    def settle(self) -> None:
        """Look again at what is still unknown, when it must be possible to tell."""
        assert [each for each in list(self._unsettled) if not self._is_settled(each)] == []
        self._checkpointer.close()

    def _update(self, execution: str, mark: str) -> None:
        told = f"{execution} {mark}"
        self._ledger.begun.append(told)
        timeout = self._chance.choice(TIMEOUTS_S)
        try:
            self._checkpointer.atomic_update(execution, leave(mark), timeout=timeout)
        except OutcomeUnknownError as error:
            self._ledger.unknown.append(told)
            self._unsettled[execution] = told, error
        except (ConflictError, StoreUnavailableError):
            self._ledger.not_applied.append(told)
        else:
            self._ledger.acknowledge(told)

    def _is_settled(self, execution: str) -> bool:
        if execution not in self._unsettled:
            return True
        told, error = self._unsettled[execution]
        try:
            is_applied = error.settle()
        except (OutcomeUnknownError, StoreUnavailableError):
            return False
        del self._unsettled[execution]
        if is_applied:
            self._ledger.acknowledge(told)
        else:
            self._ledger.not_applied.append(told)
        return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SeaweedFS]:
    """A server of this test's own, since it is killed."""
    with SeaweedFS.start(tmp_path / "data") as server:
        yield server


def test_a_server_killed_amid_writes_loses_and_doubles_nothing(server: SeaweedFS) -> None:
    cloud, ledger = S3(server), Ledger()
    bucket = cloud.new_bucket()
    writers = [
        Writer(number, cloud.checkpointer(bucket, retry=RETRY), ledger) for number in range(WRITERS)
    ]
    with cloud.checkpointer(bucket) as checkpointer:
        create(checkpointer, EXECUTIONS)
        kill_amid_writes(server, writers, ledger)
        # Once somebody else has written, nothing that is under way can land: all can be told.
        for execution in EXECUTIONS:
            checkpointer.atomic_update(execution, lambda _: None)
        for writer in writers:
            writer.settle()
        assert ledger.violations(stored(checkpointer, EXECUTIONS)) == []
        told = {*ledger.acknowledged, *ledger.not_applied}
        assert told == set(ledger.begun)


def kill_amid_writes(server: SeaweedFS, writers: list[Writer], ledger: Ledger) -> None:
    """Kill and restart the server while all writers write, until some outcome was unknown as well."""
    chance = random.Random(42)  # noqa: S311 - a test's schedule
    stop, kills = Event(), 0
    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(writer.write_until, stop) for writer in writers]
        try:
            while kills < KILLS or not ledger.unknown:
                assert kills < 10 * KILLS, "no outcome was ever unknown"
                ledger.wait_for(chance.randrange(10, 50))
                server.kill()
                server.restart()
                kills += 1
            ledger.wait_for(1)
        finally:
            stop.set()
            for writer in running:
                writer.result()
