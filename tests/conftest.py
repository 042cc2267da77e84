"""What all tests share: how far the searching ones search, and what the explorer visited."""

import gc
import os
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings

from bucketpoint.testing.fixtures import fake_gcs, moto_server, seaweedfs
from tests import proof

__all__ = ["fake_gcs", "moto_server", "seaweedfs"]

pytest.register_assert_rewrite("bucketpoint.testing.conformance")

THOROUGH = os.environ.get("BUCKETPOINT_THOROUGH") == "1"
"""Set by `./scripts/test --thorough`."""
IN_CI = bool(os.environ.get("CI"))

# A slow machine is no bug, and a run that fails must fail again: no deadline, and no chance but
# in the thorough one, which prints how to repeat what it found.
settings.register_profile(
    "default", deadline=None, derandomize=True, database=None, max_examples=50
)
settings.register_profile("ci", settings.get_profile("default"), max_examples=100)
settings.register_profile(
    "thorough", deadline=None, database=None, max_examples=5_000, print_blob=True
)
settings.load_profile("thorough" if THOROUGH else "ci" if IN_CI else "default")


@pytest.fixture(scope="session")
def thorough() -> bool:
    """Whether tests that search may take minutes instead of seconds."""
    return THOROUGH


@pytest.fixture(scope="session", autouse=True)
def botocore_models_are_read_once() -> Iterator[None]:
    """Spare each client the reading of the SDK's models, which takes most of its making."""
    create_loader = cache(import_module("botocore.loaders").create_loader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", create_loader)
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `./scripts/proof` say where its page goes."""
    parser.addoption("--proof", type=Path, metavar="FILE", help="write what the tests have shown")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the garbage collector from visiting thousands of tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was shown, however the tests were spread over processes."""
    path: Path | None = terminalreporter.config.getoption("--proof")
    if path is not None:
        reports = [
            report
            for status in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
            for report in terminalreporter.getreports(status)
        ]
        readme = (proof.ROOT / "README.md").read_text(encoding="utf-8")
        path.write_text(proof.page(reports, readme), encoding="utf-8")
    print_explored(terminalreporter)


def print_explored(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the explorer visited."""
    totals: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "explored":
                family, *counts = cast("list[Any]", value)
                totals[family] = [sum(pair) for pair in zip(totals[family], counts, strict=True)]
    if not totals:
        return
    totals["in all"] = [sum(column) for column in zip(*totals.values(), strict=True)]
    terminalreporter.section("explored, without a violation")
    for family, (programs, states, transitions, seconds) in totals.items():
        terminalreporter.line(
            f"{family.replace('_', ' '):30} {programs:6,.0f} programs {states:12,.0f} states "
            f"{transitions:12,.0f} transitions {seconds:7.1f} s"
        )
