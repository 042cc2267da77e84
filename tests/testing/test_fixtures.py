"""The fixtures for users do what their docstrings say, in a project that only names the plugin."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bucketpoint import BucketCheckpointer, Checkpoint, ClaimHeldError, MemoryStore, pause_branch
from bucketpoint.checkpoint import BranchState
from bucketpoint.testing import fixtures
from bucketpoint.testing.emulators import FakeGCS, Moto, SeaweedFS
from bucketpoint.testing.fixtures import FrozenClock

pytest_plugins = ["pytester"]

frozen_clock = fixtures.frozen_clock
seeded_ids = fixtures.seeded_ids
memory_store = fixtures.memory_store
memory_checkpointer = fixtures.memory_checkpointer

START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "run-42"
KEY = f"executions/{RUN}.json"


# --- in memory ------------------------------------------------------------------------------------


def test_each_test_has_a_store_of_its_own(
    memory_store: MemoryStore, memory_checkpointer: BucketCheckpointer
) -> None:
    assert list(memory_store.list("")) == []
    memory_checkpointer.save_checkpoint(Checkpoint(execution_id=RUN))
    assert memory_store.get(KEY) is not None


test_and_so_has_the_next = test_each_test_has_a_store_of_its_own


def test_without_a_frozen_clock_time_goes_on(memory_checkpointer: BucketCheckpointer) -> None:
    memory_checkpointer.save_checkpoint(Checkpoint(execution_id=RUN))
    stored = memory_checkpointer.get(RUN)
    assert stored is not None
    assert stored.modified_at is not None
    assert abs(stored.modified_at - datetime.now(UTC)) < timedelta(minutes=5)  # noqa: TID251 - the real time


# --- time -----------------------------------------------------------------------------------------


def test_a_frozen_clock_moves_by_hand_only(
    frozen_clock: FrozenClock, memory_checkpointer: BucketCheckpointer
) -> None:
    for moment in (START, START + timedelta(days=400, microseconds=1)):
        frozen_clock.advance(moment - frozen_clock())
        checkpoint = Checkpoint(execution_id=RUN)
        memory_checkpointer.save_checkpoint(checkpoint)
        stored = memory_checkpointer.get(RUN)
        assert stored is not None
        assert stored.modified_at == checkpoint.checkpoint_at == moment


def test_the_clock_that_is_frozen_is_the_one_of_checkpointers(
    frozen_clock: FrozenClock, memory_checkpointer: BucketCheckpointer
) -> None:
    first = memory_checkpointer._runtime.clock()
    frozen_clock.advance(timedelta(hours=1))
    second = memory_checkpointer._runtime.clock()
    assert (first.now, second.now) == (START, START + timedelta(hours=1))
    assert second.elapsed - first.elapsed < timedelta(minutes=5).total_seconds()


def test_a_claim_expires_when_the_clock_is_moved(
    frozen_clock: FrozenClock, memory_checkpointer: BucketCheckpointer
) -> None:
    ttl = timedelta(minutes=1)
    memory_checkpointer.claim(RUN, owner="lost", ttl=ttl).acquire()
    frozen_clock.advance(ttl - timedelta(seconds=1))
    with pytest.raises(ClaimHeldError):
        memory_checkpointer.claim(RUN, owner="next").acquire()
    frozen_clock.advance(timedelta(seconds=1))
    with memory_checkpointer.claim(RUN, owner="next") as claim:
        claim.save(claim.checkpoint)


def test_a_pause_begins_at_the_frozen_time(
    frozen_clock: FrozenClock, memory_checkpointer: BucketCheckpointer
) -> None:
    wait: dict[str, Any] = {"kind": "sleep", "wake_at": "2026-01-01T00:10:00Z"}
    branch = BranchState.model_validate({"id": "main", "status": "waiting", "wait": wait})
    memory_checkpointer.save_checkpoint(
        Checkpoint(execution_id=RUN, branch_states={"main": branch})
    )
    frozen_clock.advance(timedelta(minutes=4))
    pause_branch(memory_checkpointer, RUN, "main")
    frozen = memory_checkpointer.load_checkpoint(RUN).branch_states["main"].wait
    assert frozen is not None
    assert frozen.remaining == timedelta(minutes=6)


def test_a_clock_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        FrozenClock(datetime(2026, 1, 1))  # noqa: DTZ001 - this is what is refused


# --- IDs ------------------------------------------------------------------------------------------


def member() -> Any:
    """Save two runs anew, and return what the library added to the second."""
    store = MemoryStore(clock=FrozenClock())
    checkpointer = BucketCheckpointer(store)
    for execution_id in ("another", RUN):
        checkpointer.save_checkpoint(Checkpoint(execution_id=execution_id))
    stored = store.get(KEY)
    assert stored is not None
    return json.loads(stored.body)["bucketpoint"]


def test_the_same_seed_gives_the_same_ids(seeded_ids: random.Random) -> None:
    first = member()
    assert member() != first
    seeded_ids.seed(0)
    assert member() == first
    writer, (operation, _) = first["writers"].popitem()
    assert len({first["lineage"], writer, operation}) == 3


def test_without_a_seed_no_two_ids_are_the_same() -> None:
    assert member()["lineage"] != member()["lineage"]


# --- as a plugin ----------------------------------------------------------------------------------

IN_A_PROJECT = """
import random
from datetime import timedelta
from pathlib import Path
from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore

def test_all(memory_store, memory_checkpointer, frozen_clock, seeded_ids):
    frozen_clock.advance(timedelta(days=1))
    memory_checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
    body = memory_store.get("executions/run-42.json").body
    assert b'"checkpoint_at":"2026-01-02T00:00:00Z"' in body
    expected = Path("expected.json")
    if expected.exists():
        assert body == expected.read_bytes()
    expected.write_bytes(body)

test_the_same_bytes_again = test_all
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of a user: nothing but the line of the plugin."""
    pytester.makeconftest('pytest_plugins = ["bucketpoint.testing.fixtures"]')
    return pytester


IN_HERE = "ignore::pytest.PytestAssertRewriteWarning"
"""This process has imported the plugin before pytest could rewrite its assertions."""


def run(project: pytest.Pytester) -> tuple[dict[str, int], str]:
    """Run the project's tests; return how many ended how, and what was said about it."""
    done = project.runpytest_inprocess("-ra", "-p", "no:xdist", "-W", IN_HERE)
    return done.parseoutcomes(), done.stdout.str()


def test_a_project_that_names_the_plugin_has_the_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile(IN_A_PROJECT)
    done = project.runpytest_subprocess("-p", "no:xdist", "-W", "error")
    assert done.parseoutcomes() == {"passed": 2}


SERVERS = ["seaweedfs", "moto_server", "fake_gcs"]


@pytest.fixture
def without_wheels(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project with a test of each server, on a machine that lacks their wheels."""

    def missing() -> None:
        raise ImportError("this emulator needs it: pip install it")

    for emulator in (SeaweedFS, Moto, FakeGCS):
        monkeypatch.setattr(emulator, "start", missing)
    project.makepyfile("\n".join(f"def test_{name}({name}): pass" for name in SERVERS))
    return project


def test_without_its_wheel_a_test_is_skipped_with_the_reason(
    without_wheels: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    outcomes, output = run(without_wheels)
    assert outcomes == {"skipped": 3}
    assert "pip install it" in output


def test_where_every_test_must_run_it_fails(
    without_wheels: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    outcomes, output = run(without_wheels)
    assert outcomes == {"errors": 3}
    assert "pip install it" in output


WITH_A_SERVER = """
from bucketpoint import Checkpoint, GCSCheckpointer

def test_save(fake_gcs):
    fake_gcs.create_bucket("runs", versioned=True)
    with GCSCheckpointer("runs", client=fake_gcs.client()) as checkpointer:
        checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        assert checkpointer.load_checkpoint("run-42").execution_id == "run-42"

def test_one_server_serves_all_tests(fake_gcs):
    with GCSCheckpointer("runs", client=fake_gcs.client()) as checkpointer:
        assert checkpointer.load_checkpoint("run-42").execution_id == "run-42"
"""


def test_a_server_is_started_once_and_gone_in_the_end(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[FakeGCS] = []
    start = FakeGCS.start

    def noted() -> FakeGCS:
        started.append(start())
        return started[-1]

    monkeypatch.setattr(FakeGCS, "start", noted)
    project.makepyfile(WITH_A_SERVER)
    assert run(project)[0] == {"passed": 2}
    (server,) = started
    assert not server._answers()
