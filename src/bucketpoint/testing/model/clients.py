"""Clients: they do to a real checkpointer what the operations say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, ClassVar

from bucketpoint.branches import pause_branch, unpause_branch
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.checkpointer import BucketCheckpointer, Claim
from bucketpoint.core import codec
from bucketpoint.errors import BucketpointError, NoCheckpointError, OutcomeUnknownError
from bucketpoint.stores.contract import Version
from bucketpoint.testing.model.documents import built
from bucketpoint.testing.model.operations import (
    BRANCH,
    BUILDING,
    CLAIM_TTL,
    CLAIMED,
    DONE,
    MARKS,
    NOTHING,
    OVER,
    REFUSED,
    Document,
    Kind,
    Operation,
    OperationKind,
    Outcome,
)

__all__ = ["Client"]


class _Refusal(Exception):  # noqa: N818 - what a user's function may raise
    """The function given to an update does not want to."""


class Client:
    """Performs operations on a checkpointer, and remembers what a program would.

    Args:
        name: Tells it from other clients, earlier ones included: its marks begin with it.
        checkpointer: Its own checkpointer.

    Example:
        >>> from bucketpoint import BucketCheckpointer, MemoryStore
        >>> client = Client("a", BucketCheckpointer(MemoryStore()))
        >>> client.perform(Operation(OperationKind.LOAD, "run-42")).result
        'no_checkpoint'
    """

    def __init__(self, name: str, checkpointer: BucketCheckpointer) -> None:
        self.name = name
        self.checkpointer = checkpointer
        self._numbers = count(1)
        self._held: dict[str, Checkpoint] = {}
        self._versions: dict[str, Version] = {}
        self._claims: dict[str, tuple[Claim, Checkpoint]] = {}
        self._doubts: dict[str, tuple[OutcomeUnknownError, str]] = {}

    def can(self, kind: OperationKind, execution_id: str) -> bool:
        """Tell whether the client has what the operation needs: an object, a claim, a doubt.

        Args:
            kind: The operation.
            execution_id: Its execution.
        """
        needed: dict[OperationKind, Mapping[str, object]] = {
            Kind.SAVE_IF_VERSION: self._versions,
            Kind.SAVE_AGAIN: self._held,
            **dict.fromkeys(CLAIMED, self._claims),
            Kind.SETTLE: self._doubts,
        }
        return kind not in needed or execution_id in needed[kind]

    def perform(self, operation: Operation) -> Outcome:
        """Do it, and return what came of it; only what no checkpointer may raise is raised.

        Args:
            operation: What to do. What the client `can` not do is not done, and ends as `nothing`.
        """
        mark = f"{self.name}.{next(self._numbers)}"
        outcome = Outcome(self.name, operation, mark, DONE)
        if not self.can(operation.kind, operation.execution_id):
            return replace(outcome, result=NOTHING)
        try:
            return self._performers[operation.kind](self, outcome)
        except BucketpointError as error:
            return self._failed(outcome, error)
        except _Refusal:
            return replace(outcome, result=REFUSED)

    def _failed(self, outcome: Outcome, error: BucketpointError) -> Outcome:
        operation = outcome.operation
        if isinstance(error, OutcomeUnknownError) and operation.kind is not Kind.SETTLE:
            self._doubts[operation.execution_id] = error, outcome.mark
        return replace(outcome, result=error.kind.value, about=self._about(operation))

    def _about(self, operation: Operation) -> str | None:
        doubt = self._doubts.get(operation.execution_id)
        return doubt[1] if doubt is not None and operation.kind is Kind.SETTLE else None

    def _save(self, outcome: Outcome) -> Outcome:
        operation = outcome.operation
        run = operation.execution_id
        conditions: dict[str, Any] = {}
        match operation.kind:
            case Kind.SAVE_IF_ABSENT:
                conditions["if_absent"] = True
            case Kind.SAVE_OVERWRITE:
                conditions["overwrite"] = True
            case Kind.SAVE_IF_VERSION:
                conditions["if_version"] = self._versions[run]
            case _:
                pass
        document = codec.decode(codec.encode(built(operation, outcome.mark)))
        self._held[run] = Checkpoint.from_document(document)
        return self._save_held(outcome, **conditions)

    def _save_again(self, outcome: Outcome) -> Outcome:
        _leave_mark(self._held[outcome.operation.execution_id], outcome.mark)
        return self._save_held(outcome)

    def _save_held(self, outcome: Outcome, **conditions: Any) -> Outcome:
        run = outcome.operation.execution_id
        self._versions[run] = self.checkpointer.save_checkpoint(self._held[run], **conditions)
        return outcome

    def _load(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        self._held[run] = self.checkpointer.load_checkpoint(run)
        return replace(outcome, document=_document(self._held[run]))

    def _get(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        stored = self.checkpointer.get(run)
        if stored is None:
            return outcome
        self._held[run], self._versions[run] = stored.checkpoint, stored.version
        return replace(outcome, document=_document(stored.checkpoint))

    def _update(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        stored = self.checkpointer.atomic_update(run, lambda c: _leave_mark(c, outcome.mark))
        self._held[run], self._versions[run] = stored.checkpoint, stored.version
        return replace(outcome, document=_document(stored.checkpoint))

    def _update_refused(self, outcome: Outcome) -> Outcome:
        def refuse(checkpoint: Checkpoint) -> None:
            _leave_mark(checkpoint, outcome.mark)
            raise _Refusal

        self.checkpointer.atomic_update(outcome.operation.execution_id, refuse)
        return outcome

    def _delete(self, outcome: Outcome) -> Outcome:
        self.checkpointer.delete_checkpoint(outcome.operation.execution_id)
        return outcome

    def _pause(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        pause_branch(self.checkpointer, run, BRANCH, reason=outcome.mark)
        return outcome

    def _unpause(self, outcome: Outcome) -> Outcome:
        unpause_branch(self.checkpointer, outcome.operation.execution_id, BRANCH)
        return outcome

    def _claim(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        takeover = outcome.operation.kind is Kind.TAKE_OVER
        # One name for all owners: a claim must be told from another without its help.
        claim = self.checkpointer.claim(run, owner="worker", ttl=CLAIM_TTL, takeover=takeover)
        claim.acquire()
        self._claims[run] = claim, claim.checkpoint
        return replace(outcome, document=_document(claim.checkpoint))

    def _under_claim(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        claim, snapshot = self._claims[run]
        match outcome.operation.kind:
            case Kind.CLAIMED_SAVE:
                _leave_mark(snapshot, outcome.mark)
                self._versions[run] = claim.save(snapshot)
            case Kind.CLAIMED_LOAD:
                loaded = claim.load()
                self._claims[run] = claim, loaded
                return replace(outcome, document=_document(loaded))
            case Kind.RENEW:
                claim.renew()
            case _:
                claim.release()
        return outcome

    def _restore(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        kept = [each for each in self.checkpointer.history(run) if not each.is_deletion]
        version = kept[int(outcome.mark.rpartition(".")[2]) % len(kept)]
        try:
            was = self.checkpointer.load_version(run, version).checkpoint
        except NoCheckpointError:  # it was deleted then
            return replace(outcome, result=NOTHING)
        outcome = replace(outcome, restored=_document(was))
        try:
            stored = self.checkpointer.restore(run, version)
        except BucketpointError as error:
            return self._failed(outcome, error)
        self._held[run], self._versions[run] = stored.checkpoint, stored.version
        return replace(outcome, document=_document(stored.checkpoint))

    def _fork(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        stored = self.checkpointer.fork(outcome.operation.source, run)
        self._held[run], self._versions[run] = stored.checkpoint, stored.version
        return replace(outcome, document=_document(stored.checkpoint))

    def _collect(self, outcome: Outcome) -> Outcome:
        report = self.checkpointer.gc(older_than=OVER, finished=True)
        return replace(outcome, collected=report.deleted)

    def _settle(self, outcome: Outcome) -> Outcome:
        run = outcome.operation.execution_id
        error, about = self._doubts[run]
        landed = self.checkpointer.settle(error)
        del self._doubts[run]
        return replace(outcome, landed=landed, about=about)

    _performers: ClassVar[Mapping[OperationKind, Callable[[Any, Outcome], Outcome]]] = {
        **dict.fromkeys(BUILDING, _save),
        Kind.SAVE_AGAIN: _save_again,
        Kind.LOAD: _load,
        Kind.GET: _get,
        Kind.UPDATE: _update,
        Kind.UPDATE_REFUSED: _update_refused,
        Kind.DELETE: _delete,
        Kind.PAUSE: _pause,
        Kind.UNPAUSE: _unpause,
        **dict.fromkeys((Kind.CLAIM, Kind.TAKE_OVER), _claim),
        **dict.fromkeys(CLAIMED, _under_claim),
        Kind.RESTORE: _restore,
        Kind.FORK: _fork,
        Kind.COLLECT: _collect,
        Kind.SETTLE: _settle,
    }


def _leave_mark(checkpoint: Checkpoint, mark: str) -> None:
    checkpoint.variables[MARKS] = [*checkpoint.variables.get(MARKS, ()), mark]


def _document(checkpoint: Checkpoint) -> Document:
    """A copy, which stays as it is whatever becomes of the checkpoint."""
    return codec.decode(codec.encode(checkpoint.to_document()))
