"""Terraform for the tests; without it they skip, or fail where `INFRA_TESTS=require`."""

import os
from pathlib import Path
from typing import Never

import pytest

from tests.infra.checkov import install_checkov
from tests.infra.terraform import Provider, Terraform, Unavailable

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


@pytest.fixture(scope="session")
def checkov(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of that name."""
    return install_checkov(tmp_path_factory.mktemp("checkov"))
