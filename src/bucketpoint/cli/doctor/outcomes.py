"""What a check of the doctor comes to, and what all of them say of a store."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from enum import StrEnum

from bucketpoint.errors import BucketpointError

__all__ = ["Finding", "Outcome", "Report", "Status", "UnseenError", "advice", "happened"]


class Status(StrEnum):
    """How a check ended; the words are those of the JSON output, and stay."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check has found.

    Attributes:
        status: How it ended.
        found: What was seen, or why nothing was.
        fix: What to do about it; empty when there is nothing to do.
    """

    status: Status
    found: str
    fix: str = ""

    @classmethod
    def ok(cls, found: str) -> Outcome:
        """Return that all is well."""
        return cls(Status.OK, found)

    @classmethod
    def warning(cls, found: str, fix: str) -> Outcome:
        """Return that the store can be used, and something of it should be changed."""
        return cls(Status.WARNING, found, fix)

    @classmethod
    def failed(cls, found: str, fix: str) -> Outcome:
        """Return that the store cannot be used as it is."""
        return cls(Status.FAILED, found, fix)

    @classmethod
    def of_error(cls, error: BucketpointError) -> Outcome:
        """Return that a check failed with an error of the store."""
        return cls.failed(happened(error), advice(error))


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report.

    Attributes:
        check: The check's name.
        essential: Without it nothing can be said for the store.
        outcome: What it has found.
    """

    check: str
    essential: bool
    outcome: Outcome

    @property
    def is_against_use(self) -> bool:
        """Whether the store may not be used as long as it is so."""
        unseen = self.essential and self.outcome.status is Status.NOT_SEEN
        return unseen or self.outcome.status is Status.FAILED


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks have found.

    Attributes:
        store: The store's URL, without credentials.
        prefix: Where in it checkpoints would lie.
        findings: One for each check, in their order.
    """

    store: str
    prefix: str
    findings: tuple[Finding, ...]

    @property
    def is_fit(self) -> bool:
        """Whether checkpoints can be entrusted to the store: nothing failed, all essentials seen."""
        return not any(finding.is_against_use for finding in self.findings)


class UnseenError(Exception):
    """A check could not look.

    Args:
        why: What kept it from looking.
        fix: What would let it look.
    """

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.outcome = Outcome(Status.NOT_SEEN, why, fix)


def happened(error: BucketpointError) -> str:
    """Return what the message of a store's error says before its advice."""
    return error.message.partition(": ")[0]


def advice(error: BucketpointError) -> str:
    """Return what to do about a store's error, which follows the first colon of its message."""
    told = error.message.partition(": ")[2]
    if told:
        return told
    return " ".join((inspect.getdoc(type(error)) or "").partition("What to do: ")[2].split())
