"""The examples and pages for AWS: names and types are right, and programs get what they read."""

import re
from pathlib import Path

import pytest

from bucketpoint.cli.doctor.terraform import module_call
from tests.infra.pages import calls_of
from tests.infra.terraform import INFRA, Terraform, Workspace

pytestmark = pytest.mark.xdist_group("terraform-aws-examples")

HANDLER = INFRA.parent / "examples" / "aws_lambda" / "handler.py"


@pytest.mark.parametrize("folder", ["aws-lambda", "laptop-operator"])
def test_an_example_is_valid(aws_terraform: Terraform, tmp_path: Path, folder: str) -> None:
    example = Workspace(aws_terraform, f"examples/{folder}", tmp_path)
    example.init()
    example.validate()


@pytest.mark.parametrize(("page", "call"), list(calls_of("aws-checkpoint-bucket")))
def test_what_a_page_tells_to_write_is_valid(
    aws_terraform: Terraform, tmp_path: Path, page: str, call: str
) -> None:
    workspace = Workspace(aws_terraform, "modules", tmp_path)
    (workspace.path / "main.tf").write_text(call, encoding="utf-8")
    workspace.init()
    workspace.validate()


def test_the_function_gets_each_variable_that_it_reads() -> None:
    read = set(re.findall(r'os\.environ\["(\w+)"\]', HANDLER.read_text(encoding="utf-8")))
    main = (INFRA / "examples" / "aws-lambda" / "main.tf").read_text(encoding="utf-8")
    (given,) = re.findall(r"variables = \{(.*?)\}", main, re.DOTALL)
    assert set(re.findall(r"^ *(\w+) +=", given, re.MULTILINE)) == read | {"BUCKETPOINT_URL"}


def test_the_doctor_prints_a_call_that_the_module_takes(
    aws_terraform: Terraform, tmp_path: Path
) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    call = module_call(f"s3://my-runs/team/runs?kms_key={key}")
    workspace = Workspace(aws_terraform, "modules", tmp_path)
    assert "./bucketpoint/infra/modules/" in call
    (workspace.path / "main.tf").write_text(
        call.replace("./bucketpoint/infra/modules/", "./"), encoding="utf-8"
    )
    workspace.init()
    workspace.validate()
