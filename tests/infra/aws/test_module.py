"""The module for AWS: its own tests, and what a plan of it says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.infra.aws.conftest import MODULE
from tests.infra.terraform import INFRA, Run, Terraform, TerraformError, Workspace, runs_written_for

pytestmark = pytest.mark.xdist_group("terraform-aws")  # planned once for all


def test_the_modules_own_tests_pass(runs: Mapping[str, Run]) -> None:
    statuses = {name: run.status for name, run in runs.items()}
    assert statuses == dict.fromkeys(runs_written_for(MODULE), "pass")


def test_all_of_infra_is_formatted(aws_terraform: Terraform) -> None:
    aws_terraform.run(INFRA, "fmt", "-check", "-recursive", "-diff")


def test_a_plan_makes_what_the_readme_lists(runs: Mapping[str, Run]) -> None:
    plan = runs["is_private_versioned_and_encrypted"].plan
    made = {change["type"] for change in plan["resource_changes"] if change["mode"] == "managed"}
    assert made == {
        "aws_iam_policy",
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
    }


def test_a_mistaken_caller_is_told(aws_terraform: Terraform, tmp_path: Path) -> None:
    caller = Workspace(aws_terraform, MODULE, tmp_path)
    caller.path = caller.path.parent
    (caller.path / "main.tf").write_text(MISTAKEN, encoding="utf-8")
    caller.init()
    with pytest.raises(TerraformError) as told:
        caller.validate()
    assert 'An argument named "versoning_enabled" is not expected here' in str(told.value)
    assert 'Did you mean\n"versioning_enabled"?' in str(told.value)


MISTAKEN = """
module "runs" {
  source            = "./aws-checkpoint-bucket"
  bucket_name       = "my-runs"
  versoning_enabled = true
}
"""
