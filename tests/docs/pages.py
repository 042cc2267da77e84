"""The pages for readers, and the blocks of Python in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

FENCE = re.compile(
    r"^(?P<fence>`{3,})python[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$", re.DOTALL | re.MULTILINE
)
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.*?) -->\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, the line its code begins at, and why it is not run, if so."""

    code: str
    line: int
    not_run: str | None


def pages() -> list[Path]:
    """Return the pages whose code must run: README and all below docs."""
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of Python of a page, in order.

    A block is not run when `<!-- not run: reason -->` stands right above it.
    """
    for match in FENCE.finditer(text):
        mark = NOT_RUN.search(text[: match.start()])
        reason = mark["reason"].strip() if mark else None
        yield Block(match["code"], text.count("\n", 0, match.start("code")) + 1, reason)
