"""`bucketpoint unpause`."""

from __future__ import annotations

from bucketpoint.cli import options
from bucketpoint.cli.branching import change_branches, describe
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import WRITING
from bucketpoint.cli.hints import shell_word
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
    r"""Let paused branches go on, as soon as a worker resumes the run.

    A run that is not paused is left as it is.

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
    if not changed:
        output.emit(record, lambda: f"{execution_id}: no branch was paused; nothing was written.")
        return
    output.emit(record, lambda: f"{execution_id}: {describe(changed)} unpaused.")
    if not output.as_json:
        output.note(
            f"It goes on when a worker resumes it:  bucketpoint watch {shell_word(execution_id)}"
        )
