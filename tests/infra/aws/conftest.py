"""The module for AWS, planned with the provider itself, and an account to apply it to."""

from collections.abc import Iterator, Mapping

import pytest

from tests.infra.aws.account import ADMINISTRATOR, Account, running_account
from tests.infra.aws.policies import Policy
from tests.infra.terraform import Run, Terraform, Workspace

MODULE = "modules/aws-checkpoint-bucket"
BUCKET = "my-runs"
PROVIDER = """
provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "%s"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


@pytest.fixture(scope="session")
def runs(aws_terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """The runs of the module's own tests, with what they planned; nobody is asked for anything."""
    module = Workspace(aws_terraform, MODULE, tmp_path_factory.mktemp("module"))
    module.init()
    return module.test()


@pytest.fixture(scope="session")
def planned(runs: Mapping[str, Run]) -> Mapping[str, Policy]:
    """The policies of the defaults: `bucket`, and those of the three roles."""
    return policies_of(runs["nobody_writes_without_a_condition"])


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """An account of AWS, without a bucket."""
    with running_account() as account:
        yield account


def ready(workspace: Workspace) -> Workspace:
    """Give a workspace the provider's settings, and the provider."""
    provider = workspace.path / "provider.tf"
    provider.write_text(PROVIDER % ADMINISTRATOR, encoding="utf-8")
    workspace.init()
    return workspace


def policies_of(run: Run) -> dict[str, Policy]:
    """Read the policies out of what was planned."""
    texts = run.output("policies") | {"bucket": run.output("bucket_policy")}
    return {name: Policy.parse(text) for name, text in texts.items()}
