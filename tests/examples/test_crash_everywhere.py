"""The order of examples/checkout survives a kill at every request and every effect."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bucketpoint import BucketCheckpointer, Checkpoint, ExecutionStatus
from bucketpoint.testing import CrashTestError, Times, World, at_least_once, crash_everywhere
from examples.checkout import workflow
from examples.checkout.workflow import Event, Payment

ORDER = "A-1"
CENTS = 100
GO_ON = Event(order_id=ORDER)
EVENTS = (
    Event(order_id=ORDER, total_cents=CENTS),
    Event(order_id=ORDER, payment=Payment(id="p-1", cents=CENTS)),
)


def run(world: World) -> None:
    """Deliver both events; a killed worker's are delivered again."""

    def wake_up(order_id: str, at: datetime) -> None:
        world.effect("wake up")(order_id, at)

    for event in EVENTS:
        told = workflow.handle(
            world.checkpointer, event, worker="worker", seconds=60, wake_up=wake_up
        )
        while told == "busy":  # then somebody calls again, as was asked for
            world.pass_time(timedelta(minutes=1))
            told = workflow.handle(
                world.checkpointer, GO_ON, worker="worker", seconds=60, wake_up=wake_up
            )


def check(world: World) -> None:
    order = world.checkpointer.load_checkpoint(ORDER)
    assert order.status == ExecutionStatus.COMPLETED
    assert order.variables == {"payments": {"p-1": CENTS}}
    assert order.outputs["paid_cents"] == CENTS


def is_paid_once(world: World) -> None:
    assert [*world.checkpointer.load_checkpoint(ORDER).variables["payments"].values()] == [CENTS]


def run_with_effects(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], None]:
    """The order's requests to other services become effects that are counted."""

    def live(world: World) -> None:
        def send(service: str, key: str, **details: object) -> dict[str, object]:
            return {"reference": world.effect(service)(key, **details) or f"{service}-{key}"}

        monkeypatch.setattr(workflow, "request", send)
        run(world)

    return live


def test_an_order_finishes_wherever_its_worker_is_killed(
    monkeypatch: pytest.MonkeyPatch, thorough: bool
) -> None:
    effects = {"reserve": at_least_once, "ship": at_least_once, "wake up": Times(1, 9)}
    report = crash_everywhere(
        run_with_effects(monkeypatch), check=check, effects=effects, depth=2 if thorough else 1
    )
    assert report.points > 10


def test_an_order_that_takes_a_repeated_payment_for_another_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pay(checkpointer: BucketCheckpointer, order_id: str, payment: Payment) -> None:
        def note(order: Checkpoint) -> None:
            payments = order.variables.setdefault("payments", {})
            payments[f"{payment.id}-{len(payments)}"] = payment.cents

        checkpointer.atomic_update(order_id, note)

    monkeypatch.setattr(workflow, "pay", pay)
    with pytest.raises(CrashTestError, match="the check raised AssertionError"):
        crash_everywhere(run_with_effects(monkeypatch), check=is_paid_once)
