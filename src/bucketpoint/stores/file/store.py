"""The store in a folder: durable, and safe between processes, threads and kills.

An object is a plain file at the path of its key, and that file is the only truth: a folder synced
from a bucket, or a file edited by another program, is read as it stands, and an object's version is
the SHA-256 of its bytes. Who writes an object holds its lock, writes the bytes to a staging file,
and moves that into place in one step of the file system.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from bucketpoint.errors import (
    InvalidInputError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)
from bucketpoint.stores.file.disk import (
    FileState,
    ensure_folder,
    inspect_file,
    read_file,
    sync_folder,
    to_nanoseconds,
    write_file,
)
from bucketpoint.stores.file.errors import Stage, translated
from bucketpoint.stores.file.history import History
from bucketpoint.stores.file.lock import LockTimeoutError, locked
from bucketpoint.stores.file.names import SIDE_FOLDER
from bucketpoint.stores.file.paths import ObjectPaths
from bucketpoint.stores.local import (
    DEFAULT_KEEP_VERSIONS,
    Clock,
    check_condition,
    check_keep_versions,
    no_versions,
    system_clock,
)
from bucketpoint.stores.versions import is_current

__all__ = ["FileStore"]

_LOCK_WAIT_S = 10.0


class FileStore:
    """Keeps each object as a plain file in a folder.

    What `put` has returned for is on the disk. A process that is killed at any instant leaves
    either the old or the new object, never a part of one, and blocks nobody. Several processes and
    threads may use one folder at once; a folder shared by hosts needs a file system whose locks
    hold between them (such as NFS version 4).

    The folder is made at the first write. Beside the objects it holds `.bucketpoint`, with locks
    and earlier versions: with no writer running it may be removed, and only the history is lost.

    Args:
        folder: Where the objects lie.
        keep_versions: How many overwritten versions of an object are kept; 0 turns versions off.
        clock: Returns the time, with a time zone; for tests.

    Raises:
        InvalidInputError: An argument cannot be used.

    Example:
        >>> from pathlib import Path
        >>> from bucketpoint.stores.contract import IfAbsent
        >>> version = FileStore("checkpoints").put("run-42.json", b"{}", when=IfAbsent())
        >>> Path("checkpoints/run-42.json").read_text()
        '{}'
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_versions: int = DEFAULT_KEEP_VERSIONS,
        clock: Clock = system_clock,
    ) -> None:
        if not os.fspath(folder):
            msg = "the folder of a file store must not be empty: use '.' for the current one"
            raise InvalidInputError(msg)
        self._folder = Path(folder).resolve()
        self._side_folder = self._folder / SIDE_FOLDER
        self._keep_versions = check_keep_versions(keep_versions)
        self._clock = clock
        self._paths = ObjectPaths(self._folder)
        self._capabilities = Capabilities(
            versions=keep_versions > 0,
            conditional_delete=True,
            content_versions=True,
            single_delivery=True,
        )

    @property
    def url(self) -> str:
        """`file://` and the absolute path of the folder."""
        return self._folder.as_uri()

    @property
    def capabilities(self) -> Capabilities:
        """What this store can do."""
        return self._capabilities

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`. It waits for nobody."""
        del timeout
        with translated(self._folder, key):
            state = self._read(key)
            if version_id is not None:
                self._require_versions(key)
                # Looked for in this order, since a write keeps the version before replacing it.
                if state is None or state.version_id != version_id:
                    state = self._history(key).read(version_id)
        if state is None or state.body is None:
            return None
        return StoredObject(
            body=state.body,
            version=state.version,
            version_id=state.version_id if self._capabilities.versions else None,
            modified_at=state.modified_at,
            served_at=max(self._clock(), state.modified_at),
        )

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`.

        The timeout (10 seconds when there is none) is for other writers of the object: when one
        is stopped in the middle, this raises `StoreUnavailableError`.
        """
        with translated(self._folder, key), self._writing(key, timeout) as history:
            current = self._read(key)
            check_condition(when, current.version if current else None, key)
            path = current.path if current else self._paths.for_new(key)
            ensure_folder(path.parent)
            if current:
                history.keep(current)
            version = write_file(history.staging_path, body, to_nanoseconds(self._clock()))
            with translated(self._folder, key, Stage.COMMITTING):
                history.staging_path.replace(path)
            self._finish(key, path, history)
        return version

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`; for the timeout see `put`."""
        with translated(self._folder, key):
            if self._read(key) is None:
                return False
            with self._writing(key, timeout) as history:
                current = self._read(key)
                if current is None:
                    return False
                check_condition(when, current.version, key)
                history.keep(current)
                for shadowed in [*self._paths.existing(key)][1:]:
                    shadowed.unlink()
                with translated(self._folder, key, Stage.COMMITTING):
                    current.path.unlink()
                with suppress(OSError):
                    history.mark_deletion(to_nanoseconds(self._clock()))
                self._finish(key, current.path, history)
        return True

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`. Each object is read, since its version derives from its bytes."""
        del timeout
        with translated(self._folder, prefix):
            yield from islice(self._infos(prefix, start_after), limit)

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`."""
        del timeout
        self._require_versions(key)
        with translated(self._folder, key):
            current = self._read(key)
            kept = self._history(key).describe(key)
        if current is None:
            return iter(kept)
        # A writer that was killed half-way has kept what is still the current version.
        others = (version for version in kept if version.version_id != current.version_id)
        return iter([_current_version(key, current), *others])

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`; for the timeout see `put`.

        Raises:
            PreconditionFailedError: It is the current one, which `delete` removes.
        """
        self._require_versions(key)
        with translated(self._folder, key):
            if not self._side_folder.is_dir():
                return
            with self._writing(key, timeout) as history:
                current = self._read(key)
                if current and current.version_id == version_id:
                    raise is_current(key)
                history.remove(version_id)

    def close(self) -> None:
        """Do nothing: no file is kept open between calls."""

    def _read(self, key: str) -> FileState | None:
        for path in self._paths.existing(key):
            state = read_file(path)
            if state is not None:
                return state
        if self._folder.exists() and not self._folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return None

    def _infos(self, prefix: str, start_after: str | None) -> Iterator[ObjectInfo]:
        for key, path in self._paths.walk(prefix, start_after):
            state = inspect_file(path)
            if state is not None:
                yield ObjectInfo(key, state.version, state.size, state.modified_at)

    def _history(self, key: str) -> History:
        return History(self._side_folder, key, keep=self._keep_versions)

    @contextmanager
    def _writing(self, key: str, timeout: float | None) -> Generator[History]:
        """Be the only one to write this object."""
        history = self._history(key)
        history.create()
        wait = _LOCK_WAIT_S if timeout is None else timeout
        try:
            with locked(history.lock_path, wait):
                yield history
        except LockTimeoutError:
            msg = (
                f"another writer has held the lock of {key!r} for {wait:g} seconds; nothing was "
                "written: call again, or look for a stopped process that has the folder open"
            )
            raise StoreUnavailableError(msg, key=key) from None

    def _finish(self, key: str, path: Path, history: History) -> None:
        """Make an applied write durable, and drop what is too old."""
        with translated(self._folder, key, Stage.APPLIED):
            sync_folder(path.parent)
        with suppress(OSError):
            history.prune()

    def _require_versions(self, key: str) -> None:
        if not self._capabilities.versions:
            raise no_versions(self.url, key)


def _current_version(key: str, current: FileState) -> ObjectVersion:
    return ObjectVersion(
        key=key,
        version_id=current.version_id,
        version=current.version,
        size=current.size,
        modified_at=current.modified_at,
        is_current=True,
    )
