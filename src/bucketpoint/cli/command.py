"""What every command has: `--json`, errors with a next step, and what its page in the docs needs."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from bucketpoint.cli.exits import READING, ExitCode, exit_code
from bucketpoint.cli.hints import next_command
from bucketpoint.cli.output import Output
from bucketpoint.cli.terminal import Terminal
from bucketpoint.errors import BucketpointError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["CliCommand", "Failure", "cli_command", "help_of"]

_AS_JSON = "bucketpoint.as_json"
"""Whether JSON was asked for, in the context's `meta`."""


class CliCommand(click.Command):
    """A command that knows the JSON it prints and the exit codes it ends in.

    Attributes:
        record: Each JSON object that it prints; None where it prints none.
        lines: It prints one object on a line for each of several things.
        exits: The exit codes.
    """

    def __init__(
        self,
        *args: Any,
        record: type[DataclassInstance] | None = None,
        lines: bool = False,
        exits: Sequence[ExitCode] = READING,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.record = record
        self.lines = lines
        self.exits = exits

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, and make our errors into exit codes."""
        try:
            return super().invoke(ctx)
        except BucketpointError as error:
            raise Failure(error, ctx) from error
        except ImportError as error:
            if "bucketpoint[" not in str(error):
                raise
            failure = click.ClickException(str(error))
            failure.exit_code = ExitCode.CONFIGURATION  # type: ignore[misc]  # click itself does so
            raise failure from error


class Failure(click.ClickException):
    """An error of the library, as the command line shows it: what, and what to type next.

    Args:
        error: The error.
        ctx: Of the command that failed.
    """

    def __init__(self, error: BucketpointError, ctx: click.Context) -> None:
        super().__init__(f"{error} [{error.kind}]")
        self.exit_code = exit_code(error)  # type: ignore[misc]  # click itself does so
        self._error = error
        self._next = next_command(error, ctx)
        self._as_json = bool(ctx.meta.get(_AS_JSON))

    def show(self, file: Any = None) -> None:
        """Say it on standard error: one JSON object where JSON was asked for."""
        if self._as_json:
            shown = {
                "kind": self._error.kind.value,
                "message": self._error.message,
                "execution_id": self._error.execution_id,
                "exit_code": int(self.exit_code),
                "next": self._next,
            }
            click.echo(json.dumps({"error": shown}), err=True)
            return
        super().show(file)
        click.echo(f"Next:  {self._next}", err=True)


def cli_command(
    *,
    record: type[DataclassInstance] | None = None,
    lines: bool = False,
    exits: Sequence[ExitCode] = READING,
) -> Callable[[Callable[..., ExitCode | None]], CliCommand]:
    """Make a command of a function that takes its `Output` and its parameters.

    What the function returns, if anything, is the exit code.

    Args:
        record: Each JSON object that it prints, a dataclass whose docstring describes the fields.
        lines: It prints one object on a line for each of several things.
        exits: The exit codes it may end in.
    """

    def decorate(function: Callable[..., ExitCode | None]) -> CliCommand:
        @functools.wraps(function)
        def callback(*, as_json: bool = False, **parameters: Any) -> None:
            ctx = click.get_current_context()
            ctx.meta[_AS_JSON] = as_json
            code = function(Output(Terminal.of(ctx), as_json=as_json), **parameters)
            if code:
                ctx.exit(code)

        decorated = callback if record is None else _json_option(callback)
        command = click.command(
            cls=CliCommand, help=help_of(function), record=record, lines=lines, exits=exits
        )
        return command(decorated)

    return decorate


def help_of(function: Callable[..., Any]) -> str:
    r"""Return a function's docstring as click takes it: `\b` keeps the lines of a paragraph."""
    return inspect.cleandoc(function.__doc__ or "").replace("\\b\n", "\b\n")


_json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, also on a terminal; errors, too, are JSON then.",
)
