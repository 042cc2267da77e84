"""`bucketpoint watch`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from bucketpoint.checkpoint import ExecutionStatus, ExecutionSummary
from bucketpoint.cli import options
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.commands.list import record_of
from bucketpoint.cli.exits import READING, ExitCode
from bucketpoint.cli.operator import Operator, opened
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import ExecutionRecord
from bucketpoint.cli.times import Span
from bucketpoint.cli.views import status_text
from bucketpoint.core.waits import FINISHED
from bucketpoint.errors import StoreUnavailableError

__all__ = ["command"]

_EXITS = (*READING, ExitCode.RUN_FAILED, ExitCode.STILL_RUNNING, ExitCode.INTERRUPTED)


@cli_command(record=ExecutionRecord, lines=True, exits=_EXITS)
@options.store
@options.some_executions
@options.filters
@click.option(
    "--interval",
    type=Span(),
    default="2s",
    show_default=True,
    metavar="TIME",
    help="How long to wait before looking again.",
)
@click.option("--for", "patience", type=Span(), metavar="TIME", help="Give up after so long.")
def command(
    output: Output,
    *,
    url: str,
    timeout: float,
    execution_ids: tuple[str, ...],
    interval: timedelta,
    patience: timedelta | None,
    **filters: Any,
) -> ExitCode:
    r"""Tell of each change of runs, until those that were named have ended.

    Without EXECUTION_ID it watches all that the filters let pass, until Ctrl-C or --for.

    \b
    Example:
        bucketpoint watch order-17 --for 10m
        bucketpoint watch --workflow orders
    """
    ends = None if patience is None else time.monotonic() + patience.total_seconds()
    known: dict[str, ExecutionSummary] = {}
    with opened(url, timeout) as operator:
        while True:
            for summary in _looked(operator, output, execution_ids, options.chosen(filters)):
                if known.get(summary.execution_id) != summary:
                    known[summary.execution_id] = summary
                    _tell(output, summary)
            if execution_ids and all(_is_over(known.get(each)) for each in execution_ids):
                failed = any(known[each].status == ExecutionStatus.FAILED for each in execution_ids)
                return ExitCode.RUN_FAILED if failed else ExitCode.OK
            if ends is not None and time.monotonic() + interval.total_seconds() > ends:
                return _given_up(output, execution_ids, known)
            time.sleep(interval.total_seconds())


def _looked(
    operator: Operator, output: Output, execution_ids: tuple[str, ...], filters: dict[str, Any]
) -> Iterator[ExecutionSummary]:
    try:
        if not execution_ids:
            yield from operator.list_executions(**filters)
        for execution_id in execution_ids:
            yield operator.summary(execution_id)
    except StoreUnavailableError as error:  # it may be back when it is asked next
        output.note(f"{error} [{error.kind}]")


def _given_up(
    output: Output, execution_ids: tuple[str, ...], known: dict[str, ExecutionSummary]
) -> ExitCode:
    if not execution_ids:
        return ExitCode.OK
    running = ", ".join(each for each in execution_ids if not _is_over(known.get(each)))
    output.note(f"Time is up, and these have not ended: {running}")
    return ExitCode.STILL_RUNNING


def _is_over(summary: ExecutionSummary | None) -> bool:
    return summary is not None and summary.status in FINISHED


def _tell(output: Output, summary: ExecutionSummary) -> None:
    record = record_of(summary)
    when = f"{record.modified_at:%H:%M:%S}" if record.modified_at is not None else "--:--:--"
    text = status_text(record.status)
    text.pad_right(max(0, 10 - len(text)))
    from rich.text import Text

    output.emit(record, lambda: Text.assemble((when, "dim"), "  ", text, "  ", record.execution_id))
