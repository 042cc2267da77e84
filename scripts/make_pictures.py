"""Draws the pictures of the command line from what the commands really print.

    .venv/bin/python -m scripts.make_pictures

The runs lie in memory, at a time that stands still, so that the same code gives the same pictures.
"""

import inspect
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI

from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    ExecutionStatus,
    MemoryStore,
    WaitState,
    pause_branch,
)
from bucketpoint.cli.app import app
from bucketpoint.cli.terminal import Terminal
from bucketpoint.testing.fixtures import FrozenClock
from bucketpoint.timestamps import Timestamp

__all__ = ["FOLDER", "pictures"]

FOLDER = Path(__file__).parents[1] / "docs" / "images"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
URL = "memory://pictures/checkpoints"
COMMANDS = {
    "list": ("list",),
    "show": ("show", "order-17"),
    "history": ("history", "order-17"),
    "diff": ("diff", "order-17", "~3", "~0"),
}
"""Each picture, and the command that it shows."""


def tell_story() -> None:
    """Put some runs into the store, at different times before now."""
    clock = FrozenClock(NOW - timedelta(hours=3))
    checkpointer = BucketCheckpointer(MemoryStore("pictures", clock=clock), prefix="checkpoints")
    put = partial(save, checkpointer, clock)
    put("order-15", 40, status=ExecutionStatus.COMPLETED, variables={"total": 120})
    put("order-16", 20, status=ExecutionStatus.FAILED, error="card declined")
    for step, minutes in (("validate", 25), ("price", 15)):
        main = BranchState(id="main", status="running", current_step=step)
        put(
            "order-17",
            minutes,
            status=ExecutionStatus.RUNNING,
            variables={"step": step},
            branch_states={"main": main},
        )
    wait = WaitState(
        kind="signal", topic="approved", wake_at=Timestamp.of(NOW + timedelta(hours=5))
    )
    main = BranchState(id="main", status="suspended", current_step="approve", wait=wait)
    mail = BranchState(id="mail", status="running", current_step="confirm")
    put(
        "order-17",
        30,
        status=ExecutionStatus.SUSPENDED,
        variables={"step": "approve"},
        branch_states={"main": main, "mail": mail},
    )
    pause_branch(checkpointer, "order-17", "mail", reason="the template is wrong")
    clock.advance(timedelta(minutes=4))
    put("order-18", 2, status=ExecutionStatus.RUNNING)


def save(
    checkpointer: BucketCheckpointer,
    clock: FrozenClock,
    execution_id: str,
    minutes: int,
    **members: Any,
) -> None:
    """Store a run, and let so many minutes go by."""
    checkpoint = Checkpoint(
        execution_id=execution_id,
        workflow_name="orders",
        start_time=Timestamp.of(clock.now - timedelta(minutes=12)),
        checkpoint_at=Timestamp.of(clock.now),
        **members,
    )
    checkpointer.save_checkpoint(checkpoint)
    clock.advance(timedelta(minutes=minutes))


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name of each picture, and the picture."""
    tell_story()
    for name, arguments in COMMANDS.items():
        console = Console(
            file=io.StringIO(), record=True, width=96, highlight=False, force_terminal=True
        )
        terminal = Terminal(
            shows=True, reports=False, answers=False, console=console, now=lambda: NOW
        )
        app.main([*arguments, "--url", URL], obj=terminal, standalone_mode=False)
        yield name, drawn(console, " ".join(["bucketpoint", *arguments]))


def drawn(console: Console, title: str) -> str:
    """Return what was printed as a picture, which loads nothing from elsewhere."""
    template = inspect.signature(Console.export_svg).parameters["code_format"].default
    unbound = re.sub(r"@font-face {{.*?}}\n", "", template, flags=re.DOTALL)
    svg = console.export_svg(
        title=title, theme=MONOKAI, code_format=unbound, unique_id="bucketpoint"
    )
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, picture in pictures():
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")
        print(f"drew {name}", file=sys.stderr)
