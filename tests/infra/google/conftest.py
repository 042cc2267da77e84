"""Terraform with the stand-in for the provider of Google, and workspaces of what is for Google."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import unavailable
from tests.infra.terraform import REGISTRY, Terraform, Unavailable, Workspace, this_platform

HERE = Path(__file__).parent
SCHEMA = HERE / "schema.json"
NAME = "hashicorp/google"
MODULE = "modules/gcp-checkpoint-bucket"

PLAIN = {"TF_DISABLE_PLUGIN_TLS": "1"}
"""The stand-in is spoken to over a socket that only this user may open, so it needs no keys."""

MakeWorkspace = Callable[[str], Workspace]


@pytest.fixture(scope="session")
def google_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror in which the stand-in lies as the provider."""
    version = json.loads(SCHEMA.read_text(encoding="utf-8"))["provider_version"]
    mirror = tmp_path_factory.mktemp("mirror")
    folder = mirror / REGISTRY / NAME / version / this_platform()
    folder.mkdir(parents=True)
    launcher = folder / f"terraform-provider-google_v{version}"
    command = shlex.join([sys.executable, str(HERE / "standin.py"), str(SCHEMA)])
    launcher.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
    launcher.chmod(0o755)
    return mirror


@pytest.fixture(scope="session")
def google_terraform(google_mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform with the stand-in."""
    try:
        return Terraform({NAME: google_mirror}, tmp_path_factory.mktemp("terraform"))
    except Unavailable as reason:
        unavailable(reason)


@pytest.fixture
def google_workspace(google_terraform: Terraform, tmp_path: Path) -> MakeWorkspace:
    """Make a workspace in a folder of `infra/` that a test may change."""

    def make(folder: str) -> Workspace:
        workspace = Workspace(google_terraform, folder, tmp_path, PLAIN)
        workspace.init()
        return workspace

    return make


@pytest.fixture(scope="session")
def module(google_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The module, which no test changes."""
    workspace = Workspace(google_terraform, MODULE, tmp_path_factory.mktemp("module"), PLAIN)
    workspace.init()
    return workspace


@pytest.fixture(scope="session")
def plan(module: Workspace) -> Callable[..., dict[str, Any]]:
    """Plan the module with some variables."""

    def make(**variables: Any) -> dict[str, Any]:
        needed = {"bucket_name": "my-bucket", "location": "EU", "project": "my-project"}
        return module.plan(**needed | variables)

    return make
