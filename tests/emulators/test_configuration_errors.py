"""What stands between a checkpointer and its bucket: each error says what to do, nothing is lost."""

from __future__ import annotations

import importlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    AccessDeniedError,
    BucketCheckpointer,
    BucketNotFoundError,
    GCSCheckpointer,
    StoreConfigurationError,
)
from bucketpoint.testing.proxy import StatusBefore, WireFault
from tests.emulators.calls import RUN, Call, every_call
from tests.emulators.clouds import Cloud
from tests.emulators.proxied import ProxiedBucket


def is_unwritten(bucket: ProxiedBucket) -> bool:
    """Whether no call has left anything in the bucket."""
    return bucket.member(RUN) == {}


def given_client(bucket: ProxiedBucket, credentials: Any) -> BucketCheckpointer:
    """Return a checkpointer with a client of Google's that has these credentials."""
    client = bucket.cloud.emulator.client(endpoint_url=bucket.proxy.url, credentials=credentials)
    return bucket.cloud.checkpointer(bucket.name, client=client)


@cache
def new_private_key() -> str:
    """Return a key of its own for a service account; making one takes a while."""
    primitives = "cryptography.hazmat.primitives"
    encoding: Any = importlib.import_module(f"{primitives}.serialization")
    key = importlib.import_module(f"{primitives}.asymmetric.rsa").generate_private_key(65537, 2048)
    pem: bytes = key.private_bytes(
        encoding.Encoding.PEM, encoding.PrivateFormat.PKCS8, encoding.NoEncryption()
    )
    return pem.decode()


def service_account(token_uri: str) -> Any:
    """Return the credentials of a service account that gets its tokens there."""
    account: Any = importlib.import_module("google.oauth2.service_account").Credentials
    return account.from_service_account_info(
        {
            "client_email": "worker@project.iam.gserviceaccount.com",
            "private_key": new_private_key(),
            "token_uri": token_uri,
        },
        scopes=["https://www.googleapis.com/auth/devstorage.read_write"],
    )


# --- the bucket ---------------------------------------------------------------------------------------


@every_call
def test_a_bucket_that_does_not_exist(cloud: Cloud, call: Call) -> None:
    with (
        cloud.checkpointer("no-such-bucket") as checkpointer,
        pytest.raises(
            BucketNotFoundError, match=r"'no-such-bucket'.*create it, or correct its name"
        ),
    ):
        call(checkpointer)


OTHER_REGION: dict[str, WireFault] = {
    "400": StatusBefore(
        400,
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is "
        b"malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>"
        b"<Region>eu-west-1</Region></Error>",
    ),
    "301": StatusBefore(
        301,
        b"<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access "
        b"must be addressed using the specified endpoint.</Message></Error>",
        {"x-amz-bucket-region": "eu-west-1"},
    ),
}


@every_call
@pytest.mark.parametrize("fault", OTHER_REGION.values(), ids=OTHER_REGION)
def test_a_bucket_in_another_region(s3: ProxiedBucket, call: Call, fault: WireFault) -> None:
    """boto3 goes there once of its own accord, where it knows the way."""
    s3.proxy.add(fault)
    with pytest.raises(StoreConfigurationError, match=r"\(eu-west-1\).* give region="):
        call(s3.checkpointer())
    assert s3.proxy.count() <= 2
    assert is_unwritten(s3)


@pytest.mark.parametrize("fault", OTHER_REGION.values(), ids=OTHER_REGION)
def test_a_bucket_that_moved_to_another_region(s3: ProxiedBucket, fault: WireFault) -> None:
    checkpointer = s3.checkpointer()
    seen = s3.started(checkpointer)
    s3.break_writes(fault)
    with pytest.raises(StoreConfigurationError, match=r"\(eu-west-1\).* give region="):
        checkpointer.save_checkpoint(seen)
    assert s3.revision(seen.execution_id) == 1


# --- credentials, and the clock that they depend on ---------------------------------------------------


@every_call
def test_no_credentials_on_s3(
    s3: ProxiedBucket, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED":
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    with (
        s3.cloud.checkpointer(s3.name, s3.proxy.url, region="us-east-1") as checkpointer,
        pytest.raises(AccessDeniedError, match="set AWS_ACCESS_KEY_ID"),
    ):
        call(checkpointer)
    assert s3.proxy.count() == 0


def test_no_credentials_on_gcs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(AccessDeniedError, match="gcloud auth application-default login"):
        GCSCheckpointer("my-bucket")


@every_call
def test_expired_credentials_on_s3(s3: ProxiedBucket, call: Call) -> None:
    s3.proxy.add(StatusBefore(400, s3.cloud.error(400, "ExpiredToken")))
    with pytest.raises(AccessDeniedError, match="expired; get new ones, or log in again"):
        call(s3.checkpointer())
    assert is_unwritten(s3)


@every_call
def test_expired_credentials_on_gcs(gcs: ProxiedBucket, call: Call) -> None:
    """A token that nothing can refresh."""
    credentials = importlib.import_module("google.oauth2.credentials").Credentials("expired")
    body = gcs.cloud.error(401, "authError", "Invalid Credentials")
    # An answer that google-auth does not read to its end would keep a connection open.
    gcs.proxy.add(StatusBefore(401, body, {"Connection": "close"}))
    with (
        given_client(gcs, credentials) as checkpointer,
        pytest.raises(AccessDeniedError, match="gcloud auth application-default login"),
    ):
        call(checkpointer)
    assert is_unwritten(gcs)


@every_call
def test_a_wrong_clock_on_s3(s3: ProxiedBucket, call: Call) -> None:
    """Each request is signed with the time."""
    s3.proxy.add(StatusBefore(403, s3.cloud.error(403, "RequestTimeTooSkewed")))
    with pytest.raises(StoreConfigurationError, match="this machine's clock is wrong"):
        call(s3.checkpointer())
    assert is_unwritten(s3)


@every_call
def test_a_wrong_clock_on_gcs(gcs: ProxiedBucket, call: Call) -> None:
    """A service account signs its request for a token with the time."""
    answer = {
        "error": "invalid_grant",
        "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
        "reasonable timeframe. Check your iat and exp values in the JWT claim.",
    }
    gcs.proxy.add(StatusBefore(400, json.dumps(answer).encode()), path="^/token$")
    with (
        given_client(gcs, service_account(f"{gcs.proxy.url}/token")) as checkpointer,
        pytest.raises(StoreConfigurationError, match="this machine's clock is wrong"),
    ):
        call(checkpointer)
    assert [logged.request.path for logged in gcs.proxy.log] == ["/token"]
