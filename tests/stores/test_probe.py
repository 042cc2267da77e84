"""A store that does not honour conditions is found out before anything is entrusted to it."""

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from secrets import token_hex
from threading import Event

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    PreconditionFailedError,
    StoreUnavailableError,
    UnsupportedError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import Condition, IfAbsent, IfVersion, Version
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.stores.probe import Findings, Probe, probe
from bucketpoint.stores.s3 import S3Store
from bucketpoint.testing.conformance import got
from bucketpoint.testing.emulators import SeaweedFS
from bucketpoint.testing.faults import Fault, FaultyStore, RequestKind
from bucketpoint.testing.proxy import FaultProxy, StrippedHeaders

KEY = "checkpoints/executions/run-42.json"
SOUND = Findings(fault=None, conditional_delete=True)

Judge = Callable[[Condition, Version | None], bool]
"""Says of a put, by its condition and the version that is stored, what the store does wrong."""


def never(when: Condition, current: Version | None) -> bool:
    return False


class UnsoundStore(MemoryStore):
    """Carries out puts, or refuses them, whatever their condition; the same for deletes."""

    def __init__(
        self,
        *,
        accepts: Judge = never,
        refuses: Judge = never,
        ignores_deletes: bool = False,
        delete_error: BucketpointError | None = None,
    ) -> None:
        super().__init__()
        self.accepts = accepts
        self.refuses = refuses
        self.ignores_deletes = ignores_deletes
        self.delete_error = delete_error
        self.written: set[str] = set()

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        self.written.add(key)
        current = self.version(key)
        if self.refuses(when, current):
            msg = "refused whatever is stored"
            raise PreconditionFailedError(msg, key=key)
        if self.accepts(when, current):
            when = IfVersion(current) if current else IfAbsent()
        return super().put(key, body, when=when, timeout=timeout)

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        if self.delete_error:
            raise self.delete_error
        current = self.version(key)
        if self.ignores_deletes and current:
            when = IfVersion(current)
        return super().delete(key, when=when, timeout=timeout)

    def version(self, key: str) -> Version | None:
        stored = self.get(key)
        return stored.version if stored else None


def updates(when: Condition, current: Version | None) -> bool:
    return isinstance(when, IfVersion)


def updates_of_something(when: Condition, current: Version | None) -> bool:
    return isinstance(when, IfVersion) and current is not None


def updates_of_nothing(when: Condition, current: Version | None) -> bool:
    return isinstance(when, IfVersion) and current is None


def creates(when: Condition, current: Version | None) -> bool:
    return isinstance(when, IfAbsent)


def everything(when: Condition, current: Version | None) -> bool:
    return True


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "fault"),
    [
        (UnsoundStore(accepts=everything), "ignored If-None-Match"),
        (UnsoundStore(accepts=creates), "ignored If-None-Match"),
        (UnsoundStore(accepts=updates), "wrote over a newer version"),
        (UnsoundStore(accepts=updates_of_something), "wrote over a newer version"),
        (UnsoundStore(accepts=updates_of_nothing), "ignored If-Match where nothing was stored"),
        (UnsoundStore(refuses=creates), "refused to create"),
        (UnsoundStore(refuses=updates), "refused to write over the version"),
    ],
    ids=["all", "create", "update", "update of something", "of nothing", "no create", "no update"],
)
def test_each_fault_is_found_named_and_cleaned_up(store: UnsoundStore, fault: str) -> None:
    found = probe(store, beside=KEY)
    assert found.fault is not None
    assert fault in found.fault
    assert list(store.list("")) == []
    with pytest.raises(UnsupportedStoreError, match=fault) as refused:
        Probe(store).before_write(KEY, None)
    assert refused.value.key == KEY
    assert store.url in str(refused.value)


def test_a_sound_store_is_one() -> None:
    store = MemoryStore()
    assert probe(store, beside=KEY) == SOUND
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    "store",
    [
        UnsoundStore(ignores_deletes=True),
        UnsoundStore(delete_error=UnsupportedError("no conditional delete")),
        UnsoundStore(delete_error=AccessDeniedError("no right to delete")),
    ],
    ids=["ignored", "not implemented", "denied"],
)
def test_a_delete_that_is_not_refused_only_says_so(store: UnsoundStore) -> None:
    assert probe(store, beside=KEY) == Findings(fault=None, conditional_delete=False)


def test_it_takes_eight_requests_each_of_them_conditional() -> None:
    store = FaultyStore(MemoryStore())
    probe(store, beside=KEY)
    kinds = (RequestKind.PUT, RequestKind.DELETE, RequestKind.GET)
    assert [store.count(kind) for kind in kinds] == [5, 2, 1]
    assert store.count() == 8


@pytest.mark.parametrize(("beside", "folder"), [(KEY, "checkpoints/executions/"), ("run", "")])
def test_it_writes_in_the_same_folder_what_no_listing_takes_for_an_execution(
    beside: str, folder: str
) -> None:
    store = UnsoundStore()
    probe(store, beside=beside)
    probe(store, beside=beside)
    assert len(store.written) == 4
    for key in store.written:
        assert key.startswith(f"{folder}bucketpoint-probe-")
        assert not key.endswith(".json")
        assert "/" not in key.removeprefix(folder)


# --- when it fails --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("fault", [Fault.NEVER_SENT, Fault.LOST_ANSWER])
def test_a_probe_without_an_end_leaves_the_write_unsent_and_runs_again(
    number: int, fault: Fault
) -> None:
    memory = MemoryStore()
    store = FaultyStore(memory, {number: fault})
    before = Probe(store)
    with pytest.raises(StoreUnavailableError) as failed:
        before.before_write(KEY, None)
    assert failed.value.key == KEY
    assert list(memory.list("")) == []
    before.before_write(KEY, None)
    assert before.conditional_delete


def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses take no time, and return them as they come."""
    made: list[float] = []
    monkeypatch.setattr("bucketpoint.stores.probe.time.sleep", made.append)
    return made


@pytest.mark.parametrize("number", range(1, 7))
def test_a_store_that_throttles_one_name_is_probed_slowly(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pauses(monkeypatch)
    memory = MemoryStore()
    store = FaultyStore(memory, {number: Fault.THROTTLED})
    assert probe(store, beside=KEY) == SOUND
    assert made[-1] > 1
    assert list(memory.list("")) == []


def test_a_store_that_throttles_without_end_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses(monkeypatch)
    store = FaultyStore(MemoryStore(), lambda _: Fault.THROTTLED)
    with pytest.raises(StoreUnavailableError) as failed:
        Probe(store).before_write(KEY, None)
    assert failed.value.throttled


def test_what_cannot_be_removed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    store = UnsoundStore(delete_error=AccessDeniedError("no right to delete"))
    probe(store, beside=KEY)
    (left,) = store.list("")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert left.key in caplog.text


def test_a_create_that_arrives_late_is_not_waited_for() -> None:
    memory = MemoryStore()
    store = FaultyStore(memory, {1: Fault.LATE})
    with pytest.raises(StoreUnavailableError):
        Probe(store).before_write(KEY, None)
    assert list(memory.list("")) == []


class DenyingStore(MemoryStore):
    error: type[BucketpointError] = AccessDeniedError

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        msg = f"may not write {key}"
        raise self.error(msg, key=key)


def test_a_probe_that_is_denied_says_what_it_needs() -> None:
    with pytest.raises(AccessDeniedError, match="probe=False") as denied:
        Probe(DenyingStore()).before_write(KEY, None)
    assert denied.value.key == KEY
    assert "may not write checkpoints/executions/bucketpoint-probe-" in str(denied.value)


def test_what_else_is_wrong_with_the_store_is_said_as_it_is() -> None:
    store = DenyingStore()
    store.error = BucketNotFoundError
    with pytest.raises(BucketNotFoundError):
        Probe(store).before_write(KEY, None)


# --- once -----------------------------------------------------------------------------------------


def test_stores_of_one_url_are_probed_once() -> None:
    name = token_hex(6)
    first, second = (FaultyStore(MemoryStore(name)) for _ in range(2))
    for store in (first, second, first):
        assert Probe(store).before_write(KEY, 3.0) is not None
    assert (first.count(), second.count()) == (8, 0)
    another = FaultyStore(MemoryStore(f"{name}-2"))
    Probe(another).before_write(KEY, None)
    assert another.count() == 8


def test_a_fault_is_remembered() -> None:
    store = FaultyStore(UnsoundStore(accepts=creates))
    for _ in range(2):
        with pytest.raises(UnsupportedStoreError):
            Probe(store).before_write(KEY, None)
    assert store.count(RequestKind.PUT) == 2


class GatedStore(MemoryStore):
    """Waits before each put until it is let go."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.asked, self.go = Event(), Event()

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        self.asked.set()
        assert self.go.wait(20)
        return super().put(key, body, when=when, timeout=timeout)


def test_one_thread_probes_and_the_others_wait_for_it() -> None:
    gated = GatedStore()
    store = FaultyStore(gated)
    before = Probe(store)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(before.before_write, KEY, 20.0) for _ in range(4)]
        assert gated.asked.wait(20)
        gated.go.set()
        assert all(done.result() is not None for done in waiting)
    assert store.count() == 8


def test_who_waits_no_longer_than_its_time_sends_nothing() -> None:
    gated = GatedStore()
    before = Probe(gated)
    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(before.before_write, KEY, None)
        assert gated.asked.wait(20)
        with pytest.raises(StoreUnavailableError, match="no time was left"):
            before.before_write(KEY, 0.05)
        gated.go.set()
        assert probing.result() is None


def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent() -> None:
    name = token_hex(6)
    gated, same = GatedStore(name), MemoryStore(name)
    with ThreadPoolExecutor(1) as pool:
        probing = pool.submit(Probe(gated).before_write, KEY, None)
        assert gated.asked.wait(20)
        with pytest.MonkeyPatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            assert Probe(same).before_write(KEY, 20.0) is not None
        gated.go.set()
        assert probing.result() is None


def test_no_request_starts_after_the_time_is_up() -> None:
    store = FaultyStore(MemoryStore())
    with pytest.raises(StoreUnavailableError, match="no time was left"):
        Probe(store).before_write(KEY, 0.0)
    assert store.count() == 0


# --- on a server ----------------------------------------------------------------------------------


@pytest.fixture
def proxied(seaweedfs: SeaweedFS) -> Iterator[tuple[FaultProxy, S3Store]]:
    """SeaweedFS behind a proxy, and a store that speaks to it through that."""
    bucket = f"bucket-{token_hex(6)}"
    with (
        FaultProxy(seaweedfs.endpoint_url) as proxy,
        closing(seaweedfs.client(endpoint_url=proxy.url)) as client,
    ):
        client.create_bucket(Bucket=bucket)
        yield proxy, S3Store(bucket, client=client)


def test_a_server_that_honours_conditions_is_written_to(
    proxied: tuple[FaultProxy, S3Store],
) -> None:
    proxy, store = proxied
    version = store.put(KEY, b"1", when=IfAbsent())
    store.put(KEY, b"2", when=IfVersion(version))
    assert [info.key for info in store.list("")] == [KEY]
    assert proxy.count("PUT") == 1 + 5 + 2  # the bucket, the probe, and what was asked for
    assert store.capabilities.conditional_delete


def test_reading_needs_no_probe(proxied: tuple[FaultProxy, S3Store]) -> None:
    proxy, store = proxied
    proxy.add(StrippedHeaders("If-None-Match", "If-Match"))
    assert store.get(KEY) is None
    assert list(store.list("")) == []
    assert proxy.count("PUT") == 1


@pytest.mark.parametrize(
    ("names", "fault"),
    [
        (("If-None-Match", "If-Match"), "ignored If-None-Match"),
        (("If-None-Match",), "ignored If-None-Match"),
        (("If-Match",), "ignored If-Match"),
    ],
)
def test_a_server_that_ignores_conditions_is_never_written_to(
    proxied: tuple[FaultProxy, S3Store], names: tuple[str, ...], fault: str
) -> None:
    proxy, store = proxied
    proxy.add(StrippedHeaders(*names))
    with pytest.raises(UnsupportedStoreError, match=fault):
        store.delete(KEY, when=IfVersion(Version('"stale"')))
    with pytest.raises(UnsupportedStoreError, match=fault):
        store.put(KEY, b"1", when=IfAbsent())
    assert list(store.list("")) == []


def test_a_server_that_ignores_the_condition_of_a_delete_is_not_asked_to_delete(
    proxied: tuple[FaultProxy, S3Store],
) -> None:
    proxy, store = proxied
    proxy.add(StrippedHeaders("If-Match"), method="DELETE")
    version = store.put(KEY, b"1", when=IfAbsent())
    assert not store.capabilities.conditional_delete
    deletes = proxy.count("DELETE")
    with pytest.raises(UnsupportedError, match="condition of a delete"):
        store.delete(KEY, when=IfVersion(version))
    assert proxy.count("DELETE") == deletes
    assert got(store, KEY).body == b"1"


def test_whoever_knows_better_can_do_without(proxied: tuple[FaultProxy, S3Store]) -> None:
    proxy, store = proxied
    trusting = S3Store(store._bucket, client=store._clients.within(None, ""), probe=False)
    trusting.put(KEY, b"1", when=IfAbsent())
    assert proxy.count("PUT") == 2
