"""The demo shows what it promises, to people and to pipes."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.programs import run_command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current folder of the demo; its name makes a URL hard to get right."""
    folder = tmp_path_factory.mktemp("demo") / "100 % of a folder"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """What the demo says into a pipe."""
    result = run_command("demo", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_the_demo_shows_a_kill_a_resume_a_race_and_a_pause(said: str) -> None:
    assert re.search(r"SIGKILL to process \d+: exit code -9", said)
    assert re.search(r"worker-2 +validate +skipped", said)
    assert re.search(r"worker-2 +settle +resumed", said)
    assert re.search(
        r"ClaimHeldError: execution '[\w-]+-evening' is claimed by 'worker-[34]'", said
    )
    assert said.count("pause_requested = true") == 2
    assert re.search(r"worker-[34] +report +paused", said)
    assert re.search(r"worker-5 +report +done", said)


def test_the_demo_leaves_plain_json_where_it_says(folder: Path, said: str) -> None:
    named = re.search(r"^python3 -m json.tool '(.+)'$", said, re.MULTILINE)
    assert named is not None
    path = Path(named[1])
    assert path.is_relative_to(folder / "demo-run")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["status"] == "completed"
    assert document["outputs"]["due_cents"] == 785_60
    assert f"{path.stat().st_size:,} bytes" in said
    assert "785.60 EUR" in said


@pytest.mark.usefixtures("said")
def test_the_demo_runs_again_on_the_same_store_and_speaks_ascii_where_it_must(folder: Path) -> None:
    result = run_command("demo", cwd=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()
    assert len(list((folder / "demo-run/executions").glob("*.json"))) == 4


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("memory://demo", "needs several: use file:///folder"),
        ("nowhere", "file:///the/folder"),
    ],
)
def test_a_store_that_the_demo_cannot_use_is_refused_with_a_way_out(
    url: str, words: str, tmp_path: Path
) -> None:
    result = run_command("demo", "--url", url, cwd=tmp_path)
    assert result.returncode in {1, 2}
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
