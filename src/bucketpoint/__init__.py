"""Durable checkpoints for workflow runs, in a bucket you already have.

Nothing acknowledged is lost, nothing is applied twice, and no worker silently overwrites what
another wrote. `bucketpoint.open(url)` gives a checkpointer; see the README for the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bucketpoint.branches import next_wake_at, pause_branch, unpause_branch
from bucketpoint.checkpoint import (
    CHECKPOINT_SCHEMA_VERSION,
    BranchState,
    Checkpoint,
    ExecutionStatus,
    ExecutionSummary,
    JoinConfig,
    JoinState,
    WaitKind,
    WaitState,
)
from bucketpoint.checkpointer import BucketCheckpointer, Claim, open  # noqa: A004 - as users say
from bucketpoint.core.gc import GCReport
from bucketpoint.core.history import CheckpointVersion
from bucketpoint.core.listing import ListingProgress
from bucketpoint.core.retry import RetryPolicy
from bucketpoint.core.session import StoredCheckpoint
from bucketpoint.deadlines import deadline
from bucketpoint.diff import ABSENT, Difference, diff
from bucketpoint.errors import (
    AccessDeniedError,
    BranchNotFoundError,
    BucketNotFoundError,
    BucketpointError,
    CheckpointTooLargeError,
    ClaimHeldError,
    ConflictError,
    CorruptCheckpointError,
    DeadlineExceededError,
    ErrorKind,
    FenceViolationError,
    InvalidExecutionIDError,
    InvalidInputError,
    InvalidURLError,
    NoCheckpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    ReentrantCallError,
    RetentionPolicyError,
    StoreConfigurationError,
    StoredDataError,
    StoreFullError,
    StoreUnavailableError,
    UnserializableValueError,
    UnsupportedError,
    UnsupportedFormatError,
    UnsupportedSchemaError,
    UnsupportedStoreError,
    VersionConflictError,
)
from bucketpoint.fencing import with_fencing
from bucketpoint.protocols import (
    AsyncAtomicCheckpointer,
    AsyncCheckpointer,
    AtomicCheckpointer,
    Checkpointer,
)
from bucketpoint.runtime import StoreRequest
from bucketpoint.stores.contract import Version
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.timestamps import Duration, Timestamp

if TYPE_CHECKING:
    from bucketpoint.aio import (
        AsyncBucketCheckpointer,
        AsyncClaim,
        AsyncGCSCheckpointer,
        AsyncS3Checkpointer,
        open_async,
    )
    from bucketpoint.clouds import GCSCheckpointer, S3Checkpointer
    from bucketpoint.stores.gcs import GCSStore
    from bucketpoint.stores.s3 import S3Store

__version__ = "0.1.0"

__all__ = [
    "ABSENT",
    "CHECKPOINT_SCHEMA_VERSION",
    "AccessDeniedError",
    "AsyncAtomicCheckpointer",
    "AsyncBucketCheckpointer",
    "AsyncCheckpointer",
    "AsyncClaim",
    "AsyncGCSCheckpointer",
    "AsyncS3Checkpointer",
    "AtomicCheckpointer",
    "BranchNotFoundError",
    "BranchState",
    "BucketCheckpointer",
    "BucketNotFoundError",
    "BucketpointError",
    "Checkpoint",
    "CheckpointTooLargeError",
    "CheckpointVersion",
    "Checkpointer",
    "Claim",
    "ClaimHeldError",
    "ConflictError",
    "CorruptCheckpointError",
    "DeadlineExceededError",
    "Difference",
    "Duration",
    "ErrorKind",
    "ExecutionStatus",
    "ExecutionSummary",
    "FenceViolationError",
    "FileStore",
    "GCReport",
    "GCSCheckpointer",
    "GCSStore",
    "InvalidExecutionIDError",
    "InvalidInputError",
    "InvalidURLError",
    "JoinConfig",
    "JoinState",
    "ListingProgress",
    "MemoryStore",
    "NoCheckpointError",
    "OutcomeUnknownError",
    "PreconditionFailedError",
    "ReentrantCallError",
    "RetentionPolicyError",
    "RetryPolicy",
    "S3Checkpointer",
    "S3Store",
    "StoreConfigurationError",
    "StoreFullError",
    "StoreRequest",
    "StoreUnavailableError",
    "StoredCheckpoint",
    "StoredDataError",
    "Timestamp",
    "UnserializableValueError",
    "UnsupportedError",
    "UnsupportedFormatError",
    "UnsupportedSchemaError",
    "UnsupportedStoreError",
    "Version",
    "VersionConflictError",
    "WaitKind",
    "WaitState",
    "deadline",
    "diff",
    "next_wake_at",
    "open",
    "open_async",
    "pause_branch",
    "unpause_branch",
    "with_fencing",
]

for _thing in (CheckpointVersion, GCReport, ListingProgress, RetryPolicy, StoredCheckpoint):
    _thing.__module__ = __name__  # where users find them; core is not theirs

_LAZY = {
    **dict.fromkeys(
        (
            "AsyncBucketCheckpointer",
            "AsyncClaim",
            "AsyncGCSCheckpointer",
            "AsyncS3Checkpointer",
            "open_async",
        ),
        "aio",
    ),
    **dict.fromkeys(("GCSCheckpointer", "S3Checkpointer"), "clouds"),
    "GCSStore": "stores.gcs",
    "S3Store": "stores.s3",
}
"""Names that not everybody uses, and the modules that are loaded for those who do."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
        return getattr(module, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
