"""`bucketpoint restore`."""

from __future__ import annotations

import click

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import ASKING
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.cli.times import ago
from bucketpoint.cli.versions import named

__all__ = ["command"]


@cli_command(record=ChangeRecord, exits=ASKING)
@options.store
@options.execution_id
@click.option(
    "--version",
    default="~1",
    show_default=True,
    metavar="VERSION",
    help="Which one: ~1 for the one before the newest, @2h for what was current two hours ago, "
    "or the version_id of history --json.",
)
@options.dry_run
@options.yes
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_id: str,
    version: str,
    dry_run: bool,
    yes: bool,
) -> None:
    r"""Bring back an earlier version of a run, as a newer version.

    Nothing of the history is lost. A worker that goes on from what is stored now can save no
    more. What the run has done since that version it will do again.

    \b
    Example:
        bucketpoint restore order-17 --version ~1
        bucketpoint restore order-17 --version @2h --yes
    """
    with opened(url, timeout) as operator:
        kept = named(operator, execution_id, version, output.terminal)
        status = operator.load_version(execution_id, kept).checkpoint.status
        when = ago(kept.modified_at, output.terminal.now())
        if dry_run:
            record = ChangeRecord(execution_id=execution_id, action="restore", dry_run=True)
            output.emit(record, lambda: f"Would restore {execution_id} as of {when}: {status}.")
            return
        question = f"Restore {execution_id} as of {when} ({status}), over what is stored now?"
        output.confirm(question, yes=yes)
        restored = operator.restore(execution_id, kept)
    record = ChangeRecord(
        execution_id=execution_id, action="restore", version=str(restored.version)
    )
    output.emit(record, lambda: f"{execution_id} is again as of {when}: {status}.")
