"""What a claim lets its holder do, and keeps others from."""

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import bucketpoint
from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    ClaimHeldError,
    CorruptCheckpointError,
    FenceViolationError,
    InvalidInputError,
    MemoryStore,
    RetryPolicy,
    StoreRequest,
    pause_branch,
    unpause_branch,
)
from bucketpoint.stores.contract import Store
from bucketpoint.testing.faults import Fault, FaultyStore
from tests.checkpointer.steps import KEY, add_one, counted, raw_put, renamed, run


def test_a_claim_on_an_execution_without_a_checkpoint_creates_a_pending_one(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        assert claim.checkpoint.status == "pending"
        assert theirs.load_checkpoint("run-42").status == "pending"
        with (
            pytest.raises(ClaimHeldError, match="claimed by 'worker-1'") as it,
            theirs.claim("run-42", owner="worker-2"),
        ):
            pass
        assert it.value.owner == "worker-1"
        assert 50 < it.value.remaining_s <= 60


def test_a_claim_is_given_back_at_the_end_of_the_block(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run(variables={"n": 1}))
    with theirs.claim("run-42", owner="worker-2") as second:
        assert second.checkpoint.variables == {"n": 1}
        with pytest.raises(FenceViolationError, match="was lost or released before"):
            claim.save(run())


def test_a_worker_whose_claim_was_taken_over_is_fenced_for_ever(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as old:
        with theirs.claim("run-42", owner="worker-2", takeover=True) as new:
            for call in (lambda: old.save(run()), old.renew, old.load):
                with pytest.raises(FenceViolationError):
                    call()
            new.save(run(variables={"n": 2}))
        with pytest.raises(FenceViolationError):
            old.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 2}


def test_a_claim_that_has_expired_may_be_taken(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1", ttl=timedelta(microseconds=1)) as old:
        with theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=5)) as new:
            new.save(run(variables={"n": 2}))
        with pytest.raises(FenceViolationError):
            old.save(run())


def test_a_claim_that_is_waited_for_is_taken_when_it_expires(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with (
        ours.claim("run-42", owner="worker-1", ttl=timedelta(milliseconds=200)),
        theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=10)) as new,
    ):
        new.save(run(variables={"n": 2}))
    assert ours.load_checkpoint("run-42").variables == {"n": 2}


def test_anything_but_a_pause_that_changes_under_a_claim_fences_the_worker(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        with pytest.raises(FenceViolationError, match="changed more than a pause"):
            claim.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 1}


def test_loading_through_the_claim_accepts_what_others_changed(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        mine = claim.load()
        add_one(mine)
        claim.save(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 2}


def test_an_update_under_a_claim_keeps_what_others_changed_and_a_blind_save_after_it_is_fenced(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        claim.update(add_one)
        claim.renew()
        theirs.atomic_update("run-42", add_one)
        assert claim.update(add_one).checkpoint.variables == {"n": 3}
        with pytest.raises(FenceViolationError):
            claim.save(run())
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_what_an_update_under_a_claim_returned_may_be_saved_for_it_has_seen_all(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run())
        theirs.atomic_update("run-42", add_one)
        mine = claim.update(add_one).checkpoint
        add_one(mine)
        claim.save(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_unclaimed_writes_carry_the_claim(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    with ours.claim("run-42", owner="worker-1"):
        theirs.save_checkpoint(run())
        with pytest.raises(ClaimHeldError), theirs.claim("run-42", owner="worker-2"):
            pass


def test_a_claim_takes_checkpoints_of_its_own_execution_only(checkpointer: Any) -> None:
    with checkpointer.claim("run-42", owner="worker-1") as claim:
        with pytest.raises(InvalidInputError, match="is of another one"):
            claim.save(Checkpoint(execution_id="other"))
        with pytest.raises(InvalidInputError, match="save takes a Checkpoint"):
            claim.save({"execution_id": "run-42"})


@pytest.mark.parametrize(
    "terms",
    [
        {"owner": ""},
        {"owner": 7},
        {"owner": "half a pair \ud800"},
        {"owner": "w", "ttl": 60},
        {"owner": "w", "ttl": timedelta(0)},
        {"owner": "w", "wait": timedelta(seconds=-1)},
        {"owner": "w", "wait": 5},
    ],
)
def test_terms_of_a_claim_that_make_no_sense_are_refused(
    checkpointer: Any, requests: list[StoreRequest], terms: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError), checkpointer.claim("run-42", **terms):
        pass
    assert counted(requests) == {}


def test_a_claim_must_be_taken_before_it_is_used() -> None:
    claim = BucketCheckpointer(MemoryStore()).claim("run-42", owner="worker-1")
    with pytest.raises(InvalidInputError, match="has not been taken yet"):
        claim.save(run())
    assert claim.acquire().checkpoint.status == "pending"
    claim.release()


def test_a_claim_that_cannot_be_given_back_does_not_hide_what_happened(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faulty = FaultyStore(MemoryStore(), {3: Fault.NEVER_SENT})
    checkpointer = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=1))
    with (
        caplog.at_level(logging.WARNING, logger="bucketpoint"),
        checkpointer.claim("run-42", owner="worker-1"),
    ):
        pass
    assert "the claim on 'run-42' was not released: store_unavailable" in caplog.text


def test_waiting_for_a_claim_does_not_keep_its_holder_from_saving() -> None:
    shared = BucketCheckpointer(MemoryStore())
    waiting = threading.Event()
    taken: list[Checkpoint] = []

    def wait() -> None:
        waiting.set()
        with shared.claim("run-42", owner="worker-2", wait=timedelta(seconds=30)) as second:
            taken.append(second.checkpoint)

    waiter = threading.Thread(target=wait)
    with shared.claim("run-42", owner="worker-1") as first:
        waiter.start()
        assert waiting.wait(60)
        for n in range(50):
            first.save(run(variables={"n": n}), timeout=5)
    waiter.join()
    assert taken[0].variables == {"n": 49}


def test_a_claim_that_cannot_be_had_before_the_deadline_is_said_to_be_held(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    with (
        ours.claim("run-42", owner="worker-1"),
        bucketpoint.deadline(0.05),
        pytest.raises(ClaimHeldError),
        theirs.claim("run-42", owner="worker-2", wait=timedelta(seconds=60)),
    ):
        pass


def paused(checkpointer: Any) -> tuple[bool, str]:
    branch = checkpointer.load_checkpoint("run-42").branch_states["main"]
    return branch.pause_requested, branch.pause_reason


def with_branch(**fields: Any) -> Checkpoint:
    return run(branch_states={"main": BranchState(id="main", **fields)})


def test_an_unpause_since_an_update_gave_the_worker_the_pause_is_not_lost(store: Store) -> None:
    ours, operator = BucketCheckpointer(store), BucketCheckpointer(store)
    operator.save_checkpoint(with_branch())
    with ours.claim("run-42", owner="worker-1") as claim:
        pause_branch(operator, "run-42", "main", reason="wait")
        given = claim.update(renamed).checkpoint
        assert given.branch_states["main"].pause_requested
        unpause_branch(operator, "run-42", "main")
        claim.save(given)
    assert paused(operator) == (False, "")


def test_a_pause_is_not_lost_to_an_older_object_saved_after_an_update(store: Store) -> None:
    ours, operator = BucketCheckpointer(store), BucketCheckpointer(store)
    operator.save_checkpoint(with_branch())
    with ours.claim("run-42", owner="worker-1") as claim:
        older = claim.checkpoint
        pause_branch(operator, "run-42", "main", reason="wait")
        claim.update(renamed)
        older.workflow_name = "renamed"
        claim.save(older)
        claim.save(older)
    assert paused(operator) == (True, "wait")


def test_a_document_broken_under_a_claim_is_refused_and_left_as_it_is(store: Store) -> None:
    ours = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        found = store.get(KEY)
        assert found is not None
        raw_put(store, found.body.replace(b'"branch_states":{}', b'"branch_states":{"main":7}'))
        calls: list[Callable[[], Any]] = [
            lambda: claim.save(run()),
            lambda: claim.update(renamed),
            claim.load,
        ]
        for call in calls:
            with pytest.raises(CorruptCheckpointError):
                call()


def test_an_edit_that_keeps_the_member_is_an_intrusion_too(store: Store) -> None:
    ours = BucketCheckpointer(store)
    with ours.claim("run-42", owner="worker-1") as claim:
        claim.save(run(variables={"n": 1}))
        found = store.get(KEY)
        assert found is not None
        raw_put(store, found.body.replace(b'"n":1', b'"n":7'))
        with pytest.raises(FenceViolationError):
            claim.save(run(variables={"n": 2}))
    assert ours.load_checkpoint("run-42").variables == {"n": 7}
