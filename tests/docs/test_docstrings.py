"""The examples in docstrings print what they show."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import bucketpoint


def sessions() -> Iterator[doctest.DocTest]:
    """Yield each docstring of the package that shows a session."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in pkgutil.walk_packages(bucketpoint.__path__, "bucketpoint."):
        if not module.name.endswith("__main__"):
            yield from finder.find(importlib.import_module(module.name))
    yield from finder.find(bucketpoint)


SESSIONS = {session.name: session for session in sessions() if session.examples}


@pytest.mark.parametrize("name", sorted(SESSIONS))
def test_the_example_of_a_docstring_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUCKETPOINT_URL", raising=False)
    doctest.DebugRunner(optionflags=doctest.ELLIPSIS).run(SESSIONS[name])
