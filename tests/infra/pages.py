"""The Terraform that stands in the pages of infra/."""

import re
from collections.abc import Iterator

from tests.infra.terraform import INFRA

__all__ = ["calls_of"]

_BLOCK = re.compile(r"^( *)```hcl\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def calls_of(module: str) -> Iterator[tuple[str, str]]:
    """Yield each page with a block that calls a module, and the block, to be put into `modules/`."""
    for page in (INFRA / "README.md", INFRA / "modules" / module / "README.md"):
        for _, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            clone = f"../bucketpoint/infra/modules/{module}"
            if clone in block:
                yield page.relative_to(INFRA).as_posix(), block.replace(clone, f"./{module}")
