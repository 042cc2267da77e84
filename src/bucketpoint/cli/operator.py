"""The checkpointer of the command line: it also looks at what is no checkpoint."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from bucketpoint.checkpoint import Checkpoint, ExecutionSummary
from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.core.effects import get
from bucketpoint.core.history import CheckpointVersion
from bucketpoint.core.keys import execution_id_of, execution_key, executions_prefix
from bucketpoint.core.listing import Listed
from bucketpoint.core.save import absent
from bucketpoint.core.session import Seen, StoredCheckpoint
from bucketpoint.core.summaries import gist_of
from bucketpoint.errors import NoCheckpointError
from bucketpoint.stores.urls import open_store
from bucketpoint.timestamps import Timestamp

__all__ = ["DeletedError", "Operator", "known_ids", "opened"]


class DeletedError(NoCheckpointError):
    """The execution was deleted; its earlier versions may still be there.

    What to do: Look at its history, and restore a version.
    """

    next_command = "bucketpoint history {id}"


class Operator(BucketCheckpointer):
    """A checkpointer that shows all of what lies there: the member, tombstones, what is corrupt."""

    def look(self, execution_id: str) -> Seen:
        """Return what one look shows, whatever it is.

        Args:
            execution_id: The run.
        """
        target = self._session.target(execution_id)
        return self._run(execution_id, self._session.look(target), None)

    def look_at(self, execution_id: str, version: CheckpointVersion) -> Seen:
        """Return what a kept version is; nothing for a deletion, and for one that is gone.

        Args:
            execution_id: The run.
            version: An entry of its history.
        """
        session, target = self._session, self._session.target(execution_id)
        if version.is_deletion:
            return Seen(None, None)
        reading = session.persist(target, lambda: get(target.key, version.version_id))
        found = self._run(execution_id, reading, None)
        return Seen(None, None) if found is None else session.seen_in(found, target)

    def live(self, execution_id: str) -> Seen:
        """Return what one look shows, which is no deletion.

        Args:
            execution_id: The run.

        Raises:
            DeletedError: The run was deleted.
            NoCheckpointError: There is nothing.
        """
        seen = self.look(execution_id)
        if seen.document is not None and seen.document.deleted:
            message = (
                f"execution {execution_id!r} was deleted: its history lists the versions that are "
                "still kept, and restore brings one back"
            )
            raise DeletedError(message, execution_id=execution_id)
        if seen.document is None:
            self.load_from(seen, execution_id)
        return seen

    def load_from(self, seen: Seen, execution_id: str) -> StoredCheckpoint:
        """Make the checkpoint of what a look showed.

        Args:
            seen: What was seen.
            execution_id: The run.

        Raises:
            NoCheckpointError: There is none.
            StoredDataError: It cannot be read.
        """
        return self._session.stored_in(seen, self._session.target(execution_id))

    def summary(self, execution_id: str) -> ExecutionSummary:
        """Return the summary of one run that is there, by one look.

        Args:
            execution_id: The run.

        Raises:
            NoCheckpointError: There is none.
        """
        seen = self.live(execution_id)
        body = seen.document.body if seen.document is not None else b""
        modified_at = seen.modified_at or Timestamp.now()
        return Listed(execution_id, modified_at, gist_of(body)).summary()

    def ids(self, execution_ids: Sequence[str], filters: Mapping[str, Any]) -> Iterator[str]:
        """Return the IDs that were given, or else those of all that the filters let pass."""
        if execution_ids:
            return iter(execution_ids)
        return (found.execution_id for found in self.list_executions(**filters))

    def refuse_present(self, execution_id: str) -> None:
        """Raise what a save only where there is nothing would raise.

        Raises:
            VersionConflictError: There is a run already.
        """
        target = self._session.target(execution_id)
        refusal = absent(target)(self.look(execution_id))
        if refusal is not None:
            raise refusal

    def checkpoint_at(self, execution_id: str, version: CheckpointVersion | None) -> Checkpoint:
        """Return the checkpoint of a version, or the current one.

        Args:
            execution_id: The run.
            version: An entry of its history; None for what is stored now.
        """
        if version is None:
            return self.load_checkpoint(execution_id)
        return self.load_version(execution_id, version).checkpoint


@contextmanager
def opened(url: str, timeout: float = 30.0) -> Generator[Operator]:
    """Open the store that the URL names, and close it in the end."""
    store, prefix = open_store(url)
    with Operator(store, prefix=prefix, timeout=timeout, close_store=True) as operator:
        yield operator


def known_ids(url: str | None, start: str, limit: int) -> list[str]:
    """Return the first execution IDs that begin so, by one short listing."""
    store, prefix = open_store(url)
    try:
        encoded = execution_key(prefix, start).removesuffix(".json") if start else ""
        found = store.list(encoded or executions_prefix(prefix), limit=limit, timeout=2.0)
        ids = (execution_id_of(prefix, info.key) for info in islice(found, limit))
        return [execution_id for execution_id in ids if execution_id is not None]
    finally:
        store.close()
