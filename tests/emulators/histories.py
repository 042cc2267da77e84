"""Clients whose calls are recorded, as the actions of the register that a checkpoint is."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    ConflictError,
    NoCheckpointError,
    OutcomeUnknownError,
    StoredCheckpoint,
    StoreUnavailableError,
    VersionConflictError,
)
from bucketpoint.testing.linearizability import (
    ABSENT,
    Append,
    CompareAndSet,
    Delete,
    Operation,
    Read,
    Recorder,
    Write,
)

NOT_APPLIED = (StoreUnavailableError, ConflictError)
"""What proves that a call took no effect and never will; `DeadlineExceededError` is one of them."""


class RecordedClient:
    """A checkpointer with a name; each call leaves one operation in the history.

    The value of a run is its marks. Each write leaves a mark of its own, so that a value stands for
    one version.
    """

    def __init__(
        self, recorder: Recorder, name: str, checkpointer: BucketCheckpointer, seed: int
    ) -> None:
        self.name = name
        self.chance = random.Random(seed)  # noqa: S311 - to be repeatable, not to be secret
        self._recorder = recorder
        self._checkpointer = checkpointer
        self._marks_made = 0

    def _new_mark(self) -> str:
        self._marks_made += 1
        return f"{self.name}.{self._marks_made}"

    def load(self, run: str) -> StoredCheckpoint | None:
        """Read with the version; None also when the store could not be asked."""
        with (
            suppress(StoreUnavailableError),
            self._recorder.record(self.name, Read(run), failed=NOT_APPLIED) as call,
        ):
            stored = self._checkpointer.get(run)
            call.ok(ABSENT if stored is None else marks(stored.checkpoint))
            return stored
        return None

    def append(self, run: str) -> None:
        """Add a mark by `atomic_update`."""
        mark = self._new_mark()

        def add(checkpoint: Checkpoint) -> None:
            checkpoint.variables = {"marks": [*marks(checkpoint), mark]}

        with (
            suppress(OutcomeUnknownError, *NOT_APPLIED),
            self._recorder.record(self.name, Append(mark, run), failed=NOT_APPLIED) as call,
        ):
            try:
                call.ok(marks(self._checkpointer.atomic_update(run, add).checkpoint))
            except NoCheckpointError:
                call.ok(ABSENT)

    def append_unguarded(self, run: str, before_saving: Callable[[], object]) -> None:
        """Add a mark as nobody should: load, change, and save over whatever is there by then."""
        mark = self._new_mark()
        with self._recorder.record(self.name, Append(mark, run)):
            changed = checkpoint_of(run, (*marks(self._checkpointer.load_checkpoint(run)), mark))
            before_saving()
            self._checkpointer.save_checkpoint(changed, overwrite=True)

    def save_if_version(self, run: str) -> None:
        """Load, and save on exactly what was loaded, or only if there is still nothing."""
        stored = self.load(run)
        seen = ABSENT if stored is None else marks(stored.checkpoint)
        value = (
            (self._new_mark(),) if stored is None else (*marks(stored.checkpoint), self._new_mark())
        )
        with (
            suppress(OutcomeUnknownError, *NOT_APPLIED),
            self._recorder.record(
                self.name, CompareAndSet(seen, value, run), failed=NOT_APPLIED
            ) as call,
        ):
            try:
                self._checkpointer.save_checkpoint(
                    checkpoint_of(run, value),
                    if_version=None if stored is None else stored.version,
                    if_absent=stored is None,
                )
                call.ok(True)
            except VersionConflictError:
                call.ok(False)

    def save(self, run: str) -> None:
        """Save over whatever is there."""
        value = (self._new_mark(),)
        with (
            suppress(OutcomeUnknownError, *NOT_APPLIED),
            self._recorder.record(self.name, Write(value, run), failed=NOT_APPLIED),
        ):
            self._checkpointer.save_checkpoint(checkpoint_of(run, value), overwrite=True)

    def delete(self, run: str) -> None:
        """Delete whatever is there."""
        with (
            suppress(OutcomeUnknownError, *NOT_APPLIED),
            self._recorder.record(self.name, Delete(run), failed=NOT_APPLIED),
        ):
            self._checkpointer.delete_checkpoint(run)


def marks(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the marks in a checkpoint."""
    assert checkpoint.variables is not None
    return tuple(checkpoint.variables["marks"])


def checkpoint_of(run: str, value: Sequence[str]) -> Checkpoint:
    """Return a checkpoint with these marks, which was never loaded or saved."""
    return Checkpoint(execution_id=run, variables={"marks": [*value]})


Work = Callable[[RecordedClient], object]


def perform(clients: Sequence[RecordedClient], work: Work) -> None:
    """Let all clients do their work at the same time."""
    with ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(work, client) for client in clients]:
            done.result()


def outcomes(history: Sequence[Operation]) -> dict[str, int]:
    """Return how many operations ended in which way."""
    found = [operation.outcome.value for operation in history]
    return {outcome: found.count(outcome) for outcome in sorted(set(found))}
