"""The options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bucketpoint.checkpoint import ExecutionStatus
from bucketpoint.cli.times import Moment
from bucketpoint.errors import BucketpointError
from bucketpoint.stores.urls import URL_VARIABLE

__all__ = [
    "branches",
    "chosen",
    "dry_run",
    "execution_id",
    "execution_ids",
    "filters",
    "overwrite",
    "some_executions",
    "store",
    "timeout",
    "version",
    "yes",
]

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETIONS = 50
"""So many execution IDs are offered at most."""


class ExecutionID(click.ParamType):  # type: ignore[type-arg]  # only new versions of click take any
    """An execution ID, which a shell completes from the store where that answers."""

    name = "execution_id"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click gives it
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return IDs that begin so; none where there is no store to ask."""
        from bucketpoint.cli.operator import known_ids

        try:
            found = known_ids(ctx.params.get("url"), incomplete, _COMPLETIONS)
        except (BucketpointError, ImportError):
            return []
        return [CompletionItem(execution_id) for execution_id in found]


def _required(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001 - click gives it
    value: str | None,
) -> str | None:
    if not value and not ctx.resilient_parsing:
        message = (
            f"which store? Give --url URL or set the environment variable {URL_VARIABLE}: "
            "s3://bucket/prefix, gs://bucket/prefix or file:///folder"
        )
        raise click.UsageError(message, ctx)
    return value


def timeout(function: F) -> F:
    """Add `--timeout`."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="How long one call to the store may take.",
    )(function)


def store(function: F) -> F:
    """Add `--url` and `--timeout`: which store, and how long it may take."""
    url = click.option(
        "--url",
        metavar="URL",
        envvar=URL_VARIABLE,
        callback=_required,
        is_eager=True,  # so that completion knows it
        help=f"Where the checkpoints lie.  [default: ${URL_VARIABLE}]",
    )
    return url(timeout(function))


execution_id = click.argument("execution_id", type=ExecutionID(), metavar="EXECUTION_ID")

execution_ids = click.argument(
    "execution_ids", type=ExecutionID(), nargs=-1, required=True, metavar="EXECUTION_ID..."
)

some_executions = click.argument(
    "execution_ids", type=ExecutionID(), nargs=-1, metavar="[EXECUTION_ID]..."
)

branches = click.option(
    "--branch",
    "branches",
    multiple=True,
    metavar="NAME",
    help="Only this branch; may be repeated. Else all that have not ended.",
)

overwrite = click.option(
    "--overwrite", is_flag=True, help="Write also over runs that exist already."
)

version = click.option(
    "--version",
    metavar="VERSION",
    help="An earlier one: ~1 for the one before the newest, @2h for what was current two hours "
    "ago, or its ID; see history.",
)

yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would be done.")

_FILTERS = (
    click.option(
        "--status",
        multiple=True,
        help=f"Only this status; may be repeated: {', '.join(ExecutionStatus)}.",
    ),
    click.option("--workflow", metavar="NAME", help="Only executions of this workflow."),
    click.option(
        "--id-prefix",
        default="",
        metavar="TEXT",
        help="Only IDs that begin so; quick on any store.",
    ),
    click.option(
        "--modified-since",
        type=Moment(),
        metavar="TIME",
        help="Written since then: 2h, 2026-01-31.",
    ),
    click.option(
        "--modified-before", type=Moment(), metavar="TIME", help="Last written before: 7d."
    ),
    click.option(
        "--wake-before",
        type=Moment(ahead=True),
        metavar="TIME",
        help="Whose next deadline comes by then: now, 2h (from now).",
    ),
)


def filters(function: F) -> F:
    """Add what `list_executions` chooses by."""
    for option in reversed(_FILTERS):
        function = option(function)
    return function


def chosen(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters as `list_executions` takes them."""
    return {**filters, "status": filters["status"] or None}
