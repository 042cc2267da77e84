"""Why a run stands where it is, and what to type about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bucketpoint.checkpoint import BranchState, Checkpoint, ExecutionStatus, WaitState
from bucketpoint.cli.branching import is_paused
from bucketpoint.cli.hints import shell_word
from bucketpoint.cli.times import ago, long
from bucketpoint.core.document import Member
from bucketpoint.core.session import Seen
from bucketpoint.core.waits import FINISHED, ZERO_TIME
from bucketpoint.timestamps import Timestamp

__all__ = ["Claim", "Reasons", "claim_of", "reasons_of", "wait_text"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who holds a run.

    Attributes:
        owner: The holder.
        expires_at: When the claim expires unless the holder writes.
        is_live: It has not expired, by the store's clock.
    """

    owner: str
    expires_at: datetime
    is_live: bool


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a run stands where it is.

    Attributes:
        why: A sentence for each reason.
        next: Commands that help on.
    """

    why: tuple[str, ...]
    next: tuple[str, ...]


def claim_of(seen: Seen) -> Claim | None:
    """Return who holds what was seen; None for nobody."""
    member: Member | None = seen.document.member if seen.document is not None else None
    if member is None or member.owner is None or seen.modified_at is None:
        return None
    ttl = timedelta(seconds=member.ttl_s or 0.0)
    return Claim(member.owner, seen.modified_at + ttl, seen.age < ttl)


def reasons_of(
    execution_id: str,
    checkpoint: Checkpoint,
    claim: Claim | None,
    now: datetime,
    *,
    has_past: bool = True,
) -> Reasons:
    """Return why the run stands where it is, and what to type about it.

    Args:
        execution_id: The run.
        checkpoint: What is stored.
        claim: Who holds it.
        now: The present time.
        has_past: There was an earlier version.
    """
    name = shell_word(execution_id)
    if checkpoint.status == ExecutionStatus.COMPLETED:
        return Reasons(("It has completed.",), ())
    if checkpoint.status == ExecutionStatus.FAILED:
        error = checkpoint.error or "no reason is given"
        look = f"bucketpoint history {name}"
        commands = (look, f"bucketpoint restore {name} --version ~1") if has_past else (look,)
        return Reasons((f"It failed: {error}",), commands)
    why: list[str] = []
    commands_by_use: dict[str, None] = {}
    for branch_id, branch in checkpoint.branch_states.items():
        for sentence, command in _of_branch(name, branch_id, branch, now):
            why.append(sentence)
            if command:
                commands_by_use[command] = None
    why += _of_joins(checkpoint)
    of_claim = _of_claim(claim, now, waits=bool(why))
    if of_claim is not None:
        why.append(of_claim)
        commands_by_use[f"bucketpoint watch {name}"] = None
    return Reasons(tuple(why), tuple(commands_by_use))


def _of_branch(
    name: str, branch_id: str, branch: BranchState, now: datetime
) -> Iterator[tuple[str, str | None]]:
    if branch.status in FINISHED:
        return
    if is_paused(branch):
        reason = f": {branch.pause_reason}" if branch.pause_reason else ""
        unpause = f"bucketpoint unpause {name} --branch {shell_word(branch_id)}"
        yield f"Branch {branch_id} is paused until somebody unpauses it{reason}.", unpause
    if branch.wait is not None:
        yield f"Branch {branch_id} {wait_text(branch.wait, now)}.", None


def wait_text(wait: WaitState, now: datetime) -> str:
    """Tell what a branch waits for, and until when."""
    what = f"waits for the signal {wait.topic!r}" if wait.topic else "sleeps"
    wake_at = wait.wake_at
    if wake_at is not None and wake_at != ZERO_TIME:
        if wake_at > Timestamp.of(now):
            return f"{what} until {wake_at} ({ago(wake_at, now)})"
        overdue = f"since {wake_at} ({ago(wake_at, now)}): a worker has only to resume the run"
        return (
            f"waited for the signal {wait.topic!r}, and its time is up {overdue}"
            if wait.topic
            else (f"is due {overdue}")
        )
    if wait.timeout or wait.remaining:
        left = long(wait.remaining) if wait.remaining else "nothing"
        return f"{what}; its clock is stopped with {left} left"
    return what


def _of_joins(checkpoint: Checkpoint) -> Iterator[str]:
    for join in checkpoint.join_states.values():
        others = ", ".join(join.config.branches) if join.config is not None else ""
        of = f" of {others}" if others else ""
        yield f"Branch {join.waiting_branch_id} waits at {join.step_name} for the end{of}."


def _of_claim(claim: Claim | None, now: datetime, *, waits: bool) -> str | None:
    if claim is None:
        return None if waits else "No worker is at it: it goes on when one resumes it."
    if claim.is_live:
        until = f"{claim.expires_at:%H:%M:%S} ({ago(claim.expires_at, now)})"
        return f"Worker {claim.owner} holds it, until {until} unless it writes."
    since = ago(claim.expires_at, now)
    return (
        f"Worker {claim.owner} went silent, and its claim expired {since}: it goes on when any "
        "worker resumes it, so see that one runs."
    )
