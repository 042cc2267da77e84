"""`crash_everywhere` passes correct handlers and shows where others break."""

from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from bucketpoint import (
    Checkpoint,
    ClaimHeldError,
    FileStore,
    NoCheckpointError,
    OutcomeUnknownError,
    VersionConflictError,
)
from bucketpoint.testing import (
    CrashTestError,
    World,
    at_least_once,
    at_most,
    crash_everywhere,
    exactly_once,
)

RUN = "A-1"


def start(world: World) -> None:
    world.checkpointer.save_checkpoint(Checkpoint(execution_id=RUN), overwrite=True)


def note(run: Checkpoint) -> None:
    run.variables["sent"] = True


def careful(world: World) -> None:
    """Claim the run, do the effect, record it."""
    with world.checkpointer.claim(RUN, owner="worker") as claim:
        if "sent" not in claim.checkpoint.variables:
            world.effect("send")()
            claim.update(note)


def is_sent(world: World) -> None:
    assert world.checkpointer.load_checkpoint(RUN).variables == {"sent": True}


@pytest.mark.parametrize("depth", [1, 2])
def test_a_correct_handler_passes(depth: int) -> None:
    report = crash_everywhere(careful, check=is_sent, effects={"send": at_least_once}, depth=depth)
    assert report.runs > report.points > 3


def test_an_asynchronous_handler_passes() -> None:
    async def run(world: World) -> None:
        async with world.async_checkpointer.claim(RUN, owner="worker") as claim:
            if "sent" not in claim.checkpoint.variables:
                world.effect("send")()
                await claim.update(note)

    assert crash_everywhere(run, check=is_sent, effects={"send": at_most(2)}).runs > 5


def test_an_effect_before_its_record_is_not_exactly_once() -> None:
    with pytest.raises(CrashTestError, match="'send' happened 2 times") as failure:
        crash_everywhere(careful, check=is_sent, effects={"send": exactly_once})
    assert "effect 'send': killed after it\nlife 2:" in str(failure.value)


def test_an_update_that_is_not_idempotent_is_caught() -> None:
    def run(world: World) -> None:
        try:
            checkpoint = world.checkpointer.load_checkpoint(RUN)
        except NoCheckpointError:
            checkpoint = Checkpoint(execution_id=RUN)
        checkpoint.variables["count"] = checkpoint.variables.get("count", 0) + 1
        world.checkpointer.save_checkpoint(checkpoint, overwrite=True)

    def check(world: World) -> None:
        assert world.checkpointer.load_checkpoint(RUN).variables["count"] == 1

    with pytest.raises(CrashTestError, match="the check raised") as failure:
        crash_everywhere(run, check=check)
    script = str(failure.value)
    assert "put 'executions/A-1.json': killed after it\nlife 2:" in script


def test_state_in_memory_only_is_caught() -> None:
    def run(world: World) -> None:
        done: set[str] = set()  # gone with the process
        for step in ("reserve", "ship"):
            if step not in done:
                world.effect(step)()
                done.add(step)
                start(world)

    once = {"reserve": at_most(1)}
    with pytest.raises(CrashTestError, match="expected at least 0, at most 1"):
        crash_everywhere(run, check=lambda _: None, effects=once)


def test_an_unknown_outcome_taken_for_success_is_caught() -> None:
    def run(world: World) -> None:
        with suppress(OutcomeUnknownError):
            start(world)

    with pytest.raises(CrashTestError, match="cut off from the store before the write gets there"):
        crash_everywhere(run, check=lambda world: world.checkpointer.load_checkpoint(RUN))


def test_a_handler_that_never_finishes_is_reported() -> None:
    def run(world: World) -> None:
        world.checkpointer.claim(RUN, owner="another", takeover=True).acquire()
        with world.checkpointer.claim(RUN, owner="worker"):  # held, in every life
            pass

    with pytest.raises(CrashTestError, match="did not finish in 3 lives"):
        crash_everywhere(run, check=lambda _: None, max_lives=3)


def test_a_handler_that_asks_for_ever_is_reported() -> None:
    def run(world: World) -> None:
        while world.checkpointer.get(RUN) is None:
            pass

    with pytest.raises(CrashTestError, match="one life made more than 50 requests"):
        crash_everywhere(run, check=lambda _: None, max_requests=50)


def test_a_late_write_lands_behind_the_first_read_of_the_next_life() -> None:
    def run(world: World) -> None:
        with suppress(VersionConflictError):
            world.checkpointer.save_checkpoint(Checkpoint(execution_id=RUN), if_absent=True)

    scripts: list[str] = []
    crash_everywhere(run, check=lambda world: scripts.append(world.script))
    late = "life 2:\n    3. get 'executions/A-1.json'\n       the late write lands: done\n"
    assert [script for script in scripts if late in script] != []


def test_a_late_write_behind_which_nobody_reads_lands_before_the_check() -> None:
    def run(world: World) -> None:
        with suppress(OutcomeUnknownError):
            start(world)

    scripts: list[str] = []
    with suppress(CrashTestError):  # taking what is unknown for success is wrong, of course
        crash_everywhere(run, check=lambda world: scripts.append(world.script))
    assert [
        script
        for script in scripts
        if script.endswith("finished\n       the late write lands: done")
    ]


def test_an_asynchronous_handler_that_forgets_to_settle_is_caught() -> None:
    async def run(world: World) -> None:
        with suppress(OutcomeUnknownError):
            await world.async_checkpointer.save_checkpoint(Checkpoint(execution_id=RUN))
        world.effect("send")()

    with pytest.raises(CrashTestError, match="cut off from the store"):
        crash_everywhere(run, check=lambda world: world.checkpointer.load_checkpoint(RUN))


def test_an_error_that_wraps_a_fault_follows_from_it() -> None:
    def run(world: World) -> None:
        try:
            start(world)
        except OutcomeUnknownError as error:
            raise RuntimeError("could not start") from error

    crash_everywhere(run, check=lambda world: world.checkpointer.load_checkpoint(RUN))


def test_a_claim_whose_answer_was_lost_is_held_from_when_it_was_written(tmp_path: Path) -> None:
    remaining: list[float] = []

    def run(world: World) -> None:
        try:
            with world.checkpointer.claim(RUN, owner="worker", ttl=timedelta(hours=2)) as claim:
                claim.update(note)
        except ClaimHeldError as held:
            remaining.append(held.remaining_s)
            raise

    folders = (FileStore(tmp_path / str(number)) for number in count())
    crash_everywhere(run, check=is_sent, make_store=lambda: next(folders))
    assert remaining
    # It was written an hour before, or lands late, just now; waiting moves the clock, too.
    hours = {round(seconds / 3600, 2) for seconds in remaining}
    assert {1.0, 2.0} <= hours
    assert max(hours) == 2.0


def test_the_handlers_own_exception_is_its_cause() -> None:
    def run(_: World) -> None:
        raise ValueError("mine")

    with pytest.raises(CrashTestError, match="the handler raised ValueError") as failure:
        crash_everywhere(run, check=lambda _: None)
    assert isinstance(failure.value.__cause__, ValueError)


def test_a_dead_worker_sends_nothing_even_if_it_swallows_its_death() -> None:
    def run(world: World) -> None:
        try:
            world.effect("send")()
        except BaseException:
            with suppress(BaseException):
                world.checkpointer.save_checkpoint(Checkpoint(execution_id="last-words"))
            raise
        start(world)

    def check(world: World) -> None:
        assert world.checkpointer.get(RUN) is not None
        assert world.checkpointer.get("last-words") is None

    crash_everywhere(run, check=check, effects={"send": at_least_once})
