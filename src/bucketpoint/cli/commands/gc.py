"""`bucketpoint gc`."""

from __future__ import annotations

from datetime import timedelta

import click

from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import ASKING, ExitCode
from bucketpoint.cli.hints import shell_word
from bucketpoint.cli.operator import opened
from bucketpoint.cli.output import Output, record_as
from bucketpoint.cli.records import GCRecord
from bucketpoint.cli.times import Span, long

__all__ = ["command"]


@cli_command(record=GCRecord, exits=ASKING)
@options.store
@click.option(
    "--older-than",
    type=Span(),
    required=True,
    metavar="TIME",
    help="Only what has not been written for so long: 30d, 12h.",
)
@click.option(
    "--finished",
    is_flag=True,
    help="Also delete runs that have completed or failed, and the versions of all that is taken: "
    "nothing brings those back.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Take so many executions at most.")
@click.option("--start-after", metavar="EXECUTION_ID", help="Go on behind this one.")
@options.dry_run
@options.yes
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    older_than: timedelta,
    finished: bool,
    limit: int | None,
    start_after: str | None,
    dry_run: bool,
    yes: bool,
) -> ExitCode:
    r"""Remove what deleted runs leave behind, and finished runs when asked.

    It may be stopped at any time, and begun again.

    \b
    Example:
        bucketpoint gc --older-than 30d --dry-run
        bucketpoint gc --older-than 90d --finished --yes
    """
    if not dry_run:
        what = "finished runs, their versions and the tombstones" if finished else "tombstones"
        output.confirm(f"Remove {what} older than {long(older_than)} from {url}?", yes=yes)
    with opened(url, timeout) as operator, output.counting("examining") as tally:
        report = operator.gc(
            older_than=older_than,
            finished=finished,
            dry_run=dry_run,
            limit=limit,
            start_after=start_after,
            progress=lambda progress: tally.at(progress.listed),
        )
    record = record_as(GCRecord, report)
    verb = "Would have" if dry_run else "Has"
    text = (
        f"{verb} purged {len(report.purged):,} tombstones and deleted {len(report.deleted):,} "
        f"finished runs, of {report.examined:,} examined; {report.versions_removed:,} versions "
        "removed."
    )
    output.emit(record, lambda: text)
    for execution_id, kind in report.failed:
        output.note(f"{execution_id} was left: {kind}")
    if report.next is not None:
        output.note(f"More may be left: go on with --start-after {shell_word(report.next)}")
    return ExitCode.OTHER if report.failed else ExitCode.OK
