"""Where results are kept: as JSON, and as tables in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

__all__ = ["PAGE", "Benchmark"]

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
PACKAGES = ("bucketpoint", "pydantic", "boto3", "google-cloud-storage")

_NUMBER = re.compile(r"[\d,.]+")

R = TypeVar("R")


@dataclass(frozen=True)
class Benchmark(Generic[R]):
    """Something that is measured.

    Attributes:
        name: Names the file of results, and the place in the page.
        measure: Measures all of it.
        rows: The type of the results; a row is a dataclass.
        columns: What the table shows of a row, by its heading; a column of numbers stands to the
            right.
    """

    name: str
    measure: Callable[[], list[R]]
    rows: TypeAdapter[list[R]]
    columns: Mapping[str, Callable[[R], str]]

    def table(self, results: list[R]) -> str:
        """Return the results as a table in Markdown."""
        rows = [[show(result) for show in self.columns.values()] for result in results]
        rules = ["---:" if _NUMBER.fullmatch(cell) else "---" for cell in rows[0]]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, rules, *rows))

    def keep(self, results: list[R]) -> None:
        """Write the results as JSON, and their table into the page."""
        measured_with = machine()
        kept = {"measured_with": measured_with, "results": self.rows.dump_python(results)}
        self._file.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        begin, end = (f"<!-- {self.name}: {where} -->" for where in ("begin", "end"))
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        after = rest.partition(end)[2]
        facts = ", ".join(f"{what} {value}" for what, value in measured_with.items())
        text = f"{begin}\n{self.table(results)}\n\nMeasured with {facts}.\n{end}"
        PAGE.write_text(f"{before}{text}{after}", encoding="utf-8")

    def kept(self) -> list[R]:
        """Return the results that were kept last."""
        kept = json.loads(self._file.read_text(encoding="utf-8"))
        return self.rows.validate_python(kept["results"])

    @property
    def _file(self) -> Path:
        return RESULTS / f"{self.name}.json"


def machine() -> dict[str, str]:
    """Return what the numbers are measured with."""
    return {
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "CPUs": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",  # noqa: TID251 - the day that results are kept
    }
