"""`bucketpoint copy`."""

from __future__ import annotations

from typing import Any

import click

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.copying import Copier
from bucketpoint.cli.exits import WRITING, ExitCode, combined, exit_code
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import CopyRecord
from bucketpoint.errors import BucketpointError

__all__ = ["command"]


@cli_command(record=CopyRecord, lines=True, exits=WRITING)
@click.argument("source", metavar="SOURCE_URL")
@click.argument("target", metavar="TARGET_URL")
@options.some_executions
@options.filters
@click.option("--history", is_flag=True, help="All versions that are kept, the oldest first.")
@options.overwrite
@options.dry_run
@options.timeout
def command(
    output: Output,
    *,
    source: str,
    target: str,
    timeout: float,
    execution_ids: tuple[str, ...],
    history: bool,
    overwrite: bool,
    dry_run: bool,
    **filters: Any,
) -> ExitCode:
    r"""Copy runs from one store to another: a production run to a laptop, say.

    Without EXECUTION_ID it is all that the filters let pass. The copies are runs of their own:
    nobody has claimed them, and their versions are the target's.

    \b
    Example:
        bucketpoint copy s3://bucket/prefix file:///tmp/runs order-17 --history
    """
    codes: list[ExitCode] = []
    with (
        opened(source, timeout) as origin,
        opened(target, timeout) as destination,
        output.counting("copying") as tally,
    ):
        copier = Copier(origin, destination, history=history, overwrite=overwrite, dry_run=dry_run)
        for execution_id in origin.ids(execution_ids, options.chosen(filters)):
            codes.append(_copy(copier, output, execution_id))
            tally.add()
    return combined(codes)


def _copy(copier: Copier, output: Output, execution_id: str) -> ExitCode:
    error = None
    try:
        copier.copy(execution_id)
    except BucketpointError as problem:
        error = problem
        output.note(f"{execution_id}: {problem} [{problem.kind}]")
    record = CopyRecord(
        execution_id=execution_id,
        versions=copier.versions,
        dry_run=copier.dry_run,
        error=error.kind.value if error is not None else None,
    )
    done = "would be copied" if copier.dry_run else "copied"
    count = "1 version" if copier.versions == 1 else f"{copier.versions} versions"
    output.emit(record, None if error is not None else lambda: f"{execution_id}: {count} {done}.")
    return ExitCode.OK if error is None else exit_code(error)
