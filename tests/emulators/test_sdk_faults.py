"""What the SDKs make of the proxy's faults: how often they send, and what they raise in the end.

The stores are built on these facts. A new release of an SDK that changes one changes what its
errors mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

import pytest

from bucketpoint.testing import FaultProxy
from bucketpoint.testing.emulators import FakeGCS, Moto
from bucketpoint.testing.proxy import (
    HangAfter,
    Late,
    LoggedExchange,
    LostAnswer,
    LostRequest,
    StatusAfter,
    StatusBefore,
    Truncated,
    WireFault,
    gcs_error,
    s3_error,
)

BUCKET = "sdk-faults"
PATIENCE_S = 1.5

botocore_errors: Any = import_module("botocore.exceptions")
google_errors: Any = import_module("google.api_core.exceptions")
requests_errors: Any = import_module("requests.exceptions")

_numbers = itertools.count(1)


def new_key() -> str:
    return f"runs/{next(_numbers)}.json"


# --- boto3 ----------------------------------------------------------------------------------------


class S3:
    """A bucket of moto behind the proxy, and clients whose retries are on and off."""

    def __init__(self, moto: Moto, proxy: FaultProxy) -> None:
        moto.create_bucket(BUCKET)
        self.proxy = proxy
        self.direct = moto.client()
        self.retrying = self._client(moto, retries={})
        self.single = self._client(moto, retries={"total_max_attempts": 1})

    def _client(self, moto: Moto, **config: Any) -> Any:
        config_class = import_module("botocore.config").Config
        return moto.client(
            endpoint_url=self.proxy.url, config=config_class(read_timeout=PATIENCE_S, **config)
        )

    def body(self, key: str) -> bytes | None:
        try:
            return cast("bytes", self.direct.get_object(Bucket=BUCKET, Key=key)["Body"].read())
        except self.direct.exceptions.NoSuchKey:
            return None


@pytest.fixture(scope="session")
def s3_behind_proxy(moto_server: Moto) -> Iterator[S3]:
    with FaultProxy(moto_server.endpoint_url) as proxy:
        yield S3(moto_server, proxy)


@pytest.fixture
def s3(s3_behind_proxy: S3) -> S3:
    make_new(s3_behind_proxy.proxy)
    return s3_behind_proxy


def make_new(proxy: FaultProxy) -> None:
    """Forget what an earlier test left."""
    proxy.clear()
    proxy.release()
    proxy.clear_log()


AFTER: dict[str, WireFault] = {
    "lost answer": LostAnswer(),
    "500 after": StatusAfter(500, s3_error("InternalError")),
    "503 after": StatusAfter(503, s3_error("SlowDown")),
    "read timeout": HangAfter(),
}


@pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
def test_boto3_sends_a_write_again_and_takes_its_own_for_anothers(s3: S3, fault: WireFault) -> None:
    key = new_key()
    s3.proxy.add(fault, method="PUT", times=1)
    with pytest.raises(botocore_errors.ClientError) as caught:
        s3.retrying.put_object(Bucket=BUCKET, Key=key, Body=b"mine", IfNoneMatch="*")
    answer = cast("dict[str, Any]", caught.value.response)
    assert answer["Error"]["Code"] == "PreconditionFailed"
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert [one.upstream_status for one in s3.proxy.log] == [200, 412]
    assert s3.body(key) == b"mine"


def test_boto3_says_that_a_refusal_at_the_first_sending_is_no_doubt(s3: S3) -> None:
    key = new_key()
    s3.direct.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    with pytest.raises(botocore_errors.ClientError) as caught:
        s3.retrying.put_object(Bucket=BUCKET, Key=key, Body=b"mine", IfNoneMatch="*")
    answer = cast("dict[str, Any]", caught.value.response)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    assert s3.proxy.count("PUT") == 1


def test_boto3_never_sends_again_after_a_409(s3: S3) -> None:
    s3.proxy.add(StatusBefore(409, s3_error("ConditionalRequestConflict")))
    with pytest.raises(botocore_errors.ClientError, match="ConditionalRequestConflict"):
        s3.retrying.put_object(Bucket=BUCKET, Key=new_key(), Body=b"", IfNoneMatch="*")
    assert s3.proxy.count() == 1


UNKNOWN: dict[str, tuple[WireFault, type[Exception], bool]] = {
    "lost request": (LostRequest(), botocore_errors.ConnectionClosedError, False),
    "lost answer": (LostAnswer(), botocore_errors.ConnectionClosedError, True),
    "late": (Late(), botocore_errors.ConnectionClosedError, False),
    "hang": (HangAfter(), botocore_errors.ReadTimeoutError, True),
    "500 before": (
        StatusBefore(500, s3_error("InternalError")),
        botocore_errors.ClientError,
        False,
    ),
    "500 after": (StatusAfter(500, s3_error("InternalError")), botocore_errors.ClientError, True),
}


@pytest.mark.parametrize(("fault", "error", "is_applied"), UNKNOWN.values(), ids=UNKNOWN)
def test_boto3_without_retries_shows_that_the_outcome_is_unknown(
    s3: S3, fault: WireFault, error: type[Exception], *, is_applied: bool
) -> None:
    key = new_key()
    s3.proxy.add(fault, method="PUT")
    with pytest.raises(error):
        s3.single.put_object(Bucket=BUCKET, Key=key, Body=b"1", IfNoneMatch="*")
    assert s3.proxy.count() == 1
    assert (s3.body(key) is not None) == is_applied


def test_boto3_does_not_read_again_when_an_answer_ends_within_its_body(s3: S3) -> None:
    key = new_key()
    s3.direct.put_object(Bucket=BUCKET, Key=key, Body=b"whole")
    s3.proxy.add(Truncated())
    body = s3.retrying.get_object(Bucket=BUCKET, Key=key)["Body"]
    with pytest.raises(botocore_errors.ResponseStreamingError):
        body.read()
    assert s3.proxy.count() == 1


def test_a_late_write_of_boto3_lands_when_it_is_released(s3: S3) -> None:
    key = new_key()
    s3.proxy.add(Late(), method="PUT")
    with pytest.raises(botocore_errors.ConnectionClosedError):
        s3.single.put_object(Bucket=BUCKET, Key=key, Body=b"late", IfNoneMatch="*")
    assert s3.body(key) is None
    assert s3.proxy.release() == [200]
    assert s3.body(key) == b"late"


def test_boto3_sends_a_body_through_the_proxy_unharmed(s3: S3) -> None:
    key, body = new_key(), bytes(range(256)) * 4096
    s3.single.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert s3.single.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
    assert [one.size for one in s3.proxy.log] == [len(body), 0]


# --- google-cloud-storage -------------------------------------------------------------------------


class GCS:
    """A bucket of fake-gcs-server behind the proxy."""

    def __init__(self, fake_gcs: FakeGCS, proxy: FaultProxy) -> None:
        fake_gcs.create_bucket(BUCKET)
        self.proxy = proxy
        self._through = fake_gcs.client(endpoint_url=proxy.url).bucket(BUCKET)
        self._direct = fake_gcs.client().bucket(BUCKET)

    @property
    def uploads(self) -> list[LoggedExchange]:
        """The uploads among the requests: a new client looks at the bucket first."""
        return [one for one in self.proxy.log if one.request.method == "POST"]

    def blob(self, key: str) -> Any:
        return self._through.blob(key)

    def body(self, key: str) -> bytes | None:
        blob = self._direct.get_blob(key)
        return None if blob is None else cast("bytes", blob.download_as_bytes())


@pytest.fixture(scope="session")
def gcs_behind_proxy(fake_gcs: FakeGCS) -> Iterator[GCS]:
    with FaultProxy(fake_gcs.endpoint_url) as proxy:
        yield GCS(fake_gcs, proxy)


@pytest.fixture
def gcs(gcs_behind_proxy: GCS) -> GCS:
    make_new(gcs_behind_proxy.proxy)
    return gcs_behind_proxy


def retry_at_once() -> Any:
    """Return the library's own retry, but for the second that it waits."""
    return import_module("google.cloud.storage.retry").DEFAULT_RETRY.with_delay(initial=0.01)


def test_google_sends_a_write_again_and_takes_its_own_for_anothers(gcs: GCS) -> None:
    key = new_key()
    gcs.proxy.add(LostAnswer(), method="POST", times=1)
    with pytest.raises(google_errors.PreconditionFailed):
        gcs.blob(key).upload_from_string(b"mine", if_generation_match=0, retry=retry_at_once())
    assert [one.upstream_status for one in gcs.uploads] == [200, 412]
    assert gcs.body(key) == b"mine"


GOOGLE_UNKNOWN: dict[str, tuple[WireFault, type[Exception], bool]] = {
    "lost request": (LostRequest(), requests_errors.ConnectionError, False),
    "lost answer": (LostAnswer(), requests_errors.ConnectionError, True),
    "late": (Late(), requests_errors.ConnectionError, False),
    "hang": (HangAfter(), requests_errors.ReadTimeout, True),
    "503 before": (
        StatusBefore(503, gcs_error(503, "backendError")),
        google_errors.ServiceUnavailable,
        False,
    ),
    "503 after": (
        StatusAfter(503, gcs_error(503, "backendError")),
        google_errors.ServiceUnavailable,
        True,
    ),
}


@pytest.mark.parametrize(
    ("fault", "error", "is_applied"), GOOGLE_UNKNOWN.values(), ids=GOOGLE_UNKNOWN
)
def test_google_without_retries_shows_that_the_outcome_is_unknown(
    gcs: GCS, fault: WireFault, error: type[Exception], *, is_applied: bool
) -> None:
    key = new_key()
    gcs.proxy.add(fault, method="POST")
    with pytest.raises(error):
        gcs.blob(key).upload_from_string(
            b"1", if_generation_match=0, retry=None, timeout=PATIENCE_S
        )
    assert len(gcs.uploads) == 1
    assert (gcs.body(key) is not None) == is_applied


def test_google_goes_on_reading_the_same_generation_when_an_answer_ends_early(gcs: GCS) -> None:
    key, body = new_key(), b"0123456789" * 100_000
    blob = gcs.blob(key)
    blob.upload_from_string(body)
    generation = blob.generation
    gcs.proxy.add(Truncated(), path="alt=media", times=1)
    assert gcs.blob(key).download_as_bytes(retry=retry_at_once()) == body
    first, second = (one for one in gcs.proxy.log if "alt=media" in one.request.target)
    assert (first.status, second.status) == (200, 206)
    assert second.request.query["generation"] == str(generation)
