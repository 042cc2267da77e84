"""Copying runs from one store to another."""

from __future__ import annotations

from collections.abc import Iterator

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.cli.operator import Operator

__all__ = ["Copier"]


class Copier:
    """Copies runs, each as a run of its own: what the library keeps in a document begins anew.

    Args:
        source: Where they are.
        target: Where they are to be.
        history: Copy all kept versions, the oldest first.
        overwrite: Write also where there is a run already.
        dry_run: Only look.

    Attributes:
        versions: How many versions of the last run were written.
    """

    def __init__(
        self, source: Operator, target: Operator, *, history: bool, overwrite: bool, dry_run: bool
    ) -> None:
        self._source = source
        self._target = target
        self._history = history
        self._overwrite = overwrite
        self.dry_run = dry_run
        self.versions = 0

    def copy(self, execution_id: str) -> None:
        """Copy one run.

        Raises:
            NoCheckpointError: There is none.
            VersionConflictError: There is one in the target, and nothing was written over it.
        """
        self.versions = 0
        if self._history or not self._overwrite:
            self._refuse_present(execution_id)
        for checkpoint in self._states(execution_id):
            if not self.dry_run:
                self._write(execution_id, checkpoint)
            self.versions += 1

    def _refuse_present(self, execution_id: str) -> None:
        if not self._overwrite:
            self._target.refuse_present(execution_id)

    def _states(self, execution_id: str) -> Iterator[Checkpoint | None]:
        """Yield what the run was; None for a deletion. What cannot be read is left out."""
        if not self._history:
            yield self._source.load_checkpoint(execution_id)
            return
        for version in reversed(self._source.history(execution_id)):
            seen = self._source.look_at(execution_id, version)
            if not seen.live:
                yield None
            elif seen.document is not None and seen.document.problem is None:
                yield self._source.load_from(seen, execution_id).checkpoint

    def _write(self, execution_id: str, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            self._target.delete_checkpoint(execution_id)
            return
        checkpoint.execution_id = execution_id
        is_first = self.versions == 0 and not self._overwrite
        self._target.save_checkpoint(
            checkpoint, if_absent=is_first, overwrite=None if is_first else True
        )
