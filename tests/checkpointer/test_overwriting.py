"""Nobody's write is overwritten unseen, and conditions hold what they say."""

from collections.abc import Callable
from typing import Any

import pytest

from bucketpoint import (
    ConflictError,
    InvalidInputError,
    MemoryStore,
    StoreRequest,
    Version,
    VersionConflictError,
)
from bucketpoint.stores.contract import Store
from tests.checkpointer.steps import add_one, counted, run


def test_a_loaded_checkpoint_does_not_overwrite_what_somebody_else_wrote(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError, match="changed since this checkpoint was loaded or saved"):
        ours.save_checkpoint(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 1}


def test_what_a_save_means_does_not_depend_on_what_is_remembered(
    make: Callable[..., Any], store: Store
) -> None:
    ours = make(store, remembered_entries=0)
    theirs = make(store)
    mine = run()
    ours.save_checkpoint(mine)
    mine.workflow_name = "again"
    ours.save_checkpoint(mine)
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError):
        ours.save_checkpoint(mine)


def test_the_same_object_is_saved_again_and_again(checkpointer: Any) -> None:
    mine = run()
    for n in range(5):
        mine.variables = {"n": n}
        checkpointer.save_checkpoint(mine)
    assert checkpointer.get("run-42").revision == 5


def test_a_checkpoint_that_the_user_built_replaces_what_is_there(
    make: Callable[..., Any], store: Store
) -> None:
    make(store).save_checkpoint(run())
    make(store).save_checkpoint(run(variables={"n": 5}))
    assert make(store).load_checkpoint("run-42").variables == {"n": 5}


def test_a_loaded_checkpoint_whose_run_was_deleted_conflicts(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.delete_checkpoint("run-42")
    with pytest.raises(ConflictError, match="was deleted since"):
        ours.save_checkpoint(mine)
    ours.save_checkpoint(mine, overwrite=True)
    assert theirs.load_checkpoint("run-42") == mine


def test_overwrite_is_last_writer_wins(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store, overwrite=True), make(store)
    ours.save_checkpoint(run())
    mine = ours.load_checkpoint("run-42")
    theirs.atomic_update("run-42", add_one)
    ours.save_checkpoint(mine)
    assert theirs.load_checkpoint("run-42").variables == {"n": 0}
    theirs.atomic_update("run-42", add_one)
    with pytest.raises(ConflictError):
        ours.save_checkpoint(mine, overwrite=False)


def test_a_checkpoint_from_another_store_is_new_there(make: Callable[..., Any]) -> None:
    here, there = make(MemoryStore()), make(MemoryStore())
    here.save_checkpoint(run())
    there.save_checkpoint(run(variables={"n": 1}))
    there.save_checkpoint(here.load_checkpoint("run-42"))
    assert there.load_checkpoint("run-42").variables == {"n": 0}


def test_if_version_writes_over_exactly_that_version(
    make: Callable[..., Any], store: Store
) -> None:
    ours, theirs = make(store), make(store)
    first = ours.save_checkpoint(run())
    travelled = Version.parse(str(first))
    second = theirs.save_checkpoint(run(variables={"n": 1}), if_version=travelled)
    with pytest.raises(VersionConflictError, match="no longer at the version asked for"):
        ours.save_checkpoint(run(variables={"n": 2}), if_version=first)
    ours.save_checkpoint(run(variables={"n": 3}), if_version=second)
    assert theirs.load_checkpoint("run-42").variables == {"n": 3}


def test_if_version_on_an_execution_that_is_not_there_conflicts(checkpointer: Any) -> None:
    with pytest.raises(VersionConflictError):
        checkpointer.save_checkpoint(run(), if_version=Version("17"))
    assert checkpointer.get("run-42") is None


def test_if_absent_starts_a_run_once(make: Callable[..., Any], store: Store) -> None:
    ours, theirs = make(store), make(store)
    ours.save_checkpoint(run(), if_absent=True)
    for checkpointer in (ours, theirs):
        with pytest.raises(VersionConflictError, match="has a checkpoint already"):
            checkpointer.save_checkpoint(run(variables={"n": 9}), if_absent=True)
    assert theirs.load_checkpoint("run-42").variables == {"n": 0}


@pytest.mark.parametrize(
    "conditions",
    [
        {"if_version": Version("1"), "if_absent": True},
        {"if_absent": True, "overwrite": True},
        {"if_version": "17"},
        {"if_version": Version("1"), "if_absent": "yes"},
    ],
)
def test_conditions_that_make_no_sense_are_refused(
    checkpointer: Any, requests: list[StoreRequest], conditions: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        checkpointer.save_checkpoint(run(), **conditions)
    assert counted(requests) == {}
