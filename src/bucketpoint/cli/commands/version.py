"""`bucketpoint version`."""

from __future__ import annotations

import platform
from importlib.metadata import version

import click

import bucketpoint

__all__ = ["command"]


@click.command()
def command() -> None:
    r"""Print the versions that a report of a problem should name.

    \b
    Example:
        bucketpoint version
    """
    click.echo(
        f"bucketpoint {bucketpoint.__version__}, pydantic {version('pydantic')}, "
        f"Python {platform.python_version()}, {platform.system()}"
    )
