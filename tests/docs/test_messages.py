"""The messages that the how-to pages explain are those that the stores give."""

import ast
import re
from pathlib import Path

import pytest

from bucketpoint import errors
from tests.docs.pages import ROOT

STORES = Path(errors.__file__).parent / "stores"
PAGES = ("s3", "gcs")
ROW = re.compile(r'^\| "(?P<message>[^"|]+)" \| `(?P<error>\w+)` \| .+ \|$', re.MULTILINE)


def texts() -> list[str]:
    """Return the strings of all stores, those of one f-string in its pieces."""
    nodes = (
        node
        for module in STORES.rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
    )
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def explained(name: str) -> list[tuple[str, str]]:
    """Return the messages that a page explains, `…` standing for anything, and their errors."""
    page = (ROOT / "docs" / "howto" / f"{name}.md").read_text(encoding="utf-8")
    return ROW.findall(page.split("## When something goes wrong\n")[1])


@pytest.mark.parametrize("name", PAGES)
def test_every_message_that_a_page_explains_is_one_of_a_stores(name: str) -> None:
    rows = explained(name)
    assert len(rows) >= 10
    known = texts()
    patterns = {message: re.escape(message).replace("…", ".+") for message, _ in rows}
    assert [
        message
        for message, pattern in patterns.items()
        if not any(re.search(pattern, text) for text in known)
    ] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_error_that_a_page_explains_is_there(name: str) -> None:
    assert [error for _, error in explained(name) if not hasattr(errors, error)] == []
