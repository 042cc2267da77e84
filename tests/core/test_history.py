"""History, restore and fork: what they ask of a store, and what they promise."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BucketCheckpointer,
    Checkpoint,
    CheckpointVersion,
    ConflictError,
    CorruptCheckpointError,
    FenceViolationError,
    FileStore,
    InvalidInputError,
    MemoryStore,
    NoCheckpointError,
    OutcomeUnknownError,
    RetryPolicy,
    StoreRequest,
    UnsupportedError,
    UnsupportedFormatError,
    UnsupportedSchemaError,
    Version,
    VersionConflictError,
    pause_branch,
)
from bucketpoint.checkpoint import BranchState
from bucketpoint.core import codec
from bucketpoint.core.document import Document, Member
from bucketpoint.core.fork import FORKS_KEPT
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store
from bucketpoint.testing import Fault, FaultyStore
from bucketpoint.testing.conformance import got
from tests.format.documents import GOLDENS
from tests.format.exact import rewritten

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN, FORK = "run-42", "run-43"
KEY, FORK_KEY = f"executions/{RUN}.json", f"executions/{FORK}.json"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


def checkpoint(mark: str, execution_id: str = RUN) -> Checkpoint:
    return Checkpoint(
        execution_id=execution_id,
        checkpoint_at=NOW,
        variables={"mark": mark},
        branch_states={"main": BranchState(id="main")},
    )


def mark(found: Checkpoint) -> Any:
    return found.variables["mark"]


def marked(word: str) -> Callable[[Checkpoint], None]:
    return lambda run: run.variables.update(mark=word)


def written(store: Store, *marks: str) -> BucketCheckpointer:
    """A run with these versions."""
    checkpointer = BucketCheckpointer(store)
    for word in marks:
        checkpointer.save_checkpoint(checkpoint(word))
    return checkpointer


def member_at(store: Store, key: str = KEY) -> Member:
    member = Document.parse(got(store, key).body).member
    assert member is not None
    return member


class TestHistory:
    def test_versions_are_listed_from_the_newest_on(self, store: Store) -> None:
        checkpointer = written(store, "a", "b", "c")
        versions = checkpointer.history(RUN)
        found = [mark(checkpointer.load_version(RUN, entry).checkpoint) for entry in versions]
        assert found == ["c", "b", "a"]
        assert [entry.is_current for entry in versions] == [True, False, False]
        assert versions[0].version == got(store, KEY).version
        assert versions[0].size == len(got(store, KEY).body)

    def test_a_limit_gives_the_newest(self, store: Store) -> None:
        checkpointer = written(store, "a", "b", "c")
        assert checkpointer.history(RUN, limit=2) == checkpointer.history(RUN)[:2]

    @pytest.mark.parametrize("limit", [0, -1, True, "2", 1.5])
    def test_a_limit_that_is_none_is_refused(self, store: Store, limit: Any) -> None:
        with pytest.raises(InvalidInputError, match="limit must be a whole number"):
            written(store, "a").history(RUN, limit=limit)

    def test_what_was_never_there_has_no_history(self, store: Store) -> None:
        with pytest.raises(NoCheckpointError, match="no checkpoint found"):
            written(store).history(RUN)

    def test_it_reads_no_version(self) -> None:
        requests: list[StoreRequest] = []
        store = MemoryStore()
        written(store, "a", "b")
        BucketCheckpointer(store, observer=requests.append).history(RUN)
        assert [(request.kind, request.key, request.outcome) for request in requests] == [
            ("list_versions", KEY, "ok")
        ]

    def test_a_store_that_does_not_answer_is_asked_again(self) -> None:
        store = FaultyStore(MemoryStore(), {3: Fault.NEVER_SENT})
        checkpointer = BucketCheckpointer(store, retry=RetryPolicy(outage_s=0.0))
        checkpointer.save_checkpoint(checkpoint("a"))
        assert len(checkpointer.history(RUN)) == 1
        assert [logged.request.kind for logged in store.log][-2:] == ["list_versions"] * 2


class TestLoadVersion:
    def test_an_entry_or_its_id_names_a_version(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        entry = checkpointer.history(RUN)[1]
        assert (
            checkpointer.load_version(RUN, entry).version
            == checkpointer.load_version(RUN, entry.version_id).version
            == entry.version
        )
        assert checkpointer.load_version(RUN, entry).revision == 1

    def test_saving_an_earlier_version_is_a_conflict(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        before = checkpointer.load_version(RUN, checkpointer.history(RUN)[1]).checkpoint
        with pytest.raises(ConflictError, match=r"earlier version.*restore\(\) makes"):
            checkpointer.save_checkpoint(before)
        assert mark(checkpointer.load_checkpoint(RUN)) == "b"

    def test_the_current_version_can_be_saved(self, store: Store) -> None:
        checkpointer = written(store, "a")
        current = checkpointer.load_version(RUN, checkpointer.history(RUN)[0]).checkpoint
        checkpointer.save_checkpoint(current)

    def test_a_version_that_is_not_kept_is_named(self, store: Store) -> None:
        checkpointer = written(store, "a")
        with pytest.raises(NoCheckpointError, match=r"version '999' .* is not kept"):
            checkpointer.load_version(RUN, "999")

    def test_a_version_that_deleted_the_run_is_no_checkpoint(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.delete_checkpoint(RUN)
        deletion, _ = checkpointer.history(RUN)
        with pytest.raises(NoCheckpointError, match=r"deleted the run: choose another"):
            checkpointer.load_version(RUN, deletion)

    def test_a_version_that_removed_the_object_is_no_checkpoint(self) -> None:
        store = MemoryStore()
        checkpointer = written(store, "a")
        store.delete(KEY, when=IfVersion(got(store, KEY).version))
        removal, _ = checkpointer.history(RUN)
        assert removal.is_deletion
        with pytest.raises(NoCheckpointError, match="removed the object"):
            checkpointer.load_version(RUN, removal)

    @pytest.mark.parametrize("version", [Version("1"), 1, None, ""])
    def test_what_names_no_version_is_refused(self, store: Store, version: Any) -> None:
        with pytest.raises(
            InvalidInputError, match=r"an entry of history\(\), or by its version_id"
        ):
            written(store, "a").load_version(RUN, version)


class TestRestore:
    def test_old_data_becomes_a_newer_version(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        before = member_at(store)
        restored = checkpointer.restore(RUN, checkpointer.history(RUN)[1])
        assert mark(restored.checkpoint) == mark(checkpointer.load_checkpoint(RUN)) == "a"
        after = member_at(store)
        assert (after.lineage, after.revision) == (before.lineage, 3)
        assert restored.version == got(store, KEY).version
        assert [entry.version_id for entry in checkpointer.history(RUN)[1:]] != []

    def test_it_costs_a_read_of_the_version_and_a_write(self) -> None:
        requests: list[StoreRequest] = []
        checkpointer = BucketCheckpointer(MemoryStore(), observer=requests.append)
        checkpointer.save_checkpoint(checkpoint("a"), if_absent=True)
        (entry,) = checkpointer.history(RUN)
        checkpointer.atomic_update(RUN, marked("b"))
        requests.clear()
        checkpointer.restore(RUN, entry)
        assert [request.kind for request in requests] == ["get", "put"]

    def test_what_was_restored_can_be_saved_at_once(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        restored = checkpointer.restore(RUN, checkpointer.history(RUN)[1]).checkpoint
        restored.variables["mark"] = "c"
        checkpointer.save_checkpoint(restored)
        assert mark(checkpointer.load_checkpoint(RUN)) == "c"

    def test_a_deleted_run_comes_back(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.delete_checkpoint(RUN)
        checkpointer.restore(RUN, checkpointer.history(RUN)[1])
        assert mark(checkpointer.load_checkpoint(RUN)) == "a"
        assert member_at(store).revision == 3

    def test_a_run_whose_document_is_corrupt_comes_back(self, store: Store) -> None:
        checkpointer = written(store, "a")
        store.put(KEY, b"{", when=IfVersion(got(store, KEY).version))
        checkpointer.restore(RUN, checkpointer.history(RUN)[1])
        assert mark(BucketCheckpointer(store).load_checkpoint(RUN)) == "a"

    def test_a_run_whose_object_was_removed_comes_back(self) -> None:
        store = MemoryStore()
        checkpointer = written(store, "a")
        store.delete(KEY, when=IfVersion(got(store, KEY).version))
        checkpointer.restore(RUN, checkpointer.history(RUN)[1])
        assert mark(checkpointer.load_checkpoint(RUN)) == "a"

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (b"{", CorruptCheckpointError),
            (b'{"schema_version": 2, "execution_id": "run-42"}', UnsupportedSchemaError),
        ],
        ids=["corrupt", "schema"],
    )
    def test_a_version_that_is_no_checkpoint_is_not_restored(
        self, store: Store, body: bytes, error: type[Exception]
    ) -> None:
        store.put(KEY, body, when=IfAbsent())
        checkpointer = BucketCheckpointer(store)
        (entry,) = checkpointer.history(RUN)
        checkpointer.delete_checkpoint(RUN)
        before = got(store, KEY)
        with pytest.raises(error):
            checkpointer.restore(RUN, entry)
        assert got(store, KEY).body == before.body

    def test_a_deletion_is_not_restored(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.delete_checkpoint(RUN)
        with pytest.raises(NoCheckpointError, match="deleted the run"):
            checkpointer.restore(RUN, checkpointer.history(RUN)[0])

    def test_it_can_be_bound_to_a_version(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        old = checkpointer.history(RUN)[1]
        seen = got(store, KEY).version
        BucketCheckpointer(store).atomic_update(RUN, marked("c"))
        with pytest.raises(VersionConflictError):
            checkpointer.restore(RUN, old, if_version=seen)
        assert mark(checkpointer.load_checkpoint(RUN)) == "c"
        checkpointer.restore(RUN, old, if_version=got(store, KEY).version)
        with pytest.raises(InvalidInputError, match="if_version takes a Version"):
            checkpointer.restore(RUN, old, if_version="1")  # type: ignore[arg-type]  # a user may

    def test_a_worker_that_holds_the_run_is_fenced_and_another_can_claim(
        self, store: Store
    ) -> None:
        operator = written(store, "a", "b")
        claim = BucketCheckpointer(store).claim(RUN, owner="worker-1", ttl=timedelta(hours=1))
        with claim as held:
            operator.restore(RUN, operator.history(RUN)[-1])
            with pytest.raises(FenceViolationError):
                held.save(held.checkpoint)
        with BucketCheckpointer(store).claim(RUN, owner="worker-2") as held:
            assert mark(held.checkpoint) == "a"

    def test_a_worker_is_fenced_even_where_the_data_is_the_same(self, store: Store) -> None:
        operator = written(store, "a")
        with BucketCheckpointer(store).claim(RUN, owner="worker") as held:
            before = member_at(store)
            operator.restore(RUN, operator.history(RUN)[0])
            assert (member_at(store).epoch, member_at(store).owner) == (before.epoch + 1, None)
            with pytest.raises(FenceViolationError):
                held.save(held.checkpoint)

    @pytest.mark.parametrize("part", [{"codec": "zstd"}, {"format": 2}], ids=["codec", "format"])
    def test_data_that_a_newer_version_wrote_is_not_written_on(
        self, store: Store, part: dict[str, Any]
    ) -> None:
        checkpointer = written(store, "a")
        document = json.loads(got(store, KEY).body)
        document["bucketpoint"] |= part
        version = store.put(
            KEY, json.dumps(document).encode(), when=IfVersion(got(store, KEY).version)
        )
        newer = checkpointer.history(RUN)[0]
        with pytest.raises(UnsupportedFormatError, match="upgrade"):
            checkpointer.fork(RUN, FORK)
        store.put(KEY, b"{", when=IfVersion(version))
        with pytest.raises(UnsupportedFormatError, match="upgrade"):
            checkpointer.restore(RUN, newer)
        with pytest.raises(UnsupportedFormatError, match="upgrade"):
            checkpointer.fork(RUN, FORK, version=newer)
        assert got(store, KEY).body == b"{"

    def test_a_lost_answer_is_found_again(self) -> None:
        store = MemoryStore()
        old = written(store, "a", "b").history(RUN)[1]
        faulty = FaultyStore(store, {3: Fault.LOST_ANSWER})
        BucketCheckpointer(faulty, retry=RetryPolicy(outage_s=0.0)).restore(RUN, old)
        assert member_at(store).revision == 3
        assert [logged.outcome for logged in faulty.log][2] == "outcome_unknown"

    def test_an_unknown_outcome_is_settled(self) -> None:
        store = MemoryStore()
        old = written(store, "a", "b").history(RUN)[1]
        faulty = FaultyStore(store, dict.fromkeys(range(3, 40), Fault.LATE))
        checkpointer = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=2, outage_s=0.0))
        with pytest.raises(OutcomeUnknownError) as unknown:
            checkpointer.restore(RUN, old)
        faulty.release()
        assert BucketCheckpointer(store).settle(unknown.value)
        assert mark(BucketCheckpointer(store).load_checkpoint(RUN)) == "a"


class TestFork:
    def test_both_sides_name_each_other(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        source = member_at(store)
        forked = checkpointer.fork(RUN, FORK)
        assert mark(forked.checkpoint) == mark(checkpointer.load_checkpoint(FORK)) == "b"
        assert forked.checkpoint.execution_id == FORK
        place = {"lineage": source.lineage, "revision": source.revision}
        fork = member_at(store, FORK_KEY)
        assert fork.extra == {"forked_from": {"execution_id": RUN, **place}}
        assert fork.lineage != source.lineage
        assert member_at(store).extra == {"forks": [{"execution_id": FORK, **place}]}

    def test_the_source_keeps_its_data(self, store: Store) -> None:
        checkpointer = written(store, "a")
        before = Document.parse(got(store, KEY).body).take_data()
        checkpointer.fork(RUN, FORK, edit=marked("b"))
        after = Document.parse(got(store, KEY).body).take_data()
        assert codec.same(before, after)

    def test_even_a_stop_iteration_of_edit_comes_out_as_the_very_same_object(
        self, store: Store
    ) -> None:
        problem = StopIteration("mine")

        def fail(_: Checkpoint) -> None:
            raise problem

        with pytest.raises(StopIteration) as it:
            written(store, "a").fork(RUN, FORK, edit=fail)
        assert it.value is problem

    def test_the_notes_are_carried_along(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.fork(RUN, FORK)
        for execution_id in (RUN, FORK):
            checkpointer.atomic_update(execution_id, marked("c"))
        assert list(member_at(store).extra) == ["forks"]
        assert list(member_at(store, FORK_KEY).extra) == ["forked_from"]

    def test_a_new_run_under_the_old_id_is_no_fork(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.fork(RUN, FORK)
        fork = checkpointer.history(FORK)[0]
        for execution_id in (RUN, FORK):
            checkpointer.delete_checkpoint(execution_id)
            checkpointer.save_checkpoint(checkpoint("new", execution_id), if_absent=True)
        assert member_at(store).extra == member_at(store, FORK_KEY).extra == {}
        checkpointer.restore(FORK, fork)
        assert list(member_at(store, FORK_KEY).extra) == ["forked_from"]

    def test_it_may_begin_with_an_earlier_version(self, store: Store) -> None:
        checkpointer = written(store, "a", "b")
        forked = checkpointer.fork(RUN, FORK, version=checkpointer.history(RUN)[1])
        assert mark(forked.checkpoint) == "a"
        assert member_at(store).extra["forks"][0]["revision"] == 1

    def test_a_deleted_run_is_forked_from_a_version(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.delete_checkpoint(RUN)
        with pytest.raises(NoCheckpointError):
            checkpointer.fork(RUN, FORK)
        forked = checkpointer.fork(RUN, FORK, version=checkpointer.history(RUN)[1])
        assert mark(forked.checkpoint) == "a"
        assert checkpointer.get(RUN) is None

    def test_it_is_edited_before_it_is_stored(self, store: Store) -> None:
        checkpointer = written(store, "a")

        def rebuilt(run: Checkpoint) -> Checkpoint:
            return checkpoint("new", run.execution_id)

        assert mark(checkpointer.fork(RUN, FORK, edit=marked("b")).checkpoint) == "b"
        assert mark(checkpointer.fork(RUN, "run-44", edit=rebuilt).checkpoint) == "new"
        assert len(checkpointer.history(FORK)) == 1

    def test_what_the_edit_raises_comes_out_and_nothing_is_stored(self, store: Store) -> None:
        checkpointer = written(store, "a")
        error = KeyError("mine")

        def edit(_: Checkpoint) -> None:
            raise error

        with pytest.raises(KeyError) as raised:
            checkpointer.fork(RUN, FORK, edit=edit)
        assert raised.value is error
        assert store.get(FORK_KEY) is None

    def test_a_run_that_exists_is_not_replaced(self, store: Store) -> None:
        checkpointer = written(store, "a")
        checkpointer.save_checkpoint(checkpoint("theirs", FORK))
        with pytest.raises(VersionConflictError):
            checkpointer.fork(RUN, FORK)
        assert mark(checkpointer.load_checkpoint(FORK)) == "theirs"
        assert member_at(store).extra == {}

    def test_a_run_cannot_be_forked_onto_itself(self, store: Store) -> None:
        with pytest.raises(InvalidInputError, match="a run of its own"):
            written(store, "a").fork(RUN, RUN)

    @pytest.mark.parametrize("edit", [3, "edit"])
    def test_an_edit_is_a_function(self, store: Store, edit: Any) -> None:
        with pytest.raises(InvalidInputError, match="edit must be a function"):
            written(store, "a").fork(RUN, FORK, edit=edit)

    def test_an_edit_cannot_give_it_another_id(self, store: Store) -> None:
        with pytest.raises(InvalidInputError, match="cannot change the execution_id"):
            written(store, "a").fork(RUN, FORK, edit=lambda _: checkpoint("b", "else"))

    def test_only_the_newest_forks_are_named(self, store: Store) -> None:
        checkpointer = written(store, "a")
        names = [f"fork-{number}" for number in range(FORKS_KEPT + 2)]
        for name in names:
            checkpointer.fork(RUN, name)
        forks = member_at(store).extra["forks"]
        assert [fork["execution_id"] for fork in forks] == names[2:]

    def test_a_claimed_worker_does_not_notice(self, store: Store) -> None:
        worker, operator = BucketCheckpointer(store), BucketCheckpointer(store)
        written(store, "a")
        with worker.claim(RUN, owner="worker") as held:
            operator.fork(RUN, FORK)
            held.checkpoint.variables["mark"] = "b"
            held.save(held.checkpoint)
            pause_branch(operator, RUN, "main")
            operator.fork(RUN, "run-44")
            held.save(held.checkpoint)
        run = operator.load_checkpoint(RUN)
        assert mark(run) == "b"
        assert run.branch_states["main"].pause_requested
        assert len(member_at(store).extra["forks"]) == 2

    def test_a_note_that_fails_leaves_the_fork_and_a_warning(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = MemoryStore()
        written(store, "a")
        down = dict.fromkeys(range(4, 40), Fault.NEVER_SENT)  # after the read, and both of the fork
        faulty = FaultyStore(store, down)
        checkpointer = BucketCheckpointer(faulty, retry=RetryPolicy(attempts=2, outage_s=0.0))
        with caplog.at_level(logging.WARNING, "bucketpoint"):
            assert mark(checkpointer.fork(RUN, FORK).checkpoint) == "a"
        assert "'run-42' does not name its new fork: store_unavailable" in caplog.text
        assert member_at(store).extra == {}
        assert member_at(store, FORK_KEY).extra["forked_from"]["execution_id"] == RUN

    def test_a_lost_answer_makes_no_second_fork(self) -> None:
        store = MemoryStore()
        written(store, "a")
        faulty = FaultyStore(store, {3: Fault.LOST_ANSWER})
        BucketCheckpointer(faulty, retry=RetryPolicy(outage_s=0.0)).fork(RUN, FORK)
        assert member_at(store, FORK_KEY).revision == 1


def history(checkpointer: BucketCheckpointer) -> object:
    return checkpointer.history(RUN)


def load_version(checkpointer: BucketCheckpointer) -> object:
    return checkpointer.load_version(RUN, "1")


def restore(checkpointer: BucketCheckpointer) -> object:
    return checkpointer.restore(RUN, "1")


def fork(checkpointer: BucketCheckpointer) -> object:
    return checkpointer.fork(RUN, FORK, version="1")


CALLS = (history, load_version, restore, fork)


class TestWithoutVersions:
    @pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
    def test_the_error_says_what_to_turn_on(
        self, call: Callable[[BucketCheckpointer], object]
    ) -> None:
        checkpointer = written(MemoryStore(keep_versions=0), "a")
        with pytest.raises(UnsupportedError, match="keep_versions above 0"):
            call(checkpointer)

    def test_the_current_version_is_forked_all_the_same(self) -> None:
        checkpointer = written(MemoryStore(keep_versions=0), "a")
        assert mark(checkpointer.fork(RUN, FORK).checkpoint) == "a"


def test_the_asynchronous_twin_does_the_same(store: Store) -> None:
    written(store, "a", "b")

    async def edit(run: Checkpoint) -> None:
        await asyncio.sleep(0)
        marked("c")(run)

    async def main() -> None:
        async with AsyncBucketCheckpointer(store) as checkpointer:
            newest, oldest = await checkpointer.history(RUN)
            assert isinstance(newest, CheckpointVersion)
            assert mark((await checkpointer.load_version(RUN, oldest)).checkpoint) == "a"
            assert mark((await checkpointer.restore(RUN, oldest)).checkpoint) == "a"
            assert mark((await checkpointer.fork(RUN, FORK, edit=edit)).checkpoint) == "c"
            with pytest.raises(VersionConflictError):
                await checkpointer.fork(RUN, FORK)

    asyncio.run(main())
    assert member_at(store).extra["forks"][0]["execution_id"] == FORK


def test_every_golden_document_is_restored_with_nothing_lost() -> None:
    store = MemoryStore()
    checkpointer = BucketCheckpointer(store)
    store.put(KEY, b"{", when=IfAbsent())
    for golden in GOLDENS.values():
        store.put(KEY, golden.body, when=IfVersion(got(store, KEY).version))
        (entry,) = checkpointer.history(RUN, limit=1)
        checkpointer.delete_checkpoint(RUN)
        checkpointer.restore(RUN, entry)
        assert codec.same(
            Document.parse(got(store, KEY).body).take_data(), codec.decode(rewritten(golden.body))
        ), golden
