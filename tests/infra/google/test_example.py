"""The Cloud Run example and the pages are valid, and programs get what they read and need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bucketpoint.cli.doctor.terraform import module_call
from tests.infra.google.conftest import PLAIN
from tests.infra.pages import calls_of, write_calls
from tests.infra.terraform import INFRA, Terraform, Workspace

pytestmark = pytest.mark.xdist_group("google-example")  # its fixtures take seconds

PROGRAM = INFRA.parent / "examples/cloud_run/main.py"
ACCOUNT = "checkout@my-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def example(google_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The example, which no test changes."""
    scratch = tmp_path_factory.mktemp("example")
    workspace = Workspace(google_terraform, "examples/gcp-cloud-run", scratch, PLAIN)
    workspace.init()
    return workspace


@pytest.fixture(scope="module")
def planned(example: Workspace) -> dict[str, Any]:
    """The plan of it."""
    return example.plan(bucket_name="my-bucket", project="my-project", image="example.org/checkout")


def made(planned: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the values of the resources of one kind, those of the module too."""
    root = planned["planned_values"]["root_module"]
    modules = [root, *root["child_modules"]]
    return [
        each["values"] for module in modules for each in module["resources"] if each["type"] == kind
    ]


def test_it_is_valid(example: Workspace) -> None:
    example.validate()


def test_what_the_pages_and_the_doctor_tell_to_write_is_valid(
    google_terraform: Terraform, tmp_path: Path
) -> None:
    workspace = Workspace(google_terraform, "modules", tmp_path, PLAIN)
    key = "projects/my-project/locations/europe-west1/keyRings/ring/cryptoKeys/key"
    told = [*calls_of("gcp-checkpoint-bucket"), module_call(f"gs://my-runs/runs?kms_key={key}")]
    assert len(told) == 3
    write_calls(workspace.path, told)
    workspace.init()
    workspace.validate()


def test_the_program_gets_each_variable_that_it_reads(planned: dict[str, Any]) -> None:
    (service,) = made(planned, "google_cloud_run_v2_service")
    (template,) = service["template"]
    told = {each["name"]: each.get("value") for each in template["containers"][0]["env"]}
    source = PROGRAM.read_text(encoding="utf-8")
    read = set(re.findall(r'os\.environ\["(\w+)"\]', source))

    assert set(told) == read | {"BUCKETPOINT_URL"}
    assert told["BUCKETPOINT_URL"] == "gs://my-bucket/checkpoints"
    assert template["timeout"] == f"{told['REQUEST_TIMEOUT_S']}s"
    assert told["TASK_ACCOUNT"] == ACCOUNT
    assert re.fullmatch(r"https://checkout-.+\.europe-west1\.run\.app", told["SERVICE_URL"])


def test_the_account_is_a_runner_of_the_bucket(planned: dict[str, Any]) -> None:
    (binding,) = made(planned, "google_storage_bucket_iam_member")

    assert binding["member"] == f"serviceAccount:{ACCOUNT}"
    assert binding["condition"] != []


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("google_cloud_tasks_queue_iam_member", "roles/cloudtasks.enqueuer"),
        ("google_service_account_iam_member", "roles/iam.serviceAccountUser"),
        ("google_cloud_run_v2_service_iam_member", "roles/run.invoker"),
    ],
)
def test_the_account_may_wake_up_the_service(planned: dict[str, Any], kind: str, role: str) -> None:
    assert [binding["role"] for binding in made(planned, kind)] == [role]
