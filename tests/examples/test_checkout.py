"""An order is carried out once on both platforms, whatever happens to the invocations."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bucketpoint import ExecutionStatus, Timestamp, pause_branch, unpause_branch
from examples.checkout.workflow import PAYMENT_TERM, STEP_LIMIT
from tests.cli.programs import run_program
from tests.examples.invocations import NO_TERMS, Event, Terms, Told
from tests.examples.stage import TOTAL_CENTS, Stage

ROOT = Path(__file__).parents[2]
HELD_IN_RESERVE = Terms(hold_after="reserve")


def keys(stage: Stage, *services: str) -> list[str]:
    """Return the idempotency keys of requests to these services."""
    return [f"{stage.order_id}/{service}" for service in services]


def test_an_order_waits_for_its_payments_and_is_shipped(stage: Stage) -> None:
    told = [
        stage.invoke(stage.start),
        stage.invoke(stage.payment("p-1", 4_000)),
        stage.invoke(stage.payment("p-2", 6_000)),
    ]
    assert [stage.status(each) for each in told] == ["suspended", "suspended", "completed"]
    assert [each.requests for each in told] == [keys(stage, "reserve"), [], keys(stage, "ship")]
    assert stage.run.outputs["paid_cents"] == TOTAL_CENTS


def test_an_order_that_is_begun_twice_is_reserved_once(stage: Stage) -> None:
    told = [stage.invoke(stage.start) for _ in range(2)]
    assert [each.requests for each in told] == [keys(stage, "reserve"), []]


def test_a_payment_that_is_delivered_twice_counts_once(stage: Stage) -> None:
    stage.invoke(stage.start)
    for _ in range(2):
        assert stage.status(stage.invoke(stage.payment("p-1", 6_000))) == "suspended"
    assert stage.run.variables == {"payments": {"p-1": 6_000}}


def test_what_is_delivered_again_after_the_end_does_nothing(stage: Stage) -> None:
    stage.invoke(stage.start)
    stage.invoke(stage.payment())
    ended, wake_ups = stage.checkpointer.get(stage.order_id), stage.wake_ups()
    for event in (stage.start, stage.go_on):
        told = stage.invoke(event)
        assert (stage.status(told), told.requests) == ("completed", [])
    assert stage.checkpointer.get(stage.order_id) == ended
    told = stage.invoke(stage.payment())
    assert (stage.status(told), told.requests) == ("completed", [])
    assert ended is not None
    assert stage.run == ended.checkpoint
    assert stage.wake_ups() == wake_ups


def test_the_wake_up_is_asked_for_once_and_for_the_end_of_the_wait(stage: Stage) -> None:
    before = Timestamp.now()
    for event in (stage.start, stage.start, stage.payment(cents=1), stage.go_on):
        stage.invoke(event)
    wait = stage.branch.wait
    assert wait is not None
    assert wait.wake_at is not None
    assert before + PAYMENT_TERM <= wait.wake_at <= Timestamp.now() + PAYMENT_TERM
    assert stage.wake_ups() == stage.wake_ups_for(wait.wake_at)
    assert len(stage.wake_ups()) == 1


def test_a_wake_up_reminds_once_and_the_order_waits_on(stage: Stage) -> None:
    stage.invoke(stage.start)
    (wake_up,) = stage.wake_ups()
    assert stage.invoke(wake_up.event).requests == []  # too early
    stage.let_payment_term_pass()
    assert stage.invoke(wake_up.event).requests == keys(stage, "remind")
    assert stage.invoke(wake_up.event).requests == []
    assert stage.wake_ups() == [wake_up]
    assert stage.invoke(stage.payment()).requests == keys(stage, "ship")


def test_a_second_invocation_leaves_the_order_to_the_first_and_comes_back(stage: Stage) -> None:
    first = stage.begin(stage.start, terms=HELD_IN_RESERVE)
    first.wait_until_held()
    before = Timestamp.now()
    second = stage.invoke(stage.start)
    assert (stage.status(second), second.requests) == ("busy", [])
    (wake_up,) = stage.wake_ups()
    assert timedelta(0) < wake_up.at - before < STEP_LIMIT + timedelta(minutes=2)
    assert first.go_on().requests == keys(stage, "reserve")
    assert stage.invoke(wake_up.event).requests == []


def test_a_payment_that_comes_during_a_step_is_seen_after_it(stage: Stage) -> None:
    first = stage.begin(stage.start, terms=HELD_IN_RESERVE)
    first.wait_until_held()
    assert stage.status(stage.invoke(stage.payment())) == "busy"
    told = first.go_on()
    assert (stage.status(told), told.requests) == ("completed", keys(stage, "reserve", "ship"))


def test_a_pause_stops_the_order_before_its_next_step_until_it_is_unpaused(stage: Stage) -> None:
    first = stage.begin(stage.start, terms=HELD_IN_RESERVE)
    first.wait_until_held()
    pause_branch(stage.checkpointer, stage.order_id, "main", reason="stock count")
    assert stage.status(first.go_on()) == "paused"
    assert stage.run.status == ExecutionStatus.PAUSED
    told = stage.invoke(stage.payment())
    assert (stage.status(told), told.requests) == ("paused", [])
    assert stage.wake_ups() == []
    unpause_branch(stage.checkpointer, stage.order_id, "main")
    assert stage.invoke(stage.go_on).requests == keys(stage, "ship")


def test_a_pause_stops_the_clock_and_the_wake_up_follows(stage: Stage) -> None:
    stage.invoke(stage.start)
    (first,) = stage.wake_ups()
    pause_branch(stage.checkpointer, stage.order_id, "main")
    assert stage.status(stage.invoke(first.event)) == "paused"
    later = Timestamp.now() + timedelta(days=7)
    unpause_branch(stage.checkpointer, stage.order_id, "main", now=later)
    assert stage.status(stage.invoke(stage.go_on)) == "suspended"
    wait = stage.branch.wait
    assert wait is not None
    assert wait.wake_at is not None
    assert wait.wake_at > later
    assert stage.wake_ups() == [first, *stage.wake_ups_for(wait.wake_at)]


def test_no_step_is_begun_with_little_time_left_and_the_rest_comes_soon(stage: Stage) -> None:
    both = {**stage.start, **stage.payment()}
    told = stage.invoke(both, terms=Terms(seconds=60, service_takes_s=40))
    assert (stage.status(told), told.requests) == ("running", keys(stage, "reserve"))
    (wake_up,) = stage.wake_ups()
    assert wake_up.at - Timestamp.now() < timedelta(minutes=2)
    assert stage.invoke(wake_up.event).requests == keys(stage, "ship")


def test_a_time_out_in_which_no_step_fits_is_an_error(stage: Stage) -> None:
    told = stage.invoke(stage.start, terms=Terms(seconds=STEP_LIMIT.total_seconds()))
    assert told.error == "ValueError"


def test_a_worker_that_was_taken_for_dead_writes_nothing_more(stage: Stage) -> None:
    first = stage.begin(stage.start, terms=HELD_IN_RESERVE)
    first.wait_until_held()
    stage.let_claim_expire()
    second = stage.invoke(stage.payment())
    assert second.requests == keys(stage, "reserve", "ship")  # with the same keys, so once in all
    ended = stage.run.to_document()
    assert first.go_on().error == "FenceViolationError"
    assert stage.run.to_document() == ended


def test_a_process_that_is_used_again_sees_what_others_wrote_meanwhile(stage: Stage) -> None:
    warm = stage.begin(stage.start, stage.payment("p-2", 6_000), terms=Terms(hold_after="answer 1"))
    warm.wait_until_held()
    stage.invoke(stage.payment("p-1", 4_000))
    assert stage.status(warm.go_on()) == "completed"
    assert stage.run.outputs["paid_cents"] == TOTAL_CENTS


def test_a_payment_that_is_too_early_is_to_be_delivered_again(stage: Stage) -> None:
    assert not stage.is_dealt_with(stage.invoke(stage.payment()))
    stage.invoke(stage.start)
    assert stage.status(stage.invoke(stage.payment())) == "completed"


def test_an_event_that_makes_no_sense_is_refused(stage: Stage) -> None:
    for event in ({}, {**stage.start, "total_cents": "much"}, {**stage.go_on, "refund": 1}):
        assert not stage.is_dealt_with(stage.invoke(event))
    assert stage.checkpointer.get(stage.order_id) is None


def test_the_workflow_runs_on_a_laptop(tmp_path: Path) -> None:
    def call(event: Event) -> list[str]:
        result = run_program(
            *("-m", "examples.checkout", json.dumps(event)),
            cwd=ROOT,
            BUCKETPOINT_URL=tmp_path.as_uri(),
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout.splitlines()

    reserved, later, status = call({"order_id": "A-1", "total_cents": 100})
    assert json.loads(reserved)["service"] == "reserve"
    assert later.startswith("call again for A-1 at ")
    assert status == "suspended"
    shipped, status = call({"order_id": "A-1", "payment": {"id": "p-1", "cents": 100}})
    assert json.loads(shipped)["service"] == "ship"
    assert status == "completed"


@pytest.mark.parametrize("phase", ["start", "payment"])
def test_an_order_survives_a_kill_at_any_moment(stage: Stage, phase: str) -> None:
    kills = 0
    while survives_kill(stage, phase, after=kills + 1):
        kills += 1
    assert kills >= {"start": 8, "payment": 7}[phase]


def survives_kill(stage: Stage, phase: str, *, after: int) -> bool:
    """Kill the handler of a new order in one of its events, and check that it is carried out.

    Returns:
        Whether there was such a moment.
    """
    stage.take_new_order()
    cut = Terms(kill_after=after)
    begun = deliver(stage, stage.start, cut if phase == "start" else NO_TERMS)
    wait = stage.branch.wait
    assert wait is not None
    assert wait.wake_at is not None
    assert len(stage.wake_ups_for(wait.wake_at)) == 1
    told = begun + deliver(stage, stage.payment(), cut if phase == "payment" else NO_TERMS)

    assert stage.run.status == ExecutionStatus.COMPLETED
    assert stage.run.variables == {"payments": {"full": TOTAL_CENTS}}
    requests = [key for each in told for key in each.requests]
    # Only the request whose record was cut off may come again, under the same key.
    repeated = [key for each in told if each.killed for key in each.requests[-1:]]
    once = keys(stage, "reserve", "ship")
    assert sorted(requests) in (once, sorted(once + repeated))
    return any(each.killed for each in told)


def deliver(stage: Stage, event: Event, terms: Terms) -> list[Told]:
    """Deliver an event as the platform does: again after a kill, and then what it asked for."""
    told = [stage.invoke(event, terms=terms)]
    if told[-1].killed:
        told.append(stage.invoke(event))
        if stage.status(told[-1]) == "busy":
            stage.let_claim_expire()
            told.append(stage.invoke(stage.wake_ups()[0].event))
    assert stage.is_dealt_with(told[-1])
    return told
