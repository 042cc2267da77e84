"""`bucketpoint show`."""

from __future__ import annotations

from bucketpoint.branches import next_wake_at
from bucketpoint.cli import options, views
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.reasons import claim_of, reasons_of
from bucketpoint.cli.records import ShowRecord
from bucketpoint.cli.terminal import Terminal
from bucketpoint.cli.versions import named
from bucketpoint.core.document import FORKED_FROM, FORKS
from bucketpoint.core.session import Seen

__all__ = ["command"]


@cli_command(record=ShowRecord)
@options.store
@options.execution_id
@options.version
def command(
    output: Output, *, url: str, timeout: float, execution_id: str, version: str | None
) -> None:
    r"""Show a run: where it stands, why, and what to type to get it on.

    \b
    Example:
        bucketpoint show order-17
        bucketpoint show order-17 --version @2h
    """
    with opened(url, timeout) as operator:
        seen = _seen(operator, execution_id, version, output.terminal)
        checkpoint = operator.load_from(seen, execution_id).checkpoint
    now, claim = output.terminal.now(), claim_of(seen)
    member = seen.document.member if seen.document is not None else None
    has_past = member is None or member.revision > 1
    reasons = reasons_of(execution_id, checkpoint, claim, now, has_past=has_past)
    record = ShowRecord(
        execution_id=execution_id,
        status=checkpoint.status,
        why=reasons.why,
        next=reasons.next,
        version=str(seen.version),
        revision=member.revision if member is not None else None,
        modified_at=seen.modified_at,
        next_wake_at=next_wake_at(checkpoint),
        owner=claim.owner if claim is not None else None,
        claim_expires_at=claim.expires_at if claim is not None else None,
        forked_from=member.extra.get(FORKED_FROM) if member is not None else None,
        forks=member.extra.get(FORKS, []) if member is not None else [],
        checkpoint=checkpoint.to_document(),
    )
    output.emit(record, lambda: views.run(record, checkpoint, now))


def _seen(operator: Operator, execution_id: str, version: str | None, terminal: Terminal) -> Seen:
    if version is None:
        return operator.live(execution_id)
    return operator.look_at(execution_id, named(operator, execution_id, version, terminal))
