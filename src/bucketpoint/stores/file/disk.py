"""The few things the file store does to a disk, each durable when it returns."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bucketpoint.stores.contract import Version

__all__ = [
    "FileState",
    "ensure_folder",
    "from_nanoseconds",
    "inspect_file",
    "keep_copy",
    "read_file",
    "sync_folder",
    "to_nanoseconds",
    "write_file",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CANNOT_SYNC_FOLDERS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True)
class FileState:
    """What one opening of a file showed; everything is of the same bytes.

    Attributes:
        path: The file.
        digest: SHA-256 of the bytes, in hex, as `sha256sum` prints it.
        size: Bytes.
        modified_ns: The file's modification time in nanoseconds since 1970.
        body: The bytes, or None when only the rest was asked for.
    """

    path: Path
    digest: str
    size: int
    modified_ns: int
    body: bytes | None = None

    @property
    def version(self) -> Version:
        """The version that these bytes are."""
        return Version(self.digest)

    @property
    def version_id(self) -> str:
        """Tells these bytes written at this time from all others of the same object."""
        return f"{self.modified_ns:x}-{self.digest}"

    @property
    def modified_at(self) -> datetime:
        """The file's modification time."""
        return from_nanoseconds(self.modified_ns)


def read_file(path: Path) -> FileState | None:
    """Return the file with its bytes, or None when there is no file of this path."""
    with (
        suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
        path.open("rb") as file,
    ):
        body = file.read()
        digest = hashlib.sha256(body).hexdigest()
        return FileState(path, digest, len(body), os.fstat(file.fileno()).st_mtime_ns, body)
    return None


def inspect_file(path: Path) -> FileState | None:
    """Return the file without its bytes, however large it is; None when there is none."""
    with (
        suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
        path.open("rb") as file,
    ):
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
        return FileState(path, digest, file.tell(), status.st_mtime_ns)
    return None


def write_file(path: Path, body: bytes, modified_ns: int) -> Version:
    """Write the file over whatever is there, and wait until its bytes are on the disk."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.utime(path, ns=(modified_ns, modified_ns))
        os.fsync(file.fileno())
    return Version(hashlib.sha256(body).hexdigest())


def keep_copy(state: FileState, target: Path, staging: Path) -> None:
    """Give the bytes a second name: by a link where the disk has them, else by a copy."""
    try:
        target.hardlink_to(state.path)
    except OSError:
        if state.body is None:
            raise
        write_file(staging, state.body, state.modified_ns)
        staging.replace(target)


def ensure_folder(path: Path) -> None:
    """Make the folder and those above it where they are missing, each to stay after a power cut."""
    if path.is_dir():
        return
    ensure_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the folder's entries are on the disk, where the system can do that."""
    if os.name == "nt":  # pragma: no cover - Windows only
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def to_nanoseconds(moment: datetime) -> int:
    """Return the moment as a file's modification time, to the microsecond."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def from_nanoseconds(modified_ns: int) -> datetime:
    """Return a file's modification time as a moment, to the microsecond."""
    return _EPOCH + modified_ns // 1000 * _MICROSECOND
