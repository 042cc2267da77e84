"""What checkov says of the plan for AWS."""

from pathlib import Path

from tests.infra.aws.conftest import MODULE, ready
from tests.infra.checkov import ONLY_THOROUGH, complaints
from tests.infra.terraform import Terraform, Workspace

pytestmark = ONLY_THOROUGH

SKIPPED = {
    "CKV_AWS_18": "the access log is an option: it is billed, and needs a bucket of its own",
    "CKV_AWS_144": "one bucket is the truth: a replica could not be written to",
    "CKV_AWS_145": "a KMS key is an option: each request to it is billed",
    "CKV2_AWS_62": "events are an option",
}
"""What is not done, and why."""


def test_it_complains_of_nothing_but_what_is_meant(
    checkov: Path, aws_terraform: Terraform, tmp_path: Path
) -> None:
    plan = ready(Workspace(aws_terraform, MODULE, tmp_path)).plan(bucket_name="my-runs")
    assert complaints(checkov, plan, tmp_path) == set(SKIPPED)
    assert complaints(checkov, plan, tmp_path, SKIPPED) == set()
