"""`bucketpoint unpause`."""

from __future__ import annotations

from bucketpoint.cli import options
from bucketpoint.cli.branching import change_branches, describe
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import WRITING
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.core.waits import unpause

__all__ = ["command"]


@cli_command(record=ChangeRecord, exits=WRITING)
@options.store
@options.execution_id
@options.branches
def command(
    output: Output, *, url: str, timeout: float, execution_id: str, branches: tuple[str, ...]
) -> None:
    r"""Let paused branches go on when their program resumes the run next.

    \b
    Example:
        bucketpoint unpause order-17
    """
    now = output.terminal.now()
    with opened(url, timeout) as operator:
        changed = change_branches(
            operator, execution_id, branches, lambda branch: unpause(branch, now), paused_only=True
        )
    record = ChangeRecord(execution_id=execution_id, action="unpause", branches=changed)
    output.emit(record, lambda: f"{execution_id}: {describe(changed)} unpaused.")
