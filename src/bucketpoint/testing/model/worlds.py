"""One state that everything may be in, as far as users can tell it from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bucketpoint.testing.model.operations import Document

__all__ = ["Held", "Late", "Place", "Run", "Worker", "World"]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution.

    Attributes:
        written_by: The mark of its last write: what a version stands for. Empty before the first.
        document: What users see; None where they see nothing.
        claim: The mark of the claim that it is under.
        expired: Nothing was written for so long that a claim on it has expired.
    """

    written_by: str = ""
    document: Document | None = None
    claim: str | None = None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The object that a client holds.

    Attributes:
        document: What it would store.
        versions: Which versions it is; None when the client built it.
    """

    document: Document
    versions: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Worker:
    """What a client knows of the claim that it took.

    Attributes:
        claim: The mark of the claim.
        snapshot: What it would save.
        version: Which version the snapshot is.
        known: The documents that it was given or wrote: nobody else's work is in them.
        lost: It was told that the claim is lost, or gave it back.
        released: It gave the claim back.
    """

    claim: str
    snapshot: Document
    version: str
    known: tuple[Document, ...]
    lost: bool = False
    released: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """A write that may still land, on one version only."""

    execution_id: str
    base: str
    after: Run


Place = tuple[str, str]
"""A client and an execution."""


@dataclass(frozen=True, slots=True)
class World:
    """One state that everything may be in."""

    runs: Mapping[str, Run] = field(default_factory=dict[str, Run])
    held: Mapping[Place, Held] = field(default_factory=dict[Place, Held])
    given: Mapping[Place, str] = field(default_factory=dict[Place, str])
    workers: Mapping[Place, Worker] = field(default_factory=dict[Place, Worker])
    landed: frozenset[str] = frozenset()
    late: tuple[Late, ...] = ()

    def run(self, execution_id: str) -> Run:
        """The execution, which may never have been written."""
        return self.runs.get(execution_id, Run())

    def with_run(self, execution_id: str, run: Run) -> World:
        """The world after a write: what was late on the version before never lands now."""
        late = tuple(
            each
            for each in self.late
            if each.execution_id != execution_id or each.base == run.written_by
        )
        return replace(
            self,
            runs={**self.runs, execution_id: run},
            landed=self.landed | {run.written_by},
            late=late,
        )

    def holding(self, place: Place, held: Held) -> World:
        """The world in which the client holds this object."""
        return replace(self, held={**self.held, place: held})

    def giving(self, place: Place, mark: str) -> World:
        """The world in which the client was last given this version."""
        return replace(self, given={**self.given, place: mark})

    def employing(self, place: Place, worker: Worker) -> World:
        """The world in which this is what the client knows of its claim."""
        return replace(self, workers={**self.workers, place: worker})

    def may_land(self, mark: str) -> bool:
        """Tell whether the write that leaves this mark may still land."""
        return any(late.after.written_by == mark for late in self.late)
