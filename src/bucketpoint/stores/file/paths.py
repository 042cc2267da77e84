"""Where the objects of a folder lie, and which files in it are objects."""

from __future__ import annotations

import errno
import heapq
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bucketpoint.errors import UnsupportedError
from bucketpoint.stores.file.names import SIDE_FOLDER, plain_path, portable_path, read_name
from bucketpoint.stores.local import key_bytes

__all__ = ["ObjectPaths"]

# Orders what is to be looked at: a folder before a file, a portable name before a plain one.
_FOLDER, _PORTABLE_FILE, _PLAIN_FILE = range(3)
_Entry = tuple[bytes, int, str]


class ObjectPaths:
    """The objects' files in one folder.

    A file is an object when it is named as its key is named, plainly or portably. Everything else
    in the folder is ignored, and so is what lies behind a link to a folder.

    Args:
        folder: The absolute path of the store's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._side_folder = folder / SIDE_FOLDER
        self._disk_folds_case: bool | None = None

    def existing(self, key: str) -> Iterator[Path]:
        """Yield the files of the key, the one that counts first.

        There is more than one only when other programs have put files into the folder.
        """
        for relative in _names_of(key):
            path = self._folder / relative
            with suppress(FileNotFoundError, NotADirectoryError):
                is_file = stat.S_ISREG(path.stat().st_mode)
                if is_file and self._misspelt(relative) is None:
                    yield path

    def for_new(self, key: str) -> Path:
        """Return the path for an object that has no file yet.

        Raises:
            OSError: Something else has the name.
            UnsupportedError: The disk folds case and has the name in other case.
        """
        relative = portable_path(key) if self._folds_case(self._side_folder) else plain_path(key)
        misspelt = self._misspelt(relative)
        if misspelt is not None:
            msg = (
                f"{key!r} cannot be stored in {self._folder}: the disk does not keep {misspelt!r} "
                "apart from a name that is there already in other case; rename that one"
            )
            raise UnsupportedError(msg, key=key)
        path = self._folder / relative
        if os.path.lexists(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return path

    def walk(self, prefix: str, start_after: str | None) -> Iterator[tuple[str, Path]]:
        """Yield key and path of the objects in the order of the keys' UTF-8 bytes.

        Args:
            prefix: What the keys begin with.
            start_after: Only keys after this one.
        """
        wanted = key_bytes(prefix)
        after = None if start_after is None else key_bytes(start_after)
        # A folder is opened when its first possible key is due, so only the needed ones are read.
        due: list[_Entry] = [(b"", _FOLDER, "")]
        last: bytes | None = None
        while due:
            raw_key, rank, relative = heapq.heappop(due)
            if rank == _FOLDER:
                for entry in self._entries(relative, raw_key):
                    if _may_be_wanted(entry, wanted, after):
                        heapq.heappush(due, entry)
            elif raw_key != last:
                last = raw_key
                yield raw_key.decode(), self._folder / relative

    def _entries(self, relative: str, start: bytes) -> Iterator[_Entry]:
        """Yield what is in one folder, all of whose keys begin with `start`."""
        try:
            scan = os.scandir(self._folder / relative)
        except FileNotFoundError:
            return
        with scan:
            for entry in scan:
                path = f"{relative}/{entry.name}" if relative else entry.name
                text, continues = read_name(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if path != SIDE_FOLDER:
                        yield start + text + (b"" if continues else b"/"), _FOLDER, path
                elif entry.is_file():
                    yield from _file_entry(start + text, path)

    def _misspelt(self, relative: str) -> str | None:
        """Return the first part of a path that the disk takes for a name in other case."""
        parent = self._folder
        if not self._folds_case(parent / relative):
            return None
        for name in relative.split("/"):
            path = parent / name
            if not os.path.lexists(path):
                return None
            if path not in parent.iterdir():
                return name
            parent = path
        return None

    def _folds_case(self, witness: Path) -> bool:
        """Tell whether the disk folds case, seen by the side folder or else by another path."""
        if self._disk_folds_case is None and self._side_folder.is_dir():
            self._disk_folds_case = _same_in_other_case(self._side_folder)
        if self._disk_folds_case is None:
            return _same_in_other_case(witness)
        return self._disk_folds_case


def _names_of(key: str) -> list[str]:
    return list(dict.fromkeys((portable_path(key), plain_path(key))))


def _file_entry(raw_key: bytes, relative: str) -> Iterator[_Entry]:
    with suppress(UnicodeDecodeError):
        key = raw_key.decode()
        if relative == portable_path(key):
            yield raw_key, _PORTABLE_FILE, relative
        elif relative == plain_path(key):
            yield raw_key, _PLAIN_FILE, relative


def _may_be_wanted(entry: _Entry, prefix: bytes, after: bytes | None) -> bool:
    raw_key, rank, _ = entry
    if rank != _FOLDER:
        return raw_key.startswith(prefix) and (after is None or raw_key > after)
    fits = raw_key.startswith(prefix) or prefix.startswith(raw_key)
    return fits and (after is None or raw_key > after or after.startswith(raw_key))


def _same_in_other_case(path: Path) -> bool:
    try:
        return path.samefile(path.with_name(path.name.swapcase()))
    except OSError:
        return False
