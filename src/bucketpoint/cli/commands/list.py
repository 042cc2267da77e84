"""`bucketpoint list`."""

from __future__ import annotations

from typing import Any

import click

from bucketpoint.checkpoint import ExecutionSummary
from bucketpoint.cli import options, views
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ExecutionRecord

__all__ = ["command", "record_of"]


@cli_command(record=ExecutionRecord, lines=True)
@options.store
@options.filters
@click.option("--limit", type=click.IntRange(min=1), help="So many at most.")
def command(output: Output, *, url: str, timeout: float, limit: int | None, **filters: Any) -> None:
    r"""List executions, by status, workflow, ID and time.

    \b
    Example:
        bucketpoint list --status failed --modified-since 1d
        bucketpoint list --wake-before now --json
    """
    shown: list[ExecutionRecord] = []
    with opened(url, timeout) as operator, output.counting("reading") as tally:
        found = operator.list_executions(
            **options.chosen(filters),
            limit=limit,
            progress=lambda progress: tally.at(progress.read),
        )
        for summary in found:
            if output.as_json:
                output.emit(record_of(summary))
            else:
                shown.append(record_of(summary))
    if shown:
        output.show(views.executions(shown, output.terminal.now()))
    elif not output.as_json:
        output.note("No execution was found.")


def record_of(summary: ExecutionSummary) -> ExecutionRecord:
    """Return a summary as it is printed."""
    return ExecutionRecord(
        execution_id=summary.execution_id,
        workflow_name=summary.workflow_name,
        status=summary.status,
        start_time=summary.start_time,
        end_time=summary.end_time,
        duration=summary.duration,
        error=summary.error,
        modified_at=summary.modified_at,
        next_wake_at=summary.next_wake_at,
    )
