"""What the module would make, and that its mistakes would be noticed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.infra.google.conftest import MODULE, PLAIN
from tests.infra.google.iam import resources
from tests.infra.terraform import Terraform, TerraformError, Workspace, runs_written_for

pytestmark = pytest.mark.xdist_group("google-module")  # its fixtures take seconds

Plan = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def scratch(google_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the module into which mistakes are planted, and pulled out again."""
    workspace = Workspace(google_terraform, MODULE, tmp_path_factory.mktemp("scratch"), PLAIN)
    workspace.init()
    return workspace


@contextmanager
def planted(path: Path, old: str, new: str) -> Generator[None]:
    """Have something else in a file for a while."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def test_the_tests_of_the_module_pass(module: Workspace) -> None:
    statuses = {name: run.status for name, run in module.test().items()}
    assert statuses == dict.fromkeys(runs_written_for(MODULE), "pass")


def test_it_is_formatted(module: Workspace) -> None:
    assert module.run("fmt", "-check", "-recursive", "-no-color") == ""


def test_it_is_valid(module: Workspace) -> None:
    module.validate()


@pytest.mark.parametrize(
    ("file", "right", "wrong", "says"),
    [
        ("main.tf", "days_since_noncurrent_time", "days_since_noncurrent_tme", "Did you mean"),
        ("main.tf", "uniform_bucket_level_access = true", 'uniform_bucket_level_access = "maybe"', "bool is required"),
        ("main.tf", "location      = var.location", "", 'argument "location" is required'),
        ("main.tf", "soft_delete_policy {", "soft_delete_polcy {", "Unsupported block type"),
        ("main.tf", "versioning {", "lifecycle_rule {\n  }\n  versioning {", "Insufficient"),
        ("main.tf", "versioning {", "versioning {\n enabled = true\n }\n versioning {", "Too many"),
        ("iam.tf", '"google_storage_bucket_iam_member"', '"google_storage_bucket_iam_membr"', "Did you mean"),
        ("iam.tf", "permissions = keys(each.value)", "permissions = 7", "set of string required"),
        ("iam.tf", ".member\n}", ".membr\n}", "Unsupported attribute"),
        ("outputs.tf", "google_storage_bucket.this.name", "google_storage_bucket.this.nam", "Unsupported attribute"),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_noticed(
    scratch: Workspace, file: str, right: str, wrong: str, says: str
) -> None:
    with (
        planted(scratch.path / file, right, wrong),
        pytest.raises(TerraformError) as noticed,
    ):
        scratch.validate()

    assert says in " ".join(str(noticed.value).split())


# --- what is planned ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned(plan: Plan) -> dict[str, Any]:
    """The plan of a bucket by the defaults."""
    return plan(role_members={"runner": ["user:ann@example.org"]})


@pytest.fixture(scope="module")
def bucket(planned: dict[str, Any]) -> dict[str, Any]:
    """The bucket of that plan."""
    ((_, bucket),) = resources(planned, "google_storage_bucket")
    return bucket


def test_the_bucket_is_private_and_keeps_what_is_overwritten(bucket: dict[str, Any]) -> None:
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["versioning"] == [{"enabled": True}]
    assert bucket["soft_delete_policy"][0]["retention_duration_seconds"] == 0
    assert bucket["force_destroy"] is False


def test_nothing_forbids_to_replace_a_checkpoint(bucket: dict[str, Any]) -> None:
    assert bucket["retention_policy"] == []
    assert bucket["default_event_based_hold"] is None
    assert bucket["storage_class"] == "STANDARD"


def conditions(bucket: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what the lifecycle rules ask for, by what they do."""
    return {
        rule["action"][0]["type"]: {
            name: value for name, value in rule["condition"][0].items() if value is not None
        }
        for rule in bucket["lifecycle_rule"]
    }


def test_no_lifecycle_rule_touches_a_checkpoint_in_use(bucket: dict[str, Any]) -> None:
    assert conditions(bucket) == {
        "Delete": {
            "with_state": "ARCHIVED",
            "days_since_noncurrent_time": 30,
            "matches_prefix": ["checkpoints/"],
        },
        "AbortIncompleteMultipartUpload": {"age": 7},
    }


def test_the_store_url_is_what_the_library_takes(planned: dict[str, Any]) -> None:
    assert (
        planned["planned_values"]["outputs"]["store_url"]["value"] == "gs://my-bucket/checkpoints"
    )


def test_each_role_names_its_permissions(planned: dict[str, Any]) -> None:
    roles = dict(resources(planned, "google_project_iam_custom_role"))
    assert {name: set(role["permissions"]) for name, role in roles.items()} == {
        "runner": {f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")},
        "operator": {"storage.buckets.get"},
        "viewer": {"storage.objects.get", "storage.objects.list"},
    }


def test_roles_of_buckets_that_are_called_much_alike_differ(plan: Plan) -> None:
    names = ["a-bucket" * 5, "a_bucket" * 5]
    plans = [plan(bucket_name=name) for name in names]
    ids = [
        role["role_id"]
        for each in plans
        for _, role in resources(each, "google_project_iam_custom_role")
    ]

    assert len(set(ids)) == 3 * len(names)
