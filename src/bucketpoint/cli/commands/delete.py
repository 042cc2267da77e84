"""`bucketpoint delete`."""

from __future__ import annotations

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import ASKING, ExitCode, combined, exit_code
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ChangeRecord
from bucketpoint.errors import BucketpointError

__all__ = ["command"]


@cli_command(record=ChangeRecord, lines=True, exits=ASKING)
@options.store
@options.execution_ids
@options.dry_run
@options.yes
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_ids: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    r"""Delete runs. Where the store keeps versions, restore brings them back.

    \b
    Example:
        bucketpoint delete order-17 order-18
        bucketpoint delete order-17 --yes
    """
    count = len(execution_ids)
    what = execution_ids[0] if count == 1 else f"{count} executions"
    if not dry_run:
        output.confirm(f"Delete {what}?", yes=yes)
    codes: list[ExitCode] = []
    with opened(url, timeout) as operator:
        for execution_id in execution_ids:
            error = None
            try:
                operator.live(execution_id)
                if not dry_run:
                    operator.delete_checkpoint(execution_id)
            except BucketpointError as problem:
                if count == 1:
                    raise
                error = problem
                output.note(f"{execution_id}: {problem} [{problem.kind}]")
            codes.append(ExitCode.OK if error is None else exit_code(error))
            _tell(output, execution_id, error, dry_run=dry_run)
    return combined(codes)


def _tell(
    output: Output, execution_id: str, error: BucketpointError | None, *, dry_run: bool
) -> None:
    record = ChangeRecord(
        execution_id=execution_id,
        action="delete",
        dry_run=dry_run,
        error=error.kind.value if error is not None else None,
    )
    done = "would be deleted" if dry_run else "is deleted"
    output.emit(record, None if error is not None else lambda: f"{execution_id} {done}.")
