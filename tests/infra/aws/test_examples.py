"""The examples and pages for AWS: names and types are right, and programs get what they read."""

import re
from pathlib import Path

import pytest

from bucketpoint.cli.doctor.terraform import module_call
from tests.infra.pages import calls_of, write_calls
from tests.infra.terraform import INFRA, Terraform, Workspace

pytestmark = pytest.mark.xdist_group("terraform-aws-examples")

REPOSITORY = INFRA.parent
HANDLER = REPOSITORY / "examples" / "aws_lambda" / "handler.py"
LAMBDA = INFRA / "examples" / "aws-lambda"
MAIN = (LAMBDA / "main.tf").read_text(encoding="utf-8")


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
    (given,) = re.findall(r"variables = \{(.*?)\}", MAIN, re.DOTALL)
    assert set(re.findall(r"^ *(\w+) +=", given, re.MULTILINE)) == read | {"BUCKETPOINT_URL"}


def test_the_function_is_the_program_that_the_readme_packs() -> None:
    (handler,) = re.findall(r'handler += "([\w.]+)"', MAIN)
    module, _, function = handler.rpartition(".")
    path = f"{module.replace('.', '/')}.py"
    assert REPOSITORY / path == HANDLER
    assert f"\ndef {function}(" in HANDLER.read_text(encoding="utf-8")
    readme = (LAMBDA / "README.md").read_text(encoding="utf-8")
    assert f"cp {path} build/{path.rpartition('/')[0]}\n" in readme


def test_the_roles_of_the_function_may_what_it_asks_for_and_no_more() -> None:
    rights = re.findall(r"^ +Action += (.+)$", MAIN, re.MULTILINE)
    assert rights == [
        '"sts:AssumeRole"',
        '"scheduler:CreateSchedule"',
        '"iam:PassRole"',
        '"sqs:SendMessage"',
        '["logs:CreateLogStream", "logs:PutLogEvents"]',
        '"sts:AssumeRole"',
        '"lambda:InvokeFunction"',
    ]
    assert re.findall(r"scheduler\.(\w+)\(", HANDLER.read_text(encoding="utf-8")) == [
        "create_schedule"
    ]
