"""Fixtures for tests of code that uses checkpointers; a plugin of pytest.

Put this line into the `conftest.py` at the top of your tests:

    pytest_plugins = ["bucketpoint.testing.fixtures"]

| fixture | gives a test |
| --- | --- |
| `memory_store` | an empty `MemoryStore` |
| `memory_checkpointer` | a `BucketCheckpointer` on it |
| `frozen_clock` | a `FrozenClock`: time stands still, until the test moves it |
| `seeded_ids` | the same random IDs in every run |
| `seaweedfs` | S3 with atomic conditional writes and versions |
| `moto_server` | S3 with its own status codes; **no races**, two writers may both win |
| `fake_gcs` | Google Cloud Storage with atomic conditional writes and versions |

The three servers are started once for each test process, when the first test asks. Where a wheel
is missing the test is skipped with the reason; where the environment variable `CI` is set it fails,
since there every test must run.
"""

from __future__ import annotations

import base64
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar

from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.core.effects import Clock
from bucketpoint.runtime import Runtime
from bucketpoint.stores.local import system_clock
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.testing.emulators import FakeGCS, Moto, SeaweedFS
from bucketpoint.testing.emulators.server import Emulator
from bucketpoint.timestamps import Timestamp

try:
    import pytest
except ImportError as error:
    msg = "the fixtures need pytest: pip install 'bucketpoint[testing]'"
    raise ImportError(msg) from error

__all__ = [
    "FrozenClock",
    "fake_gcs",
    "frozen_clock",
    "memory_checkpointer",
    "memory_store",
    "moto_server",
    "seaweedfs",
    "seeded_ids",
]

_ID_BYTES = 12

E = TypeVar("E", bound=Emulator)


class FrozenClock:
    """A wall clock that stands still until it is moved; what a `clock=` argument takes.

    Attributes:
        now: The time, with a time zone.

    Args:
        now: Where it begins.

    Example:
        >>> from bucketpoint import MemoryStore
        >>> clock = FrozenClock()
        >>> store = MemoryStore(clock=clock)
        >>> clock.advance(timedelta(hours=1))
        >>> print(clock())
        2026-01-01 01:00:00+00:00
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if now.utcoffset() is None:
            msg = "a clock needs a time zone: FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))"
            raise ValueError(msg)
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move it forward, or with a negative duration back, as a clock that is set does."""
        self.now += by


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """The host's wall clock as the library reads it, frozen at the beginning of 2026.

    Checkpointers, new checkpoints and `pause_branch` read it, and so does `memory_store`. Time-outs
    and waits are measured by another clock, which goes on. Claims expire by the store's clock:

    Example:
        def test_a_lost_worker_is_replaced(memory_checkpointer, frozen_clock):
            memory_checkpointer.claim("run-42", owner="lost", ttl=timedelta(minutes=1)).acquire()
            frozen_clock.advance(timedelta(minutes=2))
            with memory_checkpointer.claim("run-42", owner="next") as claim:
                claim.save(claim.checkpoint)
    """
    clock = FrozenClock()

    def clocks(_: Runtime) -> Clock:
        return Clock(time.monotonic(), clock())

    def now(cls: type[Timestamp], tz: tzinfo | None = UTC) -> Timestamp:
        return cls.fromtimestamp(clock().timestamp(), tz)

    monkeypatch.setattr(Runtime, "clock", clocks)
    monkeypatch.setattr(Timestamp, "now", classmethod(now))
    return clock


@pytest.fixture
def seeded_ids(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Random IDs of writers, operations and lineages, the same in every run of the test.

    With `frozen_clock` the stored bytes are the same, too, so that a test may compare them with a
    file. Several threads draw in whatever order they come.

    Returns:
        What draws the IDs; `seed(…)` begins another sequence.

    Example:
        def test_what_is_stored(memory_store, memory_checkpointer, seeded_ids, frozen_clock):
            memory_checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
            stored = memory_store.get("executions/run-42.json")
            assert stored.body == Path("expected.json").read_bytes()
    """
    chance = random.Random(0)  # noqa: S311 - to be repeatable, not to be secret

    def new_id(_: Runtime) -> str:
        return base64.urlsafe_b64encode(chance.randbytes(_ID_BYTES)).decode()

    monkeypatch.setattr(Runtime, "new_id", new_id)
    return chance


@pytest.fixture
def memory_store(request: pytest.FixtureRequest) -> Iterator[MemoryStore]:
    """An empty store in memory, by the `frozen_clock` where the test asks for that, too.

    Example:
        def test_my_handler(memory_store):
            my_handler({"execution_id": "run-42"}, BucketCheckpointer(memory_store))
            assert memory_store.get("executions/run-42.json") is not None
    """
    frozen = "frozen_clock" in request.fixturenames
    store = MemoryStore(clock=request.getfixturevalue("frozen_clock") if frozen else system_clock)
    yield store
    store.close()


@pytest.fixture
def memory_checkpointer(memory_store: MemoryStore) -> Iterator[BucketCheckpointer]:
    """A checkpointer on the `memory_store`.

    Example:
        def test_my_handler(memory_checkpointer):
            my_handler({"execution_id": "run-42"}, memory_checkpointer)
            assert memory_checkpointer.load_checkpoint("run-42").status == "completed"
    """
    with BucketCheckpointer(memory_store) as checkpointer:
        yield checkpointer


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    """S3 with atomic conditional writes and versions; one server for each test process.

    Example:
        def test_my_handler_on_s3(seaweedfs):
            seaweedfs.create_bucket("runs")
            my_handler({}, S3Checkpointer("runs", client=seaweedfs.client()))
    """
    yield from _running(SeaweedFS.start)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """S3 with its own status codes, but not atomic; one server for each test process.

    Example:
        def test_my_handler_on_s3(moto_server):
            moto_server.create_bucket("runs")
            my_handler({}, S3Checkpointer("runs", client=moto_server.client(), probe=False))
    """
    yield from _running(Moto.start)


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[FakeGCS]:
    """Google Cloud Storage with atomic conditional writes; one server for each test process.

    Example:
        def test_my_handler_on_google(fake_gcs):
            fake_gcs.create_bucket("runs")
            my_handler({}, GCSCheckpointer("runs", client=fake_gcs.client()))
    """
    yield from _running(FakeGCS.start)


def _running(start: Callable[[], E]) -> Iterator[E]:
    """Yield the emulator; without its wheel skip, but fail where every test must run."""
    try:
        emulator = start()
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with emulator:
        yield emulator
