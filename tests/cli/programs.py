"""Runs the command and the example as users do: as programs of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bucketpoint.cli.demo.worker import workflow_program

BARE = {**os.environ, "PYTHONWARNINGS": "error", "COLUMNS": "100"}


def run_program(
    *arguments: str, cwd: Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments and return what it said, whatever its exit code."""
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        cwd=cwd,
        encoding="utf-8",
        env=BARE | environment,
        input=stdin,
        timeout=120,
    )


def run_command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `bucketpoint` with the arguments."""
    return run_program("-m", "bucketpoint", *arguments, cwd=cwd, **environment)


class Program:
    """Runs `bucketpoint` on one store."""

    def __init__(self, cwd: Path, url: str, environment: dict[str, str] | None = None) -> None:
        self._cwd = cwd
        self._environment = {"BUCKETPOINT_URL": url, **(environment or {})}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, cwd=self._cwd, **self._environment)

    def records(self, *arguments: str) -> list[dict[str, Any]]:
        said = self.run(*arguments)
        assert (said.returncode, said.stderr) == (0, "")
        return [json.loads(line) for line in said.stdout.splitlines()]


def run_orders(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the example workflow with the arguments."""
    return run_program(str(workflow_program()), *arguments, cwd=cwd)
