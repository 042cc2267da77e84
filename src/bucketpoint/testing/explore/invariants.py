"""What must hold whenever the store applies a write, and whenever an operation ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from bucketpoint.testing.explore.objects import Member, Stored
from bucketpoint.testing.explore.tasks import (
    NOT_APPLIED,
    ClaimChange,
    Ended,
    Outcome,
    Task,
)

__all__ = ["Judged", "Landing", "Past", "problem_of_end", "problem_of_write"]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What happened to the object before, as far as its present state does not show it.

    Attributes:
        holder: The operation that took the claim which now holds; None for nobody's.
        lineages: All lineages that ever began.
        grants: All claims, (lineage, epoch), that were ever granted.
        following: What comes after, as it becomes known.
    """

    holder: int | None = None
    lineages: frozenset[str] = frozenset()
    grants: frozenset[tuple[str, int]] = frozenset()
    following: dict[object, Past] = field(default_factory=dict[object, "Past"])

    def then(self, key: object, **changes: object) -> Past:
        """The one past that this change makes of this one."""
        if key not in self.following:
            values = {
                "holder": self.holder,
                "lineages": self.lineages,
                "grants": self.grants,
                **changes,
            }
            self.following[key] = Past(**values)  # type: ignore[arg-type]  # the fields by name
        return self.following[key]


@dataclass(frozen=True, slots=True, eq=False)
class Landing:
    """What a write makes of one state of the object.

    Attributes:
        task: Whose write it is.
        before: The state it is applied to.
        after: The state it makes.
        problem: What it breaks, judged by these two alone.
        pasts: What becomes of the past, and what is wrong with it.
    """

    task: Task
    before: Stored
    after: Stored
    problem: str | None
    pasts: dict[Past, tuple[Past, str | None]] = field(
        default_factory=dict[Past, tuple[Past, str | None]]
    )

    def past(self, past: Past) -> tuple[Past, str | None]:
        """The past after this write, and what it breaks."""
        if past not in self.pasts:
            self.pasts[past] = self._past(past)
        return self.pasts[past]

    def _past(self, past: Past) -> tuple[Past, str | None]:
        task, member = self.task, self.after.member
        if task.operation.under_claim and past.holder != task.claim_number:
            return past, "written under a claim that is no longer the holder"
        holder, lineages, grants = past.holder, past.lineages, past.grants
        if member is not None and self.before.member is None:
            if member.lineage in lineages:
                return past, "a lineage began twice, so versions may repeat"
            lineages |= {member.lineage}
        if task.operation.claim is ClaimChange.CLEARED:
            holder = None
        if member is not None and task.operation.claim is ClaimChange.GRANTED:
            grant = (member.lineage, member.epoch)
            if grant in grants:
                return past, "the same claim, (lineage, epoch), was granted twice"
            holder, grants = task.number, grants | {grant}
        key = (holder, lineages, grants)
        return past.then(key, holder=holder, lineages=lineages, grants=grants), None


_NEW = Member("", 0, 0, None, None, deleted=False, adopted=False)


def problem_of_write(task: Task, before: Stored, after: Stored) -> str | None:
    """What applying this write to this state breaks."""
    operation = task.operation
    if operation.effect is None or not operation.effect(task, before.data, after.data):
        return f"wrong effect: {_show(before)} became {_show(after)}"
    if operation.replaces_seen and not task.may_replace(before):
        return f"overwrote what its caller has not seen: {_show(before)}"
    member = after.member
    return _problem_of_member(task, before, member) if member is not None else None


def _problem_of_member(task: Task, before: Stored, member: Member) -> str | None:
    base = before.member if before.member is not None else _NEW
    if member.revision != base.revision + 1:
        return f"revision {base.revision} was followed by {member.revision}"
    if before.member is not None and member.lineage != base.lineage:
        return "the lineage changed"
    if before.member is None and member.adopted != (before.version is not None):
        return "a lineage that began on a foreign document must say so, and no other"
    if member.epoch < base.epoch:
        return "the epoch went down"
    claim = (base.epoch, base.owner, base.ttl_s)
    if task.operation.claim is ClaimChange.CARRIED and claim != (
        member.epoch,
        member.owner,
        member.ttl_s,
    ):
        return "the claim was not carried along"
    return None


class Judged(NamedTuple):
    """How an operation ended, and what that is judged by.

    Attributes:
        ended: How it ended.
        stored: The object at its end.
        applied: The operation was applied.
        about_applied: The operation that a settling was about was applied.
    """

    ended: Ended
    stored: Stored
    applied: bool
    about_applied: bool


def problem_of_end(task: Task, sight: int, judged: Judged) -> str | None:
    """What the end of an operation breaks; `sight` is what was true at moments of the call."""
    ended, stored, applied, about_applied = judged
    outcome = ended.outcome
    reason = task.operation.reasons.get(outcome)
    data = stored.data
    problem = None
    if outcome in NOT_APPLIED and applied:
        problem = f"ended with {outcome.value}, but was applied"
    elif reason is not None and not applied and not reason & sight:
        problem = f"ended with {outcome.value}, the reason for which was never true"
    elif outcome is Outcome.WRITTEN and not applied and reason is None:
        problem = "was acknowledged, but not applied"
    elif outcome is Outcome.READ and (data is None or data.tokens != ended.tokens):
        problem = "returned another checkpoint than the one that was stored"
    elif outcome is Outcome.SETTLED_APPLIED and not about_applied:
        problem = "settled as applied, but it was not"
    elif outcome is Outcome.SETTLED_NOT_APPLIED and about_applied:
        problem = "settled as not applied, but it was"
    return problem


def _show(stored: Stored) -> str:
    if stored.data is None:
        return "nothing" if stored.version is None else "a tombstone"
    return f"[{', '.join(stored.data.tokens)}]" + (" paused" if stored.data.paused else "")
