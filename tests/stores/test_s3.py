"""What the S3 store says to the SDK, what it makes of answers, and which clients it makes."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from importlib import import_module
from secrets import token_hex
from typing import Any

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    DeadlineExceededError,
    InvalidInputError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreConfigurationError,
    StoreUnavailableError,
    UnsupportedError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version
from bucketpoint.stores.s3 import S3Store
from bucketpoint.testing.conformance import got, keys_of, write_all
from bucketpoint.testing.emulators import Moto, SeaweedFS
from bucketpoint.testing.proxy import FaultProxy, LostAnswer, StatusBefore, Truncated, s3_error
from tests.emulators.upstream import Upstream, answer_of, running_upstream

Config: Any = import_module("botocore.config").Config

BUCKET = "my-bucket"
KEY = "checkpoints/executions/run-42.json"
ETAG = '"c4ca4238a0b923820dcc509a6f75849b"'
MODIFIED = "Last-Modified: Mon, 23 Nov 2026 01:14:11 GMT"
SERVED = "Date: Mon, 23 Nov 2026 01:14:12 GMT"


@pytest.fixture
def stores(aws_credentials: None) -> Iterator[ExitStack]:
    """Closes the stores of a test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def make(stores: ExitStack) -> Callable[..., S3Store]:
    """Makes a store that is closed after the test."""

    def make(endpoint_url: str | None = None, **options: Any) -> S3Store:
        store = S3Store(BUCKET, endpoint_url=endpoint_url, **options)
        stores.callback(store.close)
        return store

    return make


Make = Callable[..., S3Store]


def config_of(store: S3Store, seconds: float | None = None) -> Any:
    return store._clients.within(seconds, KEY).meta.config


# --- which clients it makes -----------------------------------------------------------------------


def test_its_own_client_makes_one_attempt_with_time_limits(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    config = config_of(make())
    assert config.retries == {"total_max_attempts": 1, "mode": "standard"}
    assert (config.connect_timeout, config.read_timeout) == (3, 10)
    assert config.max_pool_connections == 64


@pytest.mark.parametrize(
    ("endpoint_url", "expected"),
    [
        (None, "when_supported"),
        ("https://s3.eu-west-1.amazonaws.com", "when_supported"),
        ("https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "when_supported"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "when_supported"),
        ("https://s3.dualstack.us-east-1.api.aws", "when_supported"),
        ("http://127.0.0.1:9000", "when_required"),
        ("https://s3.amazonaws.com.example.org", "when_required"),
        ("https://notamazonaws.com", "when_required"),
        ("https://s3.dualstack.us-west-2.amazonaws.com", "when_supported"),
        ("https://s3-fips.us-gov-west-1.amazonaws.com", "when_supported"),
        ("https://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com:9000", "when_required"),
        ("https://s3-proxy-1234.elb.eu-west-1.amazonaws.com", "when_required"),
        ("https://s3.execute-api.eu-west-1.amazonaws.com", "when_required"),
        ("https://account.r2.cloudflarestorage.com", "when_required"),
    ],
)
def test_only_aws_gets_the_checksums_that_others_refuse_and_no_probe(
    make: Make, endpoint_url: str | None, expected: str
) -> None:
    store = make(endpoint_url)
    config = config_of(store)
    assert config.request_checksum_calculation == expected
    assert config.response_checksum_validation == expected
    assert (store._probe is None) is (expected == "when_supported")


def test_an_endpoint_in_the_environment_is_seen(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000")
    store = make()
    assert store.url == "s3://my-bucket?endpoint_url=http://127.0.0.1:9000"
    assert config_of(store).request_checksum_calculation == "when_required"
    assert store._probe is not None


def test_region_profile_and_style_reach_the_client(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    settings = tmp_path / "config"
    settings.write_text("[profile ours]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    assert make(profile="ours")._clients.within(None, KEY).meta.region_name == "eu-north-1"
    store = make(region="eu-west-3", addressing_style="path")
    assert store._clients.within(None, KEY).meta.region_name == "eu-west-3"
    assert config_of(store).s3["addressing_style"] == "path"


@pytest.mark.parametrize("seconds", [12.9, 6.5, 6.4, 5.0, 1.0, 0.3, 0.1])
def test_the_time_outs_of_a_request_add_up_to_less_than_it_may_take(
    make: Make, seconds: float
) -> None:
    config = config_of(make(), seconds)
    assert seconds / 2 <= config.connect_timeout + config.read_timeout <= seconds
    assert config.retries["total_max_attempts"] == 1


def test_clients_are_made_once(make: Make) -> None:
    within = make()._clients.within
    assert within(None, KEY) is within(13.0, KEY) is within(30.0, KEY)
    assert within(5.0, KEY) is within(4.0, KEY)
    assert within(5.0, KEY) is not within(None, KEY)


def test_a_request_that_cannot_end_in_time_is_not_sent(make: Make) -> None:
    with running_upstream() as upstream:
        store = make(upstream.url, probe=False)
        for request in (
            lambda: store.put(KEY, b"", when=IfAbsent(), timeout=0.01),
            lambda: store.get(KEY, timeout=0.0),
            lambda: next(store.list("", timeout=-1.0)),
        ):
            with pytest.raises(DeadlineExceededError):
                request()
        assert upstream.received == []


def test_a_forked_process_makes_its_own_clients(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()
    of_parent = store._clients.within(None, KEY)
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        assert store._clients.within(None, KEY) is not of_parent


def test_close_closes_what_the_store_made_and_nothing_else(aws_credentials: None) -> None:
    given = import_module("boto3").client("s3", endpoint_url="http://127.0.0.1:9000")
    closed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(given, "close", lambda: closed.append("given"))
        S3Store(BUCKET, client=given).close()
        store = S3Store(BUCKET)
        for name, seconds in (("long", None), ("short", 1.0)):
            client = store._clients.within(seconds, KEY)
            patch.setattr(client, "close", lambda name=name: closed.append(name))
        store.close()
    given.close()
    assert closed == ["long", "short"]


@pytest.mark.parametrize(
    ("retries", "lines"),
    [(None, 1), ({"max_attempts": 5, "mode": "standard"}, 1), ({"total_max_attempts": 1}, 0)],
)
def test_a_clients_retries_are_noticed_in_one_line(
    aws_credentials: None, caplog: pytest.LogCaptureFixture, retries: Any, lines: int
) -> None:
    caplog.set_level(logging.INFO, "bucketpoint")
    with closing(import_module("boto3").client("s3", config=Config(retries=retries))) as client:
        store = S3Store(BUCKET, client=client)
        assert store._clients.may_resend is (lines == 1)
        assert store._clients.within(0.001, KEY) is client
    assert len(caplog.records) == lines


def test_importing_the_store_imports_no_sdk() -> None:
    program = "import sys, bucketpoint.stores.s3; assert not {'boto3', 'botocore'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(ImportError, match=r"pip install 'bucketpoint\[s3\]'"):
        S3Store(BUCKET)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"bucket": ""}, "name of a bucket"),
        ({"bucket": "my/bucket"}, "name of a bucket"),
        ({"bucket": 7}, "name of a bucket"),
        ({"bucket": "fast--use1-az4--x-s3"}, "general purpose bucket"),
        ({"bucket": "alias--use1-az4--xa-s3"}, "a directory bucket"),
        ({"bucket": "arn:aws:s3:eu-west-1:1:accesspoint"}, "%2F"),
        ({"bucket": "arn:aws:s3::1:accesspoint/a.mrap"}, "multi-region access point"),
        ({"bucket": "arn:aws:s3-object-lambda:eu-west-1:1:accesspoint/a"}, "alters what is read"),
        ({"endpoint_url": "https://store.example/?sig=1"}, "must be the URL of a server"),
        ({"client": object()}, "boto3.client"),
        ({"endpoint_url": "127.0.0.1:9000"}, "URL of a server"),
        ({"endpoint_url": "ftp://127.0.0.1"}, "URL of a server"),
        ({"endpoint_url": "http://"}, "URL of a server"),
        ({"endpoint_url": "http://user:secret@127.0.0.1"}, "user name or password"),
        ({"sse": "AES256", "kms_key": "alias/key"}, "leave out kms_key"),
        ({"sse": "kms"}, "AES256, aws:kms, aws:kms:dsse"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    aws_credentials: None, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said) as refused:
        S3Store(**with_bucket(arguments))
    assert "secret" not in str(refused.value)


def with_bucket(arguments: dict[str, Any]) -> dict[str, Any]:
    return {"bucket": BUCKET} | arguments


def test_a_client_leaves_nothing_to_choose(aws_credentials: None) -> None:
    with (
        closing(import_module("boto3").client("s3")) as client,
        pytest.raises(InvalidInputError, match="used as it is"),
    ):
        S3Store(BUCKET, client=client, region="eu-west-1")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ({"profile": "nobody"}, {}),
        ({"region": "not a region"}, {}),
        ({"addressing_style": "sideways"}, {}),
        ({}, {"AWS_REQUEST_CHECKSUM_CALCULATION": "sometimes"}),
    ],
)
def test_settings_that_the_sdk_cannot_use_are_a_configuration_error(
    aws_credentials: None,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    environment: dict[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreConfigurationError, match="could not use bucket 'my-bucket'") as wrong:
        S3Store(BUCKET, **arguments)
    assert wrong.value.__cause__ is not None


@pytest.mark.parametrize(
    ("bucket", "endpoint_url", "url"),
    [
        ("my-bucket", None, "s3://my-bucket"),
        ("my-bucket", "https://s3.eu-west-1.amazonaws.com/", "s3://my-bucket"),
        ("my-bucket", "http://[::1]:9000/", "s3://my-bucket?endpoint_url=http://%5B::1%5D:9000"),
        ("b", "https://h/storage/v1/s3", "s3://b?endpoint_url=https://h/storage/v1/s3"),
        (
            "arn:aws:s3:eu-west-1:123456789012:accesspoint/ours",
            None,
            "s3://arn%3Aaws%3As3%3Aeu-west-1%3A123456789012%3Aaccesspoint%2Fours",
        ),
    ],
)
def test_the_url_names_bucket_and_endpoint(
    aws_credentials: None, bucket: str, endpoint_url: str | None, url: str
) -> None:
    with closing(S3Store(bucket, endpoint_url=endpoint_url)) as store:
        assert store.url == url


# --- what it says ---------------------------------------------------------------------------------


def sent_by(store: S3Store, upstream: Upstream) -> dict[str, str]:
    store.put(KEY, b"{}", when=IfAbsent())
    (request,) = upstream.received
    assert (request.method, request.body) == ("PUT", b"{}")
    return {name.lower(): value for name, value in request.headers.items()}


def stored(body: bytes = b"", *headers: str) -> bytes:
    return answer_of(body, f"ETag: {ETAG}".encode(), *map(str.encode, headers))


def test_a_put_says_what_it_is_and_on_which_condition(make: Make) -> None:
    with running_upstream(lambda _: stored()) as upstream:
        headers = sent_by(make(upstream.url, probe=False), upstream)
        assert headers["content-type"] == "application/json"
        assert headers["if-none-match"] == "*"
        assert {"content-encoding", "x-amz-checksum-crc32", "if-match"}.isdisjoint(headers)
        make(upstream.url, probe=False).put(KEY, b"2", when=IfVersion(Version(ETAG)))
        assert upstream.received[1].headers["If-Match"] == ETAG
        assert "If-None-Match" not in upstream.received[1].headers


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"sse": "AES256"}, {"": "AES256"}),
        ({"kms_key": "alias/key"}, {"": "aws:kms", "-aws-kms-key-id": "alias/key"}),
        (
            {"sse": "aws:kms:dsse", "kms_key": "alias/key"},
            {"": "aws:kms:dsse", "-aws-kms-key-id": "alias/key"},
        ),
        (
            {"sse": "aws:kms", "bucket_key": True},
            {"": "aws:kms", "-bucket-key-enabled": "true"},
        ),
    ],
)
def test_encryption_is_asked_for_as_it_was_chosen(
    make: Make, options: dict[str, Any], expected: dict[str, str]
) -> None:
    with running_upstream(lambda _: stored()) as upstream:
        headers = sent_by(make(upstream.url, probe=False, **options), upstream)
    name = "x-amz-server-side-encryption"
    found = {key.removeprefix(name): value for key, value in headers.items() if name in key}
    assert {key: value.replace("True", "true") for key, value in found.items()} == expected


@pytest.mark.parametrize("token", ["*", '"a", "b"', "a\r\nX: y", "é", " ", "a b"])
def test_what_is_no_version_matches_nothing_and_is_not_sent(make: Make, token: str) -> None:
    when = IfVersion(Version(token))
    with running_upstream() as upstream:
        store = make(upstream.url, probe=False)
        for request in (
            lambda: store.put(KEY, b"", when=when),
            lambda: store.delete(KEY, when=when),
        ):
            with pytest.raises(PreconditionFailedError, match="no such version"):
                request()
        assert upstream.received == []


# --- what it makes of answers ---------------------------------------------------------------------


def test_a_put_without_a_version_in_its_answer_has_an_unknown_outcome(make: Make) -> None:
    with running_upstream(lambda _: answer_of(b"")) as upstream:
        store = make(upstream.url, probe=False)
        with pytest.raises(OutcomeUnknownError, match="which version"):
            store.put(KEY, b"{}", when=IfAbsent())


def test_a_read_is_one_request_and_tells_the_stores_times(make: Make) -> None:
    answer = stored(b"{}", MODIFIED, SERVED, "x-amz-version-id: v1")
    with running_upstream(lambda _: answer) as upstream:
        found = got(make(upstream.url), KEY)
        assert len(upstream.received) == 1
    assert (found.body, found.version, found.version_id) == (b"{}", Version(ETAG), "v1")
    assert found.modified_at.isoformat() == "2026-11-23T01:14:11+00:00"
    assert found.served_at.isoformat() == "2026-11-23T01:14:12+00:00"


def test_servers_log_the_sdk_the_app_and_the_library(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SDK_UA_APP_ID", "orders")
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    with running_upstream(lambda _: stored()) as upstream:
        agent = sent_by(make(upstream.url, probe=False), upstream)["user-agent"]
    for part in ("Botocore/", "Python/", "exec-env/AWS_Lambda_python3.13", "app/orders"):
        assert part in agent
    assert agent.endswith(" bucketpoint")


@pytest.mark.parametrize(
    "told",
    [
        "Mon, 23 Nov 2026 01:14:11 GMT",
        "Monday, 23-Nov-26 01:14:11 GMT",
        "Mon, 23 Nov 2026 02:14:11 +0100",
        "2026-11-23T01:14:11.000Z",
    ],
)
def test_the_times_of_answers_are_read_as_the_sdk_reads_them(make: Make, told: str) -> None:
    with running_upstream(lambda _: stored(b"{}", f"Last-Modified: {told}", SERVED)) as upstream:
        found = got(make(upstream.url), KEY)
    assert found.modified_at == datetime(2026, 11, 23, 1, 14, 11, tzinfo=UTC)


def test_nothing_is_served_before_it_was_written(make: Make) -> None:
    early = SERVED.replace(":12", ":02")
    with running_upstream(lambda _: stored(b"{}", MODIFIED, early)) as upstream:
        found = got(make(upstream.url), KEY)
    assert found.served_at == found.modified_at


@pytest.mark.parametrize(
    "headers",
    [
        (MODIFIED,),
        (SERVED,),
        (MODIFIED, "Date: today"),
        (MODIFIED, SERVED.replace("GMT", "-0000")),
    ],
    ids=["no date", "not modified", "bad date", "date without a zone"],
)
def test_an_answer_without_what_s3_always_says_is_refused(
    make: Make, headers: tuple[str, ...]
) -> None:
    with running_upstream(lambda _: stored(b"{}", *headers)) as upstream:
        store = make(upstream.url)
        with pytest.raises(UnsupportedStoreError, match="removing headers"):
            store.get(KEY)


def test_the_id_of_an_unversioned_object_is_not_given_out(make: Make) -> None:
    answer = stored(b"{}", MODIFIED, SERVED, "x-amz-version-id: null")
    with running_upstream(lambda _: answer) as upstream:
        store = make(upstream.url)
        assert got(store, KEY).version_id is None
        asked_for = store.get(KEY, version_id="null")
        assert asked_for is not None
        assert asked_for.version_id == "null"


def test_an_empty_id_is_no_version_and_is_not_sent(make: Make) -> None:
    with running_upstream() as upstream:
        assert make(upstream.url).get(KEY, version_id="") is None
        assert upstream.received == []


# --- who may not list -----------------------------------------------------------------------------


def s3_answer(status: str, code: str) -> bytes:
    body = s3_error(code)
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


DENIED = s3_answer("403", "AccessDenied")


def listing(*keys: str) -> bytes:
    entries = "".join(
        f"<Contents><Key>{key}</Key><ETag>{ETAG}</ETag><Size>2</Size>"
        "<LastModified>2026-11-23T01:14:11.000Z</LastModified></Contents>"
        for key in keys
    )
    return answer_of(f"<ListBucketResult>{entries}</ListBucketResult>".encode())


@pytest.mark.parametrize("found", [(), (f"{KEY}.other",)], ids=["nothing", "another"])
def test_a_denied_read_of_what_is_not_there_finds_nothing(
    make: Make, found: tuple[str, ...]
) -> None:
    with running_upstream(lambda number: DENIED if number == 1 else listing(*found)) as upstream:
        assert make(upstream.url).get(KEY) is None
        look = upstream.received[1].target
    assert "max-keys=1" in look
    assert f"prefix={KEY.replace('/', '%2F')}" in look


def test_a_denied_read_of_what_is_there_is_denied(make: Make) -> None:
    with running_upstream(lambda number: DENIED if number == 1 else listing(KEY)) as upstream:
        store = make(upstream.url)
        with pytest.raises(AccessDeniedError, match="grant s3:GetObject"):
            store.get(KEY)


def test_who_may_neither_read_nor_list_is_told_why_nobody_can_tell(make: Make) -> None:
    with running_upstream(lambda _: DENIED) as upstream:
        store = make(upstream.url)
        with pytest.raises(AccessDeniedError, match="s3:ListBucket on the bucket") as denied:
            store.get(KEY)
        assert len(upstream.received) == 2
    assert denied.value.key == KEY


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_who_is_not_known_need_not_ask_again(make: Make, code: str) -> None:
    with running_upstream(lambda _: s3_answer("403", code)) as upstream:
        store = make(upstream.url)
        with pytest.raises(AccessDeniedError):
            store.get(KEY)
        assert len(upstream.received) == 1


def test_a_look_that_fails_leaves_the_question_open(make: Make) -> None:
    busy = s3_answer("503", "SlowDown")
    with running_upstream(lambda number: DENIED if number == 1 else busy) as upstream:
        store = make(upstream.url)
        with pytest.raises(StoreUnavailableError) as failed:
            store.get(KEY)
    assert failed.value.throttled


# --- listings -------------------------------------------------------------------------------------


@pytest.fixture
def bucket(seaweedfs: SeaweedFS) -> str:
    name = f"bucket-{token_hex(6)}"
    seaweedfs.create_bucket(name)
    return name


def test_pages_are_fetched_as_they_are_read(
    seaweedfs: SeaweedFS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bucketpoint.stores.s3._PAGE_SIZE", 3)
    with FaultProxy(seaweedfs.endpoint_url) as proxy:
        client = seaweedfs.client(endpoint_url=proxy.url)
        store = S3Store(bucket, client=client, probe=False)
        keys = [f"runs/run {number}&<>\u00e9" for number in range(8)]
        for key in keys:
            store.put(key, b"1", when=IfAbsent())
        listed = store.list("runs/")
        assert proxy.count("GET") == 0
        assert [next(listed).key for _ in range(3)] == keys[:3]
        assert proxy.count("GET") == 1
        assert [info.key for info in listed] == keys[3:]
        assert proxy.count("GET") == 3
        assert keys_of(store, "runs/", start_after=keys[1], limit=4) == keys[2:6]
        assert proxy.count("GET") == 5
        assert keys_of(store, "runs/", limit=0) == []
        assert proxy.count("GET") == 5
        client.close()


def test_a_listing_that_goes_on_nowhere_is_not_taken_for_a_whole_one(make: Make) -> None:
    endless = answer_of(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")
    with running_upstream(lambda _: endless) as upstream:
        store = make(upstream.url)
        with pytest.raises(UnsupportedStoreError, match="goes on"):
            list(store.list(""))


# --- versions -------------------------------------------------------------------------------------


def test_a_bucket_without_versions_says_what_to_turn_on(moto_server: Moto) -> None:
    name = f"bucket-{token_hex(6)}"
    moto_server.create_bucket(name)
    with closing(moto_server.client()) as client:
        store = S3Store(name, client=client, probe=False)
        store.put(KEY, b"1", when=IfAbsent())
        for request in (
            lambda: list(store.list_versions(KEY)),
            lambda: list(store.list_versions("absent")),
            lambda: store.get(KEY, version_id="1"),
            lambda: store.get(KEY, version_id="null"),
            lambda: store.delete_version(KEY, "null"),
        ):
            with pytest.raises(UnsupportedError, match="put-bucket-versioning --bucket bucket-"):
                request()
        assert got(store, KEY).body == b"1"


def test_without_the_right_to_ask_what_is_there_is_shown_and_kept(seaweedfs: SeaweedFS) -> None:
    name = f"bucket-{token_hex(6)}"
    seaweedfs.create_bucket(name)
    with FaultProxy(seaweedfs.endpoint_url) as proxy:
        proxy.add(StatusBefore(403, s3_error("AccessDenied")), path=r"\?versioning")
        client = seaweedfs.client(endpoint_url=proxy.url)
        store = S3Store(name, client=client, probe=False)
        version = store.put(KEY, b"1", when=IfAbsent())
        (kept,) = store.list_versions(KEY)
        assert (kept.version_id, kept.version, kept.is_current) == ("null", version, True)
        with pytest.raises(PreconditionFailedError, match="use delete"):
            store.delete_version(KEY, "null")
        store.delete_version(KEY, "another")
        assert got(store, KEY).body == b"1"
        assert proxy.count("DELETE") == 0
        client.close()


def test_a_bucket_is_asked_once_whether_it_keeps_versions(seaweedfs: SeaweedFS) -> None:
    name = f"bucket-{token_hex(6)}"
    seaweedfs.create_bucket(name, versioned=True)
    with FaultProxy(seaweedfs.endpoint_url) as proxy:
        client = seaweedfs.client(endpoint_url=proxy.url)
        store = S3Store(name, client=client, probe=False)
        for _ in range(2):
            assert list(store.list_versions(KEY)) == []
        write_all(store, KEY, [b"1", b"2"])
        assert len(list(store.list_versions(KEY))) == 2
        assert sum("?versioning" in logged.request.target for logged in proxy.log) == 1
        client.close()


def test_neither_the_current_version_nor_an_unknown_one_is_deleted(seaweedfs: SeaweedFS) -> None:
    name = f"bucket-{token_hex(6)}"
    seaweedfs.create_bucket(name, versioned=True)
    with closing(seaweedfs.client()) as client:
        store = S3Store(name, client=client, probe=False)
        write_all(store, KEY, [b"1", b"2"])
        current, old = store.list_versions(KEY)
        with pytest.raises(PreconditionFailedError, match="use delete"):
            store.delete_version(KEY, current.version_id)
        store.delete_version(KEY, "0" * 32)  # SeaweedFS would bring back an older version
        assert got(store, KEY).body == b"2"
        store.delete_version(KEY, old.version_id)
        assert list(store.list_versions(KEY)) == [current]


def test_a_version_that_somebody_else_deleted_meanwhile_is_gone(make: Make) -> None:
    page = versions_page(entry(2, 20, latest=True), entry(1, 10))
    gone = s3_answer("404", "NoSuchVersion")
    with running_upstream(lambda number: page if number == 1 else gone) as upstream:
        make(upstream.url).delete_version(KEY, "v1")
        assert [request.method for request in upstream.received] == ["GET", "DELETE"]


def versions_page(*entries: str, more: str = "") -> bytes:
    truncated = f"<IsTruncated>true</IsTruncated>{more}" if more else ""
    return answer_of(
        f"<ListVersionsResult>{truncated}{''.join(entries)}</ListVersionsResult>".encode()
    )


def entry(
    number: int, second: int, *, latest: bool = False, etag: str = ETAG, key: str = KEY
) -> str:
    kind, size = ("Version", f"<ETag>{etag}</ETag><Size>1</Size>") if etag else ("DeleteMarker", "")
    return (
        f"<{kind}><Key>{key}</Key><VersionId>v{number}</VersionId>{size}"
        f"<IsLatest>{str(latest).lower()}</IsLatest>"
        f"<LastModified>2026-11-23T01:14:{second:02d}.000Z</LastModified></{kind}>"
    )


def test_versions_and_deletions_come_together_page_after_page(make: Make) -> None:
    pages = [
        versions_page(
            entry(5, 30, latest=True),
            entry(3, 20),
            entry(4, 20, etag=""),
            more="<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v3</NextVersionIdMarker>",
        ),
        versions_page(entry(2, 10, etag=""), entry(1, 10), entry(9, 50, key=f"{KEY}.other")),
    ]
    with running_upstream(lambda number: pages[number - 1]) as upstream:
        found = list(make(upstream.url).list_versions(KEY))
        assert "key-marker=k&" in upstream.received[1].target
        assert "version-id-marker=v3" in upstream.received[1].target
    assert [version.version_id for version in found] == ["v5", "v4", "v3", "v2", "v1"]
    assert [version.is_deletion for version in found] == [False, True, False, True, False]
    assert [version.is_current for version in found] == [True, False, False, False, False]


# --- faults on the way ----------------------------------------------------------------------------


@pytest.fixture
def proxy(seaweedfs: SeaweedFS, bucket: str) -> Iterator[FaultProxy]:
    with FaultProxy(seaweedfs.endpoint_url) as proxy:
        yield proxy


def test_a_lost_answer_is_an_unknown_outcome(
    proxy: FaultProxy, bucket: str, aws_credentials: None
) -> None:
    with closing(S3Store(bucket, endpoint_url=proxy.url, probe=False)) as store:
        proxy.add(LostAnswer(), method="PUT", times=1)
        with pytest.raises(OutcomeUnknownError):
            store.put(KEY, b"1", when=IfAbsent())
        assert proxy.count("PUT") == 1
        assert got(store, KEY).body == b"1"


def test_a_conflict_of_a_client_with_its_own_lost_write_is_no_conflict(
    proxy: FaultProxy, bucket: str, seaweedfs: SeaweedFS
) -> None:
    with closing(seaweedfs.client(endpoint_url=proxy.url)) as client:
        store = S3Store(bucket, client=client, probe=False)
        proxy.add(LostAnswer(), method="PUT", times=1)
        with pytest.raises(OutcomeUnknownError):
            store.put(KEY, b"1", when=IfAbsent())
        assert proxy.count("PUT") == 2
        with pytest.raises(PreconditionFailedError):
            store.put(KEY, b"1", when=IfAbsent())
        assert proxy.count("PUT") == 3


def test_a_read_that_is_cut_off_is_not_believed(
    proxy: FaultProxy, bucket: str, aws_credentials: None
) -> None:
    with closing(S3Store(bucket, endpoint_url=proxy.url, probe=False)) as store:
        store.put(KEY, b"1" * 100_000, when=IfAbsent())
        proxy.add(Truncated(), method="GET")
        with pytest.raises(StoreUnavailableError):
            store.get(KEY)


def test_a_timeout_bounds_the_wait_for_an_answer(aws_credentials: None) -> None:
    silent = import_module("socket").create_server(("127.0.0.1", 0))
    with (
        silent,
        closing(
            S3Store(BUCKET, endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        ) as store,
    ):
        started = time.monotonic()
        with pytest.raises(BucketpointError):
            store.get(KEY, timeout=0.8)
        assert time.monotonic() - started < 5.0  # else it would be ten
