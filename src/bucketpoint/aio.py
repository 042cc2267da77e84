"""The asynchronous checkpointer: the same procedures, driven by an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self, TypeVar, Unpack

from bucketpoint.base import CheckpointerOptions, ClaimBase
from bucketpoint.checkpoint import Checkpoint, ExecutionSummary
from bucketpoint.clouds import GCSCheckpointerOptions, S3CheckpointerOptions, with_store
from bucketpoint.core import claim as claims
from bucketpoint.core import gc as collection
from bucketpoint.core.claim import ClaimTerms
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import Procedure
from bucketpoint.core.fork import fork, note_fork
from bucketpoint.core.gc import GCReport
from bucketpoint.core.history import CheckpointVersion, history, load_version, restore
from bucketpoint.core.listing import ListingProgress, list_executions
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.query import Query
from bucketpoint.core.save import save
from bucketpoint.core.session import StoredCheckpoint
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.deadlines import deadline
from bucketpoint.drivers.asynchronous import AsyncDriver
from bucketpoint.errors import BucketpointError, OutcomeUnknownError
from bucketpoint.history import log_unnoted
from bucketpoint.stores.contract import Version
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.s3 import S3Store
from bucketpoint.stores.urls import open_store

__all__ = [
    "AsyncBucketCheckpointer",
    "AsyncClaim",
    "AsyncGCSCheckpointer",
    "AsyncS3Checkpointer",
    "open_async",
]

T = TypeVar("T")

AsyncChange = Callable[[Checkpoint], Awaitable[Checkpoint | None] | Checkpoint | None]


class AsyncBucketCheckpointer(AsyncDriver):
    """`BucketCheckpointer` for asyncio: the same guarantees, names and arguments, awaited.

    A cancelled call that has a write under way waits for its end, so that no write of it lands
    after the caller has gone on.

    Example:
        >>> import asyncio
        >>> from bucketpoint import AsyncBucketCheckpointer, Checkpoint, MemoryStore
        >>> async def main() -> str:
        ...     async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
        ...         await checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
        ...         return (await checkpointer.load_checkpoint("run-42")).execution_id
        >>> asyncio.run(main())
        'run-42'
    """

    # --- the interface ----------------------------------------------------------------------

    async def save_checkpoint(
        self,
        checkpoint: Checkpoint,
        *,
        if_version: Version | None = None,
        if_absent: bool = False,
        overwrite: bool | None = None,
        timeout: float | None = None,
    ) -> Version:
        """See `BucketCheckpointer.save_checkpoint`."""
        procedure = save(
            self._session,
            checkpoint,
            if_version=if_version,
            if_absent=if_absent,
            overwrite=overwrite,
        )
        # A wrong argument is the procedure's to report.
        execution_id = getattr(checkpoint, "execution_id", "?")
        return await self._run(execution_id, procedure, timeout)

    async def load_checkpoint(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> Checkpoint:
        """See `BucketCheckpointer.load_checkpoint`."""
        procedure = load(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def get(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint | None:
        """See `BucketCheckpointer.get`."""
        procedure = get_stored(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def delete_checkpoint(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> None:
        """See `BucketCheckpointer.delete_checkpoint`."""
        procedure = delete(self._session, execution_id)
        await self._run(execution_id, procedure, timeout)

    async def atomic_update(
        self,
        execution_id: str,
        fn: AsyncChange,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `BucketCheckpointer.atomic_update`; `fn` may be a coroutine function."""
        procedure = update(self._session, execution_id, fn)
        return await self._run(execution_id, procedure, timeout)

    # --- history ----------------------------------------------------------------------------

    async def history(
        self,
        execution_id: str,
        *,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> list[CheckpointVersion]:
        """See `BucketCheckpointer.history`."""
        procedure = history(self._session, execution_id, limit)
        return await self._run(execution_id, procedure, timeout)

    async def load_version(
        self,
        execution_id: str,
        version: CheckpointVersion | str,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `BucketCheckpointer.load_version`."""
        procedure = load_version(self._session, execution_id, version)
        return await self._run(execution_id, procedure, timeout)

    async def restore(
        self,
        execution_id: str,
        version: CheckpointVersion | str,
        *,
        if_version: Version | None = None,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `BucketCheckpointer.restore`."""
        procedure = restore(self._session, execution_id, version, if_version=if_version)
        return await self._run(execution_id, procedure, timeout)

    async def fork(
        self,
        execution_id: str,
        new_execution_id: str,
        *,
        version: CheckpointVersion | str | None = None,
        edit: AsyncChange | None = None,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `BucketCheckpointer.fork`; `edit` may be a coroutine function."""
        procedure = fork(self._session, execution_id, new_execution_id, version=version, edit=edit)
        with deadline(self._timeout if timeout is None else timeout):  # for both writes together
            forked = await self._run(new_execution_id, procedure, timeout)
            note = note_fork(self._session, execution_id, new_execution_id, forked)
            try:
                await self._run(execution_id, note, timeout)
            except BucketpointError as problem:
                log_unnoted(execution_id, problem)
        return forked.stored

    # --- all executions ---------------------------------------------------------------------

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
    ) -> AsyncIterator[ExecutionSummary]:
        """See `BucketCheckpointer.list_executions`; an asynchronous iterator."""
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

    async def gc(
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
        """See `BucketCheckpointer.gc`."""
        session = self._session
        terms = collection.Terms.of(session, older_than, finished=finished, dry_run=dry_run)
        done = collection.Collection(terms, limit, progress)
        due = collection.candidates(session, terms, start_after, done.look_on)
        async with aclosing(self._run_each(due, timeout)) as execution_ids:
            async for execution_id in execution_ids:
                procedure = collection.collect(session, execution_id, terms)
                try:
                    collected = await self._run_long(execution_id, procedure, timeout)
                    done.add(execution_id, collected)
                except collection.OF_ONE_EXECUTION as error:
                    done.fail(execution_id, error)
                if done.is_over:
                    break
        return done.report()

    # --- beyond it --------------------------------------------------------------------------

    async def purge(
        self,
        execution_id: str,
        *,
        timeout: float | None = None,
    ) -> bool:
        """See `BucketCheckpointer.purge`."""
        procedure = purge(self._session, execution_id)
        return await self._run(execution_id, procedure, timeout)

    async def settle(
        self,
        error: OutcomeUnknownError,
        *,
        timeout: float | None = None,
    ) -> bool:
        """See `BucketCheckpointer.settle`."""
        execution_id = self._execution_of(error)
        return await self._run(execution_id, settle(self._session, error), timeout)

    def claim(
        self,
        execution_id: str,
        *,
        owner: str,
        ttl: timedelta = timedelta(seconds=60),
        wait: timedelta = timedelta(0),
        takeover: bool = False,
    ) -> AsyncClaim:
        """See `BucketCheckpointer.claim`; an asynchronous context manager."""
        terms = ClaimTerms(execution_id, owner, ttl, wait, takeover)
        return AsyncClaim(self._session, self._run, self._wait, terms)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Run(Protocol):
    def __call__(
        self, execution_id: str, procedure: Procedure[T], timeout: float | None, /
    ) -> Awaitable[T]: ...


class _Wait(Protocol):
    def __call__(self, procedure: Procedure[T], longest: timedelta, /) -> Awaitable[T]: ...


class AsyncClaim(ClaimBase[_Run, _Wait]):
    """`Claim` for asyncio: the same guarantees and names, awaited.

    Made by `AsyncBucketCheckpointer.claim`.

    Attributes:
        checkpoint: What was stored when the claim was taken.

    Example:
        >>> import asyncio
        >>> from bucketpoint import AsyncBucketCheckpointer, MemoryStore
        >>> async def main() -> None:
        ...     async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
        ...         async with checkpointer.claim("run-42", owner="worker-1") as claim:
        ...             await claim.save(claim.checkpoint)
        >>> asyncio.run(main())
    """

    async def acquire(self) -> Self:
        """See `Claim.acquire`."""

        async def take() -> tuple[claims.ClaimState, Checkpoint]:
            return await self._run(claims.take_claim(self._session, self._terms), None)

        self._state, self.checkpoint = await self._wait_for(
            claims.claim(self._terms, take), self._terms.wait
        )
        return self

    async def save(
        self,
        checkpoint: Checkpoint,
        *,
        timeout: float | None = None,
    ) -> Version:
        """See `Claim.save`."""
        procedure = claims.save_claimed(self._session, self._held(), checkpoint)
        return await self._run(procedure, timeout)

    async def load(self, *, timeout: float | None = None) -> Checkpoint:
        """See `Claim.load`."""
        return await self._run(claims.load_claimed(self._session, self._held()), timeout)

    async def update(
        self,
        fn: AsyncChange,
        *,
        timeout: float | None = None,
    ) -> StoredCheckpoint:
        """See `Claim.update`; `fn` may be a coroutine function."""
        return await self._run(claims.update_claimed(self._session, self._held(), fn), timeout)

    async def renew(self, *, timeout: float | None = None) -> None:
        """See `Claim.renew`."""
        await self._run(claims.renew(self._session, self._held()), timeout)

    async def release(self, *, timeout: float | None = None) -> None:
        """See `Claim.release`."""
        await self._run(claims.release(self._session, self._held()), timeout)

    async def __aenter__(self) -> Self:
        return await self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.release()
        except BucketpointError as problem:
            self._log_unreleased(problem)

    async def _run(self, procedure: Procedure[T], timeout: float | None) -> T:
        return await self._run_for(self._terms.execution_id, procedure, timeout)


class AsyncS3Checkpointer(AsyncBucketCheckpointer):
    """`S3Checkpointer` for asyncio: the same arguments and names, awaited.

    Example:
        >>> from bucketpoint import AsyncS3Checkpointer
        >>> AsyncS3Checkpointer("my-bucket", region="eu-central-1")
        AsyncS3Checkpointer('s3://my-bucket', prefix='')
    """

    def __init__(self, bucket: str, **options: Unpack[S3CheckpointerOptions]) -> None:
        store, rest = with_store(S3Store, bucket, options)
        super().__init__(store, **rest)


class AsyncGCSCheckpointer(AsyncBucketCheckpointer):
    """`GCSCheckpointer` for asyncio: the same arguments and names, awaited.

    Example:
        >>> from bucketpoint import AsyncGCSCheckpointer
        >>> AsyncGCSCheckpointer("my-bucket", endpoint_url="http://127.0.0.1:4443")
        AsyncGCSCheckpointer('gs://my-bucket?endpoint_url=http://127.0.0.1:4443', prefix='')
    """

    def __init__(self, bucket: str, **options: Unpack[GCSCheckpointerOptions]) -> None:
        store, rest = with_store(GCSStore, bucket, options)
        super().__init__(store, **rest)


def open_async(
    url: str | None = None, **options: Unpack[CheckpointerOptions]
) -> AsyncBucketCheckpointer:
    """Return an asynchronous checkpointer on the store that the URL names; see `open`.

    Args:
        url: `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///folder` or `memory://name`, with
            options as query parameters. None reads the environment variable `BUCKETPOINT_URL`.
        **options: What `AsyncBucketCheckpointer` takes.

    Example:
        >>> import bucketpoint
        >>> bucketpoint.open_async("memory://demo")
        AsyncBucketCheckpointer('memory://demo', prefix='')
    """
    store, prefix = open_store(url)
    options.setdefault("prefix", prefix)
    options.setdefault("close_store", True)
    return AsyncBucketCheckpointer(store, **options)
