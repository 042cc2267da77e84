"""The group of commands: each module of `bucketpoint.cli.commands` is one, named after it."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from typing import Any

import click

from bucketpoint.cli import commands
from bucketpoint.cli.command import help_of
from bucketpoint.cli.exits import ExitCode

__all__ = ["app"]

_SECTIONS = {
    "Look": ("list", "show", "history", "diff", "watch"),
    "Act": ("pause", "unpause", "restore", "fork", "delete"),
    "Move and keep house": ("export", "import", "copy", "gc"),
    "Find out": ("doctor", "demo", "version"),
}
"""In which order the help shows the commands."""


class Commands(click.Group):
    """Finds the commands, and loads those it needs.

    A module whose name ends in an underscore is the command without it: `import_`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """See `click.Group.list_commands`."""
        return sorted(_modules())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click gives it
        """See `click.Group.get_command`."""
        module = _modules().get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(f"{commands.__name__}.{module}").command
        command.name = cmd_name
        return command

    def sections(self, ctx: click.Context) -> dict[str, list[str]]:
        """Return the commands by what one wants to do."""
        found = self.list_commands(ctx)
        placed = {name for names in _SECTIONS.values() for name in names}
        others = {"Other": tuple(name for name in found if name not in placed)}
        return {
            section: [name for name in names if name in found]
            for section, names in (_SECTIONS | others).items()
        }

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the commands by what one wants to do."""
        for section, names in self.sections(ctx).items():
            rows = [
                (name, command.get_short_help_str(formatter.width))
                for name in names
                if (command := self.get_command(ctx, name)) is not None
            ]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; Ctrl-C ends it without a traceback."""
        try:
            with _warnings_shown():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
            ctx.exit(ExitCode.INTERRUPTED)


def _modules() -> dict[str, str]:
    return {
        module.name.rstrip("_"): module.name for module in pkgutil.iter_modules(commands.__path__)
    }


class _warnings_shown(logging.Handler):  # noqa: N801 - used as a context manager
    """Shows the library's warnings, such as of a fork that its source does not name."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"Warning: {record.getMessage()}", err=True)

    def __enter__(self) -> None:
        logging.getLogger("bucketpoint").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("bucketpoint").removeHandler(self)


def _start() -> None:
    r"""Durable checkpoints for workflow runs, in a bucket you already have.

    \b
    Name the store with --url, or once for all commands:
        export BUCKETPOINT_URL=file:///the/folder    (or s3://bucket/prefix, gs://...)

    \b
    Is a run stuck?
        bucketpoint list                      which runs there are, and when they go on
        bucketpoint show EXECUTION_ID         why it stands there, and what to type next
    """


app = Commands(
    callback=_start,
    help=help_of(_start),
    context_settings={"help_option_names": ["-h", "--help"]},
)
