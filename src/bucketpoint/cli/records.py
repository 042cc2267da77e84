"""The JSON objects that the commands print: stable, fields are only ever added.

The `Attributes` of each docstring are the documentation of its fields (docs/cli.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

__all__ = [
    "ChangeRecord",
    "CheckRecord",
    "CopyRecord",
    "DifferenceRecord",
    "DoctorRecord",
    "ExecutionRecord",
    "ExportRecord",
    "GCRecord",
    "ShowRecord",
    "VersionRecord",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRecord:
    """One execution of a list.

    Attributes:
        execution_id: The execution.
        workflow_name: Its workflow.
        status: Its status; `unreadable` for what is no checkpoint.
        start_time: When it began.
        end_time: When it ended.
        duration: Seconds from its start to its end, or to its last checkpoint.
        error: Why it failed, or why it cannot be read.
        modified_at: When its checkpoint was written, by the store's clock.
        next_wake_at: When the first of its waits ends.
    """

    execution_id: str
    workflow_name: str
    status: str
    start_time: datetime | None
    end_time: datetime | None
    duration: timedelta | None
    error: str
    modified_at: datetime | None
    next_wake_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRecord:
    """One execution, with all that is known of it.

    Attributes:
        execution_id: The execution.
        status: Its status.
        why: Why it stands where it is, a sentence for each reason.
        next: Commands that help on.
        version: The store's version of what is shown.
        revision: How often it was written; null for a document of another program.
        modified_at: When it was written, by the store's clock.
        next_wake_at: When the first of its waits ends.
        owner: Who holds the claim; null for nobody.
        claim_expires_at: When that claim expires unless the owner writes.
        forked_from: The execution it is a fork of, and from where it began.
        forks: Its forks.
        checkpoint: The document, without what the library keeps in it.
    """

    execution_id: str
    status: str
    why: tuple[str, ...]
    next: tuple[str, ...]
    version: str
    revision: int | None
    modified_at: datetime | None
    next_wake_at: datetime | None
    owner: str | None
    claim_expires_at: datetime | None
    forked_from: Any
    forks: Any
    checkpoint: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """One kept version of an execution, the newest first.

    Attributes:
        execution_id: The execution.
        version_id: Names the version; `--version` takes it.
        modified_at: When it was written, by the store's clock.
        size: Bytes.
        is_current: It is what is stored now.
        status: The execution's status then; `deleted` and `unreadable` for what is no checkpoint.
        revision: How often the execution had been written.
        owner: Who held the claim.
    """

    execution_id: str
    version_id: str
    modified_at: datetime
    size: int
    is_current: bool
    status: str
    revision: int | None
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRecord:
    """One place in which two versions differ.

    Attributes:
        path: The names of members, and positions in lists, that lead there.
        change: `added`, `removed` or `changed`.
        before: The value in the first one; null where there is none.
        after: The value in the second one; null where there is none.
    """

    path: tuple[str | int, ...]
    change: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """What was done to one execution.

    Attributes:
        execution_id: The execution.
        action: What was done.
        dry_run: It would have been; nothing was.
        version: The version that was written; null where none was, or others have written since.
        branches: The branches it was done to.
        error: The kind of the error that kept it from being done; null when it was done.
    """

    execution_id: str
    action: str
    dry_run: bool = False
    version: str | None = None
    branches: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GCRecord:
    """What a collection did.

    Attributes:
        examined: Executions that it came by.
        purged: Those whose tombstones were removed.
        deleted: Finished ones that were deleted.
        versions_removed: Earlier versions that were removed with them.
        failed: Those that could not be dealt with, each with the kind of the error.
        next: What `--start-after` takes to go on; null at the end.
        dry_run: It only looked.
    """

    examined: int
    purged: tuple[str, ...]
    deleted: tuple[str, ...]
    versions_removed: int
    failed: tuple[tuple[str, str], ...]
    next: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRecord:
    """One exported execution; `import` reads them.

    Attributes:
        execution_id: The execution.
        checkpoint: Its document, without what the library keeps in it.
    """

    execution_id: str
    checkpoint: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRecord:
    """What was copied of one execution.

    Attributes:
        execution_id: The execution.
        versions: How many versions were written to the target.
        dry_run: They would have been; nothing was written.
        error: The kind of the error that ended it; null when all is there.
    """

    execution_id: str
    versions: int
    dry_run: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """What one check of a store has found.

    Attributes:
        check: What was looked at.
        essential: Without it nothing can be said for the store.
        status: `ok`, `warning`, `failed` or `not seen`.
        found: What was seen, or why nothing was.
        fix: What to do about it; null when there is nothing to do.
    """

    check: str
    essential: bool
    status: str
    found: str
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRecord:
    """Whether a store is fit for checkpoints.

    Attributes:
        store: The store's URL, without credentials.
        prefix: Where in it checkpoints would lie.
        fit: Nothing failed, and all that is essential was seen.
        checks: What each check has found: `check`, its name, which stays; `essential`, whether
            nothing can be said for the store without it; `status`, one of `ok`, `warning`,
            `failed` and `not seen`; `found`, in words; `fix`, what to do, or null.
    """

    store: str
    prefix: str
    fit: bool
    checks: tuple[CheckRecord, ...]
