"""`import bucketpoint` loads what a checkpoint needs, and nothing that only some users need."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    *("asyncio", "boto3", "botocore", "click", "concurrent", "google", "http", "hypothesis"),
    *("multiprocessing", "pytest", "rich", "selectors", "socket", "ssl", "subprocess", "sqlite3"),
    *("tempfile", "unittest", "xml"),
}

PROGRAM = """
import json, sys
before = set(sys.modules)
exec(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter loads for the statement."""
    command = [sys.executable, "-I", "-c", PROGRAM, statement]
    return set(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def heavy(modules: set[str]) -> set[str]:
    """Return those of the modules that belong to something heavy."""
    return {module for module in modules if module.split(".")[0] in HEAVY}


def test_import_loads_no_sdk_no_event_loop_and_no_command_line() -> None:
    loaded = loaded_by("import bucketpoint")
    assert "bucketpoint" in loaded
    assert heavy(loaded) == set()


@pytest.mark.parametrize("name", ["BucketCheckpointer", "Checkpoint", "errors"])
def test_the_names_of_every_user_need_nothing_heavy_either(name: str) -> None:
    assert heavy(loaded_by(f"from bucketpoint import {name}")) == set()


def test_heavy_modules_are_noticed() -> None:
    assert heavy(loaded_by("import asyncio")) >= {"asyncio", "ssl"}


def test_import_prints_and_configures_nothing() -> None:
    statement = (
        "import logging; import bucketpoint; logger = logging.getLogger('bucketpoint'); "
        "assert logger.level == logging.NOTSET and not logging.getLogger().handlers"
    )
    command = [sys.executable, "-I", "-W", "error", "-c", statement]
    result = subprocess.run(command, check=True, capture_output=True)
    assert (result.stdout, result.stderr) == (b"", b"")
