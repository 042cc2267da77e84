"""The Terraform that stands in the pages of infra/."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.infra.terraform import INFRA

__all__ = ["calls_of", "write_calls"]

_BLOCK = re.compile(r"^( *)```hcl\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FROM_A_CLONE = re.compile(r'"[./]*bucketpoint/infra/modules/')


def calls_of(module: str) -> Iterator[str]:
    """Yield each block of a page that calls a module."""
    for page in (INFRA / "README.md", INFRA / "modules" / module / "README.md"):
        for _, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            if f"bucketpoint/infra/modules/{module}" in block:
                yield block


def write_calls(modules: Path, calls: Iterable[str]) -> None:
    """Put calls of modules into folders of their own, and a root that takes them all, to check at once."""
    root = ""
    for number, call in enumerate(calls):
        folder = modules / f"call_{number}"
        folder.mkdir()
        text = _FROM_A_CLONE.sub('"../', call)
        assert text != call, "it names no module of a clone"
        (folder / "main.tf").write_text(text, encoding="utf-8")
        root += f'module "{folder.name}" {{\n  source = "./{folder.name}"\n}}\n'
    (modules / "main.tf").write_text(root, encoding="utf-8")
