"""`bucketpoint diff`."""

from __future__ import annotations

import click

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.cli import options, views
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import DifferenceRecord
from bucketpoint.cli.versions import named
from bucketpoint.diff import ABSENT, Difference, diff

__all__ = ["command"]

_NOW = "~0"


@cli_command(record=DifferenceRecord, lines=True)
@options.store
@options.execution_id
@click.argument("before", default="~1")
@click.argument("after", default=_NOW)
@click.option("--other", metavar="EXECUTION_ID", help="Take the second from another execution.")
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_id: str,
    before: str,
    after: str,
    other: str | None,
) -> None:
    r"""Show what differs between two versions of a run, or between two runs.

    BEFORE and AFTER are as --version takes them elsewhere: ~1, @2h, or an ID; without them it is
    the newest version and the one before it. With --other, ~0 is what each has now.

    \b
    Example:
        bucketpoint diff order-17
        bucketpoint diff order-17 @1d ~0
        bucketpoint diff order-17 ~0 --other order-18
    """
    with opened(url, timeout) as operator:
        one = _checkpoint(operator, output, execution_id, before)
        two = _checkpoint(operator, output, other or execution_id, after)
    records = [_record(difference) for difference in diff(one, two)]
    for record in records:
        output.emit(record)
    output.show(views.differences(records))


def _checkpoint(operator: Operator, output: Output, execution_id: str, name: str) -> Checkpoint:
    if name == _NOW:
        return operator.load_checkpoint(execution_id)
    version = named(operator, execution_id, name, output.terminal)
    return operator.checkpoint_at(execution_id, version)


def _record(difference: Difference) -> DifferenceRecord:
    added, removed = difference.before is ABSENT, difference.after is ABSENT
    return DifferenceRecord(
        path=difference.path,
        change="added" if added else "removed" if removed else "changed",
        before=None if added else difference.before,
        after=None if removed else difference.after,
    )
