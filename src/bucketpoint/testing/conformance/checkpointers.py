"""The suites of the two synchronous interfaces in `bucketpoint.protocols`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.errors import (
    BucketpointError,
    ConflictError,
    NoCheckpointError,
    UnsupportedSchemaError,
)
from bucketpoint.protocols import AtomicCheckpointer, Checkpointer
from bucketpoint.testing.conformance.documents import (
    DOCUMENTS,
    EXECUTION_IDS,
    checkpoint_of,
    counter,
    exact,
)
from bucketpoint.testing.conformance.subclassing import to_be_written

__all__ = ["AtomicCheckpointerSuite", "CheckpointerSuite"]

RUN = "run-42"

WRITERS = 4

PATIENCE_S = 0.5
"""How long a function waits for another writer, who may have to wait for the function instead."""


class CheckpointerSuite:
    """The promises of `Checkpointer`, as tests.

    **It deletes what is in the storage.** Subclass it, and say how to make a checkpointer on empty
    storage. Where two checkpointers can share storage, say how to make another one, for the tests
    with two writers.

    Attributes:
        lost_documents: Names in `DOCUMENTS` of what the checkpointer does not keep; it is checked
            that it still does not.
        unusable_ids: Names in `EXECUTION_IDS` of what cannot name a run there; likewise.
        rounds: How often each thread of a race writes; fewer where a server is slow.

    Example:
        class TestMyCheckpointer(CheckpointerSuite):
            lost_documents = frozenset({"unknown members"})

            def make_checkpointer(self, folder: Path) -> Checkpointer:
                return MyCheckpointer(folder)

            def make_another(self, checkpointer: MyCheckpointer) -> Checkpointer:
                return MyCheckpointer(checkpointer.folder)
    """

    lost_documents: ClassVar[frozenset[str]] = frozenset()
    unusable_ids: ClassVar[frozenset[str]] = frozenset()
    rounds: ClassVar[int] = 10

    @abstractmethod
    def make_checkpointer(self, folder: Path) -> Checkpointer:
        """Return a checkpointer on empty storage; the folder is empty too, and the test's own."""
        raise to_be_written(self, "make_checkpointer")

    def make_another(self, checkpointer: Any) -> Checkpointer:
        """Return a second checkpointer on the same storage; without one, the threads share one."""
        shared: Checkpointer = checkpointer
        return shared

    def close_checkpointer(self, checkpointer: Any) -> None:
        """Release it after a test: by its `close()`, if it has one."""
        close = getattr(checkpointer, "close", None)
        if close is not None:
            close()

    @pytest.fixture
    def checkpointer(self, tmp_path: Path) -> Iterator[Checkpointer]:
        """The checkpointer under test; it is closed afterwards."""
        checkpointer = self.make_checkpointer(tmp_path)
        yield checkpointer
        self.close_checkpointer(checkpointer)

    @pytest.fixture
    def another(self, checkpointer: Checkpointer) -> Iterator[Checkpointer]:
        """Another one on the same storage; it is closed first."""
        another = self.make_another(checkpointer)
        yield another
        if another is not checkpointer:
            self.close_checkpointer(another)

    # --- save, load, delete -----------------------------------------------------------------------

    def test_what_was_saved_is_loaded(self, checkpointer: Checkpointer) -> None:
        """A load returns the values of the last save."""
        saved = counter(RUN, 1)
        checkpointer.save_checkpoint(saved)
        assert exact(checkpointer.load_checkpoint(RUN)) == exact(saved)

    def test_a_save_replaces_what_is_there(self, checkpointer: Checkpointer) -> None:
        """Nothing of the snapshot before is left."""
        checkpointer.save_checkpoint(checkpoint_of("every field", RUN))
        replacement = counter(RUN, 2)
        checkpointer.save_checkpoint(replacement)
        assert exact(checkpointer.load_checkpoint(RUN)) == exact(replacement)

    def test_what_was_loaded_is_saved_again(self, checkpointer: Checkpointer) -> None:
        """Load, change, save, and once more with the same object."""
        checkpointer.save_checkpoint(counter(RUN))
        loaded = checkpointer.load_checkpoint(RUN)
        for number in (1, 2):
            loaded.variables["number"] = number
            checkpointer.save_checkpoint(loaded)
            assert number_in(checkpointer) == number

    def test_without_a_checkpoint_load_says_so(self, checkpointer: Checkpointer) -> None:
        """A run that was never saved raises `NoCheckpointError`, whatever else is stored."""
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)
        checkpointer.save_checkpoint(counter(RUN + "1"))
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)

    def test_what_was_deleted_is_gone(self, checkpointer: Checkpointer) -> None:
        """After a delete there is no checkpoint, until one is saved."""
        checkpointer.save_checkpoint(counter(RUN, 1))
        checkpointer.delete_checkpoint(RUN)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)
        checkpointer.save_checkpoint(counter(RUN, 2))
        assert number_in(checkpointer) == 2  # noqa: PLR2004 - what was saved

    def test_deleting_what_is_not_there_succeeds(self, checkpointer: Checkpointer) -> None:
        """Neither a run that never was nor one that was deleted is an error."""
        checkpointer.delete_checkpoint(RUN)
        checkpointer.save_checkpoint(counter(RUN))
        for _ in range(2):
            checkpointer.delete_checkpoint(RUN)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)

    def test_executions_are_apart(self, checkpointer: Checkpointer) -> None:
        """No save and no delete of one run changes another."""
        for number in range(3):
            checkpointer.save_checkpoint(counter(f"run-{number}", number))
        checkpointer.save_checkpoint(counter("run-0", 10))
        checkpointer.delete_checkpoint("run-2")
        assert number_in(checkpointer, "run-0") == 10  # noqa: PLR2004 - what was saved
        assert number_in(checkpointer, "run-1") == 1

    @pytest.mark.parametrize("version", [-1, 0, 2])
    def test_another_schema_version_is_recorded_and_refused(
        self, checkpointer: Checkpointer, version: int
    ) -> None:
        """A save records it as it is, so a load raises `UnsupportedSchemaError`; a delete works."""
        checkpoint = counter(RUN)
        checkpoint.schema_version = version
        checkpointer.save_checkpoint(checkpoint)
        with pytest.raises(UnsupportedSchemaError):
            checkpointer.load_checkpoint(RUN)
        checkpointer.delete_checkpoint(RUN)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)

    # --- whose object it is -----------------------------------------------------------------------

    def test_changing_a_saved_object_changes_nothing_stored(
        self, checkpointer: Checkpointer
    ) -> None:
        """What a save was given stays the caller's."""
        mine = counter(RUN)
        checkpointer.save_checkpoint(mine)
        stored = exact(mine)
        spoil(mine)
        assert exact(checkpointer.load_checkpoint(RUN)) == stored

    def test_changing_a_loaded_object_changes_nothing_stored(
        self, checkpointer: Checkpointer
    ) -> None:
        """What a load returned is the caller's, and no two loads return the same."""
        checkpointer.save_checkpoint(counter(RUN))
        loaded = checkpointer.load_checkpoint(RUN)
        stored = exact(loaded)
        spoil(loaded)
        assert exact(checkpointer.load_checkpoint(RUN)) == stored

    # --- values -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_every_value_is_kept(self, checkpointer: Checkpointer, name: str) -> None:
        """What is loaded, and what is loaded and saved again, is what was saved."""
        if name in self.lost_documents:
            with pytest.raises((AssertionError, BucketpointError)):
                self.check_document(checkpointer, name)
        else:
            self.check_document(checkpointer, name)

    def check_document(self, checkpointer: Checkpointer, name: str) -> None:
        """Check that the document goes through two saves."""
        checkpointer.save_checkpoint(checkpoint_of(name, RUN))
        loaded = checkpointer.load_checkpoint(RUN)
        assert exact(loaded) == exact(checkpoint_of(name, RUN))
        checkpointer.save_checkpoint(loaded)
        assert exact(checkpointer.load_checkpoint(RUN)) == exact(checkpoint_of(name, RUN))

    # --- names ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", EXECUTION_IDS)
    def test_an_odd_id_names_a_run(self, checkpointer: Checkpointer, name: str) -> None:
        """It is saved, loaded and deleted under exactly this ID."""
        if name in self.unusable_ids:
            with pytest.raises((AssertionError, BucketpointError)):
                self.check_id(checkpointer, EXECUTION_IDS[name])
        else:
            self.check_id(checkpointer, EXECUTION_IDS[name])

    def check_id(self, checkpointer: Checkpointer, execution_id: str) -> None:
        """Check that the ID names one run, from a save to a delete."""
        checkpointer.save_checkpoint(counter(execution_id, 1))
        loaded = checkpointer.load_checkpoint(execution_id)
        assert (loaded.execution_id, loaded.variables["number"]) == (execution_id, 1)
        checkpointer.delete_checkpoint(execution_id)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(execution_id)

    def test_no_two_ids_name_one_run(self, checkpointer: Checkpointer) -> None:
        """All of them at once hold each its own checkpoint."""
        usable = [EXECUTION_IDS[name] for name in EXECUTION_IDS if name not in self.unusable_ids]
        for number, execution_id in enumerate(usable):
            checkpointer.save_checkpoint(counter(execution_id, number))
        numbers = [number_in(checkpointer, execution_id) for execution_id in usable]
        assert numbers == list(range(len(usable)))

    # --- two writers ------------------------------------------------------------------------------

    def test_each_sees_what_the_other_did_last(
        self, checkpointer: Checkpointer, another: Checkpointer
    ) -> None:
        """A save or delete that was acknowledged is what the other loads next."""
        for number, (writer, reader) in enumerate(
            [(checkpointer, another), (another, checkpointer)]
        ):
            for value in (10 * number, 10 * number + 1):
                writer.save_checkpoint(counter(RUN, value))
                assert number_in(reader) == number_in(writer) == value
            writer.delete_checkpoint(RUN)
            with pytest.raises(NoCheckpointError):
                reader.load_checkpoint(RUN)

    def test_a_reader_beside_a_writer_sees_whole_checkpoints_in_order(
        self, checkpointer: Checkpointer, another: Checkpointer
    ) -> None:
        """Each load returns one of the snapshots that were saved, and never an older one again."""
        last = 2 * self.rounds
        checkpointer.save_checkpoint(pair(0))

        def write() -> None:
            for number in range(1, last + 1):
                checkpointer.save_checkpoint(pair(number))

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            seen: list[int] = []
            while not writing.done():
                loaded = another.load_checkpoint(RUN)
                assert loaded.branch_states["main"].variables == loaded.variables
                seen.append(loaded.variables["number"])
            writing.result()
        assert seen == sorted(seen)
        assert number_in(another) == last

    def test_writers_of_many_runs_do_not_meet(
        self, checkpointer: Checkpointer, another: Checkpointer
    ) -> None:
        """Threads of both write runs of their own, side by side, and find them as they left them."""

        def write(writer: Checkpointer, name: str) -> int:
            for number in range(self.rounds):
                writer.save_checkpoint(counter(name, number))
            return number_in(writer, name)

        assert side_by_side(write, checkpointer, another) == [self.rounds - 1] * WRITERS


class AtomicCheckpointerSuite(CheckpointerSuite):
    """The promises of `AtomicCheckpointer`, as tests.

    **It deletes what is in the storage.** They are those of `CheckpointerSuite`, which says what to
    write in a subclass, and those of `atomic_update`, alone and beside other writers.

    Example:
        class TestMyCheckpointer(AtomicCheckpointerSuite):
            def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
                return MyCheckpointer(folder)

            def make_another(self, checkpointer: MyCheckpointer) -> AtomicCheckpointer:
                return MyCheckpointer(checkpointer.folder)
    """

    # --- one writer -------------------------------------------------------------------------------

    def test_an_update_in_place_is_saved(self, checkpointer: AtomicCheckpointer) -> None:
        """What `fn` made of its argument is stored, and nothing else changes."""
        before = counter(RUN, 1)
        checkpointer.save_checkpoint(before)
        checkpointer.atomic_update(RUN, add_one)
        before.variables["number"] = 2
        assert exact(checkpointer.load_checkpoint(RUN)) == exact(before)

    def test_a_returned_checkpoint_is_saved_instead(self, checkpointer: AtomicCheckpointer) -> None:
        """What `fn` did to its argument does not matter then."""
        checkpointer.save_checkpoint(counter(RUN))
        replacement = counter(RUN, 5)
        stored = exact(replacement)

        def replace(checkpoint: Checkpoint) -> Checkpoint:
            spoil(checkpoint)
            return replacement

        checkpointer.atomic_update(RUN, replace)
        assert exact(checkpointer.load_checkpoint(RUN)) == stored
        spoil(replacement)
        assert exact(checkpointer.load_checkpoint(RUN)) == stored

    @pytest.mark.parametrize(
        "error",
        [ValueError("mine"), ConflictError("mine"), NoCheckpointError("mine")],
        ids=["any error", "a conflict", "no checkpoint"],
    )
    def test_if_fn_raises_nothing_is_saved(
        self, checkpointer: AtomicCheckpointer, error: Exception
    ) -> None:
        """The very same exception comes out, and what `fn` did before it is not stored."""
        checkpointer.save_checkpoint(counter(RUN))
        stored = exact(checkpointer.load_checkpoint(RUN))

        def fail(checkpoint: Checkpoint) -> None:
            spoil(checkpoint)
            raise error

        with pytest.raises(type(error)) as raised:
            checkpointer.atomic_update(RUN, fail)
        assert raised.value is error
        assert exact(checkpointer.load_checkpoint(RUN)) == stored
        checkpointer.atomic_update(RUN, add_one)
        assert number_in(checkpointer) == 1

    def test_without_a_checkpoint_fn_is_not_called(self, checkpointer: AtomicCheckpointer) -> None:
        """Neither for a run that never was nor for one that was deleted."""
        for _ in range(2):
            with pytest.raises(NoCheckpointError):
                checkpointer.atomic_update(RUN, must_not_run)
            with pytest.raises(NoCheckpointError):
                checkpointer.load_checkpoint(RUN)
            checkpointer.save_checkpoint(counter(RUN))
            checkpointer.delete_checkpoint(RUN)

    def test_another_schema_version_is_not_updated(self, checkpointer: AtomicCheckpointer) -> None:
        """What cannot be loaded is not given to `fn`."""
        checkpoint = counter(RUN)
        checkpoint.schema_version = 2
        checkpointer.save_checkpoint(checkpoint)
        with pytest.raises(UnsupportedSchemaError):
            checkpointer.atomic_update(RUN, must_not_run)

    def test_an_update_is_of_one_execution(self, checkpointer: AtomicCheckpointer) -> None:
        """Others stay as they are."""
        for execution_id in ("run-1", "run-11"):
            checkpointer.save_checkpoint(counter(execution_id))
        checkpointer.atomic_update("run-1", add_one)
        assert number_in(checkpointer, "run-1") == 1
        assert number_in(checkpointer, "run-11") == 0

    def test_changing_what_fn_was_given_later_changes_nothing_stored(
        self, checkpointer: AtomicCheckpointer
    ) -> None:
        """The argument of `fn` is a copy, then and ever after."""
        checkpointer.save_checkpoint(counter(RUN))
        given: list[Checkpoint] = []
        checkpointer.atomic_update(RUN, given.append)
        stored = exact(checkpointer.load_checkpoint(RUN))
        for checkpoint in given:
            spoil(checkpoint)
        assert exact(checkpointer.load_checkpoint(RUN)) == stored

    @pytest.mark.parametrize("name", DOCUMENTS)
    def test_an_update_keeps_every_value(self, checkpointer: AtomicCheckpointer, name: str) -> None:
        """What `fn` does not touch stays as it was saved."""
        if name in self.lost_documents:
            with pytest.raises((AssertionError, BucketpointError)):
                self.check_update(checkpointer, name)
        else:
            self.check_update(checkpointer, name)

    def check_update(self, checkpointer: AtomicCheckpointer, name: str) -> None:
        """Check that the document goes through an update of another field."""
        checkpointer.save_checkpoint(checkpoint_of(name, RUN))
        checkpointer.atomic_update(RUN, rename)
        expected = checkpoint_of(name, RUN)
        rename(expected)
        assert exact(checkpointer.load_checkpoint(RUN)) == exact(expected)

    # --- others in between ------------------------------------------------------------------------

    def test_an_update_in_between_is_not_lost(
        self, checkpointer: AtomicCheckpointer, another: AtomicCheckpointer
    ) -> None:
        """Both updates count, whichever is first."""
        checkpointer.save_checkpoint(counter(RUN))
        update_while(checkpointer, add_one, lambda: another.atomic_update(RUN, add_one))
        assert number_in(checkpointer) == number_in(another) == 2  # noqa: PLR2004 - of two updates

    def test_a_save_in_between_is_not_lost(
        self, checkpointer: AtomicCheckpointer, another: AtomicCheckpointer
    ) -> None:
        """The update is made on what was saved, or was replaced by it."""
        checkpointer.save_checkpoint(counter(RUN))
        update_while(checkpointer, add_one, lambda: another.save_checkpoint(counter(RUN, 100)))
        assert number_in(checkpointer) in {100, 101}

    def test_a_delete_in_between_is_not_undone(
        self, checkpointer: AtomicCheckpointer, another: AtomicCheckpointer
    ) -> None:
        """The update finds no checkpoint, or what it saved is deleted."""
        checkpointer.save_checkpoint(counter(RUN))

        def update() -> None:
            update_while(checkpointer, add_one, lambda: another.delete_checkpoint(RUN))

        succeeds_or_finds_nothing(update)
        with pytest.raises(NoCheckpointError):
            checkpointer.load_checkpoint(RUN)

    def test_a_race_counts_to_an_exact_number(
        self, checkpointer: AtomicCheckpointer, another: AtomicCheckpointer
    ) -> None:
        """No update of several threads of both is lost or done twice."""
        checkpointer.save_checkpoint(counter(RUN))

        def count(writer: AtomicCheckpointer, _: str) -> None:
            done = 0
            while done < self.rounds:
                try:
                    writer.atomic_update(RUN, add_one)
                except ConflictError:
                    continue  # others were faster: it was not applied
                done += 1

        side_by_side(count, checkpointer, another)
        assert number_in(checkpointer) == number_in(another) == WRITERS * self.rounds

    def test_no_update_in_a_race_brings_a_deleted_run_back(
        self, checkpointer: AtomicCheckpointer, another: AtomicCheckpointer
    ) -> None:
        """Once the delete is acknowledged, every later update finds nothing."""
        checkpointer.save_checkpoint(counter(RUN))

        def update(writer: AtomicCheckpointer, _: str) -> None:
            for _number in range(self.rounds):
                succeeds_or_finds_nothing(lambda: writer.atomic_update(RUN, add_one))

        with ThreadPoolExecutor(1) as pool:
            updating = pool.submit(side_by_side, update, checkpointer, another)
            checkpointer.delete_checkpoint(RUN)
            updating.result()
        for reader in (checkpointer, another):
            with pytest.raises(NoCheckpointError):
                reader.load_checkpoint(RUN)


def number_in(checkpointer: Checkpointer, execution_id: str = RUN) -> int:
    """Return the number in the stored checkpoint."""
    number: int = checkpointer.load_checkpoint(execution_id).variables["number"]
    return number


def add_one(checkpoint: Checkpoint) -> None:
    """Add one to the number."""
    checkpoint.variables["number"] += 1


def rename(checkpoint: Checkpoint) -> None:
    """Change one field that every document has."""
    checkpoint.workflow_name = "renamed"


def must_not_run(_: Checkpoint) -> None:
    """Fail: this function is for updates that must not call it."""
    pytest.fail("fn was called")


def spoil(checkpoint: Checkpoint) -> None:
    """Change an object that `counter` made at every depth."""
    checkpoint.status = "spoiled"
    checkpoint.variables["number"] = -1
    checkpoint.variables["nested"]["list"].append("spoiled")
    main = checkpoint.branch_states["main"]
    main.status = "spoiled"
    main.step_outputs["quote"]["total"] = -1
    del checkpoint.branch_states["main"]


def pair(number: int) -> Checkpoint:
    """Return a checkpoint that holds the number in two places."""
    checkpoint = counter(RUN, number)
    checkpoint.branch_states["main"].variables = checkpoint.variables
    return checkpoint


def succeeds_or_finds_nothing(run: Callable[[], object]) -> None:
    """Run a call that others may have left without a checkpoint, or were faster than."""
    with suppress(NoCheckpointError, ConflictError):
        run()


def side_by_side(run: Callable[[Any, str], Any], *checkpointers: Checkpointer) -> list[Any]:
    """Run the function in each of several threads, with a name of its own; return the results."""
    names = [f"thread-{number}" for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, cycle(checkpointers), names))


def update_while(
    checkpointer: AtomicCheckpointer, fn: Callable[[Checkpoint], None], other: Callable[[], object]
) -> None:
    """Update, and let another thread do something else when `fn` runs for the first time.

    A checkpointer that locks a run lets that go on after the update only, so `fn` does not wait
    for it for long. Either order is right, so nothing depends on how long it is.
    """
    begun: list[Future[object]] = []
    with ThreadPoolExecutor(1) as pool:

        def fn_and_other(checkpoint: Checkpoint) -> None:
            if not begun:
                begun.append(pool.submit(other))
                wait(begun, timeout=PATIENCE_S)
            fn(checkpoint)

        try:
            checkpointer.atomic_update(RUN, fn_and_other)
        finally:
            for started in begun:
                started.result()
