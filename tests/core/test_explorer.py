"""The explorer itself: what it visits, how it reports, and that it finds what is wrong."""

import pytest

from bucketpoint.core import write
from bucketpoint.errors import InvalidInputError
from bucketpoint.testing.explore import Event, Explorer, Move, explore, replay

UPDATES = [["update"], ["update"]]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that does not note which attempts may still land."""

    def forget(*_: object) -> None:
        pass

    monkeypatch.setattr(write._WriteLoop, "_add_pending", forget)


def test_two_updates_without_faults_interleave_in_every_way() -> None:
    found = explore(UPDATES, faults=0, start="document")
    # Each is a GET and a PUT; whoever comes second to the PUT looks again and puts again.
    assert (found.states, found.transitions, found.violation) == (16, 18, None)


def test_every_fault_opens_states_of_its_own() -> None:
    without = explore(UPDATES, faults=0, start="document").states
    for fault in (Event.LOST, Event.LATE, Event.DUPLICATED, Event.NEVER_SENT, Event.CLONED):
        found = explore(UPDATES, faults=1, kinds=[fault], start="document")
        assert found.states > without, fault


def test_an_exploration_is_the_same_every_time() -> None:
    explorer = Explorer()
    first, second = (explorer.explore([["save", "delete"], ["update"]]) for _ in range(2))
    assert (first.states, first.transitions) == (second.states, second.transitions)


@pytest.mark.usefixtures("broken")
def test_a_violation_is_a_shortest_schedule_that_people_can_read() -> None:
    violation = explore(UPDATES, faults=2, start="document").violation
    assert violation is not None
    assert violation.script.splitlines() == [
        "   at first: [start] (start revision 3, version g1.1)",
        " 1. A update (A1): GET: answered",
        " 2. A update (A1): PUT if version g1.1: applied, but the answer is lost",
        "      stored: [start, A1] (start revision 4, version g2.4)",
        " 3. A update (A1): GET: the time for the call is used up before it is sent",
        "    => A1 update ended with StoreUnavailableError, but was applied",
    ]


@pytest.mark.usefixtures("broken")
def test_its_schedule_replays_to_the_same_problem() -> None:
    explorer = Explorer()
    violation = explorer.explore(UPDATES, start="document").violation
    assert violation is not None
    world = explorer.world(UPDATES, start="document")
    assert replay(world, violation.schedule) == violation


def test_a_schedule_that_was_a_violation_and_is_none_any_more_replays_to_none() -> None:
    world = Explorer().world(UPDATES, start="document")
    schedule = [Move(Event.ANSWERED, 0), Move(Event.LOST, 0), Move(Event.DEADLINE, 0)]
    assert replay(world, schedule) is None


def test_a_move_that_is_not_possible_is_refused_with_its_number() -> None:
    world = Explorer().world(UPDATES, start="document")
    with pytest.raises(InvalidInputError, match="move 2"):
        replay(world, [Move(Event.ANSWERED, 0), Move(Event.LANDS, 0)])


def test_an_exception_that_is_no_outcome_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(write, "judge", fail)
    violation = explore(UPDATES, faults=1, start="document").violation
    assert violation is not None
    assert "raised ZeroDivisionError" in violation.problem


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ([["uptade"]], "there is no operation 'uptade'"),
        ([["load"]] * 4, "one to 3 programs"),
        ([], "one to 3 programs"),
        ([["load"] * 9], "at most 6 operations"),
    ],
)
def test_programs_that_cannot_be_explored_are_refused(
    programs: list[list[str]], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        explore(programs)
