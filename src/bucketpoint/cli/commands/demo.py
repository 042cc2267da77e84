"""`bucketpoint demo`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import click
from rich.console import Console, Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bucketpoint import BucketCheckpointer, StoredCheckpoint
from bucketpoint.cli.command import cli_command
from bucketpoint.cli.demo.story import BRANCH, Story
from bucketpoint.cli.exits import RUNNING
from bucketpoint.cli.output import Output
from bucketpoint.core.keys import execution_key
from bucketpoint.stores.urls import open_store

__all__ = ["command"]

FOLDER = "demo-run"


@cli_command(exits=RUNNING)
@click.option("--url", metavar="URL", help=f"Where checkpoints go.  [default: ./{FOLDER}]")
def command(_: Output, *, url: str | None) -> None:
    r"""Run a small workflow, kill it, resume it, race for it, pause it.

    A day's orders are validated, priced, reserved, settled and reported by real processes. One of
    them is killed by SIGKILL, and another goes on from the checkpoint. It takes some seconds.

    \b
    Example:
        bucketpoint demo
        bucketpoint demo --url file:///tmp/orders
    """
    if url is None:
        Path(FOLDER).mkdir(exist_ok=True)
        url = Path(FOLDER).resolve().as_uri()
    if urlsplit(url).scheme == "memory":
        message = (
            "memory:// lives inside one process, and the demo needs several: use file:///folder"
        )
        raise click.BadParameter(message, param_hint="--url")
    console = Console(highlight=False)
    store, prefix = open_store(url)
    with closing(store):
        checkpointer = BucketCheckpointer(store, prefix=prefix)
        story = Story(console, url, checkpointer)
        story.tell()
        console.print()
        console.print(Rule(Text("What lies there now", "bold"), align="left"))
        keys = {run: execution_key(prefix, run) for run in (story.morning, story.evening)}
        tree = Tree(Text(store.url, "bold"))
        for run, key in keys.items():
            stored = checkpointer.get(run)
            if stored is not None:
                tree.add(_entry(key, stored, next(store.list(key, limit=1)).size))
        console.print(tree)
        folder = urlsplit(url).path
        if urlsplit(url).scheme == "file":
            path = Path(url2pathname(folder)) / keys[story.morning]
            console.print(Text("\nPlain JSON files. Look into one with", "dim"))
            console.print(Text(f"python3 -m json.tool {shlex.quote(str(path))}"), soft_wrap=True)


def _entry(key: str, stored: StoredCheckpoint, size: int) -> Group:
    checkpoint = stored.checkpoint
    branch = checkpoint.branch_states[BRANCH]
    invoices = branch.step_outputs["settle"]["invoices"]
    due = sum(invoice["due_cents"] for invoice in invoices.values())
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("size", f"{size:,} bytes")
    table.add_row("status", str(checkpoint.status))
    table.add_row("revision", f"{stored.revision}: so many writes, each conditional")
    table.add_row("steps done", ", ".join(branch.step_outputs))
    table.add_row("billed", f"{len(invoices)} customers, {due / 100:,.2f} EUR to come in")
    return Group(Text(key, "bold cyan"), table)
