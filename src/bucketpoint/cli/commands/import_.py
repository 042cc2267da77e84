"""`bucketpoint import`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import click

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import WRITING, ExitCode, combined, exit_code
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.core import codec
from bucketpoint.errors import BucketpointError, CorruptCheckpointError

__all__ = ["command"]


@cli_command(record=ChangeRecord, lines=True, exits=WRITING)
@options.store
@click.argument("file", type=click.File("rb"), metavar="FILE")
@options.overwrite
@options.dry_run
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    file: IO[bytes],
    overwrite: bool,
    dry_run: bool,
) -> ExitCode:
    r"""Store the runs that export has written; - reads standard input.

    A run that exists already is left as it is, unless --overwrite is given.

    \b
    Example:
        bucketpoint import failed.jsonl --url file:///tmp/runs
        bucketpoint export order-17 | bucketpoint import - --url file:///tmp/runs
    """
    codes: list[ExitCode] = []
    with opened(url, timeout) as operator, output.counting("importing") as tally:
        for number, checkpoint in _checkpoints(file):
            if isinstance(checkpoint, BucketpointError):
                output.note(f"line {number}: {checkpoint} [{checkpoint.kind}]")
                codes.append(exit_code(checkpoint))
            else:
                codes.append(
                    _store(operator, output, checkpoint, overwrite=overwrite, dry_run=dry_run)
                )
            tally.add()
    return combined(codes)


def _checkpoints(lines: Iterable[bytes]) -> Iterator[tuple[int, Checkpoint | BucketpointError]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _checkpoint(line)


def _checkpoint(line: bytes) -> Checkpoint | BucketpointError:
    try:
        exported = codec.decode(line)
        document = exported.get("checkpoint")
        if not isinstance(document, dict) or not isinstance(exported.get("execution_id"), str):
            msg = "this line was not written by export: it needs an execution_id and a checkpoint"
            return CorruptCheckpointError(msg)
        checkpoint = Checkpoint.from_document(document)  # pyright: ignore[reportUnknownArgumentType]  # it is checked there
        checkpoint.execution_id = exported["execution_id"]
    except BucketpointError as error:
        return error
    return checkpoint


def _store(
    operator: Operator, output: Output, checkpoint: Checkpoint, *, overwrite: bool, dry_run: bool
) -> ExitCode:
    execution_id, error, version = checkpoint.execution_id, None, None
    try:
        if not dry_run:
            version = operator.save_checkpoint(
                checkpoint, if_absent=not overwrite, overwrite=overwrite or None
            )
        elif not overwrite:
            operator.refuse_present(execution_id)
    except BucketpointError as problem:
        error = problem
        output.note(f"{execution_id}: {problem} [{problem.kind}]")
    record = ChangeRecord(
        execution_id=execution_id,
        action="import",
        dry_run=dry_run,
        version=None if version is None else str(version),
        error=error.kind.value if error is not None else None,
    )
    done = "would be stored" if dry_run else "is stored"
    output.emit(record, None if error is not None else lambda: f"{execution_id} {done}.")
    return ExitCode.OK if error is None else exit_code(error)
