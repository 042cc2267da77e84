"""What checkov says of a plan. It takes minutes to install, so it runs in a thorough run alone."""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import THOROUGH

__all__ = ["ONLY_THOROUGH", "complaints", "install_checkov"]

ONLY_THOROUGH = [
    pytest.mark.skipif(not THOROUGH, reason="installs checkov: ./scripts/test --thorough"),
    pytest.mark.xdist_group("checkov"),
]


def install_checkov(environment: Path) -> Path:
    """Install the program into an environment of its own, since it pins an old boto3."""
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    program = environment / "bin"
    subprocess.run([str(program / "pip"), "install", "--quiet", "checkov>=3.3"], check=True)
    return program / "checkov"


def complaints(
    checkov: Path, plan: Mapping[str, Any], folder: Path, skipped: Collection[str] = ()
) -> set[str]:
    """Return the checks that a plan does not pass."""
    path = folder / "plan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    options = ["--framework", "terraform_plan", "--skip-download", "--output", "json"]
    skips = ["--skip-check", ",".join(skipped)] if skipped else []
    done = subprocess.run(
        [str(checkov), "--file", str(path), *options, *skips],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    told = json.loads(done.stdout)
    assert told["summary"]["passed"] > 0, done.stderr
    return {failed["check_id"] for failed in told["results"]["failed_checks"]}
