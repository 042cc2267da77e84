"""A worker process that runs the example workflow one piece of work at a time."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

__all__ = ["Line", "Worker"]

_HERE = Path(__file__).resolve()
_PIECE_OF_WORK = {"saved", "done"}


@dataclass(frozen=True)
class Line:
    """What a worker says: a step, what became of it, and more about that."""

    step: str
    what: str
    detail: str


def workflow_program() -> Path:
    """Return the example's program: beside us in a wheel, in `examples` in a source tree."""
    packaged = _HERE.with_name("orders") / "workflow.py"
    return packaged if packaged.exists() else _HERE.parents[4] / "examples/orders/workflow.py"


class Worker:
    """One process of the example workflow; it works only when told to, and can be killed."""

    def __init__(
        self, name: str, url: str, execution: str, *, ttl_s: float = 60, wait_s: float = 0
    ) -> None:
        self.name = name
        command = [sys.executable, str(workflow_program()), "--step-by-step"]
        command += ["--url", url, "--execution", execution, "--owner", name]
        command += ["--ttl", str(ttl_s), "--wait", str(wait_s)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            bufsize=1,
        )
        self._told = cast("IO[str]", self._process.stdin)
        self._said = cast("IO[str]", self._process.stdout)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def advance(self) -> Iterator[Line]:
        """Let it do the next piece of work; yield what it says until that is saved."""
        with contextlib.suppress(BrokenPipeError):  # it died: what it said tells why
            self._told.write("\n")
        for line in self._lines():
            yield line
            if line.what in _PIECE_OF_WORK:
                return

    def finish(self) -> Iterator[Line]:
        """Let it do all that is left; yield what it says until it ends."""
        self._told.close()
        yield from self._lines()
        self._process.wait()

    def kill(self) -> int:
        """Send SIGKILL, which no process can catch; return the exit code."""
        self._process.kill()
        return self._process.wait()

    def has_ended(self) -> bool:
        """Tell whether the process has ended by itself."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """Return the rest of what a process that has ended said."""
        return self._said.read().strip()

    def _lines(self) -> Iterator[Line]:
        for text in self._said:
            step, what, detail = (*text.split(maxsplit=2), "", "", "")[:3]
            yield Line(step, what, detail.strip())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.has_ended():
            self.kill()
        with contextlib.suppress(BrokenPipeError):
            self._told.close()
        self._said.close()
