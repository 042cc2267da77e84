"""Pages that are generated from the code say what the code says."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bucketpoint.errors import ErrorKind
from scripts.generate_docs import PAGES, ROOT, errors_page


@pytest.mark.parametrize(
    ("path", "page"), PAGES.items(), ids=[path.relative_to(ROOT).as_posix() for path in PAGES]
)
def test_the_page_is_up_to_date(path: Path, page: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == page(), "run python -m scripts.generate_docs"


def test_the_page_of_errors_says_of_every_kind_what_to_do() -> None:
    sections = errors_page().split("\n## ")[1:]
    kinds = [match[1] for section in sections if (match := re.search(r"kind `(\w+)`", section))]
    assert sorted(kinds) == sorted(ErrorKind)
    unhelpful = [
        section
        for section in sections
        if not re.search(r"to do:\*\* \w.+\.$", section, re.MULTILINE | re.DOTALL)
    ]
    assert unhelpful == []
