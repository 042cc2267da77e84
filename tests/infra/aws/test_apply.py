"""A bucket that the module has made: it is set up as it should be, and its policies are obeyed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import AccessDeniedError, BranchState, Checkpoint, S3Checkpointer
from tests.infra.aws.account import Account
from tests.infra.aws.conftest import MODULE, ready
from tests.infra.aws.policies import Decision, Policy
from tests.infra.terraform import Terraform, Workspace

pytestmark = pytest.mark.xdist_group("terraform-aws-apply")  # applied once for all; takes a minute

BUCKET = "applied-runs"
MEMBERS = {"runner": ["checkout"], "operator": ["on-call"]}
ASSUME = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclass(frozen=True)
class Applied:
    """What was applied.

    Attributes:
        account: Where.
        workspace: From where.
        variables: With which variables.
        outputs: What Terraform then told.
    """

    account: Account
    workspace: Workspace
    variables: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def checkpointer(self, role: str) -> S3Checkpointer:
        """Open the bucket as somebody with a role."""
        return S3Checkpointer(
            self.outputs["bucket_name"],
            prefix="checkpoints",
            client=self.account.client(principal=role),
            probe=False,  # as at AWS's own endpoint
        )

    def command(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command as somebody with a role, on the URL that Terraform told."""
        measured = {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
        environment = self.account.environment(role) | {
            **measured,
            "BUCKETPOINT_URL": f"{self.outputs['store_url']}?probe=false",
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
        }
        return subprocess.run(
            [sys.executable, "-m", "bucketpoint", *arguments],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


@pytest.fixture(scope="module")
def applied(
    aws_terraform: Terraform, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Applied]:
    """The bucket with the module's defaults."""
    for name in [*MEMBERS["runner"], *MEMBERS["operator"]]:
        account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=ASSUME)
    scratch = tmp_path_factory.mktemp("applied")
    workspace = ready(Workspace(aws_terraform, MODULE, scratch, account.environment()))
    variables = {"bucket_name": BUCKET, "force_destroy": True, "role_members": MEMBERS}
    outputs = workspace.apply(**variables)
    let_the_roles_in(account, outputs)
    yield Applied(account, workspace, variables, outputs)
    workspace.destroy(**variables)
    assert BUCKET not in bucket_names(account)


def let_the_roles_in(account: Account, outputs: Mapping[str, Any]) -> None:
    """Give each role the policy that is stored for it, not the one that the outputs tell."""
    iam = account.client("iam")
    for role, arn in outputs["policy_arns"].items():
        stored = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
        account.let(role, json.dumps(stored["Document"]))


def bucket_names(account: Account) -> list[str]:
    return [bucket["Name"] for bucket in account.client().list_buckets()["Buckets"]]


class TestSettings:
    """What AWS would tell of the bucket."""

    def test_a_second_plan_changes_nothing(self, applied: Applied) -> None:
        assert not applied.workspace.drifts(**applied.variables)

    def test_the_bucket_is_set_up_as_planned(self, applied: Applied) -> None:
        s3 = applied.account.client()
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
        blocks = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
        assert set(blocks.values()) == {True}
        owner = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
        assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        encryption = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
        default = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        assert default == {"SSEAlgorithm": "AES256"}

    def test_old_versions_are_removed(self, applied: Applied) -> None:
        s3 = applied.account.client()
        old, uploads = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
        assert old["Filter"] == {"Prefix": "checkpoints/"}
        assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
        assert old["Expiration"] == {"ExpiredObjectDeleteMarker": True}
        assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}

    def test_members_have_their_roles(self, applied: Applied) -> None:
        iam = applied.account.client("iam")
        for role, (member,) in MEMBERS.items():
            (attached,) = iam.list_attached_role_policies(RoleName=member)["AttachedPolicies"]
            assert attached["PolicyName"] == f"{BUCKET}-{role}"


# --- the library ----------------------------------------------------------------------------------


def work(applied: Applied, run_id: str) -> None:
    """Do as a worker all that a worker does."""
    with applied.checkpointer("runner") as checkpointer:
        begun = Checkpoint(execution_id=run_id, branch_states={"main": BranchState(id="main")})
        checkpointer.save_checkpoint(begun, if_absent=True)
        run = checkpointer.load_checkpoint(run_id)
        checkpointer.save_checkpoint(run)
        checkpointer.atomic_update(run_id, lambda run: run.variables.update(paid=True))
        with checkpointer.claim(run_id, owner="worker", ttl=timedelta(minutes=1)) as claim:
            claim.renew()
            claim.save(claim.checkpoint)
            claim.update(lambda run: run.variables.update(sent=True))
        checkpointer.save_checkpoint(Checkpoint(execution_id=f"{run_id}-over"))
        checkpointer.delete_checkpoint(f"{run_id}-over")
        listed = [run.execution_id for run in checkpointer.list_executions(id_prefix=run_id)]
        assert listed == [run_id]
        assert checkpointer.load_checkpoint(run_id).variables == {"paid": True, "sent": True}


OPERATIONS = (
    "list",
    "show run-2",
    "history run-2",
    "diff run-2",
    "restore run-2 --yes",
    "pause run-2",
    "unpause run-2",
    "fork run-2 run-3",
    "export run-2",
    "delete run-3 --yes",
    "gc --older-than 1s --finished --yes",
    "doctor",
)
"""What an operator does from the command line."""


class TestLeastPrivilege:
    """Each role may do what it has to, and has no right that it does not use."""

    def test_of_a_runner(self, applied: Applied) -> None:
        work(applied, "run-1")
        assert_used(applied, "runner")

    def test_of_an_operator(self, applied: Applied) -> None:
        work(applied, "run-2")
        for arguments in OPERATIONS:
            done = applied.command("operator", *arguments.split())
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        assert_used(applied, "operator")

    def test_of_a_viewer(self, applied: Applied) -> None:
        work(applied, "run-6")
        for arguments in ("list", "show run-6"):
            done = applied.command("viewer", *arguments.split())
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        assert_used(applied, "viewer")

    def test_a_viewer_is_told_that_it_may_not_write(self, applied: Applied) -> None:
        with (
            applied.checkpointer("viewer") as checkpointer,
            pytest.raises(AccessDeniedError, match="s3:PutObject"),
        ):
            checkpointer.save_checkpoint(Checkpoint(execution_id="run-4"))

    def test_a_runner_can_remove_nothing(self, applied: Applied) -> None:
        with applied.checkpointer("runner") as checkpointer:
            stored = checkpointer.save_checkpoint(Checkpoint(execution_id="run-5"))
            s3 = applied.account.client(principal="runner")
            key = "checkpoints/executions/run-5.json"
            for condition in ({}, {"IfMatch": stored.token}):
                assert refused(s3.delete_object, Key=key, **condition)
            (version,) = applied.account.client().list_object_versions(Bucket=BUCKET, Prefix=key)[
                "Versions"
            ]
            assert refused(s3.delete_object, Key=key, VersionId=version["VersionId"])
            assert checkpointer.load_checkpoint("run-5").execution_id == "run-5"


JUSTIFIED: Mapping[str, set[str]] = {"runner": set(), "operator": set(), "viewer": set()}
"""Rights that no request shows to be needed, by name, each with its reason beside it."""


def assert_used(applied: Applied, role: str) -> None:
    judged = applied.account.asked_by(role)
    denied = [each.asked for each in judged if each.decision is not Decision.ALLOWED]
    assert denied == []
    granted = Policy.parse(applied.outputs["policies"][role]).actions
    assert granted - JUSTIFIED[role] == {each.asked.action for each in judged}


class TestUnconditionalWrites:
    """Nobody writes a checkpoint without a condition, whatever else they may do."""

    KEY = "checkpoints/executions/foreign.json"

    @pytest.mark.parametrize("role", ["runner", "operator", "administrator"])
    def test_a_bare_put_is_refused(self, applied: Applied, role: str) -> None:
        s3 = applied.account.client(principal=role)
        assert refused(s3.put_object, Key=self.KEY, Body=b"{}")
        assert "Contents" not in applied.account.client().list_objects_v2(
            Bucket=BUCKET, Prefix=self.KEY
        )

    def test_a_copy_is_refused(self, applied: Applied) -> None:
        s3 = applied.account.client()
        s3.put_object(Bucket=BUCKET, Key="elsewhere", Body=b"{}")
        source = {"Bucket": BUCKET, "Key": "elsewhere"}
        assert refused(s3.copy_object, Key=self.KEY, CopySource=source)

    def test_an_upload_in_parts_is_refused_when_it_ends(self, applied: Applied) -> None:
        s3 = applied.account.client()
        upload = {"Bucket": BUCKET, "Key": self.KEY}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        part = s3.upload_part(**upload, PartNumber=1, Body=b"{}")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        del upload["Bucket"]
        assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts)

    def test_outside_the_prefix_everybody_writes_as_they_like(self, applied: Applied) -> None:
        applied.account.client().put_object(Bucket=BUCKET, Key="elsewhere", Body=b"{}")


def refused(request: Any, **arguments: Any) -> bool:
    """Whether S3 denies it."""
    with pytest.raises(Exception, match="AccessDenied") as denied:
        request(Bucket=BUCKET, **arguments)
    answer: Any = getattr(denied.value, "response")  # noqa: B009 - botocore ships no types
    return bool(answer["ResponseMetadata"]["HTTPStatusCode"] == 403)


# --- the doctor -----------------------------------------------------------------------------------


def findings(applied: Applied) -> dict[str, str]:
    """Return what the doctor says of each thing it looks at."""
    told = json.loads(applied.command("operator", "doctor").stdout)
    return {check["check"]: check["status"] for check in told["checks"]}


def test_the_doctor_finds_the_bucket_fit(applied: Applied) -> None:
    assert {name: status for name, status in findings(applied).items() if status != "ok"} == {}


def test_the_doctor_names_each_switch_that_is_off(
    aws_terraform: Terraform, account: Account, tmp_path: Path
) -> None:
    workspace = ready(Workspace(aws_terraform, MODULE, tmp_path, account.environment()))
    variables = {
        "bucket_name": "unfit-runs",
        "force_destroy": True,
        "lifecycle_policy": None,
        "require_conditional_writes": False,
        "versioning_enabled": False,
    }
    outputs = workspace.apply(**variables)
    let_the_roles_in(account, outputs)
    told = findings(Applied(account, workspace, variables, outputs))
    workspace.destroy(**variables)
    off = {"versioning", "lifecycle of old versions", "other programs"}
    warnings = {name for name, status in told.items() if status == "warning"}
    assert warnings == off | {"earlier versions"}  # what is not kept is not found again, either
    assert "failed" not in told.values()
