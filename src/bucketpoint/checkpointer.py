"""The synchronous checkpointer: thin methods over the procedures in `bucketpoint.core`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self, TypeVar, Unpack

from bucketpoint.base import CheckpointerOptions, ClaimBase
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import claim as claims
from bucketpoint.core.claim import ClaimTerms
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import Procedure
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.save import save
from bucketpoint.core.session import StoredCheckpoint
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.errors import BucketpointError, OutcomeUnknownError
from bucketpoint.history import HistoryMethods
from bucketpoint.listing import ListingMethods
from bucketpoint.stores.contract import Version
from bucketpoint.stores.urls import open_store

__all__ = ["BucketCheckpointer", "Claim", "open"]

T = TypeVar("T")


class BucketCheckpointer(HistoryMethods, ListingMethods):
    """Nothing acknowledged is lost, nothing is applied twice, nothing is overwritten unseen.

    Checkpoints of workflow runs in one store, an object an execution. It may be used by threads:
    calls on one execution run one after another, those on different executions side by side.

    Args:
        store: Where the checkpoints lie; see `close_store`.
        prefix: What the keys begin with; slashes around it are trimmed.
        overwrite: Saves replace whatever is stored (last writer wins), unless a call says else.
        timeout: Seconds that one call may take in total.
        retry: How conflicts and outages are dealt with.
        default: Called with each value that is not JSON; returns what to store instead.
        max_bytes: Documents above this size are refused, both ways.
        purge_grace: Age a tombstone must have before `purge` removes it.
        observer: Called after each store request, for metrics and traces.
        remembered_entries: Executions whose last seen state is kept, to save requests.
        remembered_bytes: Bytes kept for that at most, and for summaries again as many.
        remembered_summaries: Executions whose summary is kept, so that listing again reads only
            what changed.
        close_store: Closing the checkpointer closes the store.

    Example:
        >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> version = checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        >>> checkpointer.load_checkpoint("run-42").execution_id
        'run-42'
    """

    # --- the interface ----------------------------------------------------------------------

    def save_checkpoint(
        self,
        checkpoint: Checkpoint,
        *,
        if_version: Version | None = None,
        if_absent: bool = False,
        overwrite: bool | None = None,
        timeout: float | None = None,
    ) -> Version:
        """Store the checkpoint exactly once, and never over what this object has not seen.

        A checkpoint that was loaded or saved before is written on exactly that version. One that
        the caller built replaces what is there.

        Args:
            checkpoint: The snapshot; stored under its `execution_id`.
            if_version: Write only over this version.
            if_absent: Write only where there is no checkpoint: start a run once.
            overwrite: True replaces whatever is there; None does as the checkpointer was told.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Returns:
            The version that was written.

        Raises:
            ConflictError: Somebody else wrote since the checkpoint was loaded or saved.
            VersionConflictError: `if_version` or `if_absent` did not hold.
            OutcomeUnknownError: It may have been applied or may still be; see `settle`.
            StoreUnavailableError: The store did not answer; nothing was applied.
            InvalidInputError: The checkpoint cannot be stored as it is; nothing was sent.
            CorruptCheckpointError: What is there is no checkpoint; it was left as it is.
        """
        procedure = save(
            self._session,
            checkpoint,
            if_version=if_version,
            if_absent=if_absent,
            overwrite=overwrite,
        )
        # A wrong argument is the procedure's to report.
        execution_id = getattr(checkpoint, "execution_id", "?")
        return self._run(execution_id, procedure, timeout)

    def load_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> Checkpoint:
        """Return the checkpoint that is stored now; the store is always asked.

        Args:
            execution_id: The run.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            NoCheckpointError: There is none, or it was deleted.
            UnsupportedSchemaError: It is of a schema version this library does not read.
            CorruptCheckpointError: What is stored is no checkpoint.
            StoreUnavailableError: The store did not answer.
        """
        return self._run(execution_id, load(self._session, execution_id), timeout)

    def get(self, execution_id: str, *, timeout: float | None = None) -> StoredCheckpoint | None:
        """Return the checkpoint with its version, revision and time, or None; see `load_checkpoint`.

        Args:
            execution_id: The run.
            timeout: Seconds this call may take; None as the checkpointer was told.
        """
        procedure = get_stored(self._session, execution_id)
        return self._run(execution_id, procedure, timeout)

    def delete_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> None:
        """Remove the checkpoint's data so that no write under way brings it back.

        Deleting what is not there succeeds. A tombstone without user data stays; see `purge`.

        Args:
            execution_id: The run.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            OutcomeUnknownError: It may have been applied or may still be; see `settle`.
            StoreUnavailableError: The store did not answer; nothing was applied.
        """
        self._run(execution_id, delete(self._session, execution_id), timeout)

    def atomic_update(
        self,
        execution_id: str,
        fn: Callable[[Checkpoint], Checkpoint | None],
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """Load, run `fn`, save: exactly once, as one step among all writers of the execution.

        Args:
            execution_id: The run.
            fn: Edits its argument in place, or returns another checkpoint. On a conflict it runs
                again on the newer copy, so it must be free of other effects.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Returns:
            What was stored.

        Raises:
            NoCheckpointError: There is no checkpoint; `fn` was not called.
            Exception: Whatever `fn` raised, the very same object; nothing was stored.
            ConflictError: Others were faster until attempts or time ran out.
            OutcomeUnknownError: It may have been applied or may still be; see `settle`.
            StoreUnavailableError: The store did not answer; nothing was applied.
        """
        procedure = update(self._session, execution_id, fn)
        return self._run(execution_id, procedure, timeout)

    # --- beyond it --------------------------------------------------------------------------

    def purge(self, execution_id: str, *, timeout: float | None = None) -> bool:
        """Remove an old tombstone for good, and never anything else; tell whether it did.

        Args:
            execution_id: The deleted run.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            UnsupportedError: The store has no conditional delete.
        """
        return self._run(execution_id, purge(self._session, execution_id), timeout)

    def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> bool:
        """Look again: True when the write of this error landed, False when it never will.

        Args:
            error: From this checkpointer, or from another one of the same store, even pickled.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            OutcomeUnknownError: It still cannot be told.
        """
        execution_id = self._execution_of(error)
        return self._run(execution_id, settle(self._session, error), timeout)

    def claim(
        self,
        execution_id: str,
        *,
        owner: str,
        ttl: timedelta = timedelta(seconds=60),
        wait: timedelta = timedelta(0),
        takeover: bool = False,
    ) -> Claim:
        """Give one owner the right to write the execution; a context manager.

        Entering takes the claim, leaving gives it back. An execution without a checkpoint gets
        one with status `pending`, so a run cannot be started twice.

        Args:
            execution_id: The run.
            owner: Names this worker to others, such as the Lambda request's ID.
            ttl: Without a save or renew for this long, others may take the execution.
            wait: How long to wait for a claim that somebody else holds.
            takeover: Take it even from a holder that has not expired; that one is fenced off.

        Raises:
            ClaimHeldError: Somebody else holds it (on entering).
        """
        terms = ClaimTerms(execution_id, owner, ttl, wait, takeover)
        return Claim(self._session, self._run, self._wait, terms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Run(Protocol):
    def __call__(
        self, execution_id: str, procedure: Procedure[T], timeout: float | None, /
    ) -> T: ...


class _Wait(Protocol):
    def __call__(self, procedure: Procedure[T], longest: timedelta, /) -> T: ...


class Claim(ClaimBase[_Run, _Wait]):
    """While it is held, nobody else's write comes between: theirs or ours is refused, for ever.

    Made by `BucketCheckpointer.claim`. An operator's pause is no intrusion: it is merged into
    every save.

    Attributes:
        checkpoint: What was stored when the claim was taken.

    Example:
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> checkpointer = BucketCheckpointer(MemoryStore())
        >>> with checkpointer.claim("run-42", owner="worker-1") as claim:
        ...     claim.checkpoint.status = "running"
        ...     version = claim.save(claim.checkpoint)
    """

    def acquire(self) -> Self:
        """Take the claim, for those who cannot use `with`; `release` gives it back.

        Raises:
            ClaimHeldError: Somebody else holds it, and `wait` is over.
        """

        def take() -> tuple[claims.ClaimState, Checkpoint]:
            return self._run(claims.take_claim(self._session, self._terms), None)

        self._state, self.checkpoint = self._wait_for(
            claims.claim(self._terms, take), self._terms.wait
        )
        return self

    def save(self, checkpoint: Checkpoint, *, timeout: float | None = None) -> Version:
        """Store the worker's snapshot, with an operator's pause merged in, and renew the claim.

        Args:
            checkpoint: The snapshot, of this claim's execution.
            timeout: Seconds this call may take; None as the checkpointer was told.

        Raises:
            FenceViolationError: The claim is lost: stop working on this run.
            OutcomeUnknownError: It may have been applied or may still be; saving again is safe.
        """
        return self._run(claims.save_claimed(self._session, self._held(), checkpoint), timeout)

    def load(self, *, timeout: float | None = None) -> Checkpoint:
        """Return what is stored now, an operator's pause included; later saves build on it.

        Raises:
            FenceViolationError: The claim is lost.
        """
        return self._run(claims.load_claimed(self._session, self._held()), timeout)

    def update(
        self,
        fn: Callable[[Checkpoint], Checkpoint | None],
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """Run `fn` on what is stored now and store what it made of it; see `atomic_update`.

        Raises:
            FenceViolationError: The claim is lost.
        """
        return self._run(claims.update_claimed(self._session, self._held(), fn), timeout)

    def renew(self, *, timeout: float | None = None) -> None:
        """Start the time to live anew; every save does so, too.

        Raises:
            FenceViolationError: The claim is lost.
        """
        self._run(claims.renew(self._session, self._held()), timeout)

    def release(self, *, timeout: float | None = None) -> None:
        """Give the claim back so that others need not wait for its expiry; a lost one is left."""
        self._run(claims.release(self._session, self._held()), timeout)

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.release()
        except BucketpointError as problem:
            self._log_unreleased(problem)

    def _run(self, procedure: Procedure[T], timeout: float | None) -> T:
        return self._run_for(self._terms.execution_id, procedure, timeout)


def open(url: str | None = None, **options: Unpack[CheckpointerOptions]) -> BucketCheckpointer:  # noqa: A001 - as users say
    """Return a checkpointer on the store that the URL names; it closes that store.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///folder` or `memory://name`, with
            options as query parameters. None reads the environment variable `BUCKETPOINT_URL`.
        **options: What `BucketCheckpointer` takes.

    Raises:
        InvalidURLError: The URL cannot be understood, or there is none.

    Example:
        >>> import bucketpoint
        >>> bucketpoint.open("memory://demo")
        BucketCheckpointer('memory://demo', prefix='')
    """
    store, prefix = open_store(url)
    options.setdefault("prefix", prefix)
    options.setdefault("close_store", True)
    return BucketCheckpointer(store, **options)
