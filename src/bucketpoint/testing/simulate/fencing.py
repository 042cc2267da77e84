"""What must hold of claims and pauses whenever the store applies a write.

Which claim a write is made under is known from the client that makes it, and never from what the
library has stored: it is just the library's fencing that is in question.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from bucketpoint.testing.explore.objects import Member, Stored
from bucketpoint.testing.simulate.clients import ClaimID, ClaimUse
from bucketpoint.testing.simulate.records import Broken, Record

__all__ = ["Fencing"]

_CLOCK_S = 0.001
"""How exactly a claim's age is compared: times of a store are rounded."""


@dataclass(slots=True)
class _Past:
    """What happened to one execution, as far as its document does not show it."""

    holder: ClaimID | None = None
    lineages: set[str] = field(default_factory=set[str])


class Fencing:
    """Follows the claims on each execution."""

    def __init__(self) -> None:
        self._pasts: dict[str, _Past] = {}
        self._late: set[Record] = set()

    def begun(self, record: Record) -> None:
        """The operation has just begun; under a claim that is lost by then it must not succeed."""
        past = self._pasts.get(record.operation.execution_id, _Past())
        if record.operation.claim_use is ClaimUse.WRITE and not _holds(past, record):
            self._late.add(record)

    def acknowledged(self, record: Record) -> None:
        """The operation has just succeeded.

        Raises:
            Broken: Its caller believes in a claim that it had lost before it asked.
        """
        if record in self._late:
            raise Broken(
                "fenced", f"{record} succeeded under a claim that was lost before it began"
            )

    def applied(self, record: Record, before: Stored, after: Stored, age_s: float) -> None:
        """The store has just applied a write of this operation.

        Args:
            record: The operation.
            before: What was stored.
            after: What is stored now.
            age_s: For how many seconds `before` had been stored.

        Raises:
            Broken: The write should not have been applied, or not like this.
        """
        past = self._pasts.setdefault(record.operation.execution_id, _Past())
        _check_epoch(record, before.member, after.member)
        _check_lineage(record, past, before.member, after.member)
        use = record.operation.claim_use
        if use in {ClaimUse.TAKE, ClaimUse.TAKE_OVER}:
            _check_free(record, before.member, age_s)
            past.holder = record.operation.claim
        elif use is not None and not _holds(past, record):
            raise Broken("fenced", f"{record} was applied under a claim that was lost before")
        elif use is not ClaimUse.RELEASE:
            _check_carried(record, before.member, after.member)
        if use is ClaimUse.RELEASE or after.data is None:
            past.holder = None
        if record.operation.keeps_pauses:
            _check_pauses(record, before, after)


def _holds(past: _Past, record: Record) -> bool:
    return past.holder is record.operation.claim


def _check_lineage(
    record: Record, past: _Past, before: Member | None, after: Member | None
) -> None:
    """A lineage lasts until the document is removed, and never comes back."""
    if after is None:
        return
    if before is not None and after.lineage != before.lineage:
        raise Broken("lineage", f"{record} did not carry the lineage along")
    if before is None and after.lineage in past.lineages:
        raise Broken("lineage", f"{record} began a lineage that there was before")
    past.lineages.add(after.lineage)


def _check_free(record: Record, before: Member | None, age_s: float) -> None:
    """Only a take-over ends a claim that has not expired by the store's clock."""
    if record.operation.claim_use is ClaimUse.TAKE_OVER or before is None or before.owner is None:
        return
    left_s = (before.ttl_s or 0.0) - age_s
    if left_s > _CLOCK_S:
        raise Broken("held", f"{record} took a claim that had {left_s:.3f} s to live")


def _check_epoch(record: Record, before: Member | None, after: Member | None) -> None:
    """Epochs rise with each claim and each delete, so that no claim is ever granted twice."""
    if after is None:
        return
    was = before.epoch if before is not None else 0
    rises = after.deleted or record.operation.claim_use in {ClaimUse.TAKE, ClaimUse.TAKE_OVER}
    if after.epoch < was or (rises and after.epoch == was):
        raise Broken("epoch", f"{record} made epoch {after.epoch} of {was}")


def _check_carried(record: Record, before: Member | None, after: Member | None) -> None:
    """A write that is about data leaves the claim as it is."""
    if before is None or after is None or after.deleted:
        return
    if (before.epoch, before.owner, before.ttl_s) != (after.epoch, after.owner, after.ttl_s):
        raise Broken("carried", f"{record} did not carry the claim along")


def _check_pauses(record: Record, before: Stored, after: Stored) -> None:
    """A worker that left the pauses as it got them leaves them as they are stored, too."""
    were, are = _pauses(before), _pauses(after)
    for branch in sorted(were.keys() & are.keys()):
        if were[branch] != are[branch]:
            said = "a pause" if were[branch][0] else "an unpause"
            raise Broken("paused", f"{record} lost {said} of branch {branch}")


def _pauses(stored: Stored) -> dict[str, tuple[bool, str]]:
    """Whether each branch is to be paused, and why, read by the standard library alone."""
    if stored.data is None:
        return {}
    branches: dict[str, dict[str, Any]] = json.loads(stored.body).get("branch_states", {})
    return {
        name: (bool(branch.get("pause_requested")), str(branch.get("pause_reason", "")))
        for name, branch in branches.items()
    }
