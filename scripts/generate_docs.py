"""Writes the pages that are generated from the code.

    .venv/bin/python -m scripts.generate_docs

A test compares the pages with the code, so that they cannot lie.
"""

import inspect
import re
from pathlib import Path

from bucketpoint import errors
from bucketpoint.errors import BucketpointError
from scripts.cli_page import cli_page
from scripts.doctor_page import doctor_page
from scripts.terraform_pages import terraform_pages

ROOT = Path(__file__).parents[1]

HEAD = """\
# Errors

<!-- Generated from src/bucketpoint/errors.py by scripts/generate_docs.py: change it there. -->

Every error of the library is a `BucketpointError`. The tree groups them by what the handler would
do; an error in brackets is the builtin that it is, too:

```text
{tree}
```

Each has a `message`, a stable `kind` for logs, metrics and exit codes, and the `execution_id` and
`key` it is about where there is one; the cause is attached as `__cause__`. No error holds a
checkpoint's contents or a credential. All of them pickle.
"""


def drawing() -> str:
    """Return the tree as the module's docstring draws it."""
    _, lines, _ = inspect.cleandoc(errors.__doc__ or "").split("\n\n", 2)
    return inspect.cleandoc(lines)


def in_order(root: type[BucketpointError]) -> list[type[BucketpointError]]:
    """Return the class and all below it that the module defines, as the tree draws them."""
    below = [found for child in root.__subclasses__() for found in in_order(child)]
    return [root, *below] if root.__module__ == errors.__name__ else below


def section(cls: type[BucketpointError]) -> str:
    """Return what the page says about one class."""
    text, _, details = (inspect.getdoc(cls) or "").partition("\n\nAttributes:\n")
    text, _, _ = text.partition("\n\nArgs:\n")
    happened, _, advice = text.rpartition("\n\nWhat to do: ")
    parents = ", ".join(f"`{base.__name__}`" for base in cls.__bases__)
    lines = [
        f"## {cls.__name__}",
        f"kind `{cls.kind}` · inherits from {parents}",
        happened,
        f"**What to do:** {advice}",
    ]
    if details:
        attributes = inspect.cleandoc(details)
        lines.append(re.sub(r"^(\w+): ", r"- `\1`: ", attributes, flags=re.MULTILINE))
    return "\n\n".join(lines) + "\n"


def errors_page() -> str:
    """Return the text of docs/errors.md."""
    return "\n".join([HEAD.format(tree=drawing()), *map(section, in_order(BucketpointError))])


PAGES = {
    ROOT / "docs" / "errors.md": errors_page,
    ROOT / "docs" / "cli.md": cli_page,
    ROOT / "docs" / "howto" / "doctor.md": doctor_page,
    **terraform_pages(),
}
"""Each generated page and what makes it."""


if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
