"""What checkov says of the plan for Google Cloud."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.infra.checkov import ONLY_THOROUGH, complaints

pytestmark = ONLY_THOROUGH

SKIPPED = {
    "CKV_GCP_62": "Cloud Audit Logs tell of access; usage logs need a bucket of their own",
    "CKV_GCP_63": "likewise",
}
"""What is not done, and why."""


def test_it_complains_of_nothing_but_what_is_meant(
    checkov: Path, plan: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    planned = plan()
    assert complaints(checkov, planned, tmp_path) == set(SKIPPED)
    assert complaints(checkov, planned, tmp_path, SKIPPED) == set()
