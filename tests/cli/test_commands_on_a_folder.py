"""The program as users run it, each command on a folder."""

from __future__ import annotations

from pathlib import Path

import bucketpoint
from bucketpoint import BranchState, Checkpoint
from tests.cli.programs import Program


def branches(*names: str) -> dict[str, BranchState]:
    return {name: BranchState(id=name, status="running") for name in names}


def test_every_command_does_what_it_says_on_a_folder(tmp_path: Path) -> None:
    url = (tmp_path / "runs").as_uri()
    with bucketpoint.open(url) as checkpointer:
        for status in ("running", "failed"):
            run = Checkpoint(execution_id="a", status=status, branch_states=branches("main"))
            checkpointer.save_checkpoint(run)
    program = Program(tmp_path, url)
    assert [run["status"] for run in program.records("list")] == ["failed"]
    assert program.records("show", "a")[0]["revision"] == 2
    assert len(program.records("history", "a")) == 2
    assert program.records("diff", "a")[0]["path"] == ["status"]
    assert program.run("watch", "a").returncode == 10
    assert program.run("restore", "a").returncode == 9  # nobody can be asked
    assert program.records("restore", "a", "--yes")[0]["action"] == "restore"
    assert program.run("pause", "a").returncode == 0
    assert program.records("show", "a")[0]["next"] == ["bucketpoint unpause a --branch main"]
    assert program.records("unpause", "a")[0]["branches"] == ["main"]
    assert program.run("fork", "a", "b").returncode == 0
    assert program.run("export", "--output", "runs.jsonl").returncode == 0
    assert program.records("delete", "a", "--yes")[0]["error"] is None
    assert program.run("show", "a").returncode == 3
    assert program.run("import", "runs.jsonl").returncode == 4  # b is there
    assert [run["execution_id"] for run in program.records("list")] == ["a", "b"]
    target = (tmp_path / "copies").as_uri()
    copied = program.records("copy", url, target, "--history")
    assert [run["error"] for run in copied] == [None, None]
    assert program.records("gc", "--older-than", "1d", "--yes")[0]["examined"] == 2
