"""A store with runs, and the command run inside the test's process on a terminal or none."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from bucketpoint import BranchState, BucketCheckpointer, Checkpoint, MemoryStore, WaitState
from bucketpoint.cli.app import app
from bucketpoint.cli.terminal import Terminal
from bucketpoint.testing.fixtures import FrozenClock

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Said:
    """What a command said.

    Attributes:
        code: Its exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs commands as on the terminal of a person who sits before it at `NOW`.

    Args:
        url: The store.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def run(
        self, *arguments: str, answer: str | None = None, terminal: bool = True, url: str = ""
    ) -> Said:
        """Run a command; `answer` is typed where it asks, None where nobody can be asked."""
        shown = io.StringIO()
        console = Console(file=shown, width=100, highlight=False, color_system=None)
        obj = Terminal(
            shows=terminal,
            reports=False,
            answers=answer is not None,
            console=console,
            now=lambda: NOW,
        )
        environment = {"BUCKETPOINT_URL": url or self.url}
        result = CliRunner().invoke(app, arguments, input=answer, obj=obj, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        lines = [line.rstrip() for line in (shown.getvalue() + result.stdout).splitlines()]
        return Said(result.exit_code, "".join(f"{line}\n" for line in lines), result.stderr)

    def json(self, *arguments: str, **options: Any) -> Said:
        """Run a command whose output is no terminal."""
        return self.run(*arguments, terminal=False, **options)


class Runs:
    """Puts runs into a store at times that are told."""

    def __init__(self, name: str) -> None:
        self.clock = FrozenClock(NOW - timedelta(hours=2))
        self.store = MemoryStore(name, clock=self.clock)
        self.checkpointer = BucketCheckpointer(self.store)

    def save(self, execution_id: str, status: str = "running", **members: Any) -> None:
        """Store a run that began ten minutes ago, and move the clock on by a minute."""
        checkpoint = Checkpoint(
            execution_id=execution_id,
            status=status,
            checkpoint_at=self.clock.now,
            start_time=self.clock.now - timedelta(minutes=10),
            **members,
        )
        self.checkpointer.save_checkpoint(checkpoint)
        self.clock.advance(timedelta(minutes=1))


@pytest.fixture
def runs() -> Runs:
    return Runs(f"cli-{next(_numbers)}")


@pytest.fixture
def shell(runs: Runs) -> Shell:
    return Shell(runs.store.url)


def waiting(*, topic: str = "", until: datetime | None = None, **members: Any) -> BranchState:
    """A branch that waits for a signal, or sleeps."""
    wait = WaitState(kind="signal" if topic else "sleep", topic=topic, wake_at=until)
    return BranchState(id="main", status="suspended", current_step="approve", wait=wait, **members)
