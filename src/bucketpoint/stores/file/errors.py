"""What an error of the operating system means for a request to a folder."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    OutcomeUnknownError,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedError,
    UnsupportedStoreError,
)

__all__ = ["Stage", "store_error", "translated"]


class Stage(Enum):
    """How far a write has come."""

    PREPARING = auto()
    """Nothing that is stored has been touched. Every read is in this stage."""
    COMMITTING = auto()
    """Inside the one system call that applies the write."""
    APPLIED = auto()
    """That call has returned; what is left makes the write durable."""


_NAME_CLASH = frozenset({errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY})

_TABLE: tuple[tuple[frozenset[int], type[BucketpointError], str], ...] = (
    (
        frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}),
        StoreFullError,
        "{folder} is full ({reason}); nothing was written: make room and call again",
    ),
    (
        frozenset({errno.EACCES, errno.EPERM, errno.EROFS}),
        AccessDeniedError,
        "this process may not do that in {folder} ({reason}): change the folder's permissions",
    ),
    (
        _NAME_CLASH,
        UnsupportedError,
        (
            "{key!r} cannot be stored in {folder}: on a disk one name cannot be both an object "
            "and the beginning of other objects' keys; choose another key or prefix"
        ),
    ),
    (
        frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.ELOOP}),
        UnsupportedError,
        "the disk below {folder} cannot hold the name of {key!r} ({reason}): choose a shorter key",
    ),
    (
        frozenset({errno.EXDEV}),
        UnsupportedError,
        "{folder} spans several file systems: open the folder below it as a store of its own",
    ),
    (
        frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}),
        UnsupportedStoreError,
        (
            "the file system of {folder} has no locks ({reason}), without which writers would "
            "overwrite each other: use a folder on another file system"
        ),
    ),
)


def store_error(error: OSError, *, folder: Path, key: str, stage: Stage) -> BucketpointError:
    """Return the store's error for one of the operating system.

    | error | preparing | committing | applied |
    | --- | --- | --- | --- |
    | ENOSPC, EDQUOT, EFBIG | `StoreFullError` | `StoreFullError` | unknown |
    | EACCES, EPERM, EROFS | `AccessDeniedError` | `AccessDeniedError` | unknown |
    | ENOTDIR, EEXIST, EISDIR, ENOTEMPTY, and the folder is none | `BucketNotFoundError` | same | unknown |
    | ENOENT, and there is no such folder | `BucketNotFoundError` | unknown | unknown |
    | ENOTDIR, EEXIST, EISDIR, ENOTEMPTY below the folder | `UnsupportedError` | same | unknown |
    | ENAMETOOLONG, EILSEQ, EINVAL, ELOOP, EXDEV | `UnsupportedError` | same | unknown |
    | ENOLCK, ENOTSUP, EOPNOTSUPP, ENOSYS | `UnsupportedStoreError` | same | unknown |
    | any other (EIO, EMFILE, ENOENT, ESTALE, ETIMEDOUT …) | `StoreUnavailableError` | unknown | unknown |

    Unknown is `OutcomeUnknownError`: a rename over a network may be applied although it fails, and
    what a failed fsync leaves after a power cut nobody can say.
    """
    reason = error.strerror or type(error).__name__
    if stage is not Stage.APPLIED:
        if error.errno in _NAME_CLASH and not folder.is_dir():
            msg = f"{folder} is not a folder: give the path of a folder"
            return BucketNotFoundError(msg, key=key)
        for codes, kind, template in _TABLE:
            if error.errno in codes:
                return kind(template.format(folder=folder, key=key, reason=reason), key=key)
        if stage is Stage.PREPARING and error.errno == errno.ENOENT and not folder.is_dir():
            msg = f"{folder} is not there and cannot be made: give another folder, or make it"
            return BucketNotFoundError(msg, key=key)
        if stage is Stage.PREPARING:
            msg = f"{folder} could not be used ({reason}); nothing was written: call again later"
            return StoreUnavailableError(msg, key=key)
    msg = f"the write of {key!r} may or may not be on the disk ({reason}): read it to find out"
    return OutcomeUnknownError(msg, key=key)


@contextmanager
def translated(folder: Path, key: str, stage: Stage = Stage.PREPARING) -> Generator[None]:
    """Raise the store's error for each error of the operating system inside."""
    try:
        yield
    except BucketpointError:
        raise
    except OSError as error:
        raise store_error(error, folder=folder, key=key, stage=stage) from error
