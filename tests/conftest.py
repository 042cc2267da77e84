"""What all tests share: how far the searching ones search, and what the explorer visited."""

import os
from collections import defaultdict
from typing import Any, cast

import pytest
from hypothesis import settings

THOROUGH = os.environ.get("BUCKETPOINT_THOROUGH") == "1"
"""Set by `./scripts/test --thorough`."""

# A slow machine is no bug, and a run that fails must fail again: no deadline, no chance.
settings.register_profile("default", deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", deadline=None, max_examples=5_000, database=None)
settings.load_profile("thorough" if THOROUGH else "default")


@pytest.fixture(scope="session")
def thorough() -> bool:
    """Whether tests that search may take minutes instead of seconds."""
    return THOROUGH


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the explorer visited, however the tests were spread over processes."""
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
