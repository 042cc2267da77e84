"""`bucketpoint fork`."""

from __future__ import annotations

import click

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import WRITING
from bucketpoint.cli.hints import shell_word
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.cli.versions import chosen

__all__ = ["command"]


@cli_command(record=ChangeRecord, exits=WRITING)
@options.store
@options.execution_id
@click.argument("new_execution_id")
@options.version
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_id: str,
    new_execution_id: str,
    version: str | None,
) -> None:
    r"""Begin another run with the data of this one, as it is or as it was.

    \b
    Example:
        bucketpoint fork order-17 order-17-again --version @2h
    """
    with opened(url, timeout) as operator:
        kept = chosen(operator, execution_id, version, output.terminal)
        forked = operator.fork(execution_id, new_execution_id, version=kept)
    record = ChangeRecord(execution_id=new_execution_id, action="fork", version=str(forked.version))
    output.emit(record, lambda: f"{new_execution_id} begins where {execution_id} was.")
    output.note(f"Next:  bucketpoint show {shell_word(new_execution_id)}")
