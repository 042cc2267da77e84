"""Every procedure against a script of requests and answers: what it asks, and what it concludes."""

from collections.abc import Callable
from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import save as saving
from bucketpoint.core.claim import ClaimState, ClaimTerms, release, save_claimed, take_claim
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.document import Document
from bucketpoint.core.effects import DeadlinePassed, Procedure
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.session import Session, StoredCheckpoint
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.core.verdict import Base, Verdict, judge
from bucketpoint.errors import (
    AccessDeniedError,
    ClaimHeldError,
    ConflictError,
    DeadlineExceededError,
    FenceViolationError,
    InvalidInputError,
    NoCheckpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreUnavailableError,
    UnsupportedError,
    VersionConflictError,
)
from bucketpoint.stores.contract import Version
from tests.core.scripted import (
    ME,
    RUN,
    Script,
    Shown,
    body,
    member,
    session,
    snapshot,
    stored,
    tokens,
)

REFUSED = PreconditionFailedError("refused")
LOST = OutcomeUnknownError("no answer")
UNSENT = StoreUnavailableError("not sent")
THROTTLED = StoreUnavailableError("slow down", throttled=True)
LATE = DeadlinePassed()
V1, V2, V3 = Version("v1"), Version("v2"), Version("v3")


def append(mark: str) -> Callable[[Checkpoint], None]:
    def fn(checkpoint: Checkpoint) -> None:
        checkpoint.variables["tokens"].append(mark)

    return fn


def updating(mark: str = "mine") -> Callable[[Session], Procedure[StoredCheckpoint]]:
    return lambda store: update(store, RUN, append(mark))


def theirs(*tokens: str, revision: int = 2, **options: Any) -> bytes:
    """What another writer made of the document."""
    options.setdefault("writers", {"other": ["x", revision]})
    return body(*tokens, revision=revision, **options)


class TestRequestsPerOperation:
    """The counts that the design allows."""

    def test_a_load_is_one_get(self) -> None:
        script = Script([("GET", stored(body("a"), "v1"))])
        assert script.run(load(session(), RUN)).variables == {"tokens": ["a"]}

    def test_a_first_save_of_a_run_never_seen_is_a_get_and_a_put(self) -> None:
        script = Script([("GET", None), ("PUT if absent", V1)])
        assert script.run(saving.save(session(), snapshot("a"))) == V1

    def test_a_save_of_a_run_seen_before_is_one_put(self) -> None:
        store = session()
        Script([("GET", None), ("PUT if absent", V1)]).run(saving.save(store, snapshot("a")))
        script = Script([("PUT if v1", V2)])
        assert script.run(saving.save(store, snapshot("b"))) == V2
        assert member(script.bodies[0])["revision"] == 2

    def test_a_first_update_is_a_get_and_a_put_and_a_later_one_is_one_put(self) -> None:
        store = session()
        Script([("GET", stored(body("a"), "v1")), ("PUT if v1", V2)]).run(updating("b")(store))
        script = Script([("PUT if v2", V3)])
        found = script.run(updating("c")(store))
        assert (found.version, found.revision) == (V3, 3)
        assert tokens(script.bodies[0]) == ["a", "b", "c"]

    def test_a_delete_of_a_run_seen_before_is_one_put(self) -> None:
        store = session()
        Script([("GET", stored(body("a"), "v1"))]).run(load(store, RUN))
        script = Script([("PUT if v1", V2)])
        script.run(delete(store, RUN))
        assert member(script.bodies[0])["deleted"] is True

    def test_a_load_always_asks_though_the_run_was_just_seen(self) -> None:
        store = session()
        Script([("GET", stored(body("a"), "v1"))]).run(load(store, RUN))
        script = Script([("GET", stored(body("b"), "v2"))])
        assert script.run(load(store, RUN)).variables == {"tokens": ["b"]}


class TestLostAnswers:
    """What the table of writers tells of an attempt without an answer."""

    def test_an_attempt_that_landed_is_acknowledged_with_its_own_version(self) -> None:
        script = Script(
            [("GET", stored(body("a"), "v1")), ("PUT if v1", LOST), ("GET", Shown("v2"))]
        )
        found = script.run(updating()(session()))
        assert found.version == V2
        assert found.checkpoint.variables["tokens"] == ["a", "mine"]

    def test_one_that_others_have_written_over_is_acknowledged_without_a_version(self) -> None:
        on_top = theirs("a", "mine", "b", revision=3, writers={ME: ["o1", 2], "other": ["x", 3]})
        script = Script(
            [
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", LOST),
                ("GET", stored(on_top, "v3")),
            ]
        )
        assert script.run(updating()(session())).version == Version.superseded()

    def test_one_whose_base_is_current_is_sent_again_with_the_same_bytes(self) -> None:
        script = Script(
            [
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", LOST),
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", V2),
            ]
        )
        assert script.run(updating()(session())).version == V2
        assert script.bodies[0] == script.bodies[1]
        assert script.calls == 1

    def test_fn_runs_again_only_on_a_newer_copy_when_the_attempt_is_dead(self) -> None:
        script = Script(
            [
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", LOST),
                ("GET", stored(theirs("a", "b"), "v2")),
                ("PUT if v2", V3),
            ]
        )
        script.run(updating()(session()))
        assert script.calls == 2
        assert [tokens(sent) for sent in script.bodies] == [["a", "mine"], ["a", "b", "mine"]]
        assert member(script.bodies[1])["writers"][ME] == ["o1", 3]

    @pytest.mark.parametrize(
        "look",
        [
            pytest.param(None, id="nothing, after something"),
            pytest.param(stored(body("a", foreign=True), "v2"), id="a document without the member"),
            pytest.param(stored(theirs("a", lineage="M"), "v2"), id="another lineage"),
            pytest.param(stored(theirs("a", evicted_revision=2), "v2"), id="an entry pushed out"),
            pytest.param(
                stored(theirs("a", revision=3, writers={ME: ["clone", 2]}), "v3"),
                id="a newer entry of this writer",
            ),
        ],
    )
    def test_where_the_proof_is_gone_the_outcome_is_unknown(self, look: object) -> None:
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", LOST), ("GET", look)])
        with pytest.raises(OutcomeUnknownError) as caught:
            script.run(updating()(session()))
        assert (caught.value.execution_id, caught.value.evidence is not None) == (RUN, True)

    def test_a_412_may_be_the_second_delivery_of_an_attempt_that_landed(self) -> None:
        script = Script(
            [("GET", stored(body("a"), "v1")), ("PUT if v1", REFUSED), ("GET", Shown("v2"))]
        )
        assert script.run(updating()(session())).version == V2

    @pytest.mark.parametrize(("seconds", "looks"), [(9.9, False), (10.0, True)])
    def test_what_was_seen_long_ago_is_looked_at_again(
        self, seconds: float, *, looks: bool
    ) -> None:
        store = session()
        first = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", V2)], repeat(0.0))
        first.run(updating("b")(store))
        look = [("GET", stored(first.bodies[-1], "v2"))] if looks else []
        later = Script([*look, ("PUT if v2", V3)], repeat(seconds))
        assert later.run(updating("c")(store)).version == V3

    def test_a_create_is_not_dead_because_a_tombstone_is_there(self) -> None:
        tombstone = stored(theirs(tombstone=True, revision=1), "v1")
        script = Script([("GET", None), ("PUT if absent", LOST), ("GET", tombstone)])
        script.lines = [*script.lines, ("PUT if v1", LATE)]
        with pytest.raises(OutcomeUnknownError):
            script.run(saving.save(session(), snapshot("mine")))

    def test_a_create_is_given_up_once_half_the_grace_has_passed(self) -> None:
        script = Script(
            [("GET", None), ("PUT if absent", LOST), ("GET", None)],
            elapsed=iter([0.0, 0.0, *[timedelta(hours=12).total_seconds()] * 2]),
        )
        with pytest.raises(OutcomeUnknownError):
            script.run(saving.save(session(), snapshot("mine")))

    def test_a_foreign_document_is_written_once_where_versions_derive_from_bytes(self) -> None:
        foreign = stored(body("a", foreign=True), "v1")
        script = Script([("GET", foreign), ("PUT if v1", LOST), ("GET", foreign)])
        with pytest.raises(OutcomeUnknownError):
            script.run(updating()(session(content_versions=True)))

    def test_a_foreign_document_is_written_again_where_versions_are_unique(self) -> None:
        foreign = stored(body("a", foreign=True), "v1")
        script = Script(
            [("GET", foreign), ("PUT if v1", LOST), ("GET", foreign), ("PUT if v1", V2)]
        )
        assert script.run(updating()(session())).version == V2
        assert member(script.bodies[1])["adopted"] is True

    def test_an_outdated_read_proves_nothing(self) -> None:
        base = Base(V2, "L", revision=2)
        outdated = Document.parse(body("a", revision=1))
        assert judge(base, V1, outdated, ME) is Verdict.LIVE


class TestGivingUp:
    """When attempts or time are used up, what may have landed is unknown, the rest is not."""

    def test_conflicts_alone_are_a_conflict(self) -> None:
        script = Script(
            [
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", REFUSED),
                ("GET", stored(theirs("a", "b"), "v2")),
                ("PUT if v2", REFUSED),
                ("GET", stored(theirs("a", "b", "c", revision=3), "v3")),
            ]
        )
        with pytest.raises(ConflictError, match="other writers"):
            script.run(updating()(session(attempts=2)))

    def test_requests_that_were_never_sent_are_unavailable(self) -> None:
        script = Script(
            [("GET", stored(body("a"), "v1")), ("PUT if v1", UNSENT), ("PUT if v1", UNSENT)]
        )
        with pytest.raises(StoreUnavailableError, match="nothing was applied"):
            script.run(updating()(session(attempts=2)))

    def test_one_live_attempt_makes_it_unknown_whatever_came_after(self) -> None:
        script = Script(
            [
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", LOST),
                ("GET", stored(body("a"), "v1")),
                ("PUT if v1", UNSENT),
                ("GET", stored(body("a"), "v1")),
            ]
        )
        with pytest.raises(OutcomeUnknownError):
            script.run(updating()(session(attempts=2)))

    def test_a_deadline_before_the_first_request_is_a_deadline(self) -> None:
        with pytest.raises(DeadlineExceededError):
            Script([("GET", LATE)]).run(updating()(session()))

    def test_a_deadline_before_the_first_put_is_a_deadline(self) -> None:
        with pytest.raises(DeadlineExceededError):
            Script([("GET", stored(body("a"), "v1")), ("PUT if v1", LATE)]).run(
                updating()(session())
            )

    def test_a_deadline_before_the_look_is_unknown(self) -> None:
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", LOST), ("GET", LATE)])
        with pytest.raises(OutcomeUnknownError):
            script.run(updating()(session()))

    def test_a_look_that_is_denied_leaves_it_unknown(self) -> None:
        denied = AccessDeniedError("no right to read")
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", LOST), ("GET", denied)])
        with pytest.raises(OutcomeUnknownError) as caught:
            script.run(updating()(session()))
        assert caught.value.__cause__ is denied

    def test_a_deadline_after_a_refusal_is_a_conflict_where_nothing_is_delivered_twice(
        self,
    ) -> None:
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", REFUSED), ("GET", LATE)])
        with pytest.raises(ConflictError):
            script.run(updating()(session(single_delivery=True)))

    def test_a_refusal_by_configuration_comes_out_with_the_run_it_is_about(self) -> None:
        denied = AccessDeniedError("no right to write")
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", denied)])
        with pytest.raises(AccessDeniedError) as caught:
            script.run(updating()(session()))
        assert caught.value.execution_id == RUN


class TestRefusals:
    """What writes nothing is believed only after a read of this call."""

    def test_fn_is_not_called_when_there_is_no_checkpoint(self) -> None:
        script = Script([("GET", None)])
        with pytest.raises(NoCheckpointError):
            script.run(updating()(session()))
        assert script.calls == 0

    def test_the_very_exception_of_fn_comes_out_and_nothing_is_written(self) -> None:
        error = RuntimeError("mine")

        def fn(_: Checkpoint) -> None:
            raise error

        with pytest.raises(RuntimeError) as caught:
            Script([("GET", stored(body("a"), "v1"))]).run(update(session(), RUN, fn))
        assert caught.value is error

    def test_what_fn_raised_on_a_remembered_outdated_state_does_not_come_out(self) -> None:
        def fn(checkpoint: Checkpoint) -> None:
            if "b" not in checkpoint.variables["tokens"]:
                raise RuntimeError
            checkpoint.variables["tokens"].append("mine")

        store = session()
        Script([("GET", stored(body("a"), "v1"))]).run(load(store, RUN))
        script = Script([("GET", stored(theirs("a", "b"), "v2")), ("PUT if v2", V3)])
        script.run(update(store, RUN, fn))
        assert tokens(script.bodies[0]) == ["a", "b", "mine"]

    def test_an_absence_that_is_remembered_is_asked_about_again(self) -> None:
        store = session()
        with pytest.raises(NoCheckpointError):
            Script([("GET", None)]).run(load(store, RUN))
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", V2)])
        assert script.run(updating()(store)).version == V2

    def test_a_loaded_checkpoint_does_not_replace_what_others_wrote_since(self) -> None:
        store = session()
        loaded = Script([("GET", stored(body("a"), "v1"))]).run(load(store, RUN))
        script = Script([("PUT if v1", REFUSED), ("GET", stored(theirs("a", "b"), "v2"))])
        with pytest.raises(ConflictError, match="changed since"):
            script.run(saving.save(store, loaded))

    def test_overwrite_replaces_it(self) -> None:
        store = session()
        loaded = Script([("GET", stored(body("a"), "v1"))]).run(load(store, RUN))
        script = Script(
            [
                ("PUT if v1", REFUSED),
                ("GET", stored(theirs("a", "b"), "v2")),
                ("PUT if v2", V3),
            ]
        )
        assert script.run(saving.save(store, loaded, overwrite=True)) == V3

    def test_if_absent_refuses_where_a_run_was_started(self) -> None:
        script = Script([("GET", stored(body("a"), "v1"))])
        with pytest.raises(VersionConflictError):
            script.run(saving.save(session(), snapshot("mine"), if_absent=True))

    def test_if_absent_takes_a_tombstone_for_absence(self) -> None:
        script = Script([("GET", stored(body(tombstone=True), "v1")), ("PUT if v1", V2)])
        assert script.run(saving.save(session(), snapshot("mine"), if_absent=True)) == V2

    def test_if_version_refuses_another_version(self) -> None:
        script = Script([("GET", stored(body("a"), "v2"))])
        with pytest.raises(VersionConflictError):
            script.run(saving.save(session(), snapshot("mine"), if_version=V1))

    def test_a_get_of_nothing_or_of_a_tombstone_is_none(self) -> None:
        assert Script([("GET", None)]).run(get_stored(session(), RUN)) is None
        tombstone = stored(body(tombstone=True), "v1")
        assert Script([("GET", tombstone)]).run(get_stored(session(), RUN)) is None


class TestDeleteAndPurge:
    """A delete always leaves a tombstone; a purge removes only an old one."""

    def test_a_delete_of_nothing_writes_a_tombstone(self) -> None:
        script = Script([("GET", None), ("PUT if absent", V1)])
        script.run(delete(session(), RUN))
        assert member(script.bodies[0])["deleted"] is True

    def test_a_delete_of_a_tombstone_writes_another_and_raises_the_epoch(self) -> None:
        script = Script([("GET", stored(body(tombstone=True, epoch=4), "v1")), ("PUT if v1", V2)])
        script.run(delete(session(), RUN))
        assert (member(script.bodies[0])["revision"], member(script.bodies[0])["epoch"]) == (2, 5)

    @pytest.mark.parametrize(
        "found",
        [
            pytest.param(None, id="nothing"),
            pytest.param(stored(body("a"), "v1", age=timedelta(days=9)), id="a live document"),
            pytest.param(stored(body(tombstone=True), "v1"), id="a young tombstone"),
        ],
    )
    def test_nothing_but_an_old_tombstone_is_purged(self, found: object) -> None:
        assert Script([("GET", found)]).run(purge(session(), RUN)) is False

    @pytest.mark.parametrize(
        ("answer", "purged"), [(True, True), (False, False), (REFUSED, False), (LOST, False)]
    )
    def test_an_old_tombstone_is_removed_if_it_is_still_that_version(
        self, answer: object, purged: bool
    ) -> None:
        old = stored(body(tombstone=True), "v1", age=timedelta(days=2))
        script = Script([("GET", old), ("DELETE if v1", answer)])
        assert script.run(purge(session(), RUN)) is purged

    def test_without_a_conditional_delete_nothing_is_purged(self) -> None:
        with pytest.raises(UnsupportedError):
            Script([]).run(purge(session(conditional_delete=False), RUN))


class TestPacing:
    """A store that asked for fewer requests to an object gets a second between them."""

    def test_writes_keep_a_second_apart_for_a_minute_after_throttling(self) -> None:
        store = session()
        clock = iter([0.0, 0.0, 0.25, 1.0, 70.0, 70.0])
        script = Script(
            [("GET", stored(body("a"), "v1")), ("PUT if v1", THROTTLED), ("PUT if v1", V2)], clock
        )
        script.run(updating("b")(store))
        assert [sleep.at_least for sleep in script.sleeps] == [0.0, 0.75]
        now = stored(script.bodies[-1], "v2")
        later = Script([("GET", now), ("PUT if v2", V3)], repeat(90.0))
        later.run(updating("c")(store))
        assert later.sleeps == []


class TestSettling:
    """A later look at an unknown outcome."""

    def unknown(self, store: Session) -> OutcomeUnknownError:
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", LOST), ("GET", LATE)])
        with pytest.raises(OutcomeUnknownError) as caught:
            script.run(updating()(store))
        return caught.value

    def test_it_says_true_when_the_write_is_in_the_table(self) -> None:
        store = session()
        error = self.unknown(store)
        landed = stored(theirs("a", "mine", writers={ME: ["o1", 2]}), "v2")
        assert Script([("GET", landed)]).run(settle(store, error)) is True

    def test_it_says_false_when_the_write_is_dead(self) -> None:
        store = session()
        error = self.unknown(store)
        assert Script([("GET", stored(theirs("a", "b"), "v2"))]).run(settle(store, error)) is False

    def test_an_error_that_tells_nothing_is_refused_before_anything_is_asked(self) -> None:
        with pytest.raises(InvalidInputError, match="did not come from a checkpointer"):
            Script([]).run(settle(session(), OutcomeUnknownError("somebody's own")))

    def test_it_raises_again_while_the_write_may_still_land(self) -> None:
        store = session()
        error = self.unknown(store)
        with pytest.raises(OutcomeUnknownError):
            Script([("GET", stored(body("a"), "v1"))]).run(settle(store, error))


class TestClaims:
    """A claim is compared inside every conditional write."""

    TERMS = ClaimTerms(RUN, "worker", ttl=timedelta(seconds=60))

    def claimed(self, store: Session) -> tuple[ClaimState, Checkpoint, bytes]:
        script = Script([("GET", stored(body("a"), "v1")), ("PUT if v1", V2)])
        state, checkpoint = script.run(take_claim(store, self.TERMS))
        return state, checkpoint, script.bodies[0]

    def test_a_claim_of_nothing_creates_a_pending_run(self) -> None:
        script = Script([("GET", None), ("PUT if absent", V1)])
        _, checkpoint = script.run(take_claim(session(), self.TERMS))
        assert checkpoint.status == "pending"
        assert member(script.bodies[0])["owner"] == "worker"

    def test_a_held_claim_is_refused_with_its_owner_and_what_is_left_of_it(self) -> None:
        held = body("a", owner="somebody", ttl_s=60.0, epoch=1)
        script = Script([("GET", stored(held, "v1", age=timedelta(seconds=20)))])
        with pytest.raises(ClaimHeldError) as caught:
            script.run(take_claim(session(), self.TERMS))
        assert (caught.value.owner, caught.value.remaining_s) == ("somebody", 40.0)

    def test_an_expired_claim_is_taken_over(self) -> None:
        held = body("a", owner="somebody", ttl_s=60.0, epoch=1)
        script = Script([("GET", stored(held, "v1", age=timedelta(seconds=60))), ("PUT if v1", V2)])
        state, _ = script.run(take_claim(session(), self.TERMS))
        assert state.epoch == 2

    def test_a_claimed_save_is_one_put(self) -> None:
        store = session()
        state, checkpoint, _ = self.claimed(store)
        append("mine")(checkpoint)
        assert Script([("PUT if v2", V3)]).run(save_claimed(store, state, checkpoint)) == V3

    def test_a_claim_that_was_taken_over_is_lost_for_ever(self) -> None:
        store = session()
        state, checkpoint, _ = self.claimed(store)
        taken = stored(theirs("a", revision=3, epoch=2, owner="worker", ttl_s=60.0), "v3")
        script = Script([("PUT if v2", REFUSED), ("GET", taken)])
        with pytest.raises(FenceViolationError, match="taken over"):
            script.run(save_claimed(store, state, checkpoint))
        with pytest.raises(FenceViolationError):
            Script([]).run(save_claimed(store, state, checkpoint))
        Script([("GET", taken)]).run(release(store, state))
        Script([]).run(release(store, state))

    def test_a_save_that_landed_before_the_takeover_is_acknowledged(self) -> None:
        store = session()
        state, checkpoint, _ = self.claimed(store)
        append("mine")(checkpoint)
        on_top = theirs(
            "a",
            "mine",
            revision=4,
            epoch=2,
            owner="other",
            ttl_s=60.0,
            writers={ME: ["o1", 3], "other": ["x", 4]},
        )
        script = Script([("PUT if v2", LOST), ("GET", stored(on_top, "v4"))])
        version = script.run(save_claimed(store, state, checkpoint))
        assert version == Version.superseded()
