"""The tests that the README names as its proofs are there."""

import ast
import re

from tests.docs.pages import README, ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def defined_in(path: str) -> set[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def guarantees() -> list[str]:
    """Return the rows of the README's table of guarantees."""
    section = README.read_text(encoding="utf-8").split("## What is guaranteed\n")[1]
    return re.findall(r"^\| (?!---|guarantee).*$", section.split("\n## ")[0], re.MULTILINE)


def test_every_guarantee_names_a_test() -> None:
    rows = guarantees()
    assert len(rows) >= 8
    assert [row for row in rows if not NAMED.search(row)] == []


def test_every_test_that_is_named_is_defined() -> None:
    named = NAMED.findall(README.read_text(encoding="utf-8"))
    assert [(path, test) for path, test in named if test not in defined_in(path)] == []
