"""What a claim protects a worker from, its own older snapshots and its own doubts included."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    ConflictError,
    FenceViolationError,
    FileStore,
    MemoryStore,
    OutcomeUnknownError,
    RetryPolicy,
    Version,
    WaitState,
    pause_branch,
)
from bucketpoint.stores.contract import Condition, IfVersion, Store
from bucketpoint.testing.faults import Fault, FaultyStore

KEY = "executions/run-42.json"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FIRST = WaitState(kind="signal", topic="first", wake_at=NOW, timeout=timedelta(hours=1))
SECOND = WaitState(kind="signal", topic="second", wake_at=NOW, timeout=timedelta(hours=2))


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


@pytest.fixture
def ours(store: Store) -> BucketCheckpointer:
    return BucketCheckpointer(store)


@pytest.fixture
def theirs(store: Store) -> BucketCheckpointer:
    checkpointer = BucketCheckpointer(store)
    checkpointer.save_checkpoint(run(0))
    return checkpointer


def run(n: int, wait: WaitState | None = None) -> Checkpoint:
    branch = BranchState(id="main", wait=wait)
    return Checkpoint(execution_id="run-42", variables={"n": n}, branch_states={"main": branch})


def add_one(checkpoint: Checkpoint) -> None:
    checkpoint.variables["n"] += 1


def stored(checkpointer: BucketCheckpointer) -> Any:
    return checkpointer.load_checkpoint("run-42").variables["n"]


def test_what_was_loaded_before_the_claim_may_be_saved_under_it(
    ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    mine = ours.load_checkpoint("run-42")
    with ours.claim("run-42", owner="worker") as claim:
        for _ in range(3):
            add_one(mine)
            claim.save(mine)
    assert stored(theirs) == 3


def test_what_was_loaded_before_somebody_elses_write_is_not_saved_over_it(
    ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    mine = ours.load_checkpoint("run-42")
    theirs.atomic_update("run-42", add_one)
    with ours.claim("run-42", owner="worker") as claim:
        for _ in range(2):
            with pytest.raises(ConflictError, match="would overwrite") as it:
                claim.save(mine)
            assert not isinstance(it.value, FenceViolationError)
        fresh = claim.load()
        add_one(fresh)
        claim.save(fresh)
    assert stored(theirs) == 2


def test_an_older_object_is_not_saved_over_what_a_load_or_an_update_has_taken_in(
    ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    with ours.claim("run-42", owner="worker") as claim:
        oldest = claim.checkpoint
        theirs.atomic_update("run-42", add_one)
        older = claim.load()
        theirs.atomic_update("run-42", add_one)
        newest = claim.update(add_one).checkpoint
        claim.save(newest)
        for mine in (oldest, older):
            with pytest.raises(ConflictError, match="would overwrite"):
                claim.save(mine)
        add_one(newest)
        claim.save(newest)
    assert stored(theirs) == 4


def test_a_workers_own_older_objects_are_its_own_business(ours: BucketCheckpointer) -> None:
    with ours.claim("run-42", owner="worker") as claim:
        older = claim.checkpoint
        claim.save(run(1))
        older.variables["n"] = 2
        claim.save(older)
    assert stored(ours) == 2


def test_another_type_of_the_same_value_is_an_intrusion(
    ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    def approve(checkpoint: Checkpoint) -> None:
        checkpoint.variables["n"] = True

    with ours.claim("run-42", owner="worker") as claim:
        claim.save(run(1))
        theirs.atomic_update("run-42", approve)
        with pytest.raises(FenceViolationError):
            claim.save(run(2))
    assert stored(theirs) is True


class CutOff(FaultyStore):
    """Applies a put and then interrupts its caller, once."""

    armed = False

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = super().put(key, body, when=when, timeout=timeout)
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        return version


@pytest.mark.parametrize("by", ["save", "update"])
def test_a_call_that_was_cut_off_after_it_landed_does_not_fence_its_own_worker(by: str) -> None:
    store = CutOff(MemoryStore())
    ours = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker") as claim:
        claim.save(run(0))
        store.armed = True
        with pytest.raises(KeyboardInterrupt):
            claim.save(run(1)) if by == "save" else claim.update(add_one)
        claim.save(run(2))
    assert stored(ours) == 2


def test_a_plain_save_that_was_cut_off_after_it_landed_can_be_repeated() -> None:
    store = CutOff(MemoryStore())
    ours = BucketCheckpointer(store)
    mine = run(0)
    ours.save_checkpoint(mine)
    store.armed = True
    with pytest.raises(KeyboardInterrupt):
        ours.save_checkpoint(mine)
    add_one(mine)
    ours.save_checkpoint(mine)
    assert stored(ours) == 1


def doubtful(*plan: Fault | None) -> tuple[FaultyStore, BucketCheckpointer]:
    store = FaultyStore(MemoryStore(), plan)
    return store, BucketCheckpointer(store, retry=RetryPolicy(attempts=1))


def test_an_own_save_that_was_in_doubt_is_not_taken_for_an_operators_change() -> None:
    # get, put: the claim; put: the first save; put, get: the doubtful one
    _, ours = doubtful(None, None, None, Fault.LOST_ANSWER, Fault.NEVER_SENT)
    with ours.claim("run-42", owner="worker") as claim:
        claim.save(run(1, FIRST))
        with pytest.raises(OutcomeUnknownError):
            claim.save(run(2, SECOND))
        claim.save(run(3, FIRST))
    assert ours.load_checkpoint("run-42").branch_states["main"].wait == FIRST


def test_a_pause_on_top_of_a_doubtful_save_is_kept() -> None:
    store, ours = doubtful(None, None, None, Fault.LOST_ANSWER, Fault.NEVER_SENT)
    operator = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker") as claim:
        claim.save(run(1))
        with pytest.raises(OutcomeUnknownError):
            claim.save(run(2))
        pause_branch(operator, "run-42", "main", reason="wait")
        claim.save(run(3))
        claim.save(run(4))
    branch = operator.load_checkpoint("run-42").branch_states["main"]
    assert (branch.pause_requested, branch.pause_reason) == (True, "wait")


def test_a_run_whose_worker_was_fenced_by_an_edit_is_free_at_once(
    ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    with ours.claim("run-42", owner="worker") as claim:
        theirs.atomic_update("run-42", add_one)
        with pytest.raises(FenceViolationError):
            claim.save(run(7))
    with theirs.claim("run-42", owner="next") as claim:
        assert claim.checkpoint.variables == {"n": 1}


def test_a_fence_violation_of_the_users_own_does_not_lose_the_claim(
    ours: BucketCheckpointer,
) -> None:
    def fail(_: Checkpoint) -> None:
        msg = "of another lease"
        raise FenceViolationError(msg)

    with ours.claim("run-42", owner="worker") as claim:
        with pytest.raises(FenceViolationError, match="of another lease"):
            claim.update(fail)
        claim.save(run(1))
    assert stored(ours) == 1


def test_a_document_grown_too_large_is_said_to_be_so_and_the_claim_holds(
    store: Store, theirs: BucketCheckpointer
) -> None:
    ours = BucketCheckpointer(store, max_bytes=2000)
    with ours.claim("run-42", owner="worker") as claim:
        pause_branch(theirs, "run-42", "main", reason="x" * 3000)
        with pytest.raises(ValueError, match="raise max_bytes"):
            claim.load()
        pause_branch(theirs, "run-42", "main", reason="shorter")
        claim.save(run(1))
    assert stored(theirs) == 1


def test_what_changes_in_an_object_while_it_is_saved_was_not_saved() -> None:
    """The engine moves on to another wait while its save is under way, and an operator pauses."""

    class Slow(MemoryStore):
        meanwhile: Callable[[], None] = staticmethod(lambda: None)

        def put(
            self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
        ) -> Version:
            version = super().put(key, body, when=when, timeout=timeout)
            self.meanwhile()
            return version

    store = Slow()
    operator = BucketCheckpointer(store)
    mine = run(1, FIRST)
    mine.branch_states["other"] = BranchState(id="other")

    def move_on() -> None:
        mine.branch_states["main"].wait = SECOND.model_copy()

    async def main() -> None:
        ours = AsyncBucketCheckpointer(store)
        async with ours, ours.claim("run-42", owner="worker") as claim:
            store.meanwhile = move_on
            await claim.save(mine)
            store.meanwhile = lambda: None
            await asyncio.to_thread(pause_branch, operator, "run-42", "other")
            await claim.save(mine)

    asyncio.run(main())
    branches = operator.load_checkpoint("run-42").branch_states
    assert branches["main"].wait == SECOND
    assert branches["other"].pause_requested


def test_a_document_under_another_name_than_its_key_can_be_claimed_and_saved(
    store: Store, ours: BucketCheckpointer, theirs: BucketCheckpointer
) -> None:
    found = store.get(KEY)
    assert found is not None
    renamed = found.body.replace(b'"execution_id":"run-42"', b'"execution_id":"another"')
    store.put(KEY, renamed, when=IfVersion(found.version))
    with ours.claim("run-42", owner="worker") as claim:
        add_one(claim.checkpoint)
        claim.save(claim.checkpoint)
    assert stored(theirs) == 1
    assert theirs.get("another") is None
