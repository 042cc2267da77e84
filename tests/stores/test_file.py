"""What the file store promises beyond the contract: plain files, history, clear errors."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version
from bucketpoint.stores.file import FileStore, paths
from bucketpoint.stores.file.errors import Stage, store_error
from bucketpoint.stores.file.lock import LockTimeoutError, locked
from bucketpoint.stores.local import system_clock
from bucketpoint.testing.conformance import ALL_KEYS, got, keys_of, write_all

KEY = "prefix/executions/run-42.json"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "folder")


def objects_in(folder: Path) -> list[str]:
    """Return the files that anybody sees, without the side folder."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in files if path.parts[0] != ".bucketpoint")


# --- plain files ----------------------------------------------------------------------------------


def test_the_current_object_is_a_plain_file_at_its_key(store: FileStore, tmp_path: Path) -> None:
    write_all(store, KEY, [b'{"a": 1}', b'{"a": 2}'])
    assert (tmp_path / "folder" / KEY).read_bytes() == b'{"a": 2}'
    assert objects_in(tmp_path / "folder") == [KEY]


def test_the_version_is_the_hash_that_sha256sum_prints(store: FileStore) -> None:
    version = store.put(KEY, b"hello", when=IfAbsent())
    assert str(version) == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_a_folder_synced_from_a_bucket_is_used_as_it_stands(tmp_path: Path) -> None:
    keys = ["p/executions/Order%3A7.json", "p/executions/draft~.json", "p/executions/run.json"]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(b"synced")
    store = FileStore(tmp_path)
    assert keys_of(store, "p/") == keys
    assert not (tmp_path / ".bucketpoint").exists()
    for key in keys:
        store.put(key, b"written", when=IfVersion(got(store, key).version))
    assert objects_in(tmp_path) == keys


def test_what_an_edit_overwrites_is_the_edits_own_and_the_edit_is_kept(store: FileStore) -> None:
    store.put(KEY, b"mine", when=IfAbsent())
    (store._folder / KEY).write_bytes(b"edited")
    edited = got(store, KEY)
    store.put(KEY, b"mine again", when=IfVersion(edited.version))
    assert edited.version_id is not None
    kept = store.get(KEY, version_id=edited.version_id)
    assert kept is not None
    assert kept.body == b"edited"


def test_editing_the_current_file_in_place_spoils_no_kept_version(store: FileStore) -> None:
    write_all(store, KEY, [b"first", b"second"])
    with (store._folder / KEY).open("r+b") as file:
        file.write(b"SECOND")
    _, old = store.list_versions(KEY)
    kept = store.get(KEY, version_id=old.version_id)
    assert kept is not None
    assert kept.body == b"first"


def test_files_that_are_no_objects_are_not_listed(store: FileStore) -> None:
    store.put("a", b"1", when=IfAbsent())
    (store._folder / "a~ff").write_bytes(b"no key has this name")
    (store._folder / "long").with_name("x" * 250 + "~").write_bytes(b"nor this")
    os.mkfifo(store._folder / "pipe")
    (store._folder / "link").symlink_to(store._folder)
    assert keys_of(store, "") == ["a"]
    assert store.get("pipe") is None


def test_a_long_name_lies_in_nested_folders(store: FileStore) -> None:
    store.put("x" * 400 + ".json", b"1", when=IfAbsent())
    assert objects_in(store._folder) == ["x" * 250 + "~/" + "x" * 150 + ".json"]


def test_one_name_cannot_be_an_object_and_a_folder(store: FileStore) -> None:
    store.put("runs/a", b"1", when=IfAbsent())
    for key in ("runs", "runs/a/b"):
        with pytest.raises(UnsupportedError, match="choose another key or prefix"):
            store.put(key, b"1", when=IfAbsent())
    assert keys_of(store, "") == ["runs/a"]


# --- disks that fold case -------------------------------------------------------------------------


@pytest.fixture
def folding(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    """A store that takes its disk for one that folds case."""
    monkeypatch.setattr(paths, "_same_in_other_case", folds_case)
    return store


def folds_case(_: Path) -> bool:
    return True


def test_a_disk_that_folds_case_gets_names_that_differ_without_case(folding: FileStore) -> None:
    for key in ALL_KEYS.values():
        folding.put(key, key.encode(), when=IfAbsent())
    assert [got(folding, key).body for key in ALL_KEYS.values()] == [
        key.encode() for key in ALL_KEYS.values()
    ]
    files = objects_in(folding._folder)
    assert len({file.casefold() for file in files}) == len(files) == len(ALL_KEYS)
    assert keys_of(folding, "") == sorted(ALL_KEYS.values(), key=str.encode)


def test_a_synced_name_in_upper_case_is_used_there_as_it_stands(folding: FileStore) -> None:
    (folding._folder / "P").mkdir(parents=True)
    (folding._folder / "P/Run.json").write_bytes(b"synced")
    stored = got(folding, "P/Run.json")
    folding.put("P/Run.json", b"written", when=IfVersion(stored.version))
    assert objects_in(folding._folder) == ["P/Run.json"]
    assert keys_of(folding, "") == ["P/Run.json"]


def test_a_name_that_the_disk_takes_for_another_is_refused(
    folding: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folding._folder / "P").mkdir(parents=True)

    def exists_in_some_case(path: Path) -> bool:
        return path.name.lower() == "p"

    monkeypatch.setattr(os.path, "lexists", exists_in_some_case)
    with pytest.raises(UnsupportedError, match="rename that one"):
        folding.put("p/run.json", b"1", when=IfAbsent())


def test_names_made_on_a_disk_that_folds_case_are_used_on_others(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(paths, "_same_in_other_case", folds_case)
        version = FileStore(store._folder).put("Run.json", b"1", when=IfAbsent())
    version = store.put("Run.json", b"2", when=IfVersion(version))
    assert objects_in(store._folder) == ["~52un.json"]
    (store._folder / "Run.json").write_bytes(b"synced beside it")
    assert keys_of(store, "") == ["Run.json"]
    assert got(store, "Run.json").body == b"2"
    store.delete("Run.json", when=IfVersion(version))
    assert store.get("Run.json") is None
    assert objects_in(store._folder) == []


# --- versions -------------------------------------------------------------------------------------


def test_the_newest_versions_are_kept(tmp_path: Path) -> None:
    store = FileStore(tmp_path, keep_versions=2)
    write_all(store, KEY, [b"1", b"22", b"333", b"4444", b"55555"])
    assert [version.size for version in store.list_versions(KEY)] == [5, 4, 3]
    store.delete(KEY, when=IfVersion(got(store, KEY).version))
    assert [version.size for version in store.list_versions(KEY)] == [0, 5]


def test_the_current_version_is_not_deleted_as_a_version(store: FileStore) -> None:
    store.put(KEY, b"1", when=IfAbsent())
    version_id = got(store, KEY).version_id
    assert version_id is not None
    with pytest.raises(PreconditionFailedError, match="use delete"):
        store.delete_version(KEY, version_id)
    assert got(store, KEY).body == b"1"


def test_asking_for_versions_of_nothing_makes_no_folder(store: FileStore) -> None:
    assert list(store.list_versions(KEY)) == []
    store.delete_version(KEY, "1-" + "0" * 64)
    assert store.get(KEY) is None
    assert store.delete(KEY, when=IfVersion(Version("1"))) is False
    assert not store._folder.exists()


def test_versions_are_kept_by_copies_where_the_disk_has_no_links(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    versions = write_all(store, KEY, [b"1", b"22"])
    new, old = store.list_versions(KEY)
    assert [new.version, old.version] == versions[::-1]
    kept = store.get(KEY, version_id=old.version_id)
    assert kept is not None
    assert (kept.body, kept.modified_at) == (b"1", old.modified_at)


def test_removing_the_side_folder_loses_the_history_only(store: FileStore) -> None:
    version = write_all(store, KEY, [b"1", b"2"])[-1]
    side_folder = store._folder / ".bucketpoint"
    side_folder.rename(store._folder.parent / "removed")
    store.put(KEY, b"3", when=IfVersion(version))
    assert [kept.version for kept in store.list_versions(KEY)][1:] == [version]


# --- time -----------------------------------------------------------------------------------------


def test_times_are_the_clocks_and_the_files(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
    store = FileStore(tmp_path, clock=lambda: now)
    store.put(KEY, b"1", when=IfAbsent())
    assert (got(store, KEY).modified_at, got(store, KEY).served_at) == (now, now)
    assert (tmp_path / KEY).stat().st_mtime_ns == int(now.timestamp()) * 10**9 + 123_456_000


def test_a_file_from_the_future_is_not_served_before_it_was_written(store: FileStore) -> None:
    store.put(KEY, b"1", when=IfAbsent())
    future = system_clock() + timedelta(days=1)
    os.utime(store._folder / KEY, (future.timestamp(), future.timestamp()))
    assert got(store, KEY).modified_at == got(store, KEY).served_at


# --- errors ---------------------------------------------------------------------------------------

UNKNOWN = OutcomeUnknownError
ERRORS: list[tuple[str, type[BucketpointError], type[BucketpointError]]] = [
    ("ENOSPC", StoreFullError, StoreFullError),
    ("EDQUOT", StoreFullError, StoreFullError),
    ("EFBIG", StoreFullError, StoreFullError),
    ("EACCES", AccessDeniedError, AccessDeniedError),
    ("EPERM", AccessDeniedError, AccessDeniedError),
    ("EROFS", AccessDeniedError, AccessDeniedError),
    ("ENOTDIR", UnsupportedError, UnsupportedError),
    ("EEXIST", UnsupportedError, UnsupportedError),
    ("EISDIR", UnsupportedError, UnsupportedError),
    ("ENOTEMPTY", UnsupportedError, UnsupportedError),
    ("ENAMETOOLONG", UnsupportedError, UnsupportedError),
    ("EILSEQ", UnsupportedError, UnsupportedError),
    ("EINVAL", UnsupportedError, UnsupportedError),
    ("ELOOP", UnsupportedError, UnsupportedError),
    ("EXDEV", UnsupportedError, UnsupportedError),
    ("ENOLCK", UnsupportedStoreError, UnsupportedStoreError),
    ("ENOTSUP", UnsupportedStoreError, UnsupportedStoreError),
    ("EOPNOTSUPP", UnsupportedStoreError, UnsupportedStoreError),
    ("ENOSYS", UnsupportedStoreError, UnsupportedStoreError),
    ("EIO", StoreUnavailableError, UNKNOWN),
    ("EMFILE", StoreUnavailableError, UNKNOWN),
    ("ENOENT", StoreUnavailableError, UNKNOWN),
    ("ESTALE", StoreUnavailableError, UNKNOWN),
    ("ETIMEDOUT", StoreUnavailableError, UNKNOWN),
]


@pytest.mark.parametrize(("name", "preparing", "committing"), ERRORS)
def test_each_error_of_the_system_has_its_meaning(
    tmp_path: Path,
    name: str,
    preparing: type[BucketpointError],
    committing: type[BucketpointError],
) -> None:
    expected = {Stage.PREPARING: preparing, Stage.COMMITTING: committing, Stage.APPLIED: UNKNOWN}
    code = getattr(errno, name)
    for stage, kind in expected.items():
        error = store_error(OSError(code, "reason"), folder=tmp_path, key=KEY, stage=stage)
        assert type(error) is kind
        assert error.key == KEY
        assert name in str(store_error.__doc__)


@pytest.mark.parametrize("name", ["ENOTDIR", "EEXIST"])
def test_a_folder_that_is_none_is_told_from_a_name_that_clashes(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    problem = OSError(getattr(errno, name), "reason")
    error = store_error(problem, folder=file, key=KEY, stage=Stage.PREPARING)
    assert type(error) is BucketNotFoundError


def test_a_folder_that_cannot_be_made_is_told_at_once(tmp_path: Path) -> None:
    problem = FileNotFoundError(errno.ENOENT, "reason")
    nowhere = tmp_path / "nowhere"
    error = store_error(problem, folder=nowhere, key=KEY, stage=Stage.PREPARING)
    assert type(error) is BucketNotFoundError
    assert "cannot be made" in str(error)
    error = store_error(problem, folder=nowhere, key=KEY, stage=Stage.COMMITTING)
    assert type(error) is UNKNOWN


def test_a_folder_that_is_a_file_is_refused_by_every_operation(tmp_path: Path) -> None:
    (tmp_path / "folder").write_bytes(b"precious")
    for store in (FileStore(tmp_path / "folder"), FileStore(tmp_path / "folder" / "below")):
        with pytest.raises(BucketNotFoundError, match="is not a folder"):
            store.put(KEY, b"1", when=IfAbsent())
    store = FileStore(tmp_path / "folder")
    for read in (
        lambda: store.get(KEY),
        lambda: list(store.list("")),
        lambda: list(store.list_versions(KEY)),
        lambda: store.delete(KEY, when=IfVersion(Version("1"))),
    ):
        with pytest.raises(BucketNotFoundError, match="is not a folder"):
            read()
    assert (tmp_path / "folder").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("patched", "code", "expected"),
    [
        ("os.fsync", errno.ENOSPC, StoreFullError),
        ("os.fsync", errno.EIO, StoreUnavailableError),
        ("pathlib.Path.replace", errno.EROFS, AccessDeniedError),
        ("fcntl.flock", errno.ENOLCK, UnsupportedStoreError),
    ],
)
def test_a_write_that_fails_before_it_is_applied_changes_nothing(
    store: FileStore,
    monkeypatch: pytest.MonkeyPatch,
    patched: str,
    code: int,
    expected: type[BucketpointError],
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    version = store.put(KEY, b"old", when=IfAbsent())
    with monkeypatch.context() as patch:
        patch.setattr(patched, fail)
        with pytest.raises(expected) as raised:
            store.put(KEY, b"new", when=IfVersion(version))
    assert type(raised.value) is expected
    assert isinstance(raised.value.__cause__, OSError)
    assert got(store, KEY).body == b"old"
    assert [kept.version for kept in store.list_versions(KEY)] == [version]
    store.put(KEY, b"new", when=IfVersion(version), timeout=0.0)


@pytest.mark.parametrize("write", ["put", "delete"])
def test_a_write_that_fails_once_it_is_applied_is_unknown(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    version = store.put(KEY, b"old", when=IfAbsent())
    monkeypatch.setattr("bucketpoint.stores.file.store.sync_folder", fail)
    writes: dict[str, Callable[[], object]] = {
        "put": lambda: store.put(KEY, b"new", when=IfVersion(version)),
        "delete": lambda: store.delete(KEY, when=IfVersion(version)),
    }
    with pytest.raises(OutcomeUnknownError, match="read it to find out"):
        writes[write]()


def test_a_disk_that_cannot_sync_folders_is_used_without(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "folders cannot be synced here")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    write_all(store, KEY, [b"1", b"2"])
    assert got(store, KEY).body == b"2"


def test_old_versions_that_cannot_be_removed_fail_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "the disk is gone")

    store = FileStore(tmp_path, keep_versions=1)
    version = write_all(store, KEY, [b"1", b"2"])[-1]
    monkeypatch.setattr(Path, "unlink", fail)
    store.put(KEY, b"3", when=IfVersion(version))
    assert got(store, KEY).body == b"3"


def test_arguments_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="must not be empty"):
        FileStore("")
    for number in (-1, True, "3"):
        with pytest.raises(InvalidInputError, match="keep_versions"):
            FileStore("folder", keep_versions=number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test


# --- the lock -------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_and_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, timeout=0.0), pytest.raises(LockTimeoutError), locked(path, timeout=0.01):
        pass
    with locked(path, timeout=0.0):
        pass


def test_a_lock_whose_file_was_removed_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    removed: list[Path] = []
    real_flock = fcntl.flock

    def remove_once(descriptor: int, operation: int) -> None:
        if not removed:
            path.unlink()
            removed.append(path)
        real_flock(descriptor, operation)

    monkeypatch.setattr("fcntl.flock", remove_once)
    with locked(path, timeout=1.0):
        assert path.exists()
        with pytest.raises(LockTimeoutError), locked(path, timeout=0.0):
            pass
