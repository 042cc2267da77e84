"""Garbage collection: what it takes, what it leaves, and what it does not take from under anybody."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BucketCheckpointer,
    Checkpoint,
    FenceViolationError,
    GCReport,
    InvalidInputError,
    ListingProgress,
    MemoryStore,
    NoCheckpointError,
    OutcomeUnknownError,
    RetentionPolicyError,
    RetryPolicy,
    StoreConfigurationError,
    StoreRequest,
    StoreUnavailableError,
    UnsupportedError,
)
from bucketpoint.stores.contract import Capabilities, IfAbsent, ObjectVersion, Version
from bucketpoint.testing import Fault, FaultyStore
from bucketpoint.testing.fixtures import FrozenClock, frozen_clock
from tests.testing.dict_checkpointers import AsyncMemoryStore

__all__ = ["frozen_clock"]

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
RUN = "run-42"
KEY = f"executions/{RUN}.json"


@pytest.fixture
def clock(frozen_clock: FrozenClock) -> FrozenClock:
    """The host's and the store's."""
    return frozen_clock


@pytest.fixture
def store(clock: FrozenClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def checkpointer(store: MemoryStore) -> BucketCheckpointer:
    return BucketCheckpointer(store)


def saved(checkpointer: BucketCheckpointer, *execution_ids: str, status: str = "completed") -> None:
    for execution_id in execution_ids:
        checkpointer.save_checkpoint(Checkpoint(execution_id=execution_id, status=status))


def deleted(checkpointer: BucketCheckpointer, *execution_ids: str) -> None:
    saved(checkpointer, *execution_ids)
    for execution_id in execution_ids:
        checkpointer.delete_checkpoint(execution_id)


def keys(store: MemoryStore) -> list[str]:
    return [info.key for info in store.list("")]


def versions(store: MemoryStore, key: str = KEY) -> list[ObjectVersion]:
    return list(store.list_versions(key))


class TestTombstones:
    def test_old_ones_are_purged(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        deleted(checkpointer, "a", "b")
        saved(checkpointer, "c")
        clock.advance(MONTH)
        deleted(checkpointer, "d")
        clock.advance(HOUR)
        report = checkpointer.gc(older_than=MONTH)
        assert report == GCReport(examined=4, purged=("a", "b"))
        assert keys(store) == ["executions/c.json", "executions/d.json"]

    def test_none_is_purged_within_the_grace(self, store: MemoryStore, clock: FrozenClock) -> None:
        checkpointer = BucketCheckpointer(store, purge_grace=2 * DAY)
        deleted(checkpointer, RUN)
        clock.advance(2 * DAY - HOUR)
        assert checkpointer.gc(older_than=HOUR).purged == ()
        clock.advance(HOUR)
        assert checkpointer.gc(older_than=HOUR).purged == (RUN,)

    def test_its_versions_stay_unless_finished_runs_are_asked_for(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        deleted(checkpointer, RUN, "run-43")
        clock.advance(MONTH)
        assert checkpointer.gc(older_than=DAY, limit=1).versions_removed == 0
        assert len(versions(store)) == 3
        assert checkpointer.restore(RUN, checkpointer.history(RUN)[2]).revision is not None
        report = checkpointer.gc(older_than=DAY, finished=True)
        # A save, then its tombstone and the marker of its removal.
        assert (report.purged, report.versions_removed) == (("run-43",), 3)
        assert versions(store, "executions/run-43.json") == []

    def test_it_costs_a_listing_a_look_and_a_removal(
        self, store: MemoryStore, clock: FrozenClock
    ) -> None:
        deleted(BucketCheckpointer(store), "a")
        saved(BucketCheckpointer(store), "b")
        clock.advance(MONTH)
        requests: list[StoreRequest] = []
        checkpointer = BucketCheckpointer(store, observer=requests.append)
        checkpointer.gc(older_than=DAY)
        kinds = sorted(request.kind for request in requests)
        assert kinds == ["delete", "get", "get", "get", "list"]
        requests.clear()
        checkpointer.gc(older_than=DAY)
        assert [request.kind for request in requests] == ["list"]

    def test_what_was_written_since_it_was_listed_stays(
        self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = MemoryStore(clock=clock)
        checkpointer, other = BucketCheckpointer(store), BucketCheckpointer(store)
        deleted(checkpointer, RUN)
        clock.advance(MONTH)
        remove = store.delete

        def revived(key: str, **options: Any) -> bool:
            saved(other, RUN)
            return remove(key, **options)

        monkeypatch.setattr(store, "delete", revived)
        assert checkpointer.gc(older_than=DAY).purged == ()
        assert checkpointer.load_checkpoint(RUN).execution_id == RUN


class TestFinishedRuns:
    @pytest.mark.parametrize("status", ["completed", "failed"])
    def test_those_that_have_ended_are_deleted_with_their_versions(
        self,
        checkpointer: BucketCheckpointer,
        store: MemoryStore,
        clock: FrozenClock,
        status: str,
    ) -> None:
        saved(checkpointer, RUN, RUN, RUN, status=status)
        clock.advance(MONTH)
        report = checkpointer.gc(older_than=DAY, finished=True)
        assert report == GCReport(examined=1, deleted=(RUN,), versions_removed=3)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)
        assert [version.is_current for version in versions(store)] == [True]  # its tombstone
        clock.advance(2 * DAY)
        report = checkpointer.gc(older_than=DAY, finished=True)
        assert report == GCReport(examined=1, purged=(RUN,), versions_removed=2)
        assert versions(store) == []

    @pytest.mark.parametrize("status", ["pending", "running", "suspended", "paused", "", "Failed"])
    def test_others_stay(
        self, checkpointer: BucketCheckpointer, clock: FrozenClock, status: str
    ) -> None:
        saved(checkpointer, RUN, status=status)
        clock.advance(MONTH)
        assert checkpointer.gc(older_than=DAY, finished=True) == GCReport(examined=1)

    def test_younger_ones_stay(self, checkpointer: BucketCheckpointer, clock: FrozenClock) -> None:
        saved(checkpointer, RUN)
        clock.advance(MONTH - HOUR)
        assert checkpointer.gc(older_than=MONTH, finished=True).deleted == ()

    def test_none_is_deleted_unless_asked(
        self, checkpointer: BucketCheckpointer, clock: FrozenClock
    ) -> None:
        saved(checkpointer, RUN)
        clock.advance(MONTH)
        assert checkpointer.gc(older_than=DAY).deleted == ()

    def test_the_age_is_told_by_the_store_alone(self, clock: FrozenClock) -> None:
        stores_clock = FrozenClock(clock.now - 10 * MONTH)  # the host's is far ahead
        checkpointer = BucketCheckpointer(MemoryStore(clock=stores_clock))
        saved(checkpointer, RUN)
        assert checkpointer.gc(older_than=DAY, finished=True).deleted == ()

    def test_one_that_a_worker_holds_stays(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        saved(checkpointer, RUN)
        with BucketCheckpointer(store).claim(RUN, owner="worker", ttl=2 * MONTH) as claim:
            clock.advance(MONTH)
            assert checkpointer.gc(older_than=DAY, finished=True).deleted == ()
            claim.save(claim.checkpoint)

    def test_a_worker_that_went_silent_is_fenced(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        saved(checkpointer, RUN)
        claim = BucketCheckpointer(store).claim(RUN, owner="worker", ttl=HOUR)
        claim.acquire()
        clock.advance(MONTH)
        assert checkpointer.gc(older_than=DAY, finished=True).deleted == (RUN,)
        with pytest.raises(FenceViolationError):
            claim.save(claim.checkpoint)

    def test_one_that_was_written_since_it_was_judged_stays(
        self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = MemoryStore(clock=clock)
        checkpointer, other = BucketCheckpointer(store), BucketCheckpointer(store)
        saved(checkpointer, RUN)
        clock.advance(MONTH)
        put = store.put

        def restarted(key: str, body: bytes, **options: Any) -> Version:
            monkeypatch.setattr(store, "put", put)
            saved(other, RUN, status="running")
            return put(key, body, **options)

        monkeypatch.setattr(store, "put", restarted)
        assert checkpointer.gc(older_than=DAY, finished=True) == GCReport(examined=1)
        assert checkpointer.load_checkpoint(RUN).status == "running"
        assert len(versions(store)) == 2

    def test_a_run_of_another_program_is_deleted_too(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        body = b'{"schema_version":1,"execution_id":"run-42","status":"completed"}'
        store.put(KEY, body, when=IfAbsent())
        clock.advance(MONTH)
        assert checkpointer.gc(older_than=DAY, finished=True).deleted == (RUN,)

    def test_without_versions_only_the_run_is_deleted(self, clock: FrozenClock) -> None:
        checkpointer = BucketCheckpointer(MemoryStore(clock=clock, keep_versions=0))
        saved(checkpointer, RUN, RUN)
        clock.advance(MONTH)
        report = checkpointer.gc(older_than=DAY, finished=True)
        assert report == GCReport(examined=1, deleted=(RUN,))

    def test_an_unknown_outcome_is_found_out(self, store: MemoryStore, clock: FrozenClock) -> None:
        saved(BucketCheckpointer(store), RUN)
        clock.advance(MONTH)
        for fault in (Fault.LOST_ANSWER, Fault.NEVER_SENT, Fault.THROTTLED):
            faulty = FaultyStore(store, {4: fault})
            checkpointer = BucketCheckpointer(faulty, retry=RetryPolicy(outage_s=0, conflict_s=0))
            assert checkpointer.gc(older_than=DAY, finished=True).deleted == (RUN,)
            assert faulty.log[3].request.kind == "put"
            saved(BucketCheckpointer(store), RUN)
            clock.advance(MONTH)


class TestReport:
    def test_a_dry_run_changes_nothing(self, store: MemoryStore, clock: FrozenClock) -> None:
        checkpointer = BucketCheckpointer(store)
        deleted(checkpointer, "a")
        saved(checkpointer, "b")
        saved(checkpointer, "c", status="running")
        clock.advance(MONTH)
        requests: list[StoreRequest] = []
        looking = BucketCheckpointer(store, observer=requests.append)
        report = looking.gc(older_than=DAY, finished=True, dry_run=True)
        assert report == GCReport(examined=3, purged=("a",), deleted=("b",), dry_run=True)
        assert {request.kind for request in requests} == {"list", "get"}
        done = checkpointer.gc(older_than=DAY, finished=True)
        assert (done.purged, done.deleted) == (report.purged, report.deleted)

    def test_it_stops_at_the_limit_and_goes_on_behind(
        self, checkpointer: BucketCheckpointer, clock: FrozenClock
    ) -> None:
        names = [f"run-{number}" for number in range(5)]
        deleted(checkpointer, *names)
        clock.advance(MONTH)
        collected: list[str] = []
        start_after = None
        for _ in range(3):
            report = checkpointer.gc(older_than=DAY, limit=2, start_after=start_after)
            collected += report.purged
            start_after = report.next
        assert collected == names
        assert start_after is None

    def test_it_can_be_begun_again_without_a_place(
        self, checkpointer: BucketCheckpointer, clock: FrozenClock
    ) -> None:
        deleted(checkpointer, *"abc")
        clock.advance(MONTH)
        found = [checkpointer.gc(older_than=DAY, limit=1).purged for _ in range(4)]
        assert found == [("a",), ("b",), ("c",), ()]

    def test_what_cannot_be_read_is_named_and_left(
        self, checkpointer: BucketCheckpointer, store: MemoryStore, clock: FrozenClock
    ) -> None:
        deleted(checkpointer, "a", "c")
        store.put("executions/b.json", b"{", when=IfAbsent())
        newer = b'{"schema_version":1,"status":"failed","bucketpoint":{"format":2}}'
        store.put("executions/d.json", newer, when=IfAbsent())
        clock.advance(MONTH)
        report = checkpointer.gc(older_than=DAY, finished=True)
        assert report.purged == ("a", "c")
        assert report.failed == (("b", "corrupt_checkpoint"), ("d", "unsupported_format"))
        assert keys(store) == ["executions/b.json", "executions/d.json"]

    def test_one_that_may_not_be_removed_does_not_end_it(self, clock: FrozenClock) -> None:
        class Held(MemoryStore):
            def delete(self, key: str, **options: Any) -> bool:
                if key == "executions/a.json":
                    raise RetentionPolicyError("held")
                return super().delete(key, **options)

        checkpointer = BucketCheckpointer(Held(clock=clock))
        deleted(checkpointer, *"ab")
        clock.advance(MONTH)
        report = checkpointer.gc(older_than=DAY)
        assert (report.purged, report.failed) == (("b",), (("a", "retention_policy"),))

    def test_a_store_that_refuses_all_ends_it(self, clock: FrozenClock) -> None:
        class Denied(MemoryStore):
            def delete(self, key: str, **options: Any) -> bool:
                raise StoreConfigurationError("denied")

        checkpointer = BucketCheckpointer(Denied(clock=clock))
        deleted(checkpointer, *"ab")
        clock.advance(MONTH)
        with pytest.raises(StoreConfigurationError):
            checkpointer.gc(older_than=DAY)

    def test_progress_is_told(self, checkpointer: BucketCheckpointer, clock: FrozenClock) -> None:
        deleted(checkpointer, *"ab")
        clock.advance(MONTH)
        told: list[ListingProgress] = []
        checkpointer.gc(older_than=DAY, progress=told.append)
        assert told[-1] == ListingProgress(listed=2, read=2, emitted=2)


class TestArguments:
    @pytest.mark.parametrize("older_than", [None, 30, timedelta(0), -DAY], ids=str)
    def test_no_length_of_time(self, checkpointer: BucketCheckpointer, older_than: Any) -> None:
        with pytest.raises(InvalidInputError, match="older_than must be a positive timedelta"):
            checkpointer.gc(older_than=older_than)

    def test_no_limit(self, checkpointer: BucketCheckpointer) -> None:
        with pytest.raises(InvalidInputError, match="limit must be"):
            checkpointer.gc(older_than=DAY, limit=0)

    def test_a_store_that_removes_nothing_on_a_condition(
        self, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = MemoryStore(clock=clock)
        monkeypatch.setattr(store, "_capabilities", Capabilities(versions=True))
        checkpointer = BucketCheckpointer(store)
        deleted(checkpointer, "a")
        saved(checkpointer, "b")
        clock.advance(MONTH)
        with pytest.raises(UnsupportedError, match="no conditional delete"):
            checkpointer.gc(older_than=DAY)
        report = checkpointer.gc(older_than=DAY, finished=True)
        assert (report.purged, report.deleted) == ((), ("b",))


class TestVersions:
    def test_the_oldest_go_first_and_the_mark_of_the_removal_last(
        self, store: MemoryStore, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        removed: list[str] = []
        remove = store.delete_version

        def noted(key: str, version_id: str, **options: Any) -> None:
            removed.append(version_id)
            remove(key, version_id, **options)

        monkeypatch.setattr(store, "delete_version", noted)
        checkpointer = BucketCheckpointer(store)
        deleted(checkpointer, RUN)
        clock.advance(MONTH)
        before = [version.version_id for version in versions(store)]
        checkpointer.gc(older_than=DAY, finished=True)
        assert removed[0] == before[-1]
        assert [int(version_id) for version_id in removed] == sorted(map(int, removed))

    def test_one_that_was_cut_off_is_finished_by_another(self, clock: FrozenClock) -> None:
        """Whatever request is the last, another collection ends with nothing left."""
        for last in range(1, 12):
            store = MemoryStore(clock=clock)
            deleted(BucketCheckpointer(store), RUN)
            clock.advance(MONTH)
            requests = iter(range(last))

            def plan(_: object, requests: Iterator[int] = requests) -> Fault | None:
                return None if next(requests, None) is not None else Fault.NEVER_SENT

            cut_off = BucketCheckpointer(FaultyStore(store, plan), retry=RetryPolicy(attempts=1))
            with suppress(StoreUnavailableError, OutcomeUnknownError):
                cut_off.gc(older_than=DAY, finished=True)
            BucketCheckpointer(store).gc(older_than=DAY, finished=True)
            assert keys(store) == []
            current = [version for version in versions(store) if version.is_current]
            assert all(version.is_deletion for version in current), last


def test_the_twin_collects_the_same(clock: FrozenClock) -> None:
    async def collected(store: Any) -> GCReport:
        async with AsyncBucketCheckpointer(store) as checkpointer:
            first = await checkpointer.gc(older_than=DAY, finished=True, limit=1)
            assert first.next == "a"
            return await checkpointer.gc(older_than=DAY, finished=True, start_after=first.next)

    for native in (False, True):
        inner = MemoryStore(clock=clock)
        deleted(BucketCheckpointer(inner), "a")
        saved(BucketCheckpointer(inner), "b")
        inner.put("executions/c.json", b"{", when=IfAbsent())
        clock.advance(MONTH)
        report = asyncio.run(collected(AsyncMemoryStore(inner) if native else inner))
        assert report.deleted == ("b",)
        assert report.failed == (("c", "corrupt_checkpoint"),)
