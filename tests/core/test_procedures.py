"""Every branch of the procedures, against a world that answers from a script."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import (
    AccessDeniedError,
    Checkpoint,
    ConflictError,
    CorruptCheckpointError,
    DeadlineExceededError,
    NoCheckpointError,
    OutcomeUnknownError,
    StoreUnavailableError,
    UnsupportedError,
    Version,
    VersionConflictError,
)
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import DeadlinePassed
from bucketpoint.core.load import load
from bucketpoint.core.save import save
from bucketpoint.core.session import Session
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.core.write import Evidence
from tests.core.scripted import (
    LOST,
    REFUSED,
    THROTTLED,
    UNSENT,
    Script,
    Sent,
    Stored,
    document,
    foreign,
    landed,
    overwritten,
    session,
    tombstone,
)

DAY = timedelta(days=1)


def checkpoint(n: int = 7) -> Checkpoint:
    return Checkpoint(execution_id="run", variables={"n": n})


def add_one(it: Checkpoint) -> None:
    it.variables["n"] += 1


def first_landed(sent: list[Sent]) -> Stored:
    return landed(sent[:1])


def evidence(error: OutcomeUnknownError) -> Evidence:
    assert isinstance(error.evidence, Evidence)
    return error.evidence


# --- a lost answer ------------------------------------------------------------------------------


def test_a_lost_answer_whose_write_landed_is_a_success_with_its_version() -> None:
    script = Script(document(n=1), LOST, landed)
    stored = script.play(update(session(), "run", add_one))
    assert (stored.version, stored.revision, stored.checkpoint.variables) == (
        Version("v4"),
        4,
        {"n": 2},
    )


def test_a_lost_answer_under_somebody_elses_write_is_a_success_whose_version_matches_nothing() -> (
    None
):
    script = Script(document(n=1), LOST, overwritten)
    stored = script.play(update(session(), "run", add_one))
    assert stored.version == Version.superseded()
    assert stored.revision == 4


def test_an_attempt_that_is_still_live_is_sent_again_as_the_same_bytes_on_the_same_base() -> None:
    base = document(n=1)
    calls: list[int] = []

    def fn(it: Checkpoint) -> None:
        calls.append(it.variables["n"])
        it.variables["n"] += len(calls)  # another result each time it runs

    script = Script(base, LOST, base, LOST, base, "v4")
    assert script.play(update(session(), "run", fn)).checkpoint.variables == {"n": 2}
    assert [sent.base for sent in script.sent] == ["v3", "v3", "v3"]
    assert len({sent.body for sent in script.sent}) == 1
    assert calls == [1]


def test_an_attempt_that_provably_never_landed_lets_fn_run_again_on_the_newer_copy() -> None:
    newer = document(4, writers={"other": ("theirs", 4)}, n=10)
    script = Script(document(3, n=1), LOST, newer, "v5")
    assert script.play(update(session(), "run", add_one)).checkpoint.variables == {"n": 11}
    assert [sent.base for sent in script.sent] == ["v3", "v4"]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(document(9, evicted_revision=4), id="the entry was pushed out"),
        pytest.param(document(9, writers={"me": ("clone's", 5)}), id="a clone of me wrote"),
        pytest.param(document(9, lineage="M"), id="another lineage"),
        pytest.param(foreign(), id="the member was dropped"),
        pytest.param(None, id="purged"),
    ],
)
def test_what_proves_nothing_is_an_unknown_outcome(seen: Stored | None) -> None:
    script = Script(document(3, n=1), LOST, seen)
    with pytest.raises(OutcomeUnknownError) as it:
        script.play(update(session(), "run", add_one))
    assert [str(base.version) for base in evidence(it.value).bases] == ["v3"]
    assert len(script.sent) == 1


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(document(9, evicted_revision=3), id="pushed out, but not above the base"),
        pytest.param(
            document(9, writers={"me": ("earlier", 2)}, evicted_revision=8), id="older entry"
        ),
    ],
)
def test_an_entry_that_is_not_newer_than_the_base_proves_that_nothing_landed(seen: Stored) -> None:
    script = Script(document(3, n=1), LOST, seen, "v10")
    assert script.play(update(session(), "run", add_one)).revision == 10


def test_a_stale_read_proves_nothing_and_the_outcome_stays_open() -> None:
    stale = document(2, n=0)
    # The write on the outdated copy is refused, and the next look settles it.
    script = Script(document(3, n=1), LOST, stale, REFUSED, first_landed)
    stored = script.play(update(session(), "run", add_one))
    assert (stored.revision, stored.checkpoint.variables) == (4, {"n": 2})
    assert [sent.data["variables"] for sent in script.sent] == [{"n": 2}, {"n": 1}]


# --- a refusal ----------------------------------------------------------------------------------


def test_the_table_is_asked_after_every_refusal() -> None:
    """The write was delivered twice, and its second delivery was refused."""
    script = Script(document(3, n=1), REFUSED, landed)
    assert script.play(update(session(), "run", add_one)).version == Version("v4")


def test_time_that_runs_out_between_a_refusal_and_the_look_leaves_the_outcome_unknown() -> None:
    script = Script(document(3, n=1), REFUSED, DeadlinePassed())
    with pytest.raises(OutcomeUnknownError):
        script.play(update(session(), "run", add_one))


def test_where_nothing_can_be_delivered_twice_the_same_is_a_conflict() -> None:
    script = Script(document(3, n=1), REFUSED, DeadlinePassed())
    with pytest.raises(ConflictError, match="were faster"):
        script.play(update(session(single_delivery=True), "run", add_one))


def test_attempts_that_run_out_are_a_conflict_once_every_attempt_is_known_dead() -> None:
    looks = [document(n, writers={"other": ("theirs", n)}) for n in (3, 4, 5)]
    script = Script(looks[0], REFUSED, looks[1], REFUSED, looks[2])
    with pytest.raises(ConflictError, match="were faster 2 times"):
        script.play(update(session(attempts=2), "run", add_one))


# --- what writes nothing ------------------------------------------------------------------------


def remembering(stored: Stored) -> Session:
    """A session that has seen this state before."""
    remembers = session()
    Script(stored).play(remembers.look(remembers.target("run")))
    return remembers


def test_what_fn_raises_on_a_remembered_outdated_state_does_not_come_out() -> None:
    def only_from_ten(it: Checkpoint) -> None:
        if it.variables["n"] < 10:
            msg = "too early"
            raise RuntimeError(msg)

    script = Script(document(4, n=10), "v5")
    script.play(update(remembering(document(3, n=1)), "run", only_from_ten))
    assert script.requests == ["get", "put"]


def test_absence_that_is_remembered_is_believed_only_after_a_look() -> None:
    script = Script(document(4, n=1), "v5")
    remembers = session()
    with pytest.raises(NoCheckpointError):
        Script(None).play(load(remembers, "run"))
    script.play(update(remembers, "run", add_one))
    assert script.requests == ["get", "put"]


def test_a_version_conflict_that_is_remembered_is_believed_only_after_a_look() -> None:
    script = Script(document(4), "v5")
    script.play(save(remembering(document(3)), checkpoint(), if_version=Version("v4")))
    assert script.requests == ["get", "put"]


def test_nothing_is_concluded_while_an_attempt_may_still_land() -> None:
    remembers = session()
    with pytest.raises(NoCheckpointError):
        Script(None).play(load(remembers, "run"))
    script = Script(LOST, document(3, adopted=True))
    with pytest.raises(OutcomeUnknownError):
        script.play(save(remembers, checkpoint(), if_absent=True))


# --- creating -----------------------------------------------------------------------------------


def test_a_create_that_another_create_beat_is_a_version_conflict() -> None:
    script = Script(None, LOST, document(1, writers={"other": ("theirs", 1)}))
    with pytest.raises(VersionConflictError):
        script.play(save(session(), checkpoint(), if_absent=True))


def test_a_create_under_a_tombstone_goes_on_and_its_own_write_on_it_ends_the_doubt() -> None:
    script = Script(None, LOST, tombstone(2), "v3")
    assert script.play(save(session(), checkpoint())) == Version("v3")
    assert [sent.base for sent in script.sent] == [None, "v2"]


def test_a_create_under_a_tombstone_that_ends_otherwise_is_unknown() -> None:
    script = Script(None, LOST, tombstone(2), UNSENT, DeadlinePassed())
    with pytest.raises(OutcomeUnknownError) as it:
        script.play(save(session(), checkpoint()))
    assert evidence(it.value).bases[0].version is None


def test_a_create_is_unknown_once_half_the_grace_has_passed() -> None:
    script = Script(None, LOST, None)

    def later(_: Any) -> None:
        script.elapsed = DAY.total_seconds() / 2

    script.answers[2] = later
    with pytest.raises(OutcomeUnknownError):
        script.play(save(session(), checkpoint()))


# --- documents of other programs ----------------------------------------------------------------


def test_a_document_without_the_member_is_adopted_under_a_new_lineage() -> None:
    script = Script(foreign(1), "v1")
    script.play(update(session(), "run", add_one))
    member = script.sent[0].member
    assert (member.revision, member.adopted, member.evicted_revision) == (1, True, 0)


def test_where_versions_are_content_a_write_on_it_is_sent_only_once() -> None:
    base = foreign(1)
    script = Script(base, LOST, base)
    with pytest.raises(OutcomeUnknownError):
        script.play(update(session(content_versions=True), "run", add_one))
    assert len(script.sent) == 1
    again = Script(base, LOST, base, "v1")
    again.play(update(session(), "run", add_one))
    assert len(again.sent) == 2


# --- a store that does not answer ---------------------------------------------------------------


def test_what_was_never_sent_is_sent_again_on_the_same_base() -> None:
    script = Script(document(3), UNSENT, UNSENT, "v4")
    script.play(update(session(), "run", add_one))
    assert [sent.base for sent in script.sent] == ["v3", "v3", "v3"]


def test_what_was_never_sent_is_said_to_be_unavailable_when_attempts_run_out() -> None:
    script = Script(document(3), UNSENT, UNSENT)
    with pytest.raises(StoreUnavailableError, match="nothing was applied"):
        script.play(update(session(attempts=2), "run", add_one))


def test_looks_that_fail_after_a_lost_answer_leave_it_unknown() -> None:
    script = Script(document(3), LOST, UNSENT)
    with pytest.raises(OutcomeUnknownError):
        script.play(update(session(attempts=2), "run", add_one))


def test_a_refusal_of_rights_is_raised_unless_an_attempt_may_have_landed() -> None:
    denied = AccessDeniedError("no s3:PutObject")
    with pytest.raises(AccessDeniedError) as it:
        Script(document(3), denied).play(update(session(), "run", add_one))
    assert it.value.execution_id == "run"
    base = document(3)
    with pytest.raises(OutcomeUnknownError) as unknown:
        Script(base, LOST, base, denied).play(update(session(), "run", add_one))
    assert unknown.value.__cause__ is denied
    with pytest.raises(OutcomeUnknownError):
        Script(base, LOST, denied).play(update(session(), "run", add_one))


def test_a_throttled_object_is_written_again_after_a_second() -> None:
    script = Script(document(3), THROTTLED, "v4")
    script.play(update(session(), "run", add_one))
    assert [sleep.at_least for sleep in script.sleeps] == [0, 1]


@pytest.mark.parametrize("at", [0, 1])
def test_a_deadline_before_anything_was_sent_applies_nothing(at: int) -> None:
    answers: list[Any] = [document(3), "v4"][:at]
    script = Script(*answers, DeadlinePassed())
    with pytest.raises(DeadlineExceededError, match="nothing was applied"):
        script.play(update(session(), "run", add_one))


@pytest.mark.parametrize("procedure", [load, purge])
def test_a_deadline_while_reading_is_said(procedure: Callable[..., Any]) -> None:
    with pytest.raises(DeadlineExceededError):
        Script(UNSENT, DeadlinePassed()).play(procedure(session(), "run"))


def test_a_store_that_never_answers_a_read_is_unavailable() -> None:
    with pytest.raises(StoreUnavailableError):
        Script(UNSENT, UNSENT).play(load(session(attempts=2), "run"))


# --- deleting and purging -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "revision", "epoch"),
    [
        pytest.param(None, 1, 0, id="absence"),
        pytest.param(tombstone(3, epoch=4), 4, 5, id="a tombstone"),
        pytest.param(document(3, epoch=4, owner="w", ttl_s=60), 4, 5, id="a claimed document"),
        pytest.param(foreign(), 1, 0, id="another program's document"),
    ],
)
def test_a_delete_always_writes_a_new_tombstone(
    found: Stored | None, revision: int, epoch: int
) -> None:
    script = Script(found, "new")
    script.play(delete(session(), "run"))
    (sent,) = script.sent
    assert sent.data == {"schema_version": 0, "execution_id": "run"}
    member = sent.member
    assert (member.deleted, member.owner, member.ttl_s) == (True, None, None)
    assert (member.revision, member.epoch) == (revision, epoch)


def test_a_delete_carries_the_table_on() -> None:
    script = Script(document(3, writers={"other": ("theirs", 3)}, evicted_revision=2), "v4")
    script.play(delete(session(), "run"))
    member = script.sent[0].member
    assert set(member.writers) == {"other", "me"}
    assert (member.lineage, member.evicted_revision) == ("L", 2)


@pytest.mark.parametrize(
    ("found", "answers", "removed"),
    [
        pytest.param(None, [], False, id="nothing there"),
        pytest.param(document(3, age=2 * DAY), [], False, id="a live document"),
        pytest.param(foreign(), [], False, id="another program's document"),
        pytest.param(tombstone(3, age=DAY / 2), [], False, id="too young"),
        pytest.param(tombstone(3, age=DAY), [True], True, id="old enough"),
        pytest.param(tombstone(3, age=DAY), [REFUSED], False, id="written since"),
        pytest.param(tombstone(3, age=DAY), [LOST], False, id="nobody knows"),
        pytest.param(tombstone(3, age=DAY), [False], False, id="gone already"),
    ],
)
def test_a_purge_removes_an_old_tombstone_and_nothing_else(
    found: Stored | None, answers: list[Any], removed: bool
) -> None:
    script = Script(found, *answers)
    assert script.play(purge(session(), "run")) is removed


def test_a_purge_needs_a_conditional_delete() -> None:
    incapable = session()
    incapable.capabilities = type(incapable.capabilities)(conditional_delete=False)
    with pytest.raises(UnsupportedError, match="no conditional delete"):
        Script().play(purge(incapable, "run"))


# --- settling -----------------------------------------------------------------------------------


def unknown_update() -> OutcomeUnknownError:
    with pytest.raises(OutcomeUnknownError) as it:
        Script(document(3), LOST, DeadlinePassed()).play(update(session(), "run", add_one))
    return it.value


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        pytest.param(document(4, writers={"me": ("id-1", 4)}), True, id="it is what is stored"),
        pytest.param(document(9, writers={"me": ("id-1", 4)}), True, id="others wrote since"),
        pytest.param(document(4, writers={"other": ("x", 4)}), False, id="somebody else's landed"),
        pytest.param(document(3), None, id="its base is still current"),
        pytest.param(document(9, writers={"me": ("id-2", 5)}), None, id="a later one of mine"),
        pytest.param(document(9, evicted_revision=5), None, id="pushed out"),
        pytest.param(None, None, id="purged"),
    ],
)
def test_settling_tells_what_a_later_look_proves(seen: Stored | None, outcome: bool | None) -> None:
    error = unknown_update()
    settling = settle(session(), error)
    if outcome is None:
        with pytest.raises(OutcomeUnknownError) as it:
            Script(seen).play(settling)
        assert evidence(it.value) == evidence(error)
    else:
        assert Script(seen).play(settling) is outcome


def test_a_create_is_never_settled_as_not_applied() -> None:
    with pytest.raises(OutcomeUnknownError) as it:
        Script(None, LOST, DeadlinePassed()).play(save(session(), checkpoint()))
    with pytest.raises(OutcomeUnknownError):
        Script(document(1, writers={"other": ("x", 1)})).play(settle(session(), it.value))


# --- saving again after an unknown outcome --------------------------------------------------------


def test_a_checkpoint_whose_save_turns_out_to_have_landed_can_be_saved_again() -> None:
    client = session()
    mine = Script(document(3, n=1)).play(load(client, "run"))
    script = Script(LOST, DeadlinePassed())
    with pytest.raises(OutcomeUnknownError):
        script.play(save(client, mine))
    again = Script(landed(script.sent), "v5")
    assert again.play(save(client, mine)) == Version("v5")


def test_a_checkpoint_whose_save_was_overwritten_since_conflicts() -> None:
    client = session()
    mine = Script(document(3, n=1)).play(load(client, "run"))
    script = Script(LOST, DeadlinePassed())
    with pytest.raises(OutcomeUnknownError):
        script.play(save(client, mine))
    with pytest.raises(ConflictError):
        Script(overwritten(script.sent)).play(save(client, mine))


def test_what_cannot_be_read_is_not_saved_over_even_if_it_came_while_a_save_was_open() -> None:
    broken = Stored(None, {"schema_version": 1, "bucketpoint": 5})
    with pytest.raises(CorruptCheckpointError):
        Script(broken).play(save(session(), checkpoint()))
    with pytest.raises(OutcomeUnknownError):
        Script(document(3), LOST, broken).play(save(session(), checkpoint()))
