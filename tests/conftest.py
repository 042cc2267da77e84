"""What all tests share: how far the searching ones search."""

import os

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
