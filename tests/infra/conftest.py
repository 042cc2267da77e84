"""Terraform for the tests; without it they skip, or fail where `INFRA_TESTS=require`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Never

import pytest

from tests.infra.terraform import Provider, Terraform, Unavailable, Workspace

AWS = Provider("hashicorp/aws", oldest=(5, 100, 0))


def unavailable(reason: Unavailable) -> Never:
    """Skip for a reason, unless the suite is required."""
    if os.environ.get("INFRA_TESTS") == "require":
        pytest.fail(f"INFRA_TESTS=require: {reason}")
    pytest.skip(str(reason))


@pytest.fixture(scope="session")
def aws_terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform with the real provider of AWS."""
    try:
        return Terraform({AWS.name: AWS.mirror()}, tmp_path_factory.mktemp("terraform"))
    except Unavailable as reason:
        unavailable(reason)


@pytest.fixture
def aws_workspace(aws_terraform: Terraform, tmp_path: Path) -> Callable[[str], Workspace]:
    """Make a workspace in a folder of `infra/`, with the providers in place."""

    def make(folder: str) -> Workspace:
        workspace = Workspace(aws_terraform, folder, tmp_path)
        workspace.init()
        return workspace

    return make
