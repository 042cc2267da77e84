"""The examples in docstrings print what they show."""

import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import bucketpoint

PACKAGE = Path(bucketpoint.__file__).parent


def prompts_by_module() -> dict[str, int]:
    """Return how many prompts each module shows; none is imported to find out."""
    counts = {
        path: path.read_text(encoding="utf-8").count(">>> ") for path in PACKAGE.rglob("*.py")
    }
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): count
        for path, count in sorted(counts.items())
        if count
    }


PROMPTS = prompts_by_module()


def sessions(module: str) -> Iterator[doctest.DocTest]:
    """Yield the docstrings with prompts of what reports to be the module's."""
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    return (session for session in found if session.examples)


@pytest.mark.parametrize("module", ["bucketpoint", *PROMPTS])
def test_the_examples_in_docstrings_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUCKETPOINT_URL", raising=False)
    for session in sessions(module):
        doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(session)


def test_no_prompt_is_overlooked() -> None:
    modules = ["bucketpoint", *PROMPTS]
    examples = [len(session.examples) for module in modules for session in sessions(module)]
    assert sum(examples) == sum(PROMPTS.values())
