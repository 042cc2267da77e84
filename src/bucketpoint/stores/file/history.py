"""What the file store keeps of one object beside the object itself: lock, staging, old versions.

One folder per object, named by the hash of its key:

- `lock`      who writes the object holds its lock
- `staging`   the next version while it is being written; whoever writes next overwrites a leftover
- `000000000007.<version ID>`   a version that was overwritten or deleted, or the mark of a deletion
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bucketpoint.stores.contract import ObjectVersion, Version
from bucketpoint.stores.file.disk import (
    FileState,
    from_nanoseconds,
    keep_copy,
    read_file,
    sync_folder,
    write_file,
)
from bucketpoint.stores.local import key_bytes

__all__ = ["History", "KeptVersion"]

_DELETED = "deleted"
_KEPT = re.compile(r"[0-9]{12}\.-?[0-9a-f]+-([0-9a-f]{64}|deleted)")


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """One overwritten or deleted version, or the mark of a deletion; its name says it all."""

    path: Path

    @property
    def number(self) -> int:
        """Counts the versions of the object, for their order."""
        return int(self.path.name.partition(".")[0])

    @property
    def version_id(self) -> str:
        """What `get` takes to find it."""
        return self.path.name.partition(".")[2]

    @property
    def modified_at(self) -> datetime:
        """When it was written."""
        return from_nanoseconds(int(self.version_id.rpartition("-")[0], 16))

    @property
    def version(self) -> Version | None:
        """The version it was while it was current; None for a deletion."""
        digest = self.version_id.rpartition("-")[2]
        return None if digest == _DELETED else Version(digest)


class History:
    """The side folder of one object. Everything that writes is for the holder of its lock.

    Args:
        side_folder: Where the store keeps the side folders of all objects.
        key: The object's key.
        keep: How many versions to keep.
    """

    def __init__(self, side_folder: Path, key: str, *, keep: int) -> None:
        name = hashlib.sha256(key_bytes(key)).hexdigest()
        self._side_folder = side_folder
        self._folder = side_folder / name[:2] / name[2:]
        self._keep = keep

    @property
    def lock_path(self) -> Path:
        """The lock of the object."""
        return self._folder / "lock"

    @property
    def staging_path(self) -> Path:
        """Where the next version is written before it takes its place."""
        return self._folder / "staging"

    def create(self) -> None:
        """Make the side folder when it is not there."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def versions(self) -> list[KeptVersion]:
        """Return what is kept, the newest first."""
        with suppress(FileNotFoundError):
            kept = [path for path in self._folder.iterdir() if _KEPT.fullmatch(path.name)]
            return [KeptVersion(path) for path in sorted(kept, reverse=True)]
        return []

    def describe(self, key: str) -> list[ObjectVersion]:
        """Return what is kept as the contract describes it, the newest first."""
        described: list[ObjectVersion] = []
        for version in self.versions():
            with suppress(FileNotFoundError):  # pruned since
                size = version.path.stat().st_size
                described.append(
                    ObjectVersion(
                        key=key,
                        version_id=version.version_id,
                        version=version.version,
                        size=size,
                        modified_at=version.modified_at,
                        is_current=False,
                        is_deletion=version.version is None,
                    )
                )
        return described

    def read(self, version_id: str) -> FileState | None:
        """Return one kept version with its bytes, or None when it is not kept."""
        for version in self.versions():
            if version.version_id == version_id and version.version is not None:
                return read_file(version.path)
        return None

    def keep(self, current: FileState) -> None:
        """Keep what is about to be overwritten or deleted; done again it changes nothing."""
        if not self._keep:
            return
        kept = self.versions()
        if kept and kept[0].version_id == current.version_id:
            return
        keep_copy(current, self._path(kept, current.version_id), self.staging_path)
        # The folders above are as new as the first version in them.
        above = [] if kept else [self._folder.parent, self._side_folder, self._side_folder.parent]
        for folder in [self._folder, *above]:
            sync_folder(folder)

    def mark_deletion(self, modified_ns: int) -> None:
        """Note that the object was deleted."""
        if self._keep:
            write_file(self._path(self.versions(), f"{modified_ns:x}-{_DELETED}"), b"", modified_ns)

    def prune(self) -> None:
        """Remove the oldest versions above the number to keep."""
        for version in self.versions()[self._keep :]:
            version.path.unlink()

    def remove(self, version_id: str) -> None:
        """Remove one kept version; one that is not there is no error."""
        for version in self.versions():
            if version.version_id == version_id:
                version.path.unlink()

    def _path(self, kept: list[KeptVersion], version_id: str) -> Path:
        number = kept[0].number + 1 if kept else 1
        return self._folder / f"{number:012d}.{version_id}"
