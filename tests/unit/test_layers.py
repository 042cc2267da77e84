"""Imports point down only: each part of the package knows only the parts below it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bucketpoint

PACKAGE = Path(bucketpoint.__file__).parent

BOTTOM = {"arguments", "errors"}
FORMAT = {"checkpoint", "timestamps", "wire"} | BOTTOM
BELOW = FORMAT | {"core", "stores"}
FRAME = {"base", "deadlines", "drivers", "execution_locks", "protocols", "runtime"}
SYNC = BELOW | FRAME | {"branches", "checkpointer", "diff", "fencing", "history", "listing"}
PUBLIC = SYNC | {"", "aio", "clouds"}

MAY_IMPORT = {
    **{part: set[str]() for part in BOTTOM},
    **dict.fromkeys(FORMAT - BOTTOM, FORMAT),
    "stores.contract": BOTTOM,
    "stores": {"stores"} | BOTTOM,
    "core": {"core", "stores.contract"} | FORMAT,
    **dict.fromkeys(FRAME, BELOW | FRAME),
    **dict.fromkeys(("branches", "fencing"), BELOW | FRAME),
    "diff": BELOW,
    **dict.fromkeys(("history", "listing"), BELOW | FRAME),
    "checkpointer": SYNC,
    "clouds": SYNC | {"clouds"},
    "aio": SYNC | {"aio", "clouds"},
    "": PUBLIC,
    "testing": PUBLIC | {"testing"},
    "cli": PUBLIC | {"cli"},
    "__main__": {"cli"},
}
"""Each part (the longest name that fits a module) and the parts it may import; "" is the package
itself, `import bucketpoint`."""

OF_THE_BASE = {"pydantic", "pydantic_core"}
"""What all but the bottom may import beyond the standard library."""

THIRD_PARTY = {
    "cli": {"_typeshed", "click", "rich"},
    "testing": {"hypothesis", "pytest"},
}
"""What a part may import besides: its extra."""

NOT_IN_CORE = {
    *("asyncio", "concurrent", "io", "multiprocessing", "os", "pathlib", "queue", "random"),
    *("secrets", "select", "signal", "socket", "subprocess", "sys", "tempfile", "threading"),
    *("time", "uuid"),
}
"""Input and output, clocks, chance and threads: core yields effects instead."""


def part_of(module: str, parts: dict[str, set[str]] | set[str]) -> str | None:
    """Return the longest of the parts that the module (named without the package) belongs to."""
    fitting = [part for part in parts if module == part or (part and module.startswith(part + "."))]
    return max(fitting, key=len, default=None)


def imported_by(source: str) -> Iterator[str]:
    """Yield the full name of all that the source imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if is_own_module(submodule) else str(node.module)


def is_own_module(name: str) -> bool:
    """Whether a module or package of ours has this full name."""
    if not name.startswith("bucketpoint."):
        return False
    path = PACKAGE.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def violations(module: str, source: str) -> list[str]:
    """Return what the source, as the module of that name, imports against the rules."""
    part = part_of(module, MAY_IMPORT)
    if part is None:
        return [f"{module} belongs to no layer: give it one in MAY_IMPORT"]
    found: list[str] = []
    for imported in imported_by(source):
        top, _, rest = imported.partition(".")
        if top == "bucketpoint":
            allowed = part_of(rest, MAY_IMPORT[part]) is not None
        elif top in sys.stdlib_module_names:
            allowed = not (part == "core" and top in NOT_IN_CORE)
        else:
            allowed = part not in BOTTOM and top in OF_THE_BASE | THIRD_PARTY.get(part, set())
        if not allowed:
            found.append(f"{module or 'bucketpoint'} must not import {imported}")
    return found


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name (without the package) and the path of each module we ship."""
    for path in sorted(PACKAGE.rglob("*.py")):
        names = path.relative_to(PACKAGE).with_suffix("").parts
        if "orders" not in names:  # the demo's workflow is a program of its own
            yield ".".join(names).removesuffix("__init__").removesuffix("."), path


def test_every_module_imports_only_what_lies_below_it() -> None:
    found = [
        violation
        for module, path in modules()
        for violation in violations(module, path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "import pydantic"),
        ("errors", "from bucketpoint.stores.contract import Version"),
        ("checkpoint", "from bucketpoint.core import codec"),
        ("core.write", "from bucketpoint.stores.memory import MemoryStore"),
        ("core.write", "from bucketpoint.checkpointer import BucketCheckpointer"),
        ("core.write", "import boto3"),
        ("core.write", "def late():\n    import random"),
        ("core.write", "from time import monotonic"),
        ("core.write", "import bucketpoint"),
        ("stores.file", "from bucketpoint.core.keys import execution_key"),
        ("stores.contract", "from bucketpoint.stores.memory import MemoryStore"),
        ("checkpointer", "from bucketpoint.cli import main"),
        ("checkpointer", "from bucketpoint.aio import AsyncBucketCheckpointer"),
        ("checkpointer", "import rich"),
        ("", "from bucketpoint.testing import explore"),
        ("somewhere_new", "import json"),
    ],
)
def test_an_import_that_points_up_is_found(module: str, source: str) -> None:
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.write", "from bucketpoint.stores.contract import Version"),
        ("core.write", "from bucketpoint.stores import contract"),
        ("core.write", "from collections.abc import Callable"),
        ("checkpointer", "from bucketpoint.stores.urls import open_store"),
        ("cli.app", "import rich.table\nfrom bucketpoint import Checkpoint"),
        ("checkpoint", "from pydantic import BaseModel"),
    ],
)
def test_an_import_that_points_down_is_allowed(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_no_module_is_longer_than_a_person_can_hold() -> None:
    lengths = {
        module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules()
    }
    assert {module: lines for module, lines in lengths.items() if lines > 600} == {}
