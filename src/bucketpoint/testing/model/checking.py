"""The model: every state that is possible after what was seen so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bucketpoint.errors import ErrorKind
from bucketpoint.testing.model.documents import marks_of, matches, pause_in
from bucketpoint.testing.model.operations import NOTHING, Document, Outcome
from bucketpoint.testing.model.predictions import explain
from bucketpoint.testing.model.worlds import World

__all__ = ["Model", "ModelViolationError"]


class ModelViolationError(AssertionError):
    """What a checkpointer did is nothing that it may do."""


class Model:
    """Says of every outcome whether it may be, by plain documents in a plain dict.

    Example:
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> from bucketpoint.testing.model import Client, Operation, OperationKind
        >>> model, client = Model(), Client("a", BucketCheckpointer(MemoryStore()))
        >>> for kind in (OperationKind.SAVE, OperationKind.UPDATE, OperationKind.LOAD):
        ...     model.check(client.perform(Operation(kind, "run-42")))
        >>> [marks_of(document) for document in model.possible("run-42")]
        [('a.1', 'a.2')]
    """

    def __init__(self) -> None:
        self._worlds = [World()]
        self._written: list[Document] = []
        self._surprised: set[str] = set()

    def possible(self, execution_id: str) -> list[Document | None]:
        """Return the documents that may be stored now; None stands for nothing to be seen.

        Args:
            execution_id: The execution.
        """
        return [world.run(execution_id).document for world in self._worlds]

    def check(self, outcome: Outcome, *, disturbed: bool = False) -> None:
        """Take note of what came of an operation.

        Args:
            outcome: What `Client.perform` returned.
            disturbed: A fault struck during the operation.

        Raises:
            ModelViolationError: It is none of the outcomes that the operation may have.
        """
        if outcome.result == NOTHING:
            return
        # A late write of its own looks like that of a clone, which takes the proof away.
        is_in_doubt = outcome.result == ErrorKind.OUTCOME_UNKNOWN
        disturbed = disturbed or (is_in_doubt and outcome.client in self._surprised)
        worlds = [
            after
            for world in self._worlds
            for after in explain(world, outcome, disturbed=disturbed)
            if self._may_be_kept(outcome)
        ]
        if not worlds:
            operation, said = outcome.operation, "" if outcome.landed is None else outcome.landed
            raise ModelViolationError(
                f"{operation.kind} by {outcome.client} ended with {outcome.result!r} {said}, "
                f"{_shown(outcome.document)}; {operation.execution_id!r} was "
                f"{' or '.join(_shown(each) for each in self.possible(operation.execution_id))}"
            )
        self._worlds = _distinct(worlds)
        self._note(outcome.operation.execution_id)

    def _may_be_kept(self, outcome: Outcome) -> bool:
        """Tell whether what was restored is something that may ever have been written."""
        restored = outcome.restored
        return restored is None or any(matches(document, restored) for document in self._written)

    def _note(self, execution_id: str) -> None:
        """Remember what may have been written."""
        for world in self._worlds:
            late = [each.after.document for each in world.late]
            for document in (world.run(execution_id).document, *late):
                if document is not None and document not in self._written:
                    self._written.append(document)

    def see(self, execution_id: str, document: Document | None) -> None:
        """Take note of what lies in the store, past all checkpointers.

        Args:
            execution_id: The execution.
            document: Its document without the reserved member; None for nothing or a tombstone.

        Raises:
            ModelViolationError: It cannot be there.
        """
        worlds = [
            world for world in self._worlds if matches(world.run(execution_id).document, document)
        ]
        if not worlds:
            raise ModelViolationError(
                f"{execution_id!r} is {_shown(document)} in the store, where there may be only "
                f"{[_shown(each) for each in self.possible(execution_id)]}"
            )
        self._worlds = worlds

    def deliver_late(self) -> None:
        """Take note that what was late reaches the store now, or never."""
        late = (each for world in self._worlds for each in world.late)
        self._surprised |= {each.after.written_by.partition(".")[0] for each in late}
        self._worlds = _distinct(
            [replace(after, late=()) for world in self._worlds for after in _delivered(world)]
        )

    def expire(self) -> None:
        """Take note that time passes: every claim on which nothing is written has expired."""
        self._worlds = [
            replace(
                world,
                runs={name: replace(run, expired=True) for name, run in world.runs.items()},
            )
            for world in self._worlds
        ]


def _shown(document: Document | None) -> str:
    """A document in a few words; `see` shows what differs."""
    if document is None:
        return "without a document"
    pause = pause_in(document)
    return f"with the marks {list(marks_of(document))}" + (f" and {pause}" if pause else "")


def _distinct(worlds: list[World]) -> list[World]:
    found: list[World] = []
    for world in worlds:
        if world not in found:
            found.append(world)
    return found


def _delivered(world: World) -> Iterator[World]:
    """The worlds in which any of the late writes land, in any order."""
    yield world
    for late in world.late:
        if world.run(late.execution_id).written_by == late.base:
            yield from _delivered(world.with_run(late.execution_id, late.after))
