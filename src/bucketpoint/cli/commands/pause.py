"""`bucketpoint pause`."""

from __future__ import annotations

import click

from bucketpoint.cli import options
from bucketpoint.cli.branching import change_branches, describe
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import WRITING
from bucketpoint.cli.hints import shell_word
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.core.waits import pause

__all__ = ["command"]


@cli_command(record=ChangeRecord, exits=WRITING)
@options.store
@options.execution_id
@options.branches
@click.option("--reason", default="", metavar="TEXT", help="Why, for people to read.")
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_id: str,
    branches: tuple[str, ...],
    reason: str,
) -> None:
    r"""Let branches of a run stay where they are, from their next step on.

    Nothing that a worker does is lost, and no worker is killed. While a branch is paused, the
    timeout of what it waits for does not run.

    \b
    Example:
        bucketpoint pause order-17 --reason "prices are wrong"
        bucketpoint pause order-17 --branch main
    """
    now = output.terminal.now()
    with opened(url, timeout) as operator:
        changed = change_branches(
            operator, execution_id, branches, lambda branch: pause(branch, reason, now)
        )
    record = ChangeRecord(execution_id=execution_id, action="pause", branches=changed)
    output.emit(record, lambda: f"{execution_id}: {describe(changed)} paused.")
    if not output.as_json:
        output.note(f"To go on:  bucketpoint unpause {shell_word(execution_id)}")
