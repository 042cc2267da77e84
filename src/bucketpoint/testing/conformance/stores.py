"""The suite that every store and every wrapper of one must pass."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from bucketpoint.errors import BucketpointError, PreconditionFailedError, UnsupportedError
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store, StoredObject, Version
from bucketpoint.testing.conformance.keys import ALL_KEYS, KEY
from bucketpoint.testing.conformance.requests import (
    RACERS,
    at_once,
    create_as,
    deletes,
    got,
    increment,
    keys_of,
    read_until,
    replace_or_delete,
    write_all,
)
from bucketpoint.testing.conformance.subclassing import to_be_written

__all__ = ["StoreSuite"]

TIMEOUT_S = 30.0

CLOCK_S = 5.0
"""How long a store's clock may show the same time: some show whole seconds."""


class StoreSuite:
    """The contract of `bucketpoint.stores.contract.Store`, as tests.

    **It deletes what is in the store.** Subclass it, and say how to make an empty store and how to
    reach its contents past it.

    Attributes:
        unknown_version_ids: What finds no version, although nothing is wrong with asking for it.
        unusable_keys: Names in `ALL_KEYS` of keys that the store cannot hold, or not as they are;
            it is checked that they still fail.
        lists_in_order: Listings are in the order of the keys' bytes; where a server has another
            order, it is checked that it still has.
        rounds: How often a race is run; fewer where a server is slow.
        objects: How many objects one listing must show; more than fit on a page of the server.

    Example:
        class TestMyStore(StoreSuite):
            def make_store(self, folder: Path) -> Store:
                return MyStore(bucket=empty_bucket())

            def raw_put(self, store: Store, key: str, body: bytes) -> None:
                my_client.upload(key, body)

            def raw_get(self, store: Store, key: str) -> bytes | None:
                return my_client.download(key)
    """

    unknown_version_ids: ClassVar[tuple[str, ...]] = ("unknown", "../lock", "")
    unusable_keys: ClassVar[frozenset[str]] = frozenset()
    lists_in_order: ClassVar[bool] = True
    rounds: ClassVar[int] = 25
    objects: ClassVar[int] = 23

    @abstractmethod
    def make_store(self, folder: Path) -> Store:
        """Return an empty store; the folder is empty too, and the test's own."""
        raise to_be_written(self, "make_store")

    @abstractmethod
    def raw_put(self, store: Store, key: str, body: bytes) -> None:
        """Write an object as another program would, past the store."""
        raise to_be_written(self, "raw_put")

    @abstractmethod
    def raw_get(self, store: Store, key: str) -> bytes | None:
        """Read an object as another program would, past the store."""
        raise to_be_written(self, "raw_get")

    def keeps_versions(self, store: Store) -> bool:
        """Whether what is overwritten is kept; where that is the bucket's choice, say it here."""
        return store.capabilities.versions

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """The store under test; it is closed afterwards."""
        store = self.make_store(tmp_path)
        yield store
        store.close()

    # --- the store itself -------------------------------------------------------------------------

    def test_the_url_names_the_store(self, store: Store) -> None:
        """It stands in messages, so it holds no password."""
        assert store.url != ""
        assert urlsplit(store.url).password is None, "the URL tells a password"

    def test_every_request_takes_a_timeout(self, store: Store) -> None:
        """A store that never waits ignores it."""
        version = store.put(KEY, b"1", when=IfAbsent(), timeout=TIMEOUT_S)
        stored = store.get(KEY, timeout=TIMEOUT_S)
        assert stored is not None
        assert stored.version == version
        assert [info.key for info in store.list("", timeout=TIMEOUT_S)] == [KEY]
        with suppress(UnsupportedError):
            store.delete(KEY, when=IfVersion(version), timeout=TIMEOUT_S)
        with suppress(UnsupportedError):
            list(store.list_versions(KEY, timeout=TIMEOUT_S))

    # --- put and get ------------------------------------------------------------------------------

    def test_what_was_put_is_got(self, store: Store) -> None:
        """A put returns the version under which get shows the very bytes."""
        version = store.put(KEY, b'{"a": 1}', when=IfAbsent())
        stored = got(store, KEY)
        assert (stored.body, stored.version) == (b'{"a": 1}', version)

    def test_nothing_is_none(self, store: Store) -> None:
        """What is not there is None, even when longer keys begin with it."""
        store.put(KEY, b"1", when=IfAbsent())
        assert store.get("absent") is None
        assert store.get("prefix") is None
        assert store.get("prefix/executions/run-4") is None
        assert store.get(KEY + "/below") is None

    def test_if_absent_is_refused_where_something_is(self, store: Store) -> None:
        """A refused create changes nothing."""
        version = store.put(KEY, b"first", when=IfAbsent())
        with pytest.raises(PreconditionFailedError) as refused:
            store.put(KEY, b"second", when=IfAbsent())
        assert refused.value.key == KEY
        assert (got(store, KEY).body, got(store, KEY).version) == (b"first", version)

    def test_the_current_version_is_overwritten(self, store: Store) -> None:
        """A put on the current version replaces the object and returns a new version."""
        first = store.put(KEY, b"first", when=IfAbsent())
        second = store.put(KEY, b"second", when=IfVersion(first))
        assert second != first
        assert (got(store, KEY).body, got(store, KEY).version) == (b"second", second)

    def test_every_read_shows_the_last_write(self, store: Store) -> None:
        """Once a write is acknowledged, neither a read nor a listing shows what was before."""
        assert store.get(KEY) is None
        version = store.put(KEY, b"0", when=IfAbsent())
        for number in range(1, 6):
            version = store.put(KEY, b"%d" % number, when=IfVersion(version))
            assert got(store, KEY).body == b"%d" % number
            assert [info.version for info in store.list(KEY)] == [version]

    def test_an_old_version_is_not_overwritten(self, store: Store) -> None:
        """A put on a version that is no longer current is refused and changes nothing."""
        first = store.put(KEY, b"first", when=IfAbsent())
        store.put(KEY, b"second", when=IfVersion(first))
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"third", when=IfVersion(first))
        assert got(store, KEY).body == b"second"

    def test_a_version_matches_its_own_object_only(self, store: Store) -> None:
        """Neither another object's version nor `superseded` matches."""
        store.put(KEY, b"mine", when=IfAbsent())
        other = store.put("other", b"other", when=IfAbsent())
        for stale in (other, Version.superseded()):
            with pytest.raises(PreconditionFailedError):
                store.put(KEY, b"stolen", when=IfVersion(stale))
        assert got(store, KEY).body == b"mine"

    def test_if_version_is_refused_where_nothing_is(self, store: Store) -> None:
        """A put on a version never creates."""
        version = store.put("other", b"1", when=IfAbsent())
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"1", when=IfVersion(version))
        assert store.get(KEY) is None

    def test_the_same_bytes_are_the_same_version_only_where_declared(self, store: Store) -> None:
        """Versions derive from the bytes exactly when the capabilities say so."""
        first = store.put(KEY, b"same", when=IfAbsent())
        second = store.put(KEY, b"same", when=IfVersion(first))
        assert (first == second) is store.capabilities.content_versions

    def test_a_version_travels_as_text(self, store: Store) -> None:
        """What `str()` made of a version still matches after `parse()`."""
        version = store.put(KEY, b"1", when=IfAbsent())
        store.put(KEY, b"2", when=IfVersion(Version.parse(str(version))))
        assert got(store, KEY).body == b"2"

    @pytest.mark.parametrize(
        "body", [b"", b"\0", bytes(range(256)), b"\r\n\r\n"], ids=["empty", "nul", "all", "lines"]
    )
    def test_any_bytes_come_back(self, store: Store, body: bytes) -> None:
        """A body is bytes, not text."""
        version = store.put(KEY, body, when=IfAbsent())
        assert (got(store, KEY).body, got(store, KEY).version) == (body, version)
        assert self.raw_get(store, KEY) == body

    def test_ten_mebibytes_come_back(self, store: Store) -> None:
        """A large body is written and overwritten as a whole."""
        body = bytes(range(256)) * (10 * 4096)
        version = store.put(KEY, body, when=IfAbsent())
        assert got(store, KEY).body == body
        store.put(KEY, body[::-1], when=IfVersion(version))
        assert got(store, KEY).body == body[::-1]

    def test_times_are_by_one_clock(self, store: Store) -> None:
        """Nothing is served before it was written, and times have a zone."""
        version = store.put(KEY, b"1", when=IfAbsent())
        first = got(store, KEY)
        store.put(KEY, b"2", when=IfVersion(version))
        second = got(store, KEY)
        for stored in (first, second):
            assert stored.modified_at.utcoffset() is not None
            assert stored.modified_at <= stored.served_at
            assert stored.served_at - stored.modified_at < timedelta(minutes=5)
        assert first.modified_at <= second.modified_at

    def test_time_goes_by(self, store: Store) -> None:
        """What is stored grows older, and an overwrite makes it young again: claims expire by it."""
        version = store.put(KEY, b"1", when=IfAbsent())
        written = got(store, KEY)
        later = self.later_than(store, written.modified_at)
        assert later.modified_at == written.modified_at
        store.put(KEY, b"2", when=IfVersion(version))
        assert got(store, KEY).modified_at > written.modified_at

    def later_than(self, store: Store, moment: datetime) -> StoredObject:
        """Return the object as it is served once the store's clock shows a later time."""
        until = time.monotonic() + CLOCK_S
        while (stored := got(store, KEY)).served_at <= moment:
            assert time.monotonic() < until, "served_at stands still: no claim would ever expire"
            time.sleep(0.01)
        return stored

    # --- past the store ---------------------------------------------------------------------------

    def test_other_programs_find_the_bytes(self, store: Store) -> None:
        """What was put lies under its key for everybody."""
        assert self.raw_get(store, KEY) is None
        store.put(KEY, b'{"a": 1}', when=IfAbsent())
        assert self.raw_get(store, KEY) == b'{"a": 1}'

    def test_what_other_programs_wrote_is_found(self, store: Store) -> None:
        """An object put past the store is read, listed, refused to a create, and overwritten."""
        assert store.get(KEY) is None
        self.raw_put(store, KEY, b"foreign")
        stored = got(store, KEY)
        assert stored.body == b"foreign"
        assert [info.key for info in store.list("")] == [KEY]
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"mine", when=IfAbsent())
        store.put(KEY, b"mine", when=IfVersion(stored.version))
        assert self.raw_get(store, KEY) == b"mine"

    def test_what_other_programs_changed_is_a_new_version(self, store: Store) -> None:
        """An edit past the store makes a write on the version before it fail."""
        version = store.put(KEY, b"mine", when=IfAbsent())
        assert got(store, KEY).version == version
        self.raw_put(store, KEY, b"edited")
        assert got(store, KEY).version != version
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"lost edit", when=IfVersion(version))
        assert self.raw_get(store, KEY) == b"edited"

    # --- delete -----------------------------------------------------------------------------------

    def test_the_current_version_is_deleted(self, store: Store) -> None:
        """A delete on the current version removes the object; without the capability it refuses."""
        version = store.put(KEY, b"1", when=IfAbsent())
        if not store.capabilities.conditional_delete:
            with pytest.raises(UnsupportedError):
                store.delete(KEY, when=IfVersion(version))
            assert got(store, KEY).body == b"1"
            return
        assert store.delete(KEY, when=IfVersion(version)) is True
        assert store.get(KEY) is None
        assert list(store.list("")) == []
        assert self.raw_get(store, KEY) is None
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"2", when=IfVersion(version))
        store.put(KEY, b"2", when=IfAbsent())
        with pytest.raises(PreconditionFailedError):  # what was deleted never matches again
            store.put(KEY, b"3", when=IfVersion(version))
        assert got(store, KEY).body == b"2"

    def test_an_old_version_is_not_deleted(self, store: Store) -> None:
        """A delete on a version that is no longer current removes nothing."""
        first = store.put(KEY, b"1", when=IfAbsent())
        store.put(KEY, b"2", when=IfVersion(first))
        expected = refusal(possible=store.capabilities.conditional_delete)
        with pytest.raises(expected):
            store.delete(KEY, when=IfVersion(first))
        assert got(store, KEY).body == b"2"

    def test_deleting_nothing_is_false(self, store: Store) -> None:
        """A delete of what is not there says so."""
        version = store.put("other", b"1", when=IfAbsent())
        if not store.capabilities.conditional_delete:
            with pytest.raises(UnsupportedError):
                store.delete(KEY, when=IfVersion(version))
            return
        assert store.delete(KEY, when=IfVersion(version)) is False

    # --- keys -------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", ALL_KEYS)
    def test_an_odd_key_is_a_key(self, store: Store, name: str) -> None:
        """It is written, overwritten, read and listed as it is."""
        if name in self.unusable_keys:
            with pytest.raises((AssertionError, BucketpointError)):
                self.check_key(store, ALL_KEYS[name])
        else:
            self.check_key(store, ALL_KEYS[name])

    def check_key(self, store: Store, key: str) -> None:
        """Check that the key names one object, from a create to a listing."""
        version = store.put(key, b"1", when=IfAbsent())
        store.put(key, b"2", when=IfVersion(version))
        assert got(store, key).body == b"2"
        assert [info.key for info in store.list("")] == [key]
        assert [info.key for info in store.list(key)] == [key]

    def test_no_two_keys_are_one(self, store: Store) -> None:
        """All of them at once hold each its own body, and are listed in the order of their bytes."""
        keys = [key for name, key in ALL_KEYS.items() if name not in self.unusable_keys]
        for key in keys:
            store.put(key, key.encode(), when=IfAbsent())
        assert [got(store, key).body for key in keys] == [key.encode() for key in keys]
        in_order = sorted(keys, key=str.encode)
        assert sorted(keys_of(store, ""), key=str.encode) == in_order
        assert keys_of(store, "") == in_order or not self.lists_in_order

    # --- list -------------------------------------------------------------------------------------

    def test_a_listing_describes_the_objects(self, store: Store) -> None:
        """Version, size and time are those that get and put tell."""
        version = store.put(KEY, b"12345", when=IfAbsent())
        (info,) = store.list("prefix/")
        assert (info.key, info.version, info.size) == (KEY, version, 5)
        assert info.modified_at == got(store, KEY).modified_at

    def test_a_listing_is_in_the_order_of_the_bytes(self, store: Store) -> None:
        """A slash sorts like any other byte, and so do letters beyond ASCII."""
        keys = ["a-b", "a.json", "a/b", "a/c/d", "a/c0", "a0", "a~", "b", "z", "é", "\uffff", "🙂"]
        for key in reversed(keys):
            store.put(key, b"1", when=IfAbsent())
        assert sorted(keys_of(store, ""), key=str.encode) == keys
        assert (keys_of(store, "") == keys) is self.lists_in_order

    def test_a_listing_is_of_the_prefix(self, store: Store) -> None:
        """The prefix may end anywhere in a key."""
        for key in ("a/run-1", "a/run-2", "a/other", "ab/run-1", "b"):
            store.put(key, b"1", when=IfAbsent())
        assert keys_of(store, "a/run") == ["a/run-1", "a/run-2"]
        assert keys_of(store, "a/") == ["a/other", "a/run-1", "a/run-2"]
        assert keys_of(store, "a") == ["a/other", "a/run-1", "a/run-2", "ab/run-1"]
        assert keys_of(store, "a/run-1") == ["a/run-1"]
        assert keys_of(store, "nothing") == []
        for key in ("p_1/x", "p%1/x", "p*1/x", "p.1/x", "pA1/x", "pa1/x"):  # no pattern
            store.put(key, b"1", when=IfAbsent())
            assert keys_of(store, key[:3]) == [key]

    def test_a_listing_starts_after_any_key(self, store: Store) -> None:
        """The key to start after is left out, and need not exist."""
        for key in ("a/1", "a/2", "a/3", "b/1"):
            store.put(key, b"1", when=IfAbsent())
        assert keys_of(store, "", start_after="a/2") == ["a/3", "b/1"]
        assert keys_of(store, "", start_after="a/25") == ["a/3", "b/1"]
        assert keys_of(store, "a/", start_after="a/") == ["a/1", "a/2", "a/3"]
        assert keys_of(store, "a/", start_after="b") == []

    def test_pages_of_a_listing_join(self, store: Store) -> None:
        """Every object comes once, however small the pages."""
        keys = [f"runs/{number:02d}/x{'x' * (number % 3)}" for number in range(23)]
        for key in keys:
            store.put(key, b"1", when=IfAbsent())
        paged: list[str] = []
        sizes: list[int] = []
        while page := keys_of(store, "runs/", start_after=paged[-1] if paged else None, limit=5):
            sizes.append(len(page))
            paged += page
        assert sizes == [5, 5, 5, 5, 3]
        assert paged == keys
        assert keys_of(store, "runs/", limit=0) == []

    def test_a_long_listing_is_whole(self, store: Store) -> None:
        """However many pages the store has to fetch for it."""
        keys = [f"runs/{number:06}" for number in range(self.objects)]
        for key in keys:
            store.put(key, b"1", when=IfAbsent())
        assert keys_of(store, "runs/") == keys
        assert keys_of(store, "runs/", start_after=keys[0], limit=self.objects) == keys[1:]

    def test_a_listing_goes_on_beside_writers(self, store: Store) -> None:
        """What is there all the time comes once, whatever is created and overwritten meanwhile."""
        kept = [f"runs/{number:06}" for number in range(1, self.objects)]
        first, *_ = [store.put(key, b"1", when=IfAbsent()) for key in kept]
        listing = store.list("runs/")
        seen = [next(listing).key]
        store.put("runs/000000", b"in front", when=IfAbsent())
        store.put("runs/999999", b"behind", when=IfAbsent())
        store.put(kept[0], b"2", when=IfVersion(first))
        seen += [info.key for info in listing]
        assert [key for key in seen if key in kept] == kept

    # --- versions ---------------------------------------------------------------------------------

    def test_overwritten_versions_are_kept(self, store: Store) -> None:
        """Each earlier body is found by its ID; without the capability every such call refuses."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        bodies = [b"1", b"22", b"333"]
        versions = write_all(store, KEY, bodies)
        kept = list(store.list_versions(KEY))
        assert [version.version for version in kept] == versions[::-1]
        assert [version.size for version in kept] == [3, 2, 1]
        assert [version.is_current for version in kept] == [True, False, False]
        assert [version.modified_at for version in kept] == sorted(
            (version.modified_at for version in kept), reverse=True
        )
        assert len({version.version_id for version in kept}) == len(kept)
        for version, body in zip(kept, bodies[::-1], strict=True):
            stored = store.get(KEY, version_id=version.version_id)
            assert stored is not None
            assert (stored.body, stored.version) == (body, version.version)
            assert stored.version_id == version.version_id
            assert stored.modified_at == version.modified_at <= stored.served_at

    def assert_versions_are_refused(self, store: Store) -> None:
        """Check that a store without versions says so, and gives out no IDs."""
        store.put(KEY, b"1", when=IfAbsent())
        assert got(store, KEY).version_id is None
        calls: list[Callable[[], Any]] = [
            lambda: store.get(KEY, version_id="1"),
            lambda: list(store.list_versions(KEY)),
            lambda: store.delete_version(KEY, "1"),
        ]
        for call in calls:
            with pytest.raises(UnsupportedError):
                call()

    def test_an_id_outlives_its_turn(self, store: Store) -> None:
        """The version ID that came with an object finds it once it is overwritten or deleted."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        version = store.put(KEY, b"first", when=IfAbsent())
        first = got(store, KEY)
        second = store.put(KEY, b"second", when=IfVersion(version))
        store.delete(KEY, when=IfVersion(second))
        assert first.version_id is not None
        stored = store.get(KEY, version_id=first.version_id)
        assert stored is not None
        assert (stored.body, stored.version) == (b"first", version)

    def test_a_deletion_is_a_mark_among_the_versions(self, store: Store) -> None:
        """What was deleted is still kept, below a mark that has no body."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        store.delete(KEY, when=IfVersion(store.put(KEY, b"1", when=IfAbsent())))
        mark, deleted = store.list_versions(KEY)
        assert (mark.is_deletion, mark.is_current, mark.version) == (True, False, None)
        assert (deleted.is_deletion, deleted.is_current, deleted.size) == (False, False, 1)
        assert store.get(KEY, version_id=mark.version_id) is None
        store.put(KEY, b"2", when=IfAbsent())
        kept = list(store.list_versions(KEY))
        assert [version.is_deletion for version in kept] == [False, True, False]
        assert kept[0].is_current

    def test_one_version_is_deleted_for_good(self, store: Store) -> None:
        """The others stay; deleting it again is no error."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        write_all(store, KEY, [b"1", b"2", b"3"])
        _, middle, _ = store.list_versions(KEY)
        for _ in range(2):
            store.delete_version(KEY, middle.version_id)
        assert store.get(KEY, version_id=middle.version_id) is None
        assert [version.size for version in store.list_versions(KEY)] == [1, 1]
        assert got(store, KEY).body == b"3"

    def test_no_removal_brings_a_version_back(self, store: Store) -> None:
        """Where a deletion hides an earlier version, it stays or is of no use."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        store.delete(KEY, when=IfVersion(store.put(KEY, b"1", when=IfAbsent())))
        hidden = [kept for kept in store.list_versions(KEY) if not kept.is_deletion]
        deletions = [kept for kept in store.list_versions(KEY) if kept.is_deletion]
        for deletion in deletions:
            with suppress(PreconditionFailedError):
                store.delete_version(KEY, deletion.version_id)
            assert store.get(KEY) is None
        for kept in (*hidden, *deletions):
            store.delete_version(KEY, kept.version_id)
        assert list(store.list_versions(KEY)) == []

    def test_versions_are_of_one_object(self, store: Store) -> None:
        """Another key, or an ID that nobody gave out, finds nothing."""
        if not self.keeps_versions(store):
            self.assert_versions_are_refused(store)
            return
        write_all(store, KEY, [b"1", b"2"])
        assert list(store.list_versions("prefix/executions")) == []
        assert list(store.list_versions(KEY + ".json")) == []
        _, old = store.list_versions(KEY)
        assert store.get("other", version_id=old.version_id) is None
        for unknown in self.unknown_version_ids:
            assert store.get(KEY, version_id=unknown) is None
            store.delete_version(KEY, unknown)

    # --- races ------------------------------------------------------------------------------------

    def test_a_race_counts_to_an_exact_number(self, store: Store) -> None:
        """No compare-and-swap of several threads is lost or done twice."""
        store.put(KEY, b"0", when=IfAbsent())
        at_once(lambda _: increment(store, KEY, times=self.rounds))
        assert got(store, KEY).body == str(RACERS * self.rounds).encode()

    def test_one_of_many_creates_wins(self, store: Store) -> None:
        """In every round exactly one create is done, and it is the one that is stored."""
        for number in range(self.rounds):
            key = f"race/{number}"
            won = at_once(partial(create_as, store, key))
            winners = [str(racer).encode() for racer in range(RACERS) if won[racer]]
            assert winners == [got(store, key).body]

    def test_a_delete_in_a_race_takes_no_other_write_along(self, store: Store) -> None:
        """In every round exactly one overwrite or delete of a version is done."""
        if not store.capabilities.conditional_delete:
            return  # that it refuses, others check
        for number in range(self.rounds):
            key = f"race/{number}"
            version = store.put(key, b"old", when=IfAbsent())
            won = at_once(partial(replace_or_delete, store, key, version))
            stored = store.get(key)
            winners = [racer for racer in range(RACERS) if won[racer]]
            assert winners == [racer for racer in winners if deletes(racer) is (stored is None)]
            assert stored is None or [str(racer).encode() for racer in winners] == [stored.body]
            assert len(winners) == 1

    def test_readers_see_whole_objects_only(self, store: Store) -> None:
        """A reader beside a writer gets the old or the new body, with its own version."""
        bodies = [bytes([number]) * 200_000 for number in range(5)]
        version = store.put(KEY, bodies[0], when=IfAbsent())
        written = {version: bodies[0]}
        enough, ended = Event(), Event()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read_until, store, KEY, ended, enough, self.rounds)
            try:
                for number in count(1):
                    body = bodies[number % len(bodies)]
                    version = store.put(KEY, body, when=IfVersion(version))
                    written[version] = body
                    if number >= self.rounds and (enough.wait(0.001) or reading.done()):
                        break
            finally:
                ended.set()
            seen = reading.result()
        is_whole = seen.items() <= written.items()
        assert is_whole, "a version was read with the body of another"


def refusal(*, possible: bool) -> type[BucketpointError]:
    """Return the error that refuses a request which the store can or cannot make."""
    return PreconditionFailedError if possible else UnsupportedError
