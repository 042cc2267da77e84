"""What the tests have shown, as docs/proof.md says it: counts and verdicts, no dates, no machines.

`python -m tests.proof` prints the files whose tests the page needs.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FIGURE = "figure"
"""The property by which a test tells a number for the page: `record_property(FIGURE, [name, n])`."""

LINES = {
    "every interleaving of two and three clients, with up to two faults, keeps every promise": (
        "tests/core/test_explorer_families.py",
    ),
    "each rule of the protocol, switched off, is caught or shown to be covered by another": (
        "tests/core/test_mutants.py",
    ),
    "many clients in virtual time, over lossy networks and jumping clocks, keep every promise": (
        "tests/testing/test_simulate.py",
    ),
    "the state machine agrees with the model on memory, folder, SeaweedFS and fake-gcs-server": (
        "tests/testing/test_state_machine.py",
    ),
    "histories of 4 to 16 clients, with a quarter of the answers lost, are linearizable": (
        "tests/emulators/test_histories.py",
    ),
    "the checker of histories refuses what is known to be wrong, and agrees with brute force": (
        "tests/testing/test_linearizability.py",
        "tests/testing/test_linearizability_of_lists.py",
    ),
    "every update is applied exactly once, though every fifth answer is lost": (
        "tests/emulators/test_exactly_once.py",
    ),
    "each fault ends each operation of each SDK with the truth, in bounded time and requests": (
        "tests/emulators/test_fault_matrix.py",
    ),
    "six processes, killed at random, lose and double nothing": (
        "tests/core/test_processes.py",
        "tests/emulators/test_processes_on_seaweedfs.py",
    ),
    "a server killed in the middle of writes loses nothing that was acknowledged": (
        "tests/emulators/test_server_killed.py",
    ),
    "the examples, killed before and after every request and effect, finish as promised": (
        "tests/examples/test_crash_everywhere.py",
    ),
    "documents, URLs and IDs of any bytes give a value or one of the library's own errors": (
        "tests/format/test_fuzz_documents.py",
        "tests/unit/test_fuzz_names.py",
    ),
    "every golden document is loaded and saved with nothing lost": ("tests/format/test_golden.py",),
    "each store passes the suite of the contract": (
        "tests/stores/test_conformance.py",
        "tests/stores/test_s3_conformance.py",
        "tests/stores/test_gcs_conformance.py",
        "tests/testing/test_async_store_conformance.py",
    ),
    "each checkpointer passes the suite of its interface": (
        "tests/testing/test_checkpointer_conformance.py",
    ),
    "each suite catches implementations that are known to be wrong": (
        "tests/testing/test_conformance_catches.py",
    ),
}
"""What is shown, and the files whose tests show it."""

HEAD = """\
# What the tests have shown

<!-- Written by ./scripts/proof: run it when tests are added. -->

Counts and verdicts of the set that CI runs; `./scripts/test --thorough` searches further. What the
promises rest on, and what would break them, says [guarantees](guarantees.md).
"""


@dataclass
class Outcome:
    """What came of some tests.

    Attributes:
        missing: The files or tests of which none has been reported so far.
        tests: How many there were, by verdict.
        figures: What they counted.
    """

    missing: set[str]
    tests: Counter[str] = field(default_factory=Counter[str])
    figures: Counter[str] = field(default_factory=Counter[str])

    @property
    def cells(self) -> list[str]:
        """The cells of a table: tests, what they counted, and the verdict."""
        # By name: with several processes, reports come in any order.
        figures = "; ".join(f"{number:,} {name}" for name, number in sorted(self.figures.items()))
        wrong = [f"{number} {word}" for word, number in self.tests.items() if word != "passed"]
        if self.missing:
            some = sorted(name.rpartition("::")[2] for name in self.missing)
            wrong.append(f"not run: {', '.join(some)}" if self.tests else "not run")
        return [str(self.tests["passed"]), figures, ", ".join(wrong) or "holds"]


def promises(readme: str) -> dict[str, list[str]]:
    """Return each promise of the README's table of guarantees, with the tests that it names."""
    section = readme.split("## What is guaranteed\n")[1].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!---|guarantee)(.*?) \|(.*)$", section, re.MULTILINE)
    return {
        promise: [f"{path}::{test}" for path, test in NAMED.findall(rest)] for promise, rest in rows
    }


def page(reports: Iterable[pytest.TestReport], readme: str) -> str:
    """Return the page for what was reported."""
    named = promises(readme)
    shown = {line: Outcome({*paths}) for line, paths in LINES.items()}
    kept = {promise: Outcome({*tests}) for promise, tests in named.items()}
    for report in reports:
        path, _, test = report.nodeid.partition("::")
        test, _, _ = test.partition("[")[0].partition("@")  # behind which xdist names its group
        for line, paths in LINES.items():
            if path in paths:
                note(report, path, shown[line])
        name = f"{path}::{test.rpartition('::')[2]}"
        for promise, tests in named.items():
            if name in tests:
                note(report, name, kept[promise])
    return "\n".join(
        [
            HEAD,
            *table(["shown", "tests", "counted", "verdict"], shown),
            "\n## The promises of the README\n",
            *table(["promise", "tests", "counted", "verdict"], kept),
            "",
        ]
    )


def note(report: pytest.TestReport, name: str, outcome: Outcome) -> None:
    """Count a report of this name; set-ups and tear-downs only where they went wrong."""
    outcome.missing.discard(name)
    if report.when == "call" or not report.passed:
        outcome.tests[report.outcome] += 1
    if report.when == "call":
        for kind, figure in report.user_properties:
            if kind == FIGURE:
                what, number = cast("tuple[str, int]", figure)
                outcome.figures[what] += number


def table(head: Sequence[str], outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return the lines of a table in Markdown."""
    rows = [[name, *outcome.cells] for name, outcome in outcomes.items()]
    return [f"| {' | '.join(row)} |" for row in (head, ["---", "---:", "---", "---"], *rows)]


def files() -> list[str]:
    """Return the files whose tests the page needs."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    of_promises = (test.partition("::")[0] for tests in promises(readme).values() for test in tests)
    of_lines = (path for paths in LINES.values() for path in paths)
    return sorted({*of_lines, *of_promises})


if __name__ == "__main__":
    sys.stdout.write("\n".join(files()) + "\n")
