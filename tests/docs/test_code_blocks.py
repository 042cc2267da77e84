"""The Python in README and docs runs as it stands there."""

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import README, ROOT, Block, blocks, pages

CLOUDS = {"S3Checkpointer|s3://": "s3_bucket", "GCSCheckpointer|gs://": "gcs_bucket"}
"""What code that needs a bucket holds, and the fixture that makes the bucket."""


def run(block: Block, page: str, namespace: dict[str, Any]) -> None:
    """Run a block in the namespace of its page; a session with prompts must print what it shows."""
    if ">>> " in block.code:
        session = doctest.DocTestParser().get_doctest(
            block.code, namespace, page, page, block.line - 1
        )
        doctest.DebugRunner().run(session, clear_globs=False)
        namespace.update(session.globs)
    else:
        lines_above = "\n" * (block.line - 1)  # so that a traceback names the line of the page
        code = compile(lines_above + block.code, page, "exec", dont_inherit=True)
        exec(code, namespace)  # noqa: S102 - our own pages


def run_page(text: str, page: str) -> int:
    """Run the blocks of one page in order in one namespace, and return how many ran."""
    namespace: dict[str, Any] = {"__name__": "__page__"}
    to_run = [block for block in blocks(text) if block.not_run is None]
    for block in to_run:
        run(block, page, namespace)
    return len(to_run)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUCKETPOINT_URL", raising=False)
    text = page.read_text(encoding="utf-8")
    to_run = [block.code for block in blocks(text) if block.not_run is None]
    for words, bucket in CLOUDS.items():
        if re.search(words, "".join(to_run)):
            request.getfixturevalue(bucket)
    assert run_page(text, str(page)) >= (page == README), "the README shows no code that runs"
    assert len(list(blocks(text))) == text.count("```python"), "a block is not well fenced"
    assert [block for block in blocks(text) if block.not_run == ""] == []


def test_blocks_of_a_page_share_a_namespace_and_run_in_order() -> None:
    page = "```python\nx = 1\n```\ntext\n```python\nassert x == 1\n>>> x\n1\n```\n"
    assert run_page(page.replace("assert x == 1\n", ""), "page") == 2


@pytest.mark.parametrize("code", ["assert False", ">>> 1 + 1\n3"])
def test_a_block_that_fails_fails_the_page_with_its_line(code: str) -> None:
    with pytest.raises((AssertionError, doctest.DocTestFailure)) as failure:
        run_page(f"# Title\n\n```python\n{code}\n```\n", "page")
    if isinstance(failure.value, AssertionError):
        assert failure.traceback[-1].lineno == 3


def test_a_block_marked_as_not_run_is_not_run_and_says_why() -> None:
    page = "<!-- not run: needs a bucket -->\n```python\nassert False\n```\n"
    assert run_page(page, "page") == 0
    assert [block.not_run for block in blocks(page)] == ["needs a bucket"]


def test_a_mark_holds_only_for_the_block_right_below_it() -> None:
    page = "<!-- not run: needs a bucket -->\ntext\n```python\nassert False\n```\n"
    with pytest.raises(AssertionError):
        run_page(page, "page")
