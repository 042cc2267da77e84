"""The tests that the README names as its proofs are there; docs/proof.md says what came of them."""

import ast

from tests.docs.pages import README, ROOT
from tests.proof import promises


def defined_in(path: str) -> set[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_guarantee_names_tests_that_are_defined() -> None:
    named = promises(README.read_text(encoding="utf-8"))
    assert len(named) >= 8
    for promise, tests in named.items():
        assert tests, promise
        for test in tests:
            path, _, name = test.partition("::")
            assert name in defined_in(path), test
