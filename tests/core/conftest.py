"""Prints what the explorer visited, however the tests were spread over processes."""

from collections import defaultdict
from typing import Any, cast

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
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
