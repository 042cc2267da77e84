"""Each suite notices who breaks one of its promises, by the test that is named for it."""

from typing import Any

import pytest

from bucketpoint.testing.conformance import checkpointers
from tests.testing import known_bad, known_bad_stores

pytest_plugins = ["pytester"]

CAUGHT_BY = {
    "ReturnsItsOwnObject": {"changing_a_loaded_object_changes_nothing_stored"},
    "KeepsTheCallersObject": {"changing_a_saved_object_changes_nothing_stored"},
    "CopiesOneLevel": {"changing_a_loaded_object_changes_nothing_stored"},
    "KeepsWhatFnWasGiven": {"changing_what_fn_was_given_later_changes_nothing_stored"},
    "LosesUpdates": {"an_update_in_between_is_not_lost", "a_delete_in_between_is_not_undone"},
    "LocksForItselfOnly": {"an_update_in_between_is_not_lost", "a_save_in_between_is_not_lost"},
    "SavesWhenFnRaises": {"if_fn_raises_nothing_is_saved"},
    "SwallowsTheException": {"if_fn_raises_nothing_is_saved"},
    "WrapsTheException": {"if_fn_raises_nothing_is_saved"},
    "RetriesAConflictOfFn": {"if_fn_raises_nothing_is_saved"},
    "CallsFnForNothing": {"without_a_checkpoint_fn_is_not_called"},
    "IgnoresWhatFnReturns": {"a_returned_checkpoint_is_saved_instead"},
    "DeletesOnlyWhatIsThere": {"deleting_what_is_not_there_succeeds"},
    "LosesUnknownMembers": {"every_value_is_kept"},
    "RoundsTimes": {"every_value_is_kept"},
    "ReadsAnySchema": {"another_schema_version_is_recorded_and_refused"},
    "RemembersWhatItLoaded": {"each_sees_what_the_other_did_last"},
    "FoldsCase": {"no_two_ids_name_one_run"},
    "KeepsWhatItSaysItLoses": {"every_value_is_kept", "an_odd_id_names_a_run"},
    "AsyncLosesUpdates": {"an_update_in_between_is_not_lost"},
    "AsyncNeverAwaitsFn": {"an_update_in_place_is_saved"},
    "AsyncAlwaysAwaitsFn": {"fn_may_be_a_plain_function"},
    "IgnoresConditions": {
        "if_absent_is_refused_where_something_is",
        "an_old_version_is_not_overwritten",
        "one_of_many_creates_wins",
    },
    "IgnoresIfAbsent": {"if_absent_is_refused_where_something_is"},
    "ReadsStaleObjects": {"every_read_shows_the_last_write"},
    "DeletesAnyVersion": {"an_old_version_is_not_deleted"},
    "CachesReads": {"what_other_programs_changed_is_a_new_version"},
    "ReadsInTwoSteps": {"readers_see_whole_objects_only"},
    "DeletesInTwoSteps": {"a_delete_in_a_race_takes_no_other_write_along"},
    "ReusesVersions": {"the_current_version_is_deleted"},
    "ServesAsWritten": {"time_goes_by"},
    "DatesTheCreation": {"time_goes_by"},
    "ListsByPattern": {"a_listing_is_of_the_prefix"},
    "ListsByOffset": {"a_listing_goes_on_beside_writers"},
    "ListsOnePage": {"a_long_listing_is_whole"},
    "TellsItsPassword": {"the_url_names_the_store"},
    "TakesNoTimeout": {"every_request_takes_a_timeout"},
    "AsyncIgnoresConditions": {"an_old_version_is_not_overwritten"},
}
"""Who is bad, and tests (at least these) that must fail for it."""


def test_every_known_bad_one_is_run() -> None:
    known = {**vars(known_bad), **vars(known_bad_stores)}
    assert {f"Test{name}" for name in CAUGHT_BY} == {
        name for name in known if name.startswith("Test")
    }


@pytest.mark.parametrize("name", CAUGHT_BY)
def test_who_breaks_a_promise_is_caught(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # None of them makes the other writer wait, so the other one's end need not be given up.
    monkeypatch.setattr(checkpointers, "PATIENCE_S", 60.0)
    tests = " or ".join(CAUGHT_BY[name])
    assert CAUGHT_BY[name] <= failed_tests(pytester, name, "-k", tests)


@pytest.mark.parametrize("name", ["Suite", "PlainSuite", "BadStoreSuite"])
def test_those_that_they_are_made_of_keep_all_promises(
    pytester: pytest.Pytester, name: str
) -> None:
    assert failed_tests(pytester, name) == set()


def failed_tests(pytester: pytest.Pytester, name: str, *arguments: str) -> set[str]:
    """Run a suite of known bad ones in a pytest of its own, and return which of its tests failed."""
    suite = name if name.endswith("Suite") else f"Test{name}"
    module = known_bad if hasattr(known_bad, suite) else known_bad_stores
    path = pytester.makepyfile(f"from {module.__name__} import {suite} as TestIt")
    runner: Any = pytester  # pytest leaves one of its parameters untyped
    done = runner.inline_run(path, "-p", "no:xdist", "--rootdir", pytester.path, *arguments)
    passed, skipped, failed = done.listoutcomes()
    assert (bool(passed or failed), skipped) == (True, [])
    assert {report.when for report in failed} <= {"call"}
    return {report.nodeid.rpartition("::test_")[2].partition("[")[0] for report in failed}
