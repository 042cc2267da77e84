"""The stand-in serves names and types, changes nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.infra.google.conftest import HERE, PLAIN, SCHEMA
from tests.infra.google.standin import REFUSAL, field, fields
from tests.infra.terraform import TerraformError, Workspace

STANDIN = HERE / "standin.py"


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**40])
def test_integers_are_read_as_they_were_written(value: int) -> None:
    assert fields(field(3, value)).get(3, 0) == value


@pytest.mark.parametrize("value", [b"", b"a", b"\x00\xff" * 200])
def test_bytes_are_read_as_they_were_written(value: bytes) -> None:
    assert fields(field(1, 7) + field(20, value) + field(2, "x")) == {1: 7, 20: value, 2: b"x"}


def test_it_refuses_to_apply(module: Workspace) -> None:
    with pytest.raises(TerraformError, match=REFUSAL):
        module.apply(bucket_name="my-bucket", location="EU", project="my-project")


def test_it_is_started_by_terraform_alone() -> None:
    done = subprocess.run(
        [sys.executable, str(STANDIN), str(SCHEMA)], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "Terraform starts" in done.stderr


def test_it_ends_when_its_terraform_is_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"""
import subprocess, sys, time
plugin = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
plugin.stdout.readline()
open({str(started)!r}, "w").write(str(plugin.pid))
time.sleep(60)
"""
    command = [sys.executable, "-c", script, sys.executable, str(STANDIN), str(SCHEMA)]
    environment = os.environ | PLAIN | {"TF_PLUGIN_MAGIC_COOKIE": "any"}
    with subprocess.Popen(command, env=environment) as terraform:
        wait_until(lambda: started.exists() and started.read_text() != "")
        terraform.send_signal(signal.SIGKILL)
    plugin = int(started.read_text())

    wait_until(lambda: not is_running(plugin))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline
        sleep(0.05)


def is_running(process: int) -> bool:
    """Tell whether a process is there, and not only its number."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return state[0] != "Z"
