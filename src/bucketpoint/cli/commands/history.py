"""`bucketpoint history`."""

from __future__ import annotations

import click

from bucketpoint.cli import options, views
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import VersionRecord
from bucketpoint.core.history import CheckpointVersion
from bucketpoint.core.summaries import UNREADABLE, Kind, gist_of

__all__ = ["command"]

_LIMIT = 20


@cli_command(record=VersionRecord, lines=True)
@options.store
@options.execution_id
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_LIMIT,
    show_default=True,
    help="So many of the newest; each is read.",
)
def command(output: Output, *, url: str, timeout: float, execution_id: str, limit: int) -> None:
    r"""Show the versions of a run that are kept, the newest first.

    The first column is what --version takes. A deleted run has a history, too.

    \b
    Example:
        bucketpoint history order-17
    """
    shown: list[VersionRecord] = []
    with opened(url, timeout) as operator:
        kept = operator.history(execution_id, limit=limit)
        with output.counting("reading", len(kept)) as tally:
            for version in kept:
                record = _record(operator, execution_id, version)
                output.emit(record)
                shown.append(record)
                tally.add()
    output.show(views.timeline(shown, output.terminal.now()))
    if len(shown) == limit and not output.as_json:
        output.note(f"These are the newest {limit}: --limit shows more.")


def _record(operator: Operator, execution_id: str, version: CheckpointVersion) -> VersionRecord:
    document = operator.look_at(execution_id, version).document
    member = document.member if document is not None else None
    status = "deleted"
    if document is not None:
        gist = gist_of(document.body)
        status = {Kind.TOMBSTONE: "deleted", Kind.UNREADABLE: UNREADABLE}.get(
            gist.kind, gist.status
        )
    return VersionRecord(
        execution_id=execution_id,
        version_id=version.version_id,
        modified_at=version.modified_at,
        size=version.size,
        is_current=version.is_current,
        status=status,
        revision=member.revision if member is not None else None,
        owner=member.owner if member is not None else None,
    )
