"""What the service refuses until somebody changes it: the error says what, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bucketpoint import (
    AccessDeniedError,
    BucketpointError,
    NoCheckpointError,
    OutcomeUnknownError,
    RetentionPolicyError,
    RetryPolicy,
    StoreConfigurationError,
)
from bucketpoint.testing.proxy import LostRequest, StatusBefore, WireFault
from tests.emulators.clouds import Cloud
from tests.emulators.proxied import OF_OBJECTS, ProxiedBucket


@dataclass(frozen=True)
class Refusal:
    """How a service refuses a write, and how the caller is to be told.

    Attributes:
        status: The status code.
        reason: The service's word for programs.
        message: Its words for people; general words are all it gives to some refusals.
        error: What the caller gets.
        advice: What that must say.
    """

    status: int
    reason: str
    message: str
    error: type[BucketpointError]
    advice: str


ON_S3 = {
    "access denied": Refusal(
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/worker is not authorized to perform: s3:PutObject "
        "because no identity-based policy allows the s3:PutObject action",
        AccessDeniedError,
        "grant s3:PutObject and s3:GetObject",
    ),
    "credentials not accepted": Refusal(
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        AccessDeniedError,
        "check that they are of this endpoint",
    ),
    "retention": Refusal(
        400,
        "InvalidRequest",
        "Object is WORM protected and cannot be overwritten",
        RetentionPolicyError,
        "lift that, wait for its end, or use a bucket without object lock",
    ),
    "hold": Refusal(
        403,
        "AccessDenied",
        "Access Denied because object protected by object lock.",
        RetentionPolicyError,
        "lift that",
    ),
    "KMS denied": Refusal(
        403,
        "AccessDenied",
        "User: arn:aws:sts::123456789012:assumed-role/worker is not authorized to perform: "
        "kms:GenerateDataKey because no identity-based policy allows it",
        AccessDeniedError,
        "grant kms:GenerateDataKey and kms:Decrypt",
    ),
    "KMS key disabled": Refusal(
        400,
        "KMS.DisabledException",
        "arn:aws:kms:eu-west-1:123456789012:key/1 is disabled.",
        StoreConfigurationError,
        "enable it, or name another",
    ),
}

ON_GCS = {
    "access denied": Refusal(
        403,
        "forbidden",
        "worker@project.iam.gserviceaccount.com does not have storage.objects.create access to "
        "the Google Cloud Storage object.",
        AccessDeniedError,
        "grant storage.objects.create on the bucket",
    ),
    "credentials not accepted": Refusal(
        401,
        "required",
        "Anonymous caller does not have storage.objects.create access.",
        AccessDeniedError,
        "leave out the anonymous credentials",
    ),
    "retention": Refusal(
        403,
        "retentionPolicyNotMet",
        "Object is subject to bucket's retention policy and cannot be deleted or overwritten.",
        RetentionPolicyError,
        "lift that, wait for its end, or use a bucket without one",
    ),
    "hold": Refusal(
        403,
        "objectUnderActiveHold",
        "Object is under active Temporary hold and cannot be deleted, overwritten or archived.",
        RetentionPolicyError,
        "lift that",
    ),
    "KMS denied": Refusal(
        403,
        "forbidden",
        "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service "
        "account has been authorized to use this key.",
        AccessDeniedError,
        "grant roles/cloudkms.cryptoKeyEncrypterDecrypter",
    ),
    "KMS key disabled": Refusal(
        400,
        "cloudKmsDisabledKey",
        "Cloud KMS key is disabled, destroyed, or scheduled to be destroyed.",
        StoreConfigurationError,
        "enable it",
    ),
}

assert ON_S3.keys() == ON_GCS.keys()


def refusal_of(cloud: Cloud, name: str) -> tuple[Refusal, WireFault]:
    """Return how the cloud refuses, and the fault that it does."""
    refusal = {"s3": ON_S3, "gcs": ON_GCS}[cloud.name][name]
    body = cloud.error(refusal.status, refusal.reason, refusal.message)
    return refusal, StatusBefore(refusal.status, body)


@pytest.mark.parametrize("name", ON_S3)
def test_a_refused_save_is_sent_once_says_what_to_do_and_can_be_repeated(
    bucket: ProxiedBucket, name: str
) -> None:
    checkpointer = bucket.checkpointer()
    seen = bucket.started(checkpointer)
    bucket.proxy.clear_log()
    refusal, fault = refusal_of(bucket.cloud, name)
    bucket.break_writes(fault)
    seen.status = "running"
    with pytest.raises(refusal.error) as caught:
        checkpointer.save_checkpoint(seen)
    assert type(caught.value) is refusal.error
    assert refusal.advice in str(caught.value)
    assert bucket.name in str(caught.value)
    assert caught.value.execution_id == seen.execution_id
    assert bucket.proxy.count() == bucket.writes == 1
    assert bucket.revision(seen.execution_id) == 1

    bucket.repair()
    checkpointer.save_checkpoint(seen)
    assert bucket.direct.load_checkpoint(seen.execution_id).status == "running"
    assert bucket.revision(seen.execution_id) == 2


@pytest.mark.parametrize("name", ON_S3)
def test_a_refusal_is_no_proof_that_what_was_sent_before_did_not_land(
    bucket: ProxiedBucket, name: str
) -> None:
    checkpointer = bucket.checkpointer(retry=RetryPolicy(attempts=3, outage_s=0.01))
    seen = bucket.started(checkpointer)
    refusal, fault = refusal_of(bucket.cloud, name)
    bucket.break_writes(LostRequest(), times=1)
    bucket.break_writes(fault)
    with pytest.raises(OutcomeUnknownError) as caught:
        checkpointer.save_checkpoint(seen)
    assert type(caught.value.__cause__) is refusal.error
    assert refusal.advice in str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["KMS denied", "KMS key disabled"])
def test_a_refused_load_says_what_to_do(bucket: ProxiedBucket, name: str) -> None:
    run = bucket.started(bucket.direct).execution_id
    refusal, fault = refusal_of(bucket.cloud, name)
    bucket.proxy.add(fault, method="GET", path=OF_OBJECTS)
    with pytest.raises(refusal.error) as caught:
        bucket.checkpointer().load_checkpoint(run)
    assert type(caught.value) is refusal.error
    assert refusal.advice in str(caught.value)


# --- a denied read, which may be of nothing -----------------------------------------------------------


def test_a_denied_load_of_what_is_there_names_the_right(bucket: ProxiedBucket) -> None:
    run = bucket.started(bucket.direct).execution_id
    _, denied = refusal_of(bucket.cloud, "access denied")
    bucket.proxy.add(denied, method="GET", path=OF_OBJECTS)
    with pytest.raises(AccessDeniedError, match=r"could not read .* grant (s3|storage)\S+"):
        bucket.checkpointer().load_checkpoint(run)
    assert bucket.reads == 2


def test_a_denied_load_of_what_is_not_there_finds_nothing(bucket: ProxiedBucket) -> None:
    """Who may not list is denied where nothing is; a listing shows which it was."""
    _, denied = refusal_of(bucket.cloud, "access denied")
    bucket.proxy.add(denied, method="GET", path=OF_OBJECTS)
    with pytest.raises(NoCheckpointError):
        bucket.checkpointer().load_checkpoint(bucket.new_run())
    assert bucket.reads == 2


def test_a_load_that_is_denied_with_its_listing_names_the_trap(bucket: ProxiedBucket) -> None:
    there, elsewhere = bucket.started(bucket.direct).execution_id, bucket.new_run()
    _, denied = refusal_of(bucket.cloud, "access denied")
    bucket.break_reads(denied)
    for run in (there, elsewhere):
        with pytest.raises(
            AccessDeniedError,
            match=r"could not read .*Nobody can tell .* grant .*(s3:ListBucket|objects\.list)",
        ):
            bucket.checkpointer().load_checkpoint(run)
    assert bucket.reads == 4
