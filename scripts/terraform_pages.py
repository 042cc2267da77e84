"""The tables of variables and outputs in the READMEs of infra/, from the Terraform itself."""

import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["terraform_pages"]

INFRA = Path(__file__).parents[1] / "infra"

BEGIN, END = "<!-- BEGIN GENERATED -->", "<!-- END GENERATED -->"
NOTE = "<!-- By scripts/generate_docs.py, from variables.tf and outputs.tf. -->"


def terraform_pages() -> dict[Path, Callable[[], str]]:
    """Return each README of infra/ that has a place for the tables, and what makes it."""
    pages = sorted(INFRA.glob("*/*/README.md"))
    return {path: partial(page, path) for path in pages}


def page(path: Path) -> str:
    """Return a README with its tables made anew."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = f"{NOTE}\n\n{variables(path.parent)}\n{outputs(path.parent)}\n"
    return f"{before}{BEGIN}\n{tables}{END}{after}"


def variables(folder: Path) -> str:
    """Return the table of what the folder takes."""
    lines = [
        "| variable | what it is | type | default |",
        "| --- | --- | --- | --- |",
    ]
    for name, block in blocks(folder / "variables.tf", "variable"):
        kind = block["type"].removeprefix("${").removesuffix("}")
        default = f"`{written(block['default'])}`" if "default" in block else "required"
        lines.append(f"| `{name}` | {told(block)} | `{kind}` | {default} |")
    return "\n".join(lines) + "\n"


def outputs(folder: Path) -> str:
    """Return the table of what the folder tells."""
    lines = ["| output | what it is |", "| --- | --- |"]
    for name, block in blocks(folder / "outputs.tf", "output"):
        lines.append(f"| `{name}` | {told(block)} |")
    return "\n".join(lines) + "\n"


def blocks(path: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the blocks of a kind, by name, in the order of the file."""
    parsed: dict[str, Any] = import_module("hcl2").loads(  # which ships half its types
        path.read_text(encoding="utf-8")
    )
    return [
        (name.strip('"'), block)
        for labelled in parsed.get(kind, [])
        for name, block in labelled.items()
    ]


def told(block: dict[str, Any]) -> str:
    """Return a description, for a cell of a table."""
    return str(block["description"]).strip('"').replace("|", r"\|")


def written(value: object) -> str:
    """Write a default as Terraform has it."""
    return value if isinstance(value, str) else json.dumps(value)
