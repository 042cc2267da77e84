"""The simulation repeats itself, finds what is broken, and finds nothing in what is not."""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import BucketpointError, Checkpoint, InvalidInputError
from bucketpoint.core import document
from bucketpoint.errors import OutcomeUnknownError
from bucketpoint.stores.contract import Capabilities, IfVersion
from bucketpoint.testing.explore.objects import Stored
from bucketpoint.testing.simulate import (
    GCS,
    S3,
    Client,
    Fault,
    FaultKind,
    Faults,
    Latency,
    Plan,
    Result,
    Workload,
    mixed,
    simulate,
)
from bucketpoint.testing.simulate.clients import Operation
from bucketpoint.testing.simulate.promises import Broken, Ending, Promises, Record
from bucketpoint.testing.simulate.store import SimulatedStore
from tests.core.mutants import MUTANTS
from tests.proof import FIGURE

ALL = Faults(
    lost_answer=0.05,
    late=0.05,
    duplicate=0.05,
    never_sent=0.03,
    throttled=0.02,
    crash=0.02,
    clock_jump=0.02,
    freeze=0.02,
)
EVERYTHING = mixed({"append": 6, "load": 1, "save": 2, "create": 1, "delete": 1, "claim": 2})
APPENDS = mixed({"append": 1})


def run(seed: int, latency: Latency = S3, faults: Faults = ALL, seconds: float = 30.0) -> Result:
    return simulate(
        EVERYTHING, seed=seed, latency=latency, faults=faults, duration=timedelta(seconds=seconds)
    )


def script(result: Result) -> str:
    return result.violation.script if result.violation is not None else ""


def appending(times: int, think_s: float = 0.0) -> Workload:
    def workload(client: Client) -> Generator[Any, Any, None]:
        for _ in range(times):
            try:
                yield client.append("run")
            except BucketpointError:
                continue
            finally:
                yield client.sleep(think_s)

    return workload


def touch(checkpoint: Checkpoint) -> None:
    checkpoint.status = "running"


def only(*faults: Fault) -> Plan:
    return Plan(0, faults=faults)


# --- the same seed, the same run -------------------------------------------------------------------

_PRINT_DIGEST = """
from test_simulate import run
print(run(3).digest)
"""


def test_the_same_seed_gives_the_same_trace_in_every_process() -> None:
    here = run(3)
    assert here.trace == run(3).trace
    digests: list[str] = []
    for hash_seed in ("1", "2"):
        path = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120 - for PYTHONPATH
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", _PRINT_DIGEST],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        digests.append(done.stdout.strip())
    assert digests == [here.digest, here.digest]


def test_different_seeds_give_different_traces() -> None:
    assert len({run(seed, seconds=5).digest for seed in range(10)}) == 10


# --- what is whole ---------------------------------------------------------------------------------


def test_what_ships_keeps_its_promises(
    thorough: bool, record_property: Callable[[str, object], None]
) -> None:
    for seed in range(3000 if thorough else 100):
        for latency in (S3, GCS):
            result = run(seed, latency, seconds=10)
            assert result.violation is None, f"seed {seed}: {script(result)}"
            record_property(FIGURE, ["runs", 1])
            record_property(FIGURE, ["operations", result.counts.operations])


def test_every_kind_of_fault_happens() -> None:
    traces = "".join(run(seed).trace for seed in range(8))
    assert [kind for kind in FaultKind if kind.value not in traces] == []


def test_the_counts_add_up() -> None:
    counts = run(1).counts
    died = run(1).trace.count(Ending.DIED.value)
    assert counts.operations == counts.acknowledged + counts.refused + counts.unknown + died
    assert sum(counts.by_client.values()) == counts.acknowledged
    assert counts.requests > counts.operations > 50


# --- what is broken --------------------------------------------------------------------------------

# Name of the mutant, seeds to try, operations and faults of the shrunk schedule at most.
FOUND = [
    ("no_table, no_clone_rule", 5, 6),
    ("only_head, no_clone_rule", 10, 8),
    ("unknown_is_refused", 10, 6),
    ("revision_constant", 2, 2),
    ("tombstone_drops_table", 10, 8),
    ("fence_before_landed", 10, 5),
]


@pytest.mark.parametrize(("name", "seeds", "steps"), FOUND, ids=[row[0] for row in FOUND])
def test_a_rule_that_is_switched_off_is_found_and_shrinks(
    name: str, seeds: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    monkeypatch.setattr(document, "TABLE_SIZE", mutant.case.table_size)
    mutant.patch(monkeypatch)
    results = (run(seed) for seed in range(seeds))
    violation = next(found for result in results if (found := result.violation) is not None)
    assert violation.steps <= steps, violation.script
    assert violation.problem in violation.script
    again = simulate(
        EVERYTHING,
        faults=ALL,
        duration=timedelta(seconds=30),
        plan=violation.plan,
        shrink_runs=0,
    )
    assert again.violation is not None
    assert again.violation.script == violation.script, "a plan runs again as it was found"


def test_a_store_that_ignores_conditions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    true_perform = SimulatedStore.perform

    def perform(self: Any, request: Any, record: Any, now_s: float) -> object:
        current = self.stored(request.key).version
        if hasattr(request, "when") and current is not None:
            request = type(request)(request.key, request.body, IfVersion(current))
        return true_perform(self, request, record, now_s)

    monkeypatch.setattr(SimulatedStore, "perform", perform)
    result = simulate(APPENDS, clients=2, duration=timedelta(seconds=60))
    assert result.violation is not None
    assert result.violation.steps <= 3, result.violation.script


def record(ending: Ending = Ending.OPEN, *, applied: int = 0, name: str = "save") -> Record:
    def begin() -> Any:
        raise NotImplementedError

    made = Record(0, 0, Operation(name, "run", begin), 0.0)
    made.ending, made.applied = ending, applied
    return made


NOTHING = Stored(None, b"", None, None, None, 0)


CHECKS: list[tuple[str, Callable[[Promises], None]]] = [
    ("once", lambda promises: promises.applied(record(applied=1), NOTHING, NOTHING)),
    ("refused", lambda promises: promises.applied(record(Ending.REFUSED), NOTHING, NOTHING)),
    ("refused", lambda promises: promises.ended(record(Ending.REFUSED, applied=1), None)),
    ("acknowledged", lambda promises: promises.ended(record(Ending.ACKNOWLEDGED), None)),
    ("settled", lambda promises: promises.settled(record(), landed=True)),
    ("settled", lambda promises: promises.settled(record(applied=1), landed=False)),
    ("deadline", lambda promises: promises.outlasted(record(), 30.1, 30.0)),
]


@pytest.mark.parametrize(
    ("rule", "check"),
    CHECKS,
    ids=["twice", "late", "refused", "acknowledged", "applied", "not applied", "deadline"],
)
def test_each_promise_is_checked(rule: str, check: Callable[[Promises], None]) -> None:
    with pytest.raises(Broken) as caught:
        check(Promises(attempts=3))
    assert caught.value.rule == rule


def test_too_many_requests_are_a_broken_promise() -> None:
    many = record(Ending.UNKNOWN)
    many.writes = 4
    with pytest.raises(Broken, match="4 writes"):
        Promises(attempts=3).ended(many, None)


# --- contention and clocks -------------------------------------------------------------------------


def test_sixteen_writers_of_one_object_on_gcs_share_its_one_write_a_second() -> None:
    result = simulate(
        appending(2), clients=16, latency=GCS, timeout=60.0, duration=timedelta(minutes=5)
    )
    assert result.violation is None, script(result)
    assert set(result.counts.by_client.values()) == {2}, "nobody is left behind"
    assert 31.0 <= result.counts.virtual_seconds <= 65.0, "32 writes, about two seconds each"
    assert result.counts.slowest_s <= 60.0


def jumping(seed: int, latency: Latency) -> Result:
    return simulate(
        appending(5, think_s=1.0),
        seed=seed,
        latency=latency,
        faults=Faults(clock_jump=0.3, freeze=0.1),
        duration=timedelta(minutes=10),
    )


@pytest.mark.parametrize("latency", [S3, GCS], ids=["S3", "GCS"])
def test_jumping_clocks_lose_no_update(latency: Latency) -> None:
    for seed in range(10):
        result = jumping(seed, latency)
        assert result.violation is None, script(result)


@pytest.mark.parametrize("latency", [S3, GCS], ids=["S3", "GCS"])
def test_jumping_clocks_expire_no_deadline(latency: Latency) -> None:
    for seed in range(10):
        counts = jumping(seed, latency).counts
        assert counts.acknowledged == counts.operations == 20


def test_a_late_write_lands_after_its_caller_has_given_up() -> None:
    late = Fault((0, 0, 1), FaultKind.LATE, 20.0)
    result = simulate(appending(1), clients=1, timeout=5.0, plan=only(late))
    assert result.violation is None, script(result)
    assert result.counts.virtual_seconds >= 20.0


# --- workloads of one's own ------------------------------------------------------------------------


def test_a_workload_sees_what_the_checkpointer_returns_and_raises() -> None:
    seen: list[object] = []

    def workload(client: Client) -> Generator[Any, Any, None]:
        yield client.save_checkpoint(Checkpoint(execution_id="mine"), if_absent=True)
        claim = yield client.claim("mine", owner="me")
        claim.checkpoint.status = "running"
        yield claim.save(claim.checkpoint)
        yield claim.renew()
        yield claim.update(touch)
        seen.append((yield claim.load()).status)
        yield claim.release()
        stored = yield client.get("mine")
        seen.append(stored.revision)
        yield client.atomic_update("mine", touch)
        yield client.delete_checkpoint("mine")
        seen.append((yield client.get("mine")))
        seen.append((yield client.purge("mine")))
        yield client.load_checkpoint("mine")

    result = simulate(workload, clients=1, start=())
    assert result.violation is None, script(result)
    assert seen[0] == "running"
    assert seen[2:] == [None, False]
    assert "no_checkpoint was not caught" in result.trace


def test_an_unknown_outcome_can_be_settled() -> None:
    settled: list[bool] = []

    def workload(client: Client) -> Generator[Any, Any, None]:
        try:
            yield client.append("run")
        except OutcomeUnknownError as error:
            yield client.sleep(30.0)
            settled.append((yield client.settle(error)))

    late = Fault((0, 0, 1), FaultKind.LATE, 20.0)
    faults = [Fault((0, 0, request), FaultKind.LOST_ANSWER) for request in range(2, 200)]
    result = simulate(workload, clients=1, timeout=5.0, plan=only(late, *faults))
    assert result.violation is None, script(result)
    assert settled == [True]


def test_a_mistake_of_the_workload_comes_out() -> None:
    def workload(client: Client) -> Generator[Any, Any, None]:
        yield client.sleep(1.0)
        raise KeyError

    with pytest.raises(KeyError):
        simulate(workload)


@pytest.mark.parametrize(
    "make",
    [
        lambda: simulate(APPENDS, clients=0),
        lambda: simulate(APPENDS, timeout=-1.0),
        lambda: mixed({"appnd": 1}),
        lambda: Faults(late=-0.1),
        lambda: Faults(late=0.6, crash=0.6),
    ],
    ids=["clients", "timeout", "name", "negative", "sum"],
)
def test_arguments_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(InvalidInputError):
        make()


def test_a_latency_of_ones_own() -> None:
    mine = Latency((1.0, 1.0), (2.0, 2.0), 0.0, Capabilities())
    result = simulate(appending(2), clients=1, latency=mine)
    assert result.counts.virtual_seconds == 5.0, "a read once, and then two writes"
