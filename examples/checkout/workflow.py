"""An order that is reserved, paid for from outside and shipped, in invocations that may be killed.

    reserve ── wait for payment ──────────────────────── ship
                   └ not paid in three days: remind once ┘

Nothing here knows a platform: `handle` is called with an event, and calls `wake_up` when the run
has to be called again. What the run has come to lies in its checkpoint alone.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel, Field, PositiveInt

import bucketpoint
from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    Claim,
    ClaimHeldError,
    ExecutionStatus,
    VersionConflictError,
    WaitKind,
    WaitState,
)

BRANCH = "main"
PAYMENT_TERM = timedelta(days=3)
STEP_LIMIT = timedelta(seconds=20)
"""The longest that a step and its save take: none is begun with less time left, and a worker that
saved nothing for so long is taken for dead."""

Output = dict[str, Any]
WakeUp = Callable[[str, datetime], None]
"""Arranges that `handle` is called for the order at that time, at the earliest.

Wake-ups are only ever added: one too many finds nothing to do, one too few loses the run."""


class Payment(BaseModel, extra="forbid"):
    """What the payment service says; its ID tells a second delivery from a second payment."""

    id: str = Field(min_length=1)
    cents: PositiveInt


class Event(BaseModel, extra="forbid"):
    """Begin an order (`total_cents`), note a payment, or with neither just go on."""

    order_id: str = Field(min_length=1)
    total_cents: PositiveInt | None = None
    payment: Payment | None = None


def handle(
    checkpointer: BucketCheckpointer,
    event: Event,
    *,
    worker: str,
    seconds: float,
    wake_up: WakeUp,
) -> str:
    """Note what the event says, do what can be done now, and see to it that the rest is done.

    The event is dealt with when this returns. When it raises or is killed, deliver it again.

    Args:
        checkpointer: Where the runs are kept.
        event: What has happened.
        worker: Names this invocation to others.
        seconds: How long it may take.
        wake_up: Arranges the next invocation.

    Returns:
        The run's status, or `busy` when another invocation is at it.
    """
    if seconds <= STEP_LIMIT.total_seconds():
        raise ValueError(f"no step fits in {seconds} s: give the function a longer time-out")
    ends = time.monotonic() + seconds
    with bucketpoint.deadline(seconds):
        if event.total_cents is not None:
            start(checkpointer, event.order_id, event.total_cents)
        if event.payment is not None:
            pay(checkpointer, event.order_id, event.payment)
        status, wake_at = work(checkpointer, event.order_id, worker, ends)
        if wake_at is not None:
            wake_up(event.order_id, wake_at)
    return status


def wake_up_name(order_id: str, moment: datetime) -> str:
    """Name a wake-up so that it is the same one whoever asks for it; an ID may hold any character."""
    return f"{hashlib.sha256(order_id.encode()).hexdigest()[:40]}-{moment:%Y%m%d%H%M%S}"


def start(checkpointer: BucketCheckpointer, order_id: str, total_cents: int) -> None:
    """Begin the run unless it has begun."""
    now = datetime.now(UTC)
    run = Checkpoint(
        execution_id=order_id,
        workflow_name="checkout",
        status=ExecutionStatus.RUNNING,
        inputs={"total_cents": total_cents},
        branch_states={BRANCH: BranchState(id=BRANCH, status=ExecutionStatus.RUNNING)},
        start_time=now,
        checkpoint_at=now,
    )
    # A claim would also start it once, but without the inputs: a crash would leave an empty run.
    with suppress(VersionConflictError):
        checkpointer.save_checkpoint(run, if_absent=True)


def pay(checkpointer: BucketCheckpointer, order_id: str, payment: Payment) -> None:
    """Note a payment once, however often and whenever it is delivered."""

    def note(run: Checkpoint) -> None:
        run.variables.setdefault("payments", {})[payment.id] = payment.cents

    checkpointer.atomic_update(order_id, note)


def work(
    checkpointer: BucketCheckpointer, order_id: str, worker: str, ends: float
) -> tuple[str, datetime | None]:
    """Do what can be done now; return the run's status, and when to come back."""
    run = checkpointer.load_checkpoint(order_id)  # a claim would begin a run that does not exist
    if run.status == ExecutionStatus.COMPLETED:
        return run.status, None
    now = datetime.now(UTC)
    try:
        with checkpointer.claim(order_id, owner=worker, ttl=STEP_LIMIT) as claim:
            run = advance(claim, ends)
    except ClaimHeldError as held:
        return "busy", now + timedelta(seconds=held.remaining_s)
    return run.status, now if next_step(run) else bucketpoint.next_wake_at(run)


def advance(claim: Claim, ends: float) -> Checkpoint:
    """Do step after step, until the run ends, waits or is paused, or time is short.

    Each `claim.update` builds on what is stored at that moment, so that it takes in a payment or a
    pause that came during the step; `claim.save` would take the payment for an intruder's write.
    """
    run = claim.checkpoint
    while (step := next_step(run)) and time.monotonic() < ends - STEP_LIMIT.total_seconds():
        output = STEPS[step](run, f"{run.execution_id}/{step}")
        run = claim.update(partial(record, step=step, output=output)).checkpoint
    if run.status != status_of(run):
        run = claim.update(settle).checkpoint
    return run


def next_step(run: Checkpoint) -> str | None:
    """Return what can be done now, which nothing but the checkpoint and the time decides."""
    branch = run.branch_states[BRANCH]
    if branch.pause_requested or "ship" in branch.step_outputs:
        return None
    if "reserve" not in branch.step_outputs:
        return "reserve"
    if paid_cents(run) >= run.inputs["total_cents"]:
        return "ship"
    wake_at = branch.wait.wake_at if branch.wait is not None else None
    return "remind" if wake_at is not None and wake_at <= datetime.now(UTC) else None


def status_of(run: Checkpoint) -> ExecutionStatus:
    """Return the status that the run has come to."""
    branch = run.branch_states[BRANCH]
    if "ship" in branch.step_outputs:
        return ExecutionStatus.COMPLETED
    if branch.pause_requested:
        return ExecutionStatus.PAUSED
    return ExecutionStatus.RUNNING if next_step(run) else ExecutionStatus.SUSPENDED


def record(run: Checkpoint, *, step: str, output: Output) -> None:
    """Note that a step is done."""
    branch = run.branch_states[BRANCH]
    branch.current_step = step
    branch.step_outputs[step] = output
    if step == "remind":
        branch.wait = WaitState(kind=WaitKind.SIGNAL, topic="payment")  # for ever
    elif step == "ship":
        branch.wait = None
        run.outputs = {"paid_cents": paid_cents(run), **output}
    settle(run)


def settle(run: Checkpoint) -> None:
    """Note where the run stands, and begin the wait when it has come to that."""
    branch = run.branch_states[BRANCH]
    now = datetime.now(UTC)
    run.checkpoint_at = now
    run.status = branch.status = status_of(run)
    if run.status == ExecutionStatus.SUSPENDED and branch.wait is None:
        branch.wait = WaitState(
            kind=WaitKind.SIGNAL, topic="payment", wake_at=now + PAYMENT_TERM, timeout=PAYMENT_TERM
        )


def paid_cents(run: Checkpoint) -> int:
    """Return what has been paid so far."""
    return sum(run.variables.get("payments", {}).values())


def reserve(run: Checkpoint, key: str) -> Output:
    """Set the goods aside."""
    return request("reserve", key, total_cents=run.inputs["total_cents"])


def remind(run: Checkpoint, key: str) -> Output:
    """Write to the customer."""
    return request("remind", key, due_cents=run.inputs["total_cents"] - paid_cents(run))


def ship(run: Checkpoint, key: str) -> Output:
    """Hand the goods over."""
    return request("ship", key, reservation=run.branch_states[BRANCH].step_outputs["reserve"])


STEPS: dict[str, Callable[[Checkpoint, str], Output]] = {
    "reserve": reserve,
    "remind": remind,
    "ship": ship,
}


def request(service: str, key: str, **details: Any) -> Output:
    """Stand for a request to a service of yours, with a timeout well below `STEP_LIMIT`.

    A worker that dies between a request and its record leaves it to the next one, which makes it
    again. So the service must know the key, and carry out a second request with it no second time.
    """
    print(json.dumps({"service": service, "idempotency_key": key, **details}), flush=True)
    return {"reference": f"{service}-{key}"}
