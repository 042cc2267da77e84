"""The doctor names what is wrong with a bucket, on the line that it belongs to, and says the cure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bucketpoint.cli.doctor.checks import CHECKS, diagnose
from bucketpoint.cli.doctor.outcomes import Outcome, Report, Status
from bucketpoint.cli.doctor.racing import Race
from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from bucketpoint.testing.proxy import StatusBefore, StrippedHeaders, WireFault
from tests.cli.programs import run_command
from tests.emulators.clouds import GCS, PREFIX, S3, Cloud
from tests.emulators.proxied import ProxiedBucket

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

FAILED, WARNING, NOT_SEEN = Status.FAILED, Status.WARNING, Status.NOT_SEEN


@pytest.fixture(scope="module")
def s3_bucket(seaweedfs: SeaweedFS) -> Iterator[ProxiedBucket]:
    """A bucket as it should be, which keeps versions."""
    with ProxiedBucket.new(S3(seaweedfs), versioned=True) as bucket:
        yield bucket


@pytest.fixture(scope="module")
def gcs_bucket(fake_gcs: FakeGCS) -> Iterator[ProxiedBucket]:
    """The same of Google Cloud Storage."""
    with ProxiedBucket.new(GCS(fake_gcs), versioned=True) as bucket:
        yield bucket


def url_of(bucket: ProxiedBucket) -> str:
    """Return what the doctor takes, through the proxy."""
    return bucket.cloud.url(bucket.name).replace(bucket.cloud.endpoint_url, bucket.proxy.url)


def found(report: Report, check: str) -> Outcome:
    """Return what the line says."""
    return next(each.outcome for each in report.findings if each.check == check)


def left_behind(bucket: ProxiedBucket) -> list[str]:
    """Return what is there of the doctor, the versions of what it has written too."""
    store = bucket.direct.store
    written = {
        name.group()
        for logged in bucket.proxy.log
        if (name := re.search(r"bucketpoint-doctor-\w+", logged.request.path))
    }
    assert written
    versions = [store.list_versions(f"{PREFIX}/executions/{name}") for name in written]
    return [each.key for each in store.list("")] + [each.key for each in chain(*versions)]


# --- how buckets are broken -----------------------------------------------------------------------


class Broken(NamedTuple):
    """A bucket in which one thing is wrong.

    Attributes:
        fault: What happens to some requests.
        method: To which.
        path: In their path and query, as a pattern.
        check: The line that tells it.
        status: How bad it is.
        says: What the line says, as a pattern.
        fix: What it says to do, as a pattern.
    """

    fault: WireFault
    method: str | None
    path: str
    check: str
    status: Status
    says: str
    fix: str


def s3_error(status: int, code: str, message: str = "no") -> WireFault:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return StatusBefore(status, body.encode())


def xml(body: str) -> WireFault:
    return StatusBefore(200, f'<?xml version="1.0"?>{body}'.encode())


def lifecycle(action: str) -> WireFault:
    rule = f"<Rule><ID>clean</ID><Status>Enabled</Status><Filter></Filter>{action}</Rule>"
    return xml(f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>")


def setting(name: str) -> str:
    return rf"^/[^/]+/?\?{name}\b"


DENIED = s3_error(403, "AccessDenied")
NO_KMS = s3_error(403, "AccessDenied", "not authorized to perform: kms:GenerateDataKey on resource")
ELSEWHERE = StatusBefore(
    301,
    b"<Error><Code>PermanentRedirect</Code><Message>no</Message></Error>",
    {"x-amz-bucket-region": "eu-west-1"},
)
SUSPENDED = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
EXPIRE = "<Expiration><Days>7</Days></Expiration>"
ARCHIVE = "<Transition><Days>7</Days><StorageClass>GLACIER</StorageClass></Transition>"
LOCKED = (
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>"
    "<DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention>"
    "</Rule></ObjectLockConfiguration>"
)
PUBLIC = "<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>"
UNBLOCKED = (
    "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
    "</PublicAccessBlockConfiguration>"
)

BROKEN_S3 = {
    "another region": Broken(
        ELSEWHERE,
        None,
        "",
        "reachable",
        FAILED,
        "PermanentRedirect",
        r"\(eu-west-1\).*give region=",
    ),
    "unknown key": Broken(
        s3_error(403, "InvalidAccessKeyId"),
        None,
        "",
        "credentials",
        FAILED,
        "Invalid",
        "does not know",
    ),
    "expired token": Broken(
        s3_error(400, "ExpiredToken"), None, "", "credentials", FAILED, "Expired", "get new ones"
    ),
    "wrong clock": Broken(
        s3_error(403, "RequestTimeTooSkewed"), None, "", "clock", FAILED, "its time", "NTP"
    ),
    "no right to list": Broken(
        DENIED,
        "GET",
        "list-type=2",
        "permission to read",
        FAILED,
        "s3:ListBucket ",
        "grant s3:ListB",
    ),
    "no right to read": Broken(
        DENIED,
        "GET",
        "^/[^/?]+/runs/",
        "permission to read",
        FAILED,
        "s3:GetObject ",
        "grant s3:GetO",
    ),
    "no right to write": Broken(
        DENIED, "PUT", "", "permission to write", FAILED, "s3:PutObject ", "grant s3:PutObject"
    ),
    "no right to the key": Broken(
        NO_KMS, "PUT", "", "permission to write", FAILED, "no checkpoint can", "kms:GenerateDataKey"
    ),
    "no right to delete": Broken(
        DENIED,
        "DELETE",
        r"^[^?]+(\?x-id=\w+)?$",
        "permission to purge",
        WARNING,
        "s3:DeleteObject ",
        "grant s3:D",
    ),
    "no right to list versions": Broken(
        DENIED,
        "GET",
        setting("(.*&)?versions"),
        "permission for history",
        WARNING,
        "s3:ListBucketVersions ",
        "grant",
    ),
    "no right to remove versions": Broken(
        DENIED,
        "DELETE",
        "versionId=",
        "permission to remove versions",
        WARNING,
        "s3:DeleteObjectVersion ",
        "grant",
    ),
    "creates without condition": Broken(
        StrippedHeaders("If-None-Match"),
        "PUT",
        "",
        "conditional create",
        FAILED,
        "ignored If-None-Match",
        "honours",
    ),
    "updates without condition": Broken(
        StrippedHeaders("If-Match"),
        "PUT",
        "",
        "stale update",
        FAILED,
        "ignored If-Match",
        "honours",
    ),
    "deletes without condition": Broken(
        StrippedHeaders("If-Match"),
        "DELETE",
        "",
        "conditional delete",
        WARNING,
        "ignored If-Match",
        "tombstones",
    ),
    "no versions": Broken(
        xml(SUSPENDED),
        "GET",
        setting("versioning"),
        "versioning",
        WARNING,
        "suspended",
        "put-bucket-versioning",
    ),
    "no right to see the versioning": Broken(
        DENIED,
        "GET",
        setting("versioning"),
        "versioning",
        NOT_SEEN,
        "s3:GetBucketVersioning",
        "grant",
    ),
    "old versions for ever": Broken(
        s3_error(404, "NoSuchLifecycleConfiguration"),
        "GET",
        setting("lifecycle"),
        "lifecycle of old versions",
        WARNING,
        "for ever",
        "NoncurrentVersionExpiration",
    ),
    "a rule that deletes checkpoints": Broken(
        lifecycle(EXPIRE),
        "GET",
        setting("lifecycle"),
        "lifecycle of checkpoints",
        WARNING,
        "'clean' deletes",
        "prefix",
    ),
    "a rule that archives checkpoints": Broken(
        lifecycle(ARCHIVE),
        "GET",
        setting("lifecycle"),
        "lifecycle of checkpoints",
        WARNING,
        "'clean' moves",
        "prefix",
    ),
    "object lock": Broken(
        xml(LOCKED),
        "GET",
        setting("object-lock"),
        "retention",
        WARNING,
        "30 days",
        "put-object-lock",
    ),
    "no encryption": Broken(
        s3_error(404, "ServerSideEncryptionConfigurationNotFoundError"),
        "GET",
        setting("encryption"),
        "encryption",
        WARNING,
        "nothing is encrypted",
        "sse=AES256",
    ),
    "a public policy": Broken(
        xml(PUBLIC),
        "GET",
        setting("policyStatus"),
        "public access",
        FAILED,
        "anybody",
        "remove that",
    ),
    "public access unblocked": Broken(
        xml(UNBLOCKED),
        "GET",
        setting("publicAccessBlock"),
        "public access",
        WARNING,
        "BlockPublicPolicy",
        "put-public",
    ),
}


def gcs_error(status: int, reason: str, message: str = "no") -> WireFault:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return StatusBefore(status, json.dumps({"error": error}).encode())


def lacks(right: str) -> WireFault:
    return gcs_error(403, "forbidden", f"somebody does not have {right} access to the object")


def told(**settings: Any) -> WireFault:
    return StatusBefore(200, json.dumps(settings).encode(), {"Content-Type": "application/json"})


def rule(action: str, **condition: Any) -> WireFault:
    made = {"action": {"type": action}, "condition": condition}
    return told(lifecycle={"rule": [made]}, versioning={"enabled": True})


BUCKET = r"^/storage/v1/b/[^/?]+\?"
OVER = "ifGenerationMatch=[1-9]"

BROKEN_GCS = {
    "no token": Broken(
        gcs_error(401, "authError"),
        None,
        "",
        "credentials",
        FAILED,
        "InvalidOperation",
        "anonymous",
    ),
    "no right to create": Broken(
        lacks("storage.objects.create"),
        "POST",
        "",
        "permission to write",
        FAILED,
        "objects.create ",
        "grant",
    ),
    "no right to replace": Broken(
        lacks("storage.objects.delete"),
        "POST",
        OVER,
        "permission to write",
        FAILED,
        "objects.delete ",
        "grant",
    ),
    "no right to list": Broken(
        lacks("storage.objects.list"),
        "GET",
        r"/o\?",
        "permission to read",
        FAILED,
        "objects.list ",
        "grant",
    ),
    "no right to delete": Broken(
        lacks("storage.objects.delete"),
        "DELETE",
        "",
        "permission to purge",
        WARNING,
        "objects.delete ",
        "grant",
    ),
    "no right to see the settings": Broken(
        lacks("storage.buckets.get"),
        "GET",
        BUCKET,
        "soft delete",
        NOT_SEEN,
        "storage.buckets.get",
        "grant",
    ),
    "no versions": Broken(
        told(versioning={"enabled": False}),
        "GET",
        BUCKET,
        "versioning",
        WARNING,
        "off",
        "--versioning",
    ),
    "soft delete": Broken(
        told(softDeletePolicy={"retentionDurationSeconds": "604800"}),
        "GET",
        BUCKET,
        "soft delete",
        WARNING,
        "billed, for 7 days",
        "--clear-soft-delete",
    ),
    "a retention policy": Broken(
        told(retentionPolicy={"retentionPeriod": "86400"}),
        "GET",
        BUCKET,
        "retention",
        FAILED,
        "for a day",
        "--clear-ret",
    ),
    "a hold on each object": Broken(
        told(defaultEventBasedHold=True),
        "GET",
        BUCKET,
        "retention",
        FAILED,
        "on hold",
        "--no-default-event",
    ),
    "a hold that nothing tells of": Broken(
        gcs_error(
            403, "forbidden", "Object is under active Event-Based hold and cannot be deleted"
        ),
        "POST",
        OVER,
        "retention",
        FAILED,
        "could not write",
        "lift that",
    ),
    "a rule that deletes checkpoints": Broken(
        rule("Delete", age=7),
        "GET",
        BUCKET,
        "lifecycle of checkpoints",
        WARNING,
        "deletes",
        "isLive",
    ),
    "a rule that moves checkpoints": Broken(
        rule("SetStorageClass", age=7),
        "GET",
        BUCKET,
        "lifecycle of checkpoints",
        WARNING,
        "moves",
        "matchesPrefix",
    ),
    "old versions for ever": Broken(
        told(versioning={"enabled": True}),
        "GET",
        BUCKET,
        "lifecycle of old versions",
        WARNING,
        "for ever",
        "daysSinceNoncurrentTime",
    ),
    "public access": Broken(
        told(iamConfiguration={}),
        "GET",
        BUCKET,
        "public access",
        WARNING,
        "does not prevent",
        "--public-access",
    ),
}


def assert_told(bucket: ProxiedBucket, broken: Broken) -> None:
    """The line of what is wrong says so, and the sum of it all agrees."""
    bucket.proxy.add(broken.fault, method=broken.method, path=broken.path)
    report = diagnose(url_of(bucket))
    line = found(report, broken.check)
    assert line.status is broken.status, report
    assert re.search(broken.says, line.found), line
    assert re.search(broken.fix, line.fix), line
    assert report.is_fit is (broken.status is not FAILED)


@pytest.mark.parametrize("broken", BROKEN_S3.values(), ids=BROKEN_S3)
def test_what_is_wrong_with_a_bucket_of_s3(s3: ProxiedBucket, broken: Broken) -> None:
    assert_told(s3, broken)


@pytest.mark.parametrize("broken", BROKEN_GCS.values(), ids=BROKEN_GCS)
def test_what_is_wrong_with_a_bucket_of_google(gcs: ProxiedBucket, broken: Broken) -> None:
    assert_told(gcs, broken)


# --- what is not there, and what is whole ---------------------------------------------------------


@pytest.mark.parametrize("versioned", [True, False])
def test_nothing_is_wrong_and_nothing_is_left(cloud: Cloud, versioned: bool) -> None:
    with ProxiedBucket.new(cloud, versioned=versioned) as bucket:
        report = diagnose(url_of(bucket), race=Race(writers=4, rounds=2))
        assert report.is_fit, report
        assert found(report, "racing").found == "one winner in each of 4 races of 4 writers"
        assert found(report, "left behind") == Outcome.ok("nothing is left behind")
        assert (found(report, "versioning").status is Status.OK) is versioned
        if versioned:
            assert left_behind(bucket) == []
        assert [*bucket.direct.store.list("")] == []


def test_a_store_that_checks_before_it_writes_loses_a_race(seaweedfs: SeaweedFS) -> None:
    """Its condition is stripped from the creates of the race, and from none before."""
    with ProxiedBucket.new(S3(seaweedfs), versioned=True) as bucket:
        bucket.proxy.add(StrippedHeaders("If-None-Match"), method="PUT", skip=3)
        line = found(diagnose(url_of(bucket), race=Race(writers=4, rounds=1)), "racing")
        assert line.status is FAILED
        assert "that raced to create one object were told to have won" in line.found
        assert "checks and writes in one step" in line.fix
        assert left_behind(bucket) == []


def test_a_bucket_that_does_not_exist(cloud: Cloud) -> None:
    report = diagnose(cloud.url("no-such-bucket"))
    assert found(report, "reachable").status is FAILED
    assert "create it, or correct its name" in found(report, "reachable").fix
    assert {each.outcome.found for each in report.findings[1:]} == {"the bucket cannot be used"}


@pytest.mark.parametrize("url", ["s3://a-bucket/b", "gs://a-bucket/b"])
def test_an_endpoint_that_is_not_reached(url: str) -> None:
    report = diagnose(f"{url}?endpoint_url=http://127.0.0.1:9")
    assert found(report, "reachable").status is FAILED
    assert "check the endpoint" in found(report, "reachable").fix


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    report = diagnose("gs://a-bucket/b")
    assert [each.check for each in report.findings] == ["credentials"]
    assert "gcloud auth application-default login" in found(report, "credentials").fix


def test_the_command_ends_as_it_found(cloud: Cloud, tmp_path: Path) -> None:
    for bucket, code in ((cloud.new_bucket(), 0), ("no-such-bucket", 12)):
        said = run_command("doctor", cloud.url(bucket), cwd=tmp_path, **CREDENTIALS)
        assert (said.returncode, said.stderr) == (code, "")
        report = json.loads(said.stdout)
        assert report["fit"] is (code == 0)
        assert [each["check"] for each in report["checks"]] == [
            each.name
            for each in CHECKS
            if cloud_scheme(cloud) in each.schemes and each.name != "racing"
        ]


def cloud_scheme(cloud: Cloud) -> str:
    return cloud.url("a").partition(":")[0]
