"""What the store in memory promises beyond the contract: names, and a clock to set."""

from datetime import UTC, datetime, timedelta

import pytest

from bucketpoint.errors import InvalidInputError, PreconditionFailedError
from bucketpoint.stores.contract import IfAbsent, IfVersion
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.testing.conformance import got, write_all


def test_stores_of_one_name_share_their_contents() -> None:
    one, other = MemoryStore("shared by name"), MemoryStore("shared by name")
    version = one.put("a", b"1", when=IfAbsent())
    assert got(other, "a").version == version
    assert one.url == other.url == "memory://shared%20by%20name"
    assert MemoryStore("another name").get("a") is None


def test_a_store_without_a_name_is_alone() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.put("a", b"1", when=IfAbsent())
    assert other.get("a") is None
    assert one.url != other.url


def test_the_clock_is_the_one_that_was_given() -> None:
    moments = [datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=hour) for hour in range(3)]
    store = MemoryStore(clock=iter(moments).__next__)
    store.put("a", b"1", when=IfAbsent())
    assert next(store.list("a")).modified_at == moments[0]
    assert (got(store, "a").modified_at, got(store, "a").served_at) == (moments[0], moments[2])


def test_a_clock_that_goes_back_serves_nothing_before_it_was_written() -> None:
    late, early = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    store = MemoryStore(clock=iter([late, early]).__next__)
    store.put("a", b"1", when=IfAbsent())
    stored = got(store, "a")
    assert (stored.modified_at, stored.served_at) == (late, late)


def test_the_newest_versions_are_kept() -> None:
    store = MemoryStore(keep_versions=2)
    write_all(store, "a", [b"1", b"22", b"333", b"4444", b"55555"])
    assert [version.size for version in store.list_versions("a")] == [5, 4, 3]
    store.delete("a", when=IfVersion(got(store, "a").version))
    assert [version.size for version in store.list_versions("a")] == [0, 5]


def test_a_store_without_versions_forgets_what_is_deleted() -> None:
    store = MemoryStore(keep_versions=0)
    store.delete("a", when=IfVersion(store.put("a", b"1", when=IfAbsent())))
    assert store._contents.records == {}


def test_the_current_version_is_not_deleted_as_a_version() -> None:
    store = MemoryStore()
    store.put("a", b"1", when=IfAbsent())
    version_id = got(store, "a").version_id
    assert version_id is not None
    with pytest.raises(PreconditionFailedError, match="use delete"):
        store.delete_version("a", version_id)
    assert got(store, "a").body == b"1"


def test_arguments_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="leave it out"):
        MemoryStore("")
    with pytest.raises(InvalidInputError, match="keep_versions"):
        MemoryStore(keep_versions=-1)
    with pytest.raises(InvalidInputError, match="UTF-8"):
        MemoryStore().put("\ud800", b"", when=IfAbsent())
