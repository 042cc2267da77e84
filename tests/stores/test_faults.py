"""The faulty store does to each request just what its plan says, and tells what it did."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bucketpoint.errors import (
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.testing.conformance import got
from bucketpoint.testing.faults import Fault, FaultyStore, Request, RequestKind, random_faults


def outcomes(store: FaultyStore) -> list[str]:
    return [logged.outcome for logged in store.log]


def test_a_request_that_is_never_sent_changes_nothing() -> None:
    store = FaultyStore(MemoryStore(), [Fault.NEVER_SENT])
    with pytest.raises(StoreUnavailableError) as raised:
        store.put("a", b"1", when=IfAbsent())
    assert (raised.value.throttled, raised.value.key) == (False, "a")
    assert store.get("a") is None


def test_a_throttled_request_changes_nothing_and_says_so() -> None:
    store = FaultyStore(MemoryStore(), [Fault.THROTTLED])
    with pytest.raises(StoreUnavailableError) as raised:
        store.put("a", b"1", when=IfAbsent())
    assert raised.value.throttled
    assert store.get("a") is None


def test_a_write_whose_answer_is_lost_is_done_and_unknown() -> None:
    store = FaultyStore(MemoryStore(), [Fault.LOST_ANSWER])
    with pytest.raises(OutcomeUnknownError):
        store.put("a", b"1", when=IfAbsent())
    assert got(store, "a").body == b"1"


def test_a_refusal_whose_answer_is_lost_is_unknown_too() -> None:
    store = FaultyStore(MemoryStore(), [None, Fault.LOST_ANSWER])
    store.put("a", b"1", when=IfAbsent())
    with pytest.raises(OutcomeUnknownError):
        store.put("a", b"2", when=IfAbsent())
    assert got(store, "a").body == b"1"


def test_a_late_write_is_done_at_its_release() -> None:
    store = FaultyStore(MemoryStore(), {1: Fault.LATE, 2: Fault.LATE})
    for body in (b"first", b"second"):
        with pytest.raises(OutcomeUnknownError):
            store.put("a", body, when=IfAbsent())
    assert store.get("a") is None
    assert store.held == 2
    assert store.release() == ["done", "precondition_failed"]
    assert got(store, "a").body == b"first"
    assert (store.held, store.release()) == (0, [])


def test_a_doubled_write_answers_for_the_second_one() -> None:
    store = FaultyStore(MemoryStore(), [Fault.DUPLICATE])
    with pytest.raises(PreconditionFailedError):
        store.put("a", b"1", when=IfAbsent())
    assert got(store, "a").body == b"1"


def test_a_doubled_delete_finds_nothing_any_more() -> None:
    store = FaultyStore(MemoryStore(), {2: Fault.DUPLICATE})
    version = store.put("a", b"1", when=IfAbsent())
    assert store.delete("a", when=IfVersion(version)) is False
    assert store.get("a") is None


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.DUPLICATE])
def test_a_read_is_never_unknown(fault: Fault) -> None:
    store = FaultyStore(MemoryStore(), lambda _: fault)
    with pytest.raises(StoreUnavailableError):
        store.get("a")
    with pytest.raises(StoreUnavailableError):
        list(store.list(""))
    with pytest.raises(StoreUnavailableError):
        store.list_versions("a")
    assert store.held == 0


def test_a_plan_sees_number_kind_and_key() -> None:
    seen: list[Request] = []

    def plan(request: Request) -> Fault | None:
        seen.append(request)
        return Fault.NEVER_SENT if request.kind is RequestKind.DELETE else None

    store = FaultyStore(MemoryStore(), plan)
    store.get("a")
    with pytest.raises(StoreUnavailableError):
        store.delete("b", when=IfVersion(Version("1")))
    assert seen == [Request(1, RequestKind.GET, "a"), Request(2, RequestKind.DELETE, "b")]


def test_the_log_counts_requests_and_tells_what_the_caller_was_told() -> None:
    store = FaultyStore(MemoryStore(), {2: Fault.LOST_ANSWER})
    version = store.put("a", b"1", when=IfAbsent())
    with pytest.raises(OutcomeUnknownError):
        store.put("a", b"2", when=IfVersion(version))
    with pytest.raises(PreconditionFailedError):
        store.put("a", b"3", when=IfVersion(version))
    assert [info.key for info in store.list("")] == ["a"]
    assert outcomes(store) == ["done", "outcome_unknown", "precondition_failed", "done"]
    assert [logged.fault for logged in store.log] == [None, Fault.LOST_ANSWER, None, None]
    assert (store.count(), store.count(RequestKind.PUT), store.count(RequestKind.GET)) == (4, 3, 0)


def test_faults_by_chance_are_the_same_for_the_same_seed() -> None:
    def run(seed: int) -> list[str]:
        store = FaultyStore(MemoryStore(), random_faults(seed, probability=0.5))
        for number in range(50):
            try:
                store.put(str(number), b"1", when=IfAbsent())
            except (OutcomeUnknownError, PreconditionFailedError, StoreUnavailableError):
                continue
        return outcomes(store)

    assert run(1) == run(1) != run(2)
    assert set(run(1)) == {"done", "outcome_unknown", "precondition_failed", "store_unavailable"}


def test_it_never_claims_that_requests_arrive_once() -> None:
    store = FaultyStore(MemoryStore())
    assert MemoryStore().capabilities.single_delivery
    assert not store.capabilities.single_delivery
    assert store.capabilities.versions


def test_every_thread_gets_a_number_of_its_own() -> None:
    store = FaultyStore(MemoryStore())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(store.get, map(str, range(200))))
    assert [logged.request.number for logged in store.log] == list(range(1, 201))
