"""The methods that see many executions: listing them, and collecting what is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from bucketpoint.checkpoint import ExecutionSummary
from bucketpoint.core import gc as collection
from bucketpoint.core.gc import GCReport
from bucketpoint.core.listing import ListingProgress, list_executions
from bucketpoint.core.query import Query
from bucketpoint.drivers.blocking import BlockingDriver

__all__ = ["ListingMethods"]


class ListingMethods(BlockingDriver):
    """What there is under the prefix."""

    def list_executions(
        self,
        *,
        status: str | Collection[str] | None = None,
        workflow: str | None = None,
        id_prefix: str = "",
        modified_since: datetime | None = None,
        modified_before: datetime | None = None,
        wake_before: datetime | None = None,
        limit: int | None = None,
        progress: Callable[[ListingProgress], None] | None = None,
        timeout: float | None = None,
    ) -> Iterator[ExecutionSummary]:
        """List executions as far as one iterates, reading only what the filters ask for.

        They come in the order of their keys. Deleted ones are left out. What cannot be read as a
        checkpoint comes with the status `unreadable` and the reason as its error. Listing again
        reads only what was written since.

        What is written meanwhile may be shown as it was or as it is; each summary is of one
        version.

        Args:
            status: Only of this status, or of one of these.
            workflow: Only of this workflow.
            id_prefix: Only those whose IDs begin so; the others are not even listed.
            modified_since: Only those written then or later, by the store's clock.
            modified_before: Only those written before.
            wake_before: Only those of whose waits the first ends then or earlier: give the present
                time for what is to be resumed.
            limit: So many at most.
            progress: Called after each page of keys and each few executions.
            timeout: Seconds that each request may take; None as the checkpointer was told.

        Raises:
            InvalidInputError: An argument is none that can be used; raised at once.
            StoreUnavailableError: The store did not answer, however often it was asked.

        Example:
            >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> for status in ("completed", "failed"):
            ...     run = Checkpoint(execution_id=f"run-{status}", status=status)
            ...     version = checkpointer.save_checkpoint(run)
            >>> [run.execution_id for run in checkpointer.list_executions(status="failed")]
            ['run-failed']
        """
        query = Query.of(
            status=status,
            workflow=workflow,
            id_prefix=id_prefix,
            modified_since=modified_since,
            modified_before=modified_before,
            wake_before=wake_before,
            limit=limit,
        )
        return self._run_each(list_executions(self._session, query, progress), timeout)

    def gc(
        self,
        *,
        older_than: timedelta,
        finished: bool = False,
        dry_run: bool = False,
        limit: int | None = None,
        start_after: str | None = None,
        progress: Callable[[ListingProgress], None] | None = None,
        timeout: float | None = None,
    ) -> GCReport:
        """Collect what is over, and nothing that anybody has written since it was looked at.

        It removes tombstones, which deleted runs leave behind, once they are as old as
        `older_than` and `purge_grace`. When asked it also deletes runs that have completed or
        failed, and then the earlier versions of all that it takes. It can be stopped at any time,
        and begun again: what it did stays done.

        Args:
            older_than: Only what has not been written for so long, by the store's clock.
            finished: Also runs that have completed or failed and that no worker holds, and the
                earlier versions of all that is taken; nothing brings those back.
            dry_run: Only look: the report tells what would be done.
            limit: Take so many executions at most.
            start_after: Go on behind this execution; the `next` of a report.
            progress: Called as `list_executions` does.
            timeout: Seconds that each request may take; None as the checkpointer was told.

        Raises:
            InvalidInputError: An argument is none that can be used.
            UnsupportedError: The store cannot remove tombstones, and nothing else was asked for.
            StoreUnavailableError: The store did not answer, however often it was asked.
            StoreConfigurationError: The store refuses, such as without the permission to delete.

        Example:
            >>> from datetime import timedelta
            >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
            >>> checkpointer = BucketCheckpointer(MemoryStore())
            >>> run = Checkpoint(execution_id="run-42", status="completed")
            >>> version = checkpointer.save_checkpoint(run)
            >>> checkpointer.gc(older_than=timedelta(days=30), finished=True).deleted
            ()
        """
        session = self._session
        terms = collection.Terms.of(session, older_than, finished=finished, dry_run=dry_run)
        done = collection.Collection(terms, limit, progress)
        due = collection.candidates(session, terms, start_after, done.look_on)
        for execution_id in self._run_each(due, timeout):
            procedure = collection.collect(session, execution_id, terms)
            try:
                done.add(execution_id, self._run_long(execution_id, procedure, timeout))
            except collection.OF_ONE_EXECUTION as error:
                done.fail(execution_id, error)
            if done.is_over:
                break
        return done.report()
