"""The examples and pages for AWS: names and types are right, and programs get what they read."""

import re
from pathlib import Path

import pytest

from bucketpoint.cli.doctor.terraform import module_call
from tests.infra.pages import calls_of, write_calls
from tests.infra.terraform import INFRA, Terraform, Workspace

pytestmark = pytest.mark.xdist_group("terraform-aws-examples")

HANDLER = INFRA.parent / "examples" / "aws_lambda" / "handler.py"


@pytest.mark.parametrize("folder", ["aws-lambda", "laptop-operator"])
def test_an_example_is_valid(aws_terraform: Terraform, tmp_path: Path, folder: str) -> None:
    example = Workspace(aws_terraform, f"examples/{folder}", tmp_path)
    example.init()
    example.validate()


def test_what_the_pages_and_the_doctor_tell_to_write_is_valid(
    aws_terraform: Terraform, tmp_path: Path
) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    told = [*calls_of("aws-checkpoint-bucket"), module_call(f"s3://my-runs/runs?kms_key={key}")]
    assert len(told) == 3
    workspace = Workspace(aws_terraform, "modules", tmp_path)
    write_calls(workspace.path, told)
    workspace.init()
    workspace.validate()


def test_the_function_gets_each_variable_that_it_reads() -> None:
    read = set(re.findall(r'os\.environ\["(\w+)"\]', HANDLER.read_text(encoding="utf-8")))
    main = (INFRA / "examples" / "aws-lambda" / "main.tf").read_text(encoding="utf-8")
    (given,) = re.findall(r"variables = \{(.*?)\}", main, re.DOTALL)
    assert set(re.findall(r"^ *(\w+) +=", given, re.MULTILINE)) == read | {"BUCKETPOINT_URL"}
