"""Runs a server for no longer than whoever asked for it lives, and removes what it leaves behind.

`main` is a program: its argument is a JSON object with `command`, `log` (a file) and `remove`
(files and folders). Each line on its standard input is an order; it answers with a line that says whether
the server is `running`, or its exit code. At the order `end`, or when the input ends because the
other side died, it kills the server, removes what there is to remove, and exits.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypedDict


class Job(TypedDict):
    """What to run, where its output goes, and what to remove in the end."""

    command: list[str]
    log: str
    remove: list[str]


def main() -> None:
    """Follow the orders on standard input until they end."""
    job: Job = json.loads(sys.argv[1])
    server: subprocess.Popen[bytes] | None = None
    try:
        for line in sys.stdin:
            match line.strip():
                case "start":
                    server = _start(job)
                case "kill":
                    _kill(server)
                case "end":
                    break
                case _:
                    pass  # it only wants the answer
            print(_state(server), flush=True)  # noqa: T201 - the answer to the order
    finally:
        _kill(server)
        for path in map(Path, job["remove"]):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _start(job: Job) -> subprocess.Popen[bytes]:
    with Path(job["log"]).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - it came from the emulator
            job["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def _kill(server: subprocess.Popen[bytes] | None) -> None:
    if server is not None:
        server.kill()
        server.wait()


def _state(server: subprocess.Popen[bytes] | None) -> str:
    code = server.poll() if server is not None else 0
    return "running" if code is None else str(code)
