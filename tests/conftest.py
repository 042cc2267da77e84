"""What all tests share: how far the searching ones search, and what the explorer visited."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import pytest
from hypothesis import settings

from bucketpoint.testing.emulators import FakeGCS, Moto, SeaweedFS
from bucketpoint.testing.emulators.server import Emulator

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


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    """S3 with atomic conditional writes and versions; one server for each test process."""
    yield from running(SeaweedFS.start)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """S3 with its own status codes, but not atomic; one server for each test process."""
    yield from running(Moto.start)


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[FakeGCS]:
    """Google Cloud Storage with atomic conditional writes; one server for each test process."""
    yield from running(FakeGCS.start)


E = TypeVar("E", bound=Emulator)


def running(start: Callable[[], E]) -> Iterator[E]:
    """Yield the emulator; without its wheel skip, but fail where every test must run."""
    try:
        emulator = start()
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with emulator:
        yield emulator


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
