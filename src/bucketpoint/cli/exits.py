"""The exit codes, and which error ends in which: decided here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from bucketpoint.errors import (
    BranchNotFoundError,
    BucketpointError,
    ConflictError,
    InvalidInputError,
    NoCheckpointError,
    OutcomeUnknownError,
    StoreConfigurationError,
    StoredDataError,
    StoreUnavailableError,
)

__all__ = [
    "ASKING",
    "MEANINGS",
    "READING",
    "RUNNING",
    "WRITING",
    "ExitCode",
    "combined",
    "exit_code",
]


class ExitCode(IntEnum):
    """How a command ended. Append-only: a number never gets another meaning."""

    OK = 0
    OTHER = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    OUTCOME_UNKNOWN = 5
    UNAVAILABLE = 6
    CONFIGURATION = 7
    STORED_DATA = 8
    NOT_CONFIRMED = 9
    RUN_FAILED = 10
    STILL_RUNNING = 11
    NOT_FIT = 12
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.OTHER: "Something else went wrong; or several executions failed, each in its own way.",
    ExitCode.USAGE: "The command line, or what was given to it, cannot be used.",
    ExitCode.NOT_FOUND: "There is no such execution, version or branch.",
    ExitCode.CONFLICT: "Somebody else wrote, or something is there already; nothing was written.",
    ExitCode.OUTCOME_UNKNOWN: "The write may have been applied or not: look, then decide.",
    ExitCode.UNAVAILABLE: "The store did not answer in time; nothing was written. Try again.",
    ExitCode.CONFIGURATION: "The store refuses: permissions, its settings, or a missing extra.",
    ExitCode.STORED_DATA: "What is stored cannot be read as a checkpoint by this version.",
    ExitCode.NOT_CONFIRMED: "The question was not answered with yes; nothing was written.",
    ExitCode.RUN_FAILED: "`watch`: an execution failed.",
    ExitCode.STILL_RUNNING: "`watch`: time was up, and an execution had not ended.",
    ExitCode.NOT_FIT: "`doctor`: checkpoints cannot be entrusted to the store as it is.",
    ExitCode.INTERRUPTED: "Stopped by Ctrl-C.",
}

RUNNING = (ExitCode.OK, ExitCode.OTHER, ExitCode.USAGE)
READING = (
    *RUNNING,
    ExitCode.NOT_FOUND,
    ExitCode.UNAVAILABLE,
    ExitCode.CONFIGURATION,
    ExitCode.STORED_DATA,
)
WRITING = (*READING, ExitCode.CONFLICT, ExitCode.OUTCOME_UNKNOWN)
ASKING = (*WRITING, ExitCode.NOT_CONFIRMED)
"""What commands of a kind may end in, besides an interruption."""

_CODES: dict[type[BucketpointError], ExitCode] = {
    NoCheckpointError: ExitCode.NOT_FOUND,
    BranchNotFoundError: ExitCode.NOT_FOUND,
    ConflictError: ExitCode.CONFLICT,
    OutcomeUnknownError: ExitCode.OUTCOME_UNKNOWN,
    StoreUnavailableError: ExitCode.UNAVAILABLE,
    StoreConfigurationError: ExitCode.CONFIGURATION,
    StoredDataError: ExitCode.STORED_DATA,
    InvalidInputError: ExitCode.USAGE,
    BucketpointError: ExitCode.OTHER,
}
"""What an error, or the nearest class above it, ends in."""


def exit_code(error: BucketpointError | type[BucketpointError]) -> ExitCode:
    """Return what a command that fails with the error ends in."""
    cls = error if isinstance(error, type) else type(error)
    return next(_CODES[ancestor] for ancestor in cls.__mro__ if ancestor in _CODES)


def combined(codes: Iterable[ExitCode]) -> ExitCode:
    """Return one code for many executions: the one of all that failed, where they agree."""
    failed = {code for code in codes if code is not ExitCode.OK}
    if not failed:
        return ExitCode.OK
    return failed.pop() if len(failed) == 1 else ExitCode.OTHER
