"""`bucketpoint version`."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

import bucketpoint
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.exits import RUNNING
from bucketpoint.cli.output import Output

__all__ = ["command"]


@cli_command(exits=RUNNING)
def command(_: Output) -> None:
    r"""Print the versions that a report of a problem should name.

    \b
    Example:
        bucketpoint version
    """
    click.echo(
        f"bucketpoint {bucketpoint.__version__}, pydantic {version('pydantic')}, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
