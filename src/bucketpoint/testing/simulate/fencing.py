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
    grants: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


class Fencing:
    """Follows the claims on each execution."""

    def __init__(self) -> None:
        self._pasts: dict[str, _Past] = {}

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
        self._check_lineage(record, past, before.member, after.member)
        use = record.operation.claim_use
        if use in {ClaimUse.TAKE, ClaimUse.TAKE_OVER}:
            _check_free(record, before.member, age_s)
            self._grant(record, past, after.member)
        elif use is not None and past.holder is not record.operation.claim:
            raise Broken("fenced", f"{record} was applied under a claim that was lost before")
        elif use is not ClaimUse.RELEASE:
            _check_carried(record, before.member, after.member)
        if use is ClaimUse.RELEASE or after.data is None:
            past.holder = None
        if record.operation.keeps_pauses:
            _check_pauses(record, before, after)

    def _check_lineage(
        self, record: Record, past: _Past, before: Member | None, after: Member | None
    ) -> None:
        if before is not None:
            past.lineages.add(before.lineage)
        elif after is not None:
            if after.lineage in past.lineages:
                raise Broken("lineage", f"{record} began a lineage that there was before")
            past.lineages.add(after.lineage)

    def _grant(self, record: Record, past: _Past, after: Member | None) -> None:
        assert after is not None, "a claim is written into the member"
        grant = (after.lineage, after.epoch)
        if grant in past.grants:
            raise Broken("granted", f"{record} was granted epoch {after.epoch} a second time")
        past.grants.add(grant)
        past.holder = record.operation.claim


def _check_free(record: Record, before: Member | None, age_s: float) -> None:
    """Only a take-over ends a claim that has not expired by the store's clock."""
    if record.operation.claim_use is ClaimUse.TAKE_OVER or before is None or before.owner is None:
        return
    left_s = (before.ttl_s or 0.0) - age_s
    if left_s > _CLOCK_S:
        raise Broken("held", f"{record} took a claim that had {left_s:.3f} s to live")


def _check_epoch(record: Record, before: Member | None, after: Member | None) -> None:
    if before is not None and after is not None and after.epoch < before.epoch:
        raise Broken("epoch", f"{record} made epoch {after.epoch} of {before.epoch}")


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
