"""`bucketpoint export`."""

from __future__ import annotations

from typing import IO, Any

import click

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import ExitCode, combined, exit_code
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output, json_of
from bucketpoint.cli.records import ExportRecord
from bucketpoint.core import codec
from bucketpoint.errors import BucketpointError

__all__ = ["command"]


@cli_command(record=ExportRecord, lines=True)
@options.store
@options.some_executions
@options.filters
@click.option(
    "--output",
    "file",
    type=click.File("wb", lazy=True),
    default="-",
    metavar="FILE",
    help="Where to write; standard output unless given.",
)
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_ids: tuple[str, ...],
    file: IO[bytes],
    **filters: Any,
) -> ExitCode:
    r"""Write runs as lines of JSON, which import reads.

    Without EXECUTION_ID it is all that the filters let pass.

    \b
    Example:
        bucketpoint export --status failed --output failed.jsonl
        bucketpoint export order-17
    """
    codes: list[ExitCode] = []
    with opened(url, timeout) as operator, output.counting("exporting") as tally:
        for execution_id in operator.ids(execution_ids, options.chosen(filters)):
            codes.append(_export(operator, output, execution_id, file))
            tally.add()
    file.flush()
    return combined(codes)


def _export(operator: Operator, output: Output, execution_id: str, file: IO[bytes]) -> ExitCode:
    try:
        checkpoint = operator.load_checkpoint(execution_id)
    except BucketpointError as problem:
        output.note(f"{execution_id}: {problem} [{problem.kind}]")
        return exit_code(problem)
    record = ExportRecord(execution_id=execution_id, checkpoint=checkpoint.to_document())
    file.write(codec.encode(json_of(record)) + b"\n")
    return ExitCode.OK
