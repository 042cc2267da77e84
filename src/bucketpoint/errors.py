"""Every error of the library, grouped by what the handler would do about it.

    BucketpointError
    ├── NoCheckpointError (LookupError)             start the run, or check the execution ID
    ├── ConflictError                               not applied, never will be: load and decide again
    │   ├── VersionConflictError                    the version asked for is not the stored one
    │   ├── PreconditionFailedError                 a store's refusal of one conditional request
    │   ├── ClaimHeldError                          somebody else runs it: wait, or leave it to them
    │   └── FenceViolationError                     this worker lost its claim or lease: stop working
    ├── StoreUnavailableError (ConnectionError)     not applied: call again later
    │   └── DeadlineExceededError (TimeoutError)    not applied: call again with more time
    ├── OutcomeUnknownError                         applied or not, nobody can tell yet: settle()
    ├── InvalidInputError (ValueError)              the calling code is to be changed
    │   ├── InvalidExecutionIDError
    │   ├── InvalidURLError
    │   ├── UnserializableValueError (TypeError)
    │   ├── CheckpointTooLargeError
    │   ├── BranchNotFoundError (LookupError)
    │   └── ReentrantCallError (RuntimeError)
    ├── StoredDataError (ValueError)                what is stored needs a person's look
    │   ├── CorruptCheckpointError
    │   ├── UnsupportedSchemaError
    │   └── UnsupportedFormatError
    └── StoreConfigurationError                     the store, or the rights on it, are to be changed
        ├── AccessDeniedError (PermissionError)
        ├── BucketNotFoundError (LookupError)
        ├── RetentionPolicyError
        ├── StoreFullError (OSError)
        ├── UnsupportedStoreError
        └── UnsupportedError (NotImplementedError)

An error is also the builtin it resembles, so that code that knows nothing of this library can
handle it. Every error has a message that says what to do next, a stable `kind`, and the
`execution_id` and `key` it is about where there is one. It never holds a checkpoint's contents or
a credential. Errors pickle, so that they can cross processes.

This module imports the standard library only: it lies below everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, ClassVar, Self

__all__ = [
    "AccessDeniedError",
    "BranchNotFoundError",
    "BucketNotFoundError",
    "BucketpointError",
    "CheckpointTooLargeError",
    "ClaimHeldError",
    "ConflictError",
    "CorruptCheckpointError",
    "DeadlineExceededError",
    "ErrorKind",
    "FenceViolationError",
    "InvalidExecutionIDError",
    "InvalidInputError",
    "InvalidURLError",
    "NoCheckpointError",
    "OutcomeUnknownError",
    "PreconditionFailedError",
    "ReentrantCallError",
    "RetentionPolicyError",
    "StoreConfigurationError",
    "StoreFullError",
    "StoreUnavailableError",
    "StoredDataError",
    "UnserializableValueError",
    "UnsupportedError",
    "UnsupportedFormatError",
    "UnsupportedSchemaError",
    "UnsupportedStoreError",
    "VersionConflictError",
]


class ErrorKind(StrEnum):
    """What happened, as a stable word for logs, metrics and exit codes.

    Append-only: a kind is never renamed, removed or given another meaning.
    """

    BUCKETPOINT = "bucketpoint"
    NO_CHECKPOINT = "no_checkpoint"
    CONFLICT = "conflict"
    VERSION_CONFLICT = "version_conflict"
    PRECONDITION_FAILED = "precondition_failed"
    CLAIM_HELD = "claim_held"
    FENCE_VIOLATION = "fence_violation"
    STORE_UNAVAILABLE = "store_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OUTCOME_UNKNOWN = "outcome_unknown"
    INVALID_INPUT = "invalid_input"
    INVALID_EXECUTION_ID = "invalid_execution_id"
    INVALID_URL = "invalid_url"
    UNSERIALIZABLE_VALUE = "unserializable_value"
    CHECKPOINT_TOO_LARGE = "checkpoint_too_large"
    BRANCH_NOT_FOUND = "branch_not_found"
    REENTRANT_CALL = "reentrant_call"
    STORED_DATA = "stored_data"
    CORRUPT_CHECKPOINT = "corrupt_checkpoint"
    UNSUPPORTED_SCHEMA = "unsupported_schema"
    UNSUPPORTED_FORMAT = "unsupported_format"
    STORE_CONFIGURATION = "store_configuration"
    ACCESS_DENIED = "access_denied"
    BUCKET_NOT_FOUND = "bucket_not_found"
    RETENTION_POLICY = "retention_policy"
    STORE_FULL = "store_full"
    UNSUPPORTED_STORE = "unsupported_store"
    UNSUPPORTED = "unsupported"


def _rebuild(cls: type[BucketpointError], message: str, state: dict[str, Any]) -> BucketpointError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class BucketpointError(Exception):
    """The root: everything this library raises of its own is one of these.

    What to do: Catch it to handle everything of this library at once; `kind` tells the cases
    apart.

    Args:
        message: What happened and what to do next; never a checkpoint's contents.
        execution_id: The execution it is about, where there is one.
        key: The object's key in the store, where there is one.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.BUCKETPOINT

    def __init__(
        self, message: str, *, execution_id: str | None = None, key: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.execution_id = execution_id
        self.key = key

    def about(self, *, execution_id: str | None = None, key: str | None = None) -> Self:
        """Fill in what the raiser did not know, and return the same error."""
        self.execution_id = self.execution_id if self.execution_id is not None else execution_id
        self.key = self.key if self.key is not None else key
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._pickled_state())

    def _pickled_state(self) -> dict[str, Any]:
        return dict(self.__dict__)


class NoCheckpointError(BucketpointError, LookupError):
    """There is no checkpoint under this execution ID.

    What to do: Start the run from its beginning, or check the execution ID, the prefix and the
    bucket.
    """

    kind = ErrorKind.NO_CHECKPOINT


# --- not applied, and never will be -------------------------------------------------------------


class ConflictError(BucketpointError):
    """Somebody else wrote in between; nothing was written, and nothing will be.

    What to do: Load again and decide on what is there now; `atomic_update` does both.
    """

    kind = ErrorKind.CONFLICT


class VersionConflictError(ConflictError):
    """The stored version is not the one that `if_version` or `if_absent` asked for.

    What to do: Load again and decide anew. For `if_absent`: the run was started by somebody
    else.
    """

    kind = ErrorKind.VERSION_CONFLICT


class PreconditionFailedError(ConflictError):
    """A store refused one conditional request; it was surely not applied.

    Stores raise it to the library; users see it only when they call a store themselves.

    What to do: Read the object again, and write on the version it has now.
    """

    kind = ErrorKind.PRECONDITION_FAILED


class ClaimHeldError(ConflictError):
    """Another owner holds the claim.

    What to do: Leave the run to its owner, or wait for it with `wait=`.

    Attributes:
        owner: Who holds it.
        remaining_s: Seconds until it expires unless its holder renews it.
    """

    kind = ErrorKind.CLAIM_HELD

    def __init__(
        self,
        message: str,
        *,
        owner: str,
        remaining_s: float,
        execution_id: str | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message, execution_id=execution_id, key=key)
        self.owner = owner
        self.remaining_s = remaining_s


class FenceViolationError(ConflictError):
    """This worker no longer holds the execution: nothing it does may be saved any more.

    What to do: Stop working on the execution; whoever holds it now goes on from the last save.
    """

    kind = ErrorKind.FENCE_VIOLATION


# --- not applied; may be called again ------------------------------------------------------------


class StoreUnavailableError(BucketpointError, ConnectionError):
    """The store could not be asked; nothing was applied, and the call may be repeated.

    What to do: Call again later. If it lasts, look at the network and at the store's own
    status.

    Attributes:
        throttled: The store asked for fewer requests to this object.
    """

    kind = ErrorKind.STORE_UNAVAILABLE

    def __init__(
        self,
        message: str,
        *,
        throttled: bool = False,
        execution_id: str | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message, execution_id=execution_id, key=key)
        self.throttled = throttled


class DeadlineExceededError(StoreUnavailableError, TimeoutError):
    """Time ran out before anything was applied; nothing of the call will land later.

    What to do: Call again with a larger `timeout=` or a later `deadline`.
    """

    kind = ErrorKind.DEADLINE_EXCEEDED


# --- nobody can tell -----------------------------------------------------------------------------


class OutcomeUnknownError(BucketpointError):
    """The write may have been applied, may still be, or never will be.

    What to do: Call `settle()`, now or later; or load and compare. Repeating an update before
    that may apply it twice.

    Attributes:
        evidence: What `settle()` needs to look again; it pickles with the error, for
            `checkpointer.settle(error)` in another process. None when a store raised the error.
    """

    kind = ErrorKind.OUTCOME_UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        throttled: bool = False,
        evidence: object | None = None,
        execution_id: str | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message, execution_id=execution_id, key=key)
        self.throttled = throttled
        self.evidence = evidence
        self._settle: Callable[[OutcomeUnknownError], Any] | None = None

    def settle(self) -> Any:
        """Look again: True when the write landed, False when it provably never will.

        Raises this error again (a fresh one) while nobody can tell. On an error of an
        asynchronous checkpointer the result is awaited: `await error.settle()`.

        Returns:
            bool, or an awaitable of bool.

        Raises:
            OutcomeUnknownError: It still cannot be told.
            StoreUnavailableError: The store could not be asked.
        """
        if self._settle is None:
            msg = "this error has left its checkpointer; call checkpointer.settle(error)"
            raise RuntimeError(msg)
        return self._settle(self)

    def attach(
        self, settle: Callable[[OutcomeUnknownError], bool | Awaitable[bool]]
    ) -> OutcomeUnknownError:
        """Give the error the checkpointer's way to look again (used by checkpointers)."""
        if self._settle is None:  # else it is of another checkpointer, used inside a function
            self._settle = settle
        return self

    def _pickled_state(self) -> dict[str, Any]:
        return {**self.__dict__, "_settle": None}


# --- the calling code is to be changed ------------------------------------------------------------


class InvalidInputError(BucketpointError, ValueError):
    """An argument cannot be used; nothing was sent to the store.

    What to do: Change the argument as the message says; calling again with the same one cannot
    help.
    """

    kind = ErrorKind.INVALID_INPUT


class InvalidExecutionIDError(InvalidInputError):
    """The execution ID is empty, is not a string, or makes a key longer than stores take.

    What to do: Give the run a non-empty string as its name, and one short enough.
    """

    kind = ErrorKind.INVALID_EXECUTION_ID


class InvalidURLError(InvalidInputError):
    """The store's URL cannot be understood.

    What to do: Write the URL as the message shows, or set `BUCKETPOINT_URL` to one.
    """

    kind = ErrorKind.INVALID_URL


class UnserializableValueError(InvalidInputError, TypeError):
    """A value in the checkpoint is not JSON, so it could not be stored without changing it.

    What to do: Convert the value before the save, or give the checkpointer `default=` to
    convert such values.

    Attributes:
        path: Where it stands, such as `branch_states.main.variables.due`.
    """

    kind = ErrorKind.UNSERIALIZABLE_VALUE

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        execution_id: str | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message, execution_id=execution_id, key=key)
        self.path = path


class CheckpointTooLargeError(InvalidInputError):
    """The document is larger than the checkpointer's `max_bytes`.

    What to do: Keep large data elsewhere and its name in the checkpoint, or raise `max_bytes`.
    """

    kind = ErrorKind.CHECKPOINT_TOO_LARGE


class BranchNotFoundError(InvalidInputError, LookupError):
    """The checkpoint has no branch of this ID.

    What to do: Check the branch ID against the keys of `branch_states`.
    """

    kind = ErrorKind.BRANCH_NOT_FOUND


class ReentrantCallError(InvalidInputError, RuntimeError):
    """The function given to an update called the checkpointer for the same execution.

    What to do: Do in the function only what its argument needs; call the checkpointer before
    or after.
    """

    kind = ErrorKind.REENTRANT_CALL


# --- what is stored needs a look -----------------------------------------------------------------


class StoredDataError(BucketpointError, ValueError):
    """What is stored under the key cannot be used as a checkpoint; it was left as it is.

    What to do: Look at the object with a tool of the store; nothing is changed until you do.
    """

    kind = ErrorKind.STORED_DATA


class CorruptCheckpointError(StoredDataError):
    """What is stored is not a checkpoint document.

    What to do: Find out who wrote it. Bring back an earlier version, or delete it with
    `delete_checkpoint`.
    """

    kind = ErrorKind.CORRUPT_CHECKPOINT


class UnsupportedSchemaError(StoredDataError):
    """The document has a schema version that this library does not read.

    What to do: Read it with the program that wrote it, or with a newer release of this
    library.
    """

    kind = ErrorKind.UNSUPPORTED_SCHEMA


class UnsupportedFormatError(StoredDataError):
    """The `bucketpoint` member is of a newer format: it is read, but never written over.

    What to do: Upgrade this library wherever it writes to this bucket.
    """

    kind = ErrorKind.UNSUPPORTED_FORMAT


# --- the store, or the rights on it, are to be changed -------------------------------------------


class StoreConfigurationError(BucketpointError):
    """The store refuses, and will go on refusing until somebody changes it.

    What to do: Change what the message names; calling again before that cannot help.
    """

    kind = ErrorKind.STORE_CONFIGURATION


class AccessDeniedError(StoreConfigurationError, PermissionError):
    """The credentials in use lack a right that the request needs.

    What to do: Grant the right that the message names to the credentials in use.
    """

    kind = ErrorKind.ACCESS_DENIED


class BucketNotFoundError(StoreConfigurationError, LookupError):
    """The bucket, or the folder that stands for it, does not exist or is no folder.

    What to do: Create the bucket or folder, or correct its name in the URL.
    """

    kind = ErrorKind.BUCKET_NOT_FOUND


class RetentionPolicyError(StoreConfigurationError):
    """A retention policy or hold forbids the write.

    What to do: Lift the hold, wait until the retention ends, or use a bucket without one.
    """

    kind = ErrorKind.RETENTION_POLICY


class StoreFullError(StoreConfigurationError, OSError):
    """The disk or the quota is full; nothing was applied, and what was stored is untouched.

    What to do: Make room, then call again.
    """

    kind = ErrorKind.STORE_FULL


class UnsupportedStoreError(StoreConfigurationError):
    """The store ignores the conditions that keep writers from overwriting each other.

    What to do: Use a store, or a release of it, that honours conditional writes.
    """

    kind = ErrorKind.UNSUPPORTED_STORE


class UnsupportedError(StoreConfigurationError, NotImplementedError):
    """The store cannot do this as it is configured; the message says what to turn on.

    What to do: Turn on what the message names, or do without the call.
    """

    kind = ErrorKind.UNSUPPORTED
