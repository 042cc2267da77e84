"""The demo does in a bucket what it does in a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.cli.programs import run_command
from tests.emulators.clouds import PREFIX, Cloud


def test_the_demo_kills_resumes_races_and_pauses_in_a_bucket(cloud: Cloud, tmp_path: Path) -> None:
    bucket = cloud.new_bucket()
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    result = run_command("demo", "--url", cloud.url(bucket), cwd=tmp_path, **credentials)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(r"SIGKILL to process \d+: exit code -9", result.stdout)
    assert re.search(r"worker-2 +settle +resumed", result.stdout)
    assert "ClaimHeldError" in result.stdout
    assert re.search(r"worker-5 +report +done", result.stdout)
    assert cloud.url(bucket).partition("/runs")[0] in result.stdout
    assert not list(tmp_path.iterdir())

    checkpointer = cloud.checkpointer(bucket)
    stored = list(checkpointer.store.list(PREFIX))
    assert {entry.key.rpartition("-")[2] for entry in stored} == {"morning.json", "evening.json"}
    for entry in stored:
        assert entry.key in result.stdout
        run = entry.key.rpartition("/")[2].removesuffix(".json")
        assert checkpointer.load_checkpoint(run).status == "completed"
