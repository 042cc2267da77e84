"""The simulation repeats itself, finds what is broken, and finds nothing in what is not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from bucketpoint import BucketpointError, Checkpoint, InvalidInputError
from bucketpoint.core import claim, document
from bucketpoint.core.effects import Procedure
from bucketpoint.core.load import load
from bucketpoint.errors import (
    ClaimHeldError,
    FenceViolationError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import Capabilities, IfVersion, Version
from bucketpoint.testing.explore.objects import Data, Member, Stored
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
    simulation,
)
from bucketpoint.testing.simulate.clients import ClaimID, ClaimUse, Effectiveness, Operation
from bucketpoint.testing.simulate.promises import Promises
from bucketpoint.testing.simulate.records import Broken, Ending, Record
from bucketpoint.testing.simulate.store import SimulatedStore
from tests.core.mutants import MUTANTS
from tests.core.mutations import Patch, release_unchecked, setting
from tests.proof import FIGURE

ALL = Faults(
    lost_answer=0.05,
    late=0.05,
    duplicate=0.05,
    never_sent=0.03,
    cut_off=0.01,
    throttled=0.02,
    crash=0.02,
    clock_jump=0.02,
    freeze=0.02,
)
EVERYTHING = mixed(
    {"append": 6, "load": 1, "save": 2, "create": 1, "delete": 1, "claim": 2, "pause": 1}
)
CLAIMS = mixed({"append": 1, "claim": 3, "pause": 3})
APPENDS = mixed({"append": 1})
HURRIED = (0.1, 3.0)
"""Many calls end while a request of theirs is under way; only then is it seen what they say of it."""

PATIENT = (0.1, 30.0)


def run(
    seed: int,
    latency: Latency = S3,
    *,
    workload: Workload = EVERYTHING,
    seconds: float = 30.0,
    timeout: tuple[float, float] = HURRIED,
    plan: Plan | None = None,
) -> Result:
    return simulate(
        workload,
        seed=seed,
        latency=latency,
        faults=ALL,
        duration=timedelta(seconds=seconds),
        timeout=timeout,
        plan=plan,
        shrink_runs=500 if plan is None else 0,
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
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])  # noqa: PTH120 - for PYTHONPATH
    hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_DIGEST],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == here.digest


def test_different_seeds_give_different_traces() -> None:
    assert len({run(seed, seconds=5).digest for seed in range(10)}) == 10


# --- what is whole ---------------------------------------------------------------------------------


class Seeds(NamedTuple):
    """How many runs on each store, in CI and in a thorough search."""

    always: int
    thorough: int


@pytest.mark.parametrize(
    ("workload", "seeds"),
    [(EVERYTHING, Seeds(75, 3000)), (CLAIMS, Seeds(25, 1000))],
    ids=["everything", "claims"],
)
def test_what_ships_keeps_its_promises(
    workload: Workload,
    seeds: Seeds,
    thorough: bool,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = document.TABLE_SIZE
    for seed in range(seeds.thorough if thorough else seeds.always):
        hurried = seed % 2 == 1
        monkeypatch.setattr(document, "TABLE_SIZE", 2 if hurried else whole)
        for latency in (S3, GCS):
            timeout = HURRIED if hurried else PATIENT
            result = run(seed, latency, workload=workload, seconds=10, timeout=timeout)
            assert result.violation is None, f"seed {seed}: {script(result)}"
            record_property(FIGURE, ["runs", 1])
            record_property(FIGURE, ["operations", result.counts.operations])


def test_hours_pass_in_seconds() -> None:
    workload = mixed({"append": 4, "save": 1, "claim": 1}, think_s=300.0)
    result = run(0, GCS, workload=workload, seconds=2 * 3600, timeout=PATIENT)
    assert result.violation is None, script(result)
    assert result.counts.virtual_seconds >= 2 * 3600
    assert result.counts.acknowledged > 100


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


def say_unsent(_request: object, **_: bool) -> Exception:
    return StoreUnavailableError("not sent")


def allow(*_: object, **__: object) -> None:
    pass


def load_unchecked(session: Any, state: claim.ClaimState) -> Procedure[Checkpoint]:
    return load(session, state.target.execution_id)


# These rules are the clients' and the stores': the explorer has its own of both.
HERE: dict[str, Patch] = {
    "resent_is_unsent": setting(simulation, "unsent", say_unsent),
    "release_unchecked": setting(claim, "release", release_unchecked),
    "claims_always_free": setting(claim, "_check_free", allow),
    "load_unchecked": setting(claim, "load_claimed", load_unchecked),
}


def switch_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = next((mutant for mutant in MUTANTS if mutant.name == name), None)
    monkeypatch.setattr(document, "TABLE_SIZE", mutant.case.table_size if mutant else 2)
    if name in HERE:
        HERE[name](monkeypatch)
    elif mutant is not None:
        mutant.patch(monkeypatch)


class Found(NamedTuple):
    """A mutant, and what is found: on which workload, from which seed on, which broken promise, and
    how many operations and faults the shrunk schedule has at most."""

    mutant: str
    workload: Workload
    first_seed: int
    rule: str
    steps: int


FOUND = [
    Found("no_table, no_clone_rule", EVERYTHING, 2, "once", 2),
    Found("only_head, no_clone_rule", EVERYTHING, 21, "once", 5),
    Found("unknown_is_refused", EVERYTHING, 0, "refused", 5),
    Found("live_is_dead", EVERYTHING, 69, "refused", 6),
    Found("resent_is_unsent", EVERYTHING, 44, "refused", 4),
    Found("deadline_is_failure", EVERYTHING, 0, "refused", 5),
    Found("revision_constant", EVERYTHING, 0, "revision", 2),
    Found("tombstone_drops_table", EVERYTHING, 17, "refused", 5),
    Found("tombstone_drops_epoch", EVERYTHING, 0, "epoch", 2),
    Found("fence_before_landed", CLAIMS, 2, "refused", 3),
    Found("claim_keeps_epoch", CLAIMS, 0, "epoch", 1),
    Found("claims_always_free", CLAIMS, 0, "held", 2),
    Found("load_unchecked", CLAIMS, 42, "fenced", 3),
    Found("no_epoch", CLAIMS, 12, "fenced", 3),
    Found("release_unchecked", CLAIMS, 26, "fenced", 3),
    Found("save_drops_claim", CLAIMS, 0, "carried", 2),
    Found("no_merge", CLAIMS, 0, "paused", 3),
]
SEEDS = 200
"""Rules that only a rare meeting of events needs, like `live_is_dead`, are found in 1 of 30 runs."""


@pytest.mark.parametrize("found", FOUND, ids=[found.mutant for found in FOUND])
def test_a_rule_that_is_switched_off_is_found_and_shrinks(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_off(found.mutant, monkeypatch)
    seeds = range(found.first_seed, found.first_seed + SEEDS)
    results = (run(seed, workload=found.workload, seconds=10) for seed in seeds)
    violation = next(broken for result in results if (broken := result.violation) is not None)
    assert violation.rule == found.rule, violation.script
    assert violation.steps <= found.steps, violation.script
    assert violation.problem in violation.script
    again = run(0, workload=found.workload, seconds=10, plan=violation.plan).violation
    assert again is not None
    assert again.script == violation.script, "a plan runs again as it was found"


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


def document_of(
    revision: int = 1,
    *,
    lineage: str = "l",
    epoch: int = 0,
    owner: str | None = None,
    paused: bool = False,
) -> Stored:
    ttl_s = 60.0 if owner is not None else None
    member = Member(lineage, revision, epoch, owner, ttl_s, deleted=False, adopted=False)
    body = json.dumps({"branch_states": {"main": {"pause_requested": paused}}}).encode()
    return Stored(Version(f"v{revision}"), body, Data((), paused), member, None, revision)


def claiming(use: ClaimUse, claim: ClaimID) -> Record:
    made = record(name="claim")
    made.operation = replace(made.operation, claim=claim, claim_use=use)
    return made


def granting_the_same_epoch(promises: Promises) -> None:
    free, taken = document_of(epoch=1), document_of(2, epoch=1, owner="worker")
    promises.applied(claiming(ClaimUse.TAKE, ClaimID()), free, taken, 0.0)


def taking_over(promises: Promises) -> tuple[ClaimID, Stored]:
    """Returns the claim that was lost, and what is stored since."""
    first, second = ClaimID(), ClaimID()
    states = [document_of(n, epoch=n - 1, owner="worker") for n in (1, 2, 3)]
    promises.applied(claiming(ClaimUse.TAKE, first), document_of(), states[1], 0.0)
    promises.applied(claiming(ClaimUse.TAKE_OVER, second), states[1], states[2], 0.0)
    return first, states[2]


def writing_when_taken_over(promises: Promises) -> None:
    first, stored = taking_over(promises)
    written = document_of(4, epoch=2, owner="worker")
    promises.applied(claiming(ClaimUse.WRITE, first), stored, written, 0.0)


def succeeding_when_taken_over(promises: Promises) -> None:
    first, _ = taking_over(promises)
    loading = claiming(ClaimUse.WRITE, first)
    loading.operation = replace(loading.operation, effect=Effectiveness.NEVER)
    promises.begun(loading)
    loading.ending = Ending.ACKNOWLEDGED
    promises.ended(loading, None)


def taking_what_is_held(promises: Promises) -> None:
    held, taken = document_of(owner="worker"), document_of(2, epoch=1, owner="worker")
    promises.applied(claiming(ClaimUse.TAKE, ClaimID()), held, taken, 59.9)


def beginning_again(promises: Promises) -> None:
    for _ in range(2):
        promises.applied(record(), NOTHING, document_of(), 0.0)


def changing_the_lineage(promises: Promises) -> None:
    promises.applied(record(), document_of(), document_of(2, lineage="other"), 0.0)


def dropping_the_claim(promises: Promises) -> None:
    promises.applied(record(), document_of(owner="worker"), document_of(2), 0.0)


def lowering_the_epoch(promises: Promises) -> None:
    promises.applied(record(), document_of(epoch=2), document_of(2, epoch=1), 0.0)


def deleting_in_the_same_epoch(promises: Promises) -> None:
    tombstone = replace(
        document_of(2), data=None, member=Member("l", 2, 0, None, None, deleted=True, adopted=False)
    )
    promises.applied(record(name="delete"), document_of(), tombstone, 0.0)


def losing_a_pause(promises: Promises) -> None:
    saving = record()
    saving.operation = replace(saving.operation, keeps_pauses=True)
    promises.applied(saving, document_of(paused=True), document_of(2), 0.0)


def applied(record: Record) -> Callable[[Promises], None]:
    return lambda promises: promises.applied(record, NOTHING, NOTHING, 0.0)


def ended(record: Record) -> Callable[[Promises], None]:
    return lambda promises: promises.ended(record, None)


CHECKS: dict[str, tuple[str, Callable[[Promises], None]]] = {
    "twice": ("once", applied(record(applied=1))),
    "late": ("refused", applied(record(Ending.REFUSED))),
    "refused": ("refused", ended(record(Ending.REFUSED, applied=1))),
    "acknowledged": ("acknowledged", ended(record(Ending.ACKNOWLEDGED))),
    "applied": ("settled", lambda promises: promises.settled(record(), landed=True)),
    "not applied": (
        "settled",
        lambda promises: promises.settled(record(applied=1), landed=False),
    ),
    "deadline": ("deadline", lambda promises: promises.outlasted(record(), 30.1, 30.0)),
    "granted": ("epoch", granting_the_same_epoch),
    "taken over": ("fenced", writing_when_taken_over),
    "believed": ("fenced", succeeding_when_taken_over),
    "held": ("held", taking_what_is_held),
    "lineage": ("lineage", beginning_again),
    "lineage kept": ("lineage", changing_the_lineage),
    "carried": ("carried", dropping_the_claim),
    "epoch": ("epoch", lowering_the_epoch),
    "tombstone": ("epoch", deleting_in_the_same_epoch),
    "paused": ("paused", losing_a_pause),
}


@pytest.mark.parametrize(("rule", "check"), CHECKS.values(), ids=CHECKS)
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


def test_a_429_after_a_second_delivery_is_no_refusal() -> None:
    twice = Fault((0, 0, 1), FaultKind.DUPLICATE)
    result = simulate(appending(1), clients=1, latency=GCS, plan=only(twice))
    assert result.violation is None, script(result)
    assert (result.counts.throttled, result.counts.acknowledged) == (1, 1)


@pytest.mark.parametrize(("timeout", "acknowledged"), [(5.0, 0), (30.0, 1)], ids=["5 s", "30 s"])
def test_a_client_that_is_cut_off_reaches_the_store_again(
    timeout: float, acknowledged: int
) -> None:
    cut_off = Fault((0, 0, 0), FaultKind.CUT_OFF, 10.0)
    result = simulate(appending(1), clients=1, timeout=timeout, plan=only(cut_off))
    assert result.violation is None, script(result)
    assert result.counts.acknowledged == acknowledged
    assert f"GET {FaultKind.NEVER_SENT.value}" in result.trace


def test_each_operation_is_given_a_time_of_its_own() -> None:
    cut_off = [Fault((client, 0, 0), FaultKind.CUT_OFF, 1e6) for client in range(8)]
    result = simulate(appending(1), clients=8, timeout=(0.1, 100.0), plan=only(*cut_off))
    lasted = [float(line.split()[0]) for line in result.trace.splitlines() if "refused" in line]
    assert len(lasted) == 8
    assert lasted[0] < 1.0 < lasted[-1] < 100.0


# --- claims ----------------------------------------------------------------------------------------


def working(seconds: float, *, wait_s: float, seen: list[str]) -> Workload:
    """Each client takes the run, works for so long and gives it back, and notes how it went."""

    def workload(client: Client) -> Generator[Any, Any, None]:
        yield client.sleep(client.number * 0.5)
        try:
            held = yield client.claim(
                "run",
                owner="worker",
                ttl=timedelta(seconds=15),
                wait=timedelta(seconds=wait_s),
            )
            seen.append(f"{client.number} takes it")
            yield client.sleep(seconds)
            yield held.save(held.checkpoint)
            yield held.release()
            seen.append(f"{client.number} gives it back")
        except (ClaimHeldError, FenceViolationError) as error:
            seen.append(f"{client.number}: {error.kind.value}")

    return workload


def test_a_claim_is_waited_for_in_virtual_time() -> None:
    seen: list[str] = []
    result = simulate(working(10.0, wait_s=30.0, seen=seen), clients=2)
    assert result.violation is None, script(result)
    assert seen == ["0 takes it", "0 gives it back", "1 takes it", "1 gives it back"]
    assert 20.0 < result.counts.virtual_seconds < 23.0


def test_a_claim_is_waited_for_no_longer_than_that() -> None:
    seen: list[str] = []
    result = simulate(working(10.0, wait_s=3.0, seen=seen), clients=2)
    assert result.violation is None, script(result)
    assert seen == ["0 takes it", "1: claim_held", "0 gives it back"]


def test_a_worker_that_was_frozen_until_its_claim_expired_writes_nothing() -> None:
    seen: list[str] = []
    frozen = Fault((0, 1, 0), FaultKind.FREEZE, 20.0)
    result = simulate(working(1.0, wait_s=30.0, seen=seen), clients=2, plan=only(frozen))
    assert result.violation is None, script(result)
    assert seen == ["0 takes it", "1 takes it", "1 gives it back", "0: fence_violation"]


def test_an_operators_pause_survives_the_saves_of_a_worker() -> None:
    paused: list[bool | None] = []

    def workload(client: Client) -> Generator[Any, Any, None]:
        held = yield client.claim("run", owner="worker")
        yield client.pause_branch("run", "main", "prices are wrong")
        yield held.save(held.checkpoint)
        paused.append((yield held.load()).branch_states["main"].pause_requested)
        yield client.unpause_branch("run", "main")
        yield held.save(held.checkpoint)
        paused.append((yield held.load()).branch_states["main"].pause_requested)

    result = simulate(workload, clients=1)
    assert result.violation is None, script(result)
    assert [bool(one) for one in paused] == [True, False]


def test_a_worker_may_pause_by_itself() -> None:
    def workload(client: Client) -> Generator[Any, Any, None]:
        held = yield client.claim("run", owner="worker")
        held.checkpoint.branch_states["main"].pause_requested = True
        yield held.save(held.checkpoint)

    result = simulate(workload, clients=1)
    assert result.violation is None, script(result)


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
        lambda: simulate(APPENDS, timeout=(2.0, 1.0)),
        lambda: simulate(APPENDS, timeout=(0.0, 1.0)),
        lambda: mixed({"appnd": 1}),
        lambda: Faults(late=-0.1),
        lambda: Faults(late=0.6, crash=0.6),
    ],
    ids=["clients", "timeout", "order", "zero", "name", "negative", "sum"],
)
def test_arguments_that_make_no_sense_are_refused(make: Any) -> None:
    with pytest.raises(InvalidInputError):
        make()


def test_a_latency_of_ones_own() -> None:
    mine = Latency((1.0, 1.0), (2.0, 2.0), 0.0, Capabilities())
    result = simulate(appending(2), clients=1, latency=mine)
    assert result.counts.virtual_seconds == 5.0, "a read once, and then two writes"
