"""Bytes that are looked for by what they reach in the code, for as long as a thorough run takes."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import THOROUGH
from tests.format.documents import EDGES, GOLDENS

PROGRAM = Path(__file__).with_name("fuzz_documents.py")
SECONDS = 120

pytestmark = [
    pytest.mark.skipif(not THOROUGH, reason="takes two minutes: ./scripts/test --thorough"),
    pytest.mark.skipif(find_spec("atheris") is None, reason="atheris does not install here"),
]


def fuzz(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_but_our_own_errors_comes_out(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    bodies = [golden.body for golden in GOLDENS.values()] + [edge.body for edge in EDGES.values()]
    for number, body in enumerate(bodies):
        (corpus / f"{number}.json").write_bytes(body)
    result = fuzz(f"-max_total_time={SECONDS}", "-seed=1", f"-artifact_prefix={tmp_path}/", corpus)
    assert result.returncode == 0, result.stderr[-4000:]
    assert "Done " in result.stderr
