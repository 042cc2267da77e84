"""The group of commands: each module of `bucketpoint.cli.commands` is one, named after it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from bucketpoint.cli import commands
from bucketpoint.errors import BucketpointError

__all__ = ["app"]


class Commands(click.Group):
    """Finds the commands, loads those it needs, and shows our errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{commands.__name__}.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BucketpointError as error:
            raise click.ClickException(f"{error} [{error.kind}]") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def app() -> None:
    """Durable checkpoints for workflow runs, in a bucket you already have."""
