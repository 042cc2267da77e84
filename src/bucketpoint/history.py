"""The methods that look back: versions of a run, going back to one, and forks."""

from __future__ import annotations

from collections.abc import Callable

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.fork import fork, note_fork
from bucketpoint.core.history import CheckpointVersion, history, load_version, restore
from bucketpoint.core.session import StoredCheckpoint
from bucketpoint.deadlines import deadline
from bucketpoint.drivers.blocking import BlockingDriver
from bucketpoint.errors import BucketpointError
from bucketpoint.runtime import logger
from bucketpoint.stores.contract import Version

__all__ = ["HistoryMethods", "log_unnoted"]


class HistoryMethods(BlockingDriver):
    """What a bucket with versions remembers of a run."""

    def history(
        self, execution_id: str, *, limit: int | None = None, timeout: float | None = None
    ) -> list[CheckpointVersion]:
        """List the kept versions of the run, the newest first, without reading any.

        Args:
            execution_id: The run; a deleted one, too.
            limit: So many of the newest; None for all.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            NoCheckpointError: The store knows nothing of it.
            UnsupportedError: The store keeps no versions; the message says what to turn on.

        Example:
            >>> from bucketpoint import BucketCheckpointer, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> run = Checkpoint(execution_id="run-42")
            >>> versions = [checkpointer.save_checkpoint(run) for _ in range(3)]
            >>> [
            ...     kept.version == versions[2 - age]
            ...     for age, kept in enumerate(checkpointer.history("run-42"))
            ... ]
            [True, True, True]
        """
        return self._run(execution_id, history(self._session, execution_id, limit), timeout)

    def load_version(
        self,
        execution_id: str,
        version: CheckpointVersion | str,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """Return the checkpoint as this version of it was stored.

        Saving it raises `ConflictError` unless that is the current one: `restore` goes back.

        Args:
            execution_id: The run.
            version: An entry of `history`, or its `version_id`.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            NoCheckpointError: That version is not kept, or deleted the run.
            CorruptCheckpointError: It is no checkpoint.
            UnsupportedError: The store keeps no versions.

        Example:
            >>> from bucketpoint import BucketCheckpointer, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> run = Checkpoint(execution_id="run-42", status="running")
            >>> version = checkpointer.save_checkpoint(run)
            >>> run.status = "failed"
            >>> version = checkpointer.save_checkpoint(run)
            >>> before = checkpointer.history("run-42")[1]
            >>> checkpointer.load_version("run-42", before).checkpoint.status
            'running'
        """
        procedure = load_version(self._session, execution_id, version)
        return self._run(execution_id, procedure, timeout)

    def restore(
        self,
        execution_id: str,
        version: CheckpointVersion | str,
        *,
        if_version: Version | None = None,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """Make the data of an earlier version the current one, exactly once, as a newer version.

        It replaces whatever is stored, a deletion and what is no checkpoint, too; nothing of the
        history is lost. The claim ends: a worker that goes on from the newer state is fenced.

        Args:
            execution_id: The run.
            version: An entry of `history`, or its `version_id`.
            if_version: Restore only over this version.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Returns:
            What is stored now.

        Raises:
            NoCheckpointError: That version is not kept, or deleted the run; nothing was written.
            CorruptCheckpointError: That version is no checkpoint; nothing was written.
            VersionConflictError: `if_version` did not hold.
            OutcomeUnknownError: It may have been applied or may still be; see `settle`.
            UnsupportedError: The store keeps no versions.

        Example:
            >>> from bucketpoint import BucketCheckpointer, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> version = checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
            >>> checkpointer.delete_checkpoint("run-42")
            >>> before = checkpointer.history("run-42")[1]
            >>> checkpointer.restore("run-42", before).checkpoint.execution_id
            'run-42'
        """
        procedure = restore(self._session, execution_id, version, if_version=if_version)
        return self._run(execution_id, procedure, timeout)

    def fork(
        self,
        execution_id: str,
        new_execution_id: str,
        *,
        version: CheckpointVersion | str | None = None,
        edit: Callable[[Checkpoint], Checkpoint | None] | None = None,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """Create a run with the data of another one, once; the other one goes on undisturbed.

        Both documents name each other. A claimed worker of the source does not notice; who saves
        it without a claim may get a `ConflictError` from the note.

        Args:
            execution_id: The source.
            new_execution_id: The new run, which must not exist.
            version: A version of the source to begin with; None for the current one.
            edit: Edits the new checkpoint, or returns another, before it is stored.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Returns:
            The new run.

        Raises:
            NoCheckpointError: The source, or that version of it, is not there.
            VersionConflictError: The new run exists already.
            OutcomeUnknownError: The new run may have been created or may still be; see `settle`.
            UnsupportedError: A version was given, and the store keeps none.

        Example:
            >>> from bucketpoint import BucketCheckpointer, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> version = checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
            >>> checkpointer.fork("run-42", "run-42-again").checkpoint.execution_id
            'run-42-again'
        """
        procedure = fork(self._session, execution_id, new_execution_id, version=version, edit=edit)
        with deadline(self._timeout if timeout is None else timeout):  # for both writes together
            forked = self._run(new_execution_id, procedure, timeout)
            note = note_fork(self._session, execution_id, new_execution_id, forked)
            try:
                self._run(execution_id, note, timeout)
            except BucketpointError as problem:
                log_unnoted(execution_id, problem)
        return forked.stored


def log_unnoted(execution_id: str, problem: BucketpointError) -> None:
    """The fork stands, and says where it comes from: nothing to raise."""
    logger.warning("%r does not name its new fork: %s", execution_id, problem.kind)
