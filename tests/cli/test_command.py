"""The command `bucketpoint` as a program."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bucketpoint
from bucketpoint.cli.app import app
from tests.cli.programs import run_command, run_program


def test_version_names_what_a_report_of_a_problem_needs(tmp_path: Path) -> None:
    result = run_command("version", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"bucketpoint {bucketpoint.__version__}, pydantic ")


def test_the_installed_script_is_the_same_program(tmp_path: Path) -> None:
    script = shutil.which("bucketpoint", path=Path(sys.executable).parent)
    assert script is not None, "the package is not installed"
    said = subprocess.run([script, "version"], check=True, capture_output=True, encoding="utf-8")
    assert said.stdout == run_command("version", cwd=tmp_path).stdout


def test_help_lists_every_command_with_what_it_does(tmp_path: Path) -> None:
    result = run_command("--help", cwd=tmp_path)
    assert result.returncode == 0
    for name in ("demo", "version"):
        assert name in result.stdout


@pytest.mark.parametrize("name", app.list_commands(app.make_context("bucketpoint", ["version"])))
def test_every_command_has_help_and_an_example(name: str, tmp_path: Path) -> None:
    result = run_command(name, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert f"bucketpoint {name}" in result.stdout.partition("Example:")[2]


def test_an_unknown_command_is_a_usage_error(tmp_path: Path) -> None:
    result = run_command("frobnicate", cwd=tmp_path)
    assert result.returncode == 2
    assert "No such command 'frobnicate'" in result.stderr


def test_an_error_of_the_library_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    result = run_command("demo", "--url", "ftp://example.org", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert "[invalid_url]" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_the_command_names_it(missing: str, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['bucketpoint', 'demo']; "
        "from bucketpoint.cli import main; main()"
    )
    result = run_program("-c", program, cwd=tmp_path)
    assert result.returncode == 1
    assert "pip install 'bucketpoint[cli]'" in result.stderr
    assert "Traceback" not in result.stderr
