"""Listing executions: what is shown, what is read for it, and what is not."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    ExecutionSummary,
    FileStore,
    InvalidInputError,
    ListingProgress,
    MemoryStore,
    RetryPolicy,
    StoreConfigurationError,
    StoreRequest,
    StoreUnavailableError,
    Timestamp,
    WaitState,
)
from bucketpoint.core import listing
from bucketpoint.core.effects import Await, Begin, NextPage
from bucketpoint.core.query import Query
from bucketpoint.core.summaries import gist_of, in_full
from bucketpoint.stores.contract import IfAbsent, IfVersion, ObjectInfo, Store, StoredObject
from bucketpoint.testing import Fault, FaultyStore
from bucketpoint.testing.conformance import got
from bucketpoint.testing.fixtures import FrozenClock
from tests.format.documents import GOLDENS
from tests.testing.dict_checkpointers import AsyncMemoryStore

MANY = 2_345
SPECIAL = ["a b", "A/b?c", "ä", "a.b", "a~b", "Z", "-", "%41", "\U0001f600"]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


@pytest.fixture
def clock() -> FrozenClock:
    """The store's."""
    return FrozenClock()


def run(execution_id: str, status: str = "running", **members: Any) -> Checkpoint:
    return Checkpoint(execution_id=execution_id, status=status, **members)


def waiting(execution_id: str, wake_at: str | None, **members: Any) -> Checkpoint:
    wait = (
        WaitState(kind="sleep", wake_at=Timestamp.parse(wake_at))
        if wake_at
        else WaitState(kind="signal")
    )
    main = BranchState(id="main", status="suspended", wait=wait, **members)
    return run(execution_id, "suspended", branch_states={"main": main})


def filled(store: Store, *runs: Checkpoint) -> BucketCheckpointer:
    checkpointer = BucketCheckpointer(store)
    for checkpoint in runs:
        checkpointer.save_checkpoint(checkpoint)
    return checkpointer


def ids(found: Iterator[ExecutionSummary]) -> list[str]:
    return [summary.execution_id for summary in found]


class Counted:
    """A checkpointer whose requests are counted by kind."""

    def __init__(self, store: Store, **options: Any) -> None:
        self.requests: list[StoreRequest] = []
        self.checkpointer = BucketCheckpointer(store, observer=self.requests.append, **options)

    def counts(self, listing: Callable[[BucketCheckpointer], Any]) -> dict[str, int]:
        self.requests.clear()
        listing(self.checkpointer)
        kinds = [request.kind for request in self.requests]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def everything(checkpointer: BucketCheckpointer) -> list[str]:
    return ids(checkpointer.list_executions())


def many(count: int = MANY) -> MemoryStore:
    store = MemoryStore(keep_versions=0)
    for number in range(count):
        body = run(f"run-{number:05}").to_document()
        store.put(f"executions/run-{number:05}.json", json.dumps(body).encode(), when=IfAbsent())
    return store


class TestWhatIsShown:
    def test_a_summary_tells_what_is_known_of_a_run(self, clock: FrozenClock) -> None:
        checkpointer = BucketCheckpointer(MemoryStore(clock=clock))
        checkpoint = waiting("run-42", "2026-01-01T00:00:09Z")
        checkpoint.workflow_name = "orders"
        checkpoint.start_time = "2025-12-31T23:59:50.000000001Z"  # type: ignore[assignment]  # as a document has it
        checkpoint.error = "none yet"
        checkpointer.save_checkpoint(checkpoint)
        [summary] = checkpointer.list_executions()
        assert summary == ExecutionSummary(
            execution_id="run-42",
            workflow_name="orders",
            status="suspended",
            start_time=checkpoint.start_time,
            duration=ExecutionSummary.of(checkpoint).duration,
            error="none yet",
            modified_at=clock.now,
            next_wake_at=Timestamp.parse("2026-01-01T00:00:09Z"),
        )

    def test_it_is_the_summary_of_the_checkpoint_with_two_times_more(self) -> None:
        store = MemoryStore()
        for name, golden in GOLDENS.items():
            store.put(f"executions/{name}.json", golden.body, when=IfAbsent())
        checkpointer = BucketCheckpointer(store)
        found = {summary.execution_id: summary for summary in checkpointer.list_executions()}
        assert len(found) == len(GOLDENS)
        for name, summary in found.items():
            expected = ExecutionSummary.of(checkpointer.load_checkpoint(name))
            for field in ("workflow_name", "status", "start_time", "end_time", "duration", "error"):
                assert getattr(summary, field) == getattr(expected, field), (name, field)

    def test_they_come_in_the_order_of_keys(self, store: Store) -> None:
        checkpointer = filled(store, *map(run, SPECIAL))
        keys = sorted(info.key for info in store.list("executions/"))
        assert everything(checkpointer) == [listing_id(key) for key in keys]
        assert set(everything(checkpointer)) == set(SPECIAL)

    def test_deleted_runs_are_left_out(self, store: Store) -> None:
        checkpointer = filled(store, run("a"), run("b"))
        checkpointer.delete_checkpoint("a")
        assert everything(checkpointer) == everything(checkpointer) == ["b"]

    def test_what_is_no_execution_is_left_out(self, store: Store) -> None:
        checkpointer = filled(store, run("a"))
        for key in ("executions/b.txt", "executions/%zz.json", "executions/c%41.json", "other/d"):
            store.put(key, b"{}", when=IfAbsent())
        assert everything(checkpointer) == ["a"]

    def test_other_prefixes_are_left_out(self, store: Store) -> None:
        filled(store, run("a"))
        team = BucketCheckpointer(store, prefix="team")
        team.save_checkpoint(run("b"))
        assert everything(team) == ["b"]

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"schema_version": 7}', b'{"status": 1}'])
    def test_what_cannot_be_read_is_shown_as_such(self, store: Store, body: bytes) -> None:
        checkpointer = filled(store, run("a"), run("c"))
        store.put("executions/b.json", body, when=IfAbsent())
        found = list(checkpointer.list_executions())
        assert [summary.status for summary in found] == ["running", "unreadable", "running"]
        assert found[1].execution_id == "b"
        assert found[1].error

    def test_what_is_too_large_is_not_read(self, store: Store) -> None:
        filled(store, run("a", variables={"text": "x" * 1000}), run("b"))
        counted = Counted(store, max_bytes=800)
        assert counted.counts(everything) == {"get": 1, "list": 1}
        large, _ = counted.checkpointer.list_executions()
        assert (large.execution_id, large.status) == ("a", "unreadable")
        assert "max_bytes" in large.error

    def test_nothing_of_the_contents_is_in_the_reason(self, store: Store) -> None:
        checkpointer = filled(store)
        store.put("executions/a.json", b'{"schema_version":1,"status":"se', when=IfAbsent())
        [summary] = checkpointer.list_executions()
        assert '"se' not in summary.error

    def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        assert everything(filled(store)) == []

    def test_a_run_that_went_meanwhile_is_left_out(self) -> None:
        class Vanishing(MemoryStore):
            def get(self, key: str, **options: Any) -> StoredObject | None:
                return None if key.endswith("b.json") else super().get(key, **options)

        store = Vanishing()
        assert everything(filled(store, run("a"), run("b"), run("c"))) == ["a", "c"]


def listing_id(key: str) -> str:
    from urllib.parse import unquote

    return unquote(key.removeprefix("executions/").removesuffix(".json"))


class TestFilters:
    def test_by_status(self, store: Store) -> None:
        checkpointer = filled(store, run("a", "failed"), run("b"), run("c", "paused"))
        assert ids(checkpointer.list_executions(status="failed")) == ["a"]
        assert ids(checkpointer.list_executions(status=["failed", "paused"])) == ["a", "c"]
        assert ids(checkpointer.list_executions(status=[])) == []

    def test_what_cannot_be_read_has_a_status_too(self, store: Store) -> None:
        checkpointer = filled(store, run("a"))
        store.put("executions/b.json", b"{", when=IfAbsent())
        assert ids(checkpointer.list_executions(status="unreadable")) == ["b"]
        assert ids(checkpointer.list_executions(workflow="")) == ["a", "b"]
        assert ids(checkpointer.list_executions(workflow="orders")) == []

    def test_by_workflow(self, store: Store) -> None:
        checkpointer = filled(store, run("a", workflow_name="orders"), run("b"))
        assert ids(checkpointer.list_executions(workflow="orders")) == ["a"]

    @pytest.mark.parametrize("prefix", ["a", "A/", "ä", "a.", "a~", "\U0001f600", "%"])
    def test_by_the_beginning_of_the_id_without_listing_others(
        self, store: Store, prefix: str
    ) -> None:
        counted = Counted(store)
        filled(store, *map(run, SPECIAL))
        expected = {name for name in SPECIAL if name.startswith(prefix)}
        found = ids(counted.checkpointer.list_executions(id_prefix=prefix))
        assert set(found) == expected
        assert len(counted.requests) == 1 + len(expected)

    def test_by_the_time_of_the_last_write_without_reading_others(self, clock: FrozenClock) -> None:
        store = MemoryStore(clock=clock)
        for name in "abc":
            filled(store, run(name))
            clock.advance(timedelta(hours=1))
        one, two = (clock.now - timedelta(hours=hours) for hours in (2, 1))
        counted = Counted(store)

        def found(**filters: Any) -> tuple[list[str], dict[str, int]]:
            names: list[str] = []
            counts = counted.counts(lambda it: names.extend(ids(it.list_executions(**filters))))
            return names, counts

        assert found(modified_since=one) == (["b", "c"], {"get": 2, "list": 1})
        assert found(modified_before=one) == (["a"], {"get": 1, "list": 1})
        assert found(modified_since=one, modified_before=two) == (["b"], {"list": 1})

    def test_what_was_written_since_the_keys_were_listed_is_judged_by_its_own_time(
        self, clock: FrozenClock
    ) -> None:
        class Outdated(MemoryStore):
            def list(self, prefix: str, **options: Any) -> Iterator[ObjectInfo]:
                listed = [*super().list(prefix, **options)]
                clock.advance(timedelta(hours=1))
                BucketCheckpointer(self).atomic_update("a", lambda _: None)
                return iter(listed)

        store = Outdated(clock=clock)
        checkpointer = filled(store, run("a"))
        before = clock.now + timedelta(minutes=1)
        assert ids(checkpointer.list_executions(modified_before=before)) == []

    def test_by_the_next_deadline(self, store: Store) -> None:
        checkpointer = filled(
            store,
            waiting("a", "2026-01-01T00:00:00Z"),
            waiting("b", "2026-01-01T00:00:01Z"),
            waiting("c", "2026-01-01T00:00:02Z"),
            waiting("d", "2026-01-01T00:00:00Z", pause_requested=True),
            waiting("e", None),
            run("f"),
        )
        before = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
        assert ids(checkpointer.list_executions(wake_before=before)) == ["a", "b"]

    def test_together(self, store: Store) -> None:
        checkpointer = filled(store, run("a-1", "failed"), run("a-2"), run("b-1", "failed"))
        assert ids(checkpointer.list_executions(status="failed", id_prefix="a")) == ["a-1"]

    @pytest.mark.parametrize(
        ("filters", "problem"),
        [
            ({"status": 1}, "status must be a string or several"),
            ({"status": [1]}, "each status must be a string"),
            ({"workflow": 1}, "workflow must be a string"),
            ({"id_prefix": None}, "id_prefix must be a string"),
            ({"modified_since": "2026-01-01"}, "modified_since must be a datetime with a time"),
            ({"modified_before": datetime(2026, 1, 1)}, "modified_before must be a datetime"),  # noqa: DTZ001 - that is wrong with it
            ({"wake_before": 0}, "wake_before must be a datetime"),
            ({"limit": 0}, "limit must be a whole number"),
            ({"limit": True}, "limit must be a whole number"),
            ({"id_prefix": "\ud800"}, "must be encodable as UTF-8"),
            ({"timeout": -1}, "timeout must be a number of seconds"),
        ],
        ids=str,
    )
    def test_what_cannot_be_used_is_refused_at_once(
        self, filters: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=problem):
            filled(MemoryStore()).list_executions(**filters)


class TestRequests:
    def test_a_page_of_keys_a_request_and_a_read_each(self) -> None:
        assert Counted(many()).counts(everything) == {"get": MANY, "list": 3}

    def test_full_pages_only(self) -> None:
        assert Counted(many(2_000)).counts(everything) == {"get": 2_000, "list": 2}

    def test_listing_again_reads_what_changed(self) -> None:
        store = many()
        counted = Counted(store)
        counted.counts(everything)
        assert counted.counts(everything) == {"list": 3}
        other = BucketCheckpointer(store)
        other.atomic_update("run-00007", lambda it: it.variables.update(n=1))
        other.save_checkpoint(run("run-99999"))
        other.delete_checkpoint("run-00009")
        assert counted.counts(everything) == {"get": 3, "list": 3}
        assert counted.counts(everything) == {"list": 3}

    def test_what_is_remembered_is_bounded(self) -> None:
        counted = Counted(many(30), remembered_summaries=10)
        counted.counts(everything)
        assert counted.counts(everything)["get"] == 20
        counted = Counted(many(30), remembered_bytes=5_100)
        counted.counts(everything)
        assert len(counted.checkpointer._session.summaries._kept) == 10

    def test_it_is_lazy(self) -> None:
        counted = Counted(many(), timeout=5)
        found = counted.checkpointer.list_executions()
        assert counted.requests == []
        assert next(found).execution_id == "run-00000"
        assert len(counted.requests) <= 1 + listing._MAX_READS

    def test_no_more_is_read_than_the_limit_asks_for(self) -> None:
        counted = Counted(many())
        assert counted.counts(lambda it: list(it.list_executions(limit=5))) == {"get": 5, "list": 1}
        found = ids(counted.checkpointer.list_executions(limit=1_500))
        assert found == [f"run-{number:05}" for number in range(1_500)]

    def test_a_limit_counts_what_is_shown(self, store: Store) -> None:
        checkpointer = filled(store, run("a", "failed"), run("b"), run("c", "failed"), run("d"))
        checkpointer.delete_checkpoint("b")
        assert ids(checkpointer.list_executions(status="failed", limit=2)) == ["a", "c"]
        assert ids(checkpointer.list_executions(limit=2)) == ["a", "c"]

    def test_large_documents_are_not_read_many_at_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listing, "_MAX_READ_BYTES", 1_000)
        begun = most = 0
        store = FaultyStore(MemoryStore())
        large = [run(f"run-{number}", variables={"x": "y" * 600}) for number in range(6)]
        checkpointer = filled(store, *large)
        session = checkpointer._session
        stream = listing.scan(session, Query(), lambda it: it)
        answer: Any = None
        try:
            while True:
                effect = stream.send(answer)
                if isinstance(effect, Begin):
                    begun, answer = begun + len(effect.requests), effect.requests
                    most = max(most, begun)
                elif isinstance(effect, Await):
                    begun, answer = begun - len(effect.begun), [None] * len(effect.begun)
                else:
                    listed = isinstance(effect, NextPage)
                    answer = list(store.list("executions/")) if listed else None
        except StopIteration:
            pass
        assert most == 2

    def test_progress_is_told(self) -> None:
        told: list[ListingProgress] = []
        checkpointer = BucketCheckpointer(many(1_001))
        list(checkpointer.list_executions(progress=told.append))
        assert told[-1] == ListingProgress(listed=1_001, read=1_001, emitted=1_001)
        seen = [(each.listed, each.read, each.emitted) for each in told]
        assert seen == sorted(seen)
        assert len(told) > 1_001 // listing._MAX_READS
        told.clear()
        list(checkpointer.list_executions(progress=told.append))
        assert told[-1] == ListingProgress(listed=1_001, read=0, emitted=1_001)


class TestFaults:
    @pytest.mark.parametrize("fault", [Fault.NEVER_SENT, Fault.THROTTLED, Fault.LOST_ANSWER])
    @pytest.mark.parametrize("number", range(1, 7))
    def test_one_that_fails_is_asked_again(self, number: int, fault: Fault) -> None:
        inner = MemoryStore()
        filled(inner, *map(run, "abcd"))
        store = FaultyStore(inner, {number: fault})
        checkpointer = BucketCheckpointer(store, retry=RetryPolicy(outage_s=0.0))
        assert everything(checkpointer) == [*"abcd"]

    def test_a_page_that_fails_is_asked_for_again_behind_the_last(self) -> None:
        class Failing(MemoryStore):
            failures = 2

            def list(self, prefix: str, **options: Any) -> Iterator[ObjectInfo]:
                for number, info in enumerate(super().list(prefix, **options)):
                    if number == 1_000 and self.failures:
                        self.failures -= 1
                        raise StoreUnavailableError("for now")
                    yield info

        store = Failing(keep_versions=0)
        for number in range(2_500):
            body = json.dumps(run(f"run-{number:05}").to_document()).encode()
            store.put(f"executions/run-{number:05}.json", body, when=IfAbsent())
        checkpointer = BucketCheckpointer(store, retry=RetryPolicy(outage_s=0.0))
        assert everything(checkpointer) == [f"run-{number:05}" for number in range(2_500)]

    def test_a_store_that_stays_away_ends_the_listing(self) -> None:
        store = FaultyStore(MemoryStore(), lambda _: Fault.NEVER_SENT)
        checkpointer = BucketCheckpointer(store, retry=RetryPolicy(attempts=3, outage_s=0.0))
        with pytest.raises(StoreUnavailableError):
            everything(checkpointer)
        assert len(store.log) == 3

    def test_a_refusal_ends_it_after_what_came_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = MemoryStore()
        filled(store, *map(run, "abc"))

        def denied(key: str, **options: Any) -> StoredObject | None:
            if key.endswith("b.json"):
                raise StoreConfigurationError("not for you")
            return MemoryStore.get(store, key, **options)

        monkeypatch.setattr(store, "get", denied)
        found = BucketCheckpointer(store).list_executions()
        assert next(found).execution_id == "a"
        with pytest.raises(StoreConfigurationError):
            next(found)
        wanted = BucketCheckpointer(store).list_executions(status="running", limit=1)
        assert [each.execution_id for each in wanted] == ["a"]


class TestAsync:
    def test_the_twin_lists_the_same(self) -> None:
        inner = MemoryStore()
        blocking = filled(inner, *map(run, SPECIAL))
        blocking.delete_checkpoint("Z")

        async def listed(store: Any) -> list[ExecutionSummary]:
            async with AsyncBucketCheckpointer(store) as checkpointer:
                return [summary async for summary in checkpointer.list_executions()]

        for store in (inner, AsyncMemoryStore(inner)):
            assert asyncio.run(listed(store)) == list(blocking.list_executions())

    def test_it_reads_side_by_side(self) -> None:
        inner = MemoryStore()
        filled(inner, *map(run, "abcdef"))
        under_way, most = 0, 0

        class Slow(AsyncMemoryStore):
            async def get(self, key: str, **options: Any) -> StoredObject | None:
                nonlocal under_way, most
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                under_way -= 1
                return await super().get(key, **options)

        async def listed() -> list[str]:
            async with AsyncBucketCheckpointer(Slow(inner)) as checkpointer:
                return [found.execution_id async for found in checkpointer.list_executions()]

        assert asyncio.run(listed()) == [*"abcdef"]
        assert most == 6


def test_times_of_another_zone_keep_it() -> None:
    class Elsewhere(MemoryStore):
        def get(self, key: str, **options: Any) -> StoredObject | None:
            found = super().get(key, **options)
            there = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
            return None if found is None else replace(found, modified_at=there)

    checkpointer = filled(Elsewhere(), run("a"))
    (found,) = checkpointer.list_executions()
    assert str(found.modified_at) == "2026-01-01T14:00:00+02:00"


@pytest.mark.parametrize(
    "member", [{"deleted": True}, {"codec": "unknown"}], ids=["tombstone", "packed"]
)
def test_a_glance_says_what_a_reader_says(member: dict[str, Any]) -> None:
    store = MemoryStore()
    filled(store, run("a"))
    (info,) = store.list("executions/")
    document = json.loads(got(store, info.key).body)
    document["bucketpoint"] |= member
    body = json.dumps(document).encode()
    assert gist_of(body) == in_full(body)


def test_a_version_that_came_back_is_not_read_again() -> None:
    store = MemoryStore()
    checkpointer = filled(store, run("a"))
    everything(checkpointer)
    info = next(store.list("executions/"))
    found = store.get(info.key)
    assert found is not None
    store.put(info.key, found.body, when=IfVersion(info.version))
    counted = Counted(store)
    assert counted.counts(everything) == {"get": 1, "list": 1}
