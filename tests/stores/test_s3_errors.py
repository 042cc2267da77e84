"""Everything that boto3 raises becomes the store's error that says what was applied, and what to do."""

import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import Any

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    PreconditionFailedError,
    RetentionPolicyError,
    StoreConfigurationError,
    StoreFullError,
    StoreUnavailableError,
    UnsupportedError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version
from bucketpoint.stores.s3 import S3Store
from bucketpoint.stores.s3_errors import Operation, Request, store_error
from bucketpoint.testing.proxy import s3_error
from tests.emulators.upstream import running_upstream

sdk: Any = import_module("botocore.exceptions")
urllib3: Any = import_module("urllib3.exceptions")
CertificateError: Any = import_module("urllib3.util.ssl_match_hostname").CertificateError

BUCKET = "my-bucket"
KEY = "checkpoints/executions/run-42.json"
SECRET = "FwoGZXIvYXdzEDMaDE"  # noqa: S105 - stands for one

WRITES = [operation for operation in Operation if operation.writes]
READS = [operation for operation in Operation if operation.method and not operation.writes]


def answer(
    status: int,
    code: str,
    message: str = "",
    *,
    operation: str = "PutObject",
    resends: int = 0,
) -> Any:
    """Return what boto3 raises for an answer, with a secret wherever a store could put one."""
    return sdk.ClientError(
        {
            "Error": {"Code": code, "Message": f"{message} {SECRET}", "Token-0": SECRET},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "HTTPHeaders": {"x-amz-security-token": SECRET},
                "RetryAttempts": resends,
            },
        },
        operation,
    )


def of_operation(error: Exception, operation: Operation) -> Exception:
    """Return the error as boto3 raises it from another operation."""
    response = getattr(error, "response", None)
    return error if response is None else sdk.ClientError(response, operation.api_name)


def of_write(error: Exception, *, may_be_resent: bool = False) -> BucketpointError:
    return store_error(error, Request(Operation.PUT, BUCKET, KEY, may_be_resent))


def tls_error(inner: Exception) -> Any:
    urllib3_error = urllib3.SSLError(inner)
    return sdk.SSLError(endpoint_url="https://127.0.0.1", error=urllib3_error)


def proxy_error(inner: Exception) -> Any:
    urllib3_error = urllib3.ProxyError("Cannot connect to proxy", inner)
    return sdk.ProxyConnectionError(proxy_url=repr(inner), error=urllib3_error)


def broken_tls(
    reason: str, kind: type[ssl.SSLError] = ssl.SSLError, *, when: str = "later"
) -> ssl.SSLError:
    error = kind(1, f"{reason} {when}")
    error.reason = reason
    return error


def in_handshake(reason: str) -> ssl.SSLError:
    error = broken_tls(reason, when="in the handshake")

    def do_handshake() -> None:
        raise error

    with suppress(ssl.SSLError):
        do_handshake()
    return error


ANSWERS: list[tuple[int, str, str, type[BucketpointError], str]] = [
    # status, code, message, the error, a part of what it says
    (412, "PreconditionFailed", "", PreconditionFailedError, "decide again"),
    (412, "412", "", PreconditionFailedError, "decide again"),
    (409, "ConditionalRequestConflict", "", PreconditionFailedError, "decide again"),
    (409, "ConcurrentModification", "", PreconditionFailedError, "decide again"),
    (404, "NoSuchKey", "", PreconditionFailedError, "decide again"),
    (409, "OperationAborted", "", StoreUnavailableError, "call again"),
    (307, "TemporaryRedirect", "", StoreUnavailableError, "call again"),
    (404, "NoSuchBucket", "", BucketNotFoundError, "create it"),
    (400, "InvalidBucketName", "", BucketNotFoundError, "correct its name"),
    (404, "404", "", BucketNotFoundError, "endpoint_url="),
    (301, "PermanentRedirect", "", StoreConfigurationError, "region="),
    (301, "301", "", StoreConfigurationError, "region="),
    (308, "308", "", StoreConfigurationError, "http to https"),
    (400, "AuthorizationHeaderMalformed", "", StoreConfigurationError, "region="),
    (400, "IllegalLocationConstraintException", "", StoreConfigurationError, "region="),
    (403, "AccessDenied", "not authorized", AccessDeniedError, "grant s3:PutObject"),
    (403, "403", "", AccessDeniedError, "grant s3:PutObject"),
    (403, "SignatureDoesNotMatch", "", AccessDeniedError, "secret key"),
    (403, "InvalidAccessKeyId", "", AccessDeniedError, "does not know the credentials"),
    (400, "InvalidToken", "", AccessDeniedError, "does not know the credentials"),
    (400, "ExpiredToken", "", AccessDeniedError, "expired"),
    (403, "RequestExpired", "", AccessDeniedError, "expired"),
    (403, "RequestTimeTooSkewed", "", StoreConfigurationError, "clock is wrong"),
    (403, "AccessDenied", "perform: kms:Decrypt", AccessDeniedError, "grant kms:"),
    (403, "KMS.AccessDeniedException", "", AccessDeniedError, "grant kms:"),
    (400, "KMS.DisabledException", "", StoreConfigurationError, "KMS key is disabled"),
    (400, "KMS.NotFoundException", "", StoreConfigurationError, "KMS key is disabled"),
    (403, "AccessDenied", "protected by object lock", RetentionPolicyError, "hold"),
    (400, "InvalidRequest", "Object is WORM protected", RetentionPolicyError, "hold"),
    (400, "ObjectLocked", "", RetentionPolicyError, "hold"),
    (403, "InvalidObjectState", "", StoreConfigurationError, "restore it"),
    (507, "XMinioStorageFull", "", StoreFullError, "make room"),
    (403, "QuotaExceeded", "", StoreFullError, "make room"),
    (400, "KeyTooLongError", "", UnsupportedError, "shorten"),
    (400, "EntityTooLarge", "", StoreConfigurationError, "of this size"),
    (400, "BadDigest", "", StoreConfigurationError, "when_required"),
    (400, "XAmzContentSHA256Mismatch", "", StoreConfigurationError, "when_required"),
    (501, "NotImplemented", "", UnsupportedStoreError, "conditional writes"),
    (405, "MethodNotAllowed", "", UnsupportedStoreError, "conditional writes"),
    (400, "InvalidRequest", "", StoreConfigurationError, "refuses such a request"),
    (418, "418", "", StoreConfigurationError, "refuses such a request"),
    (500, "InternalError", "", OutcomeUnknownError, "read the object"),
    (500, "500", "", OutcomeUnknownError, "read the object"),
    (502, "502", "", OutcomeUnknownError, "read the object"),
    (503, "ServiceUnavailable", "", OutcomeUnknownError, "read the object"),
    (400, "RequestTimeout", "", OutcomeUnknownError, "read the object"),
    (408, "408", "", OutcomeUnknownError, "read the object"),
    (409, "SomethingNew", "", OutcomeUnknownError, "read the object"),
    (499, "499", "", OutcomeUnknownError, "read the object"),
    (503, "SlowDown", "", OutcomeUnknownError, "read the object"),
    (503, "SlowDownWrite", "", OutcomeUnknownError, "read the object"),
    (429, "TooManyRequests", "", OutcomeUnknownError, "read the object"),
    (429, "429", "", OutcomeUnknownError, "read the object"),
    (400, "KMS.ThrottlingException", "", OutcomeUnknownError, "read the object"),
]

THROTTLED = {"SlowDown", "SlowDownWrite", "TooManyRequests", "429", "KMS.ThrottlingException"}

FAILURES: list[tuple[Exception, type[BucketpointError], str]] = [
    (sdk.EndpointConnectionError(endpoint_url="u"), StoreUnavailableError, "network"),
    (sdk.ConnectTimeoutError(endpoint_url="u"), StoreUnavailableError, "network"),
    (sdk.ReadTimeoutError(endpoint_url="u"), OutcomeUnknownError, "read the object"),
    (sdk.ConnectionClosedError(endpoint_url="u"), OutcomeUnknownError, "read the object"),
    (sdk.ProxyConnectionError(proxy_url="u"), OutcomeUnknownError, "read the object"),
    (sdk.HTTPClientError(error="e"), OutcomeUnknownError, "read the object"),
    (sdk.ResponseStreamingError(error="e"), OutcomeUnknownError, "read the object"),
    (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), OutcomeUnknownError, "read"),
    (sdk.FlexibleChecksumError(error_msg="e"), OutcomeUnknownError, "read the object"),
    (import_module("botocore.parsers").ResponseParserError(), OutcomeUnknownError, "read"),
    (MemoryError(), OutcomeUnknownError, "read the object"),
    (tls_error(ssl.SSLCertVerificationError()), StoreConfigurationError, "trusts"),
    (tls_error(CertificateError("another name")), StoreConfigurationError, "its host name"),
    (
        proxy_error(urllib3.NewConnectionError(None, "refused")),
        StoreUnavailableError,
        "proxies",
    ),
    (proxy_error(OSError("Tunnel connection failed: 407")), StoreUnavailableError, "proxies"),
    (proxy_error(ConnectionResetError()), OutcomeUnknownError, "read the object"),
    (tls_error(in_handshake("WRONG_VERSION_NUMBER")), StoreConfigurationError, "scheme"),
    (tls_error(in_handshake("TLSV1_ALERT_PROTOCOL_VERSION")), StoreConfigurationError, "scheme"),
    (tls_error(broken_tls("WRONG_VERSION_NUMBER")), OutcomeUnknownError, "read the object"),
    (tls_error(broken_tls("SSLV3_ALERT_BAD_RECORD_MAC")), OutcomeUnknownError, "read the object"),
    (tls_error(in_handshake("UNEXPECTED_EOF_WHILE_READING")), OutcomeUnknownError, "read"),
    (
        sdk.HTTPClientError(error=ValueError("Invalid header value b'secret\\n'")),
        AccessDeniedError,
        "line break",
    ),
    (tls_error(broken_tls("DECRYPTION_FAILED_OR_BAD_RECORD_MAC")), OutcomeUnknownError, "read"),
    (
        tls_error(broken_tls("UNEXPECTED_EOF_WHILE_READING", ssl.SSLEOFError)),
        OutcomeUnknownError,
        "read the object",
    ),
    (sdk.NoCredentialsError(), AccessDeniedError, "AWS_ACCESS_KEY_ID"),
    (sdk.PartialCredentialsError(provider="p", cred_var="c"), AccessDeniedError, "complete"),
    (sdk.CredentialRetrievalError(provider="p", error_msg="e"), AccessDeniedError, "log in"),
    (sdk.SSOTokenLoadError(error_msg="e"), AccessDeniedError, "log in"),
    (sdk.UnauthorizedSSOTokenError(), AccessDeniedError, "log in"),
    (sdk.TokenRetrievalError(provider="p", error_msg="e"), AccessDeniedError, "log in"),
    (sdk.ProfileNotFound(profile="p"), StoreConfigurationError, "settings"),
    (sdk.ConfigParseError(path="p", error="e"), StoreConfigurationError, "settings"),
    (sdk.InvalidRegionError(region_name="r"), StoreConfigurationError, "settings"),
    (sdk.NoRegionError(), StoreConfigurationError, "settings"),
    (sdk.EndpointProviderError(msg="m"), StoreConfigurationError, "settings"),
    (sdk.ParamValidationError(report="r"), InvalidInputError, "key"),
    (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "r"), InvalidInputError, "key"),
]
RAISED = [
    *(
        pytest.param(answer(status, code, message), kind, said, id=f"{status} {code} {message}")
        for status, code, message, kind, said in ANSWERS
    ),
    *(pytest.param(error, kind, said, id=repr(error)) for error, kind, said in FAILURES),
]


@pytest.mark.parametrize(("error", "kind", "said"), RAISED)
def test_a_failed_write_says_what_became_of_it_and_what_to_do(
    error: Exception, kind: type[BucketpointError], said: str
) -> None:
    found = of_write(error)
    assert type(found) is kind
    assert said in str(found)
    assert found.key == KEY
    assert KEY in str(found)
    assert BUCKET in str(found)


@pytest.mark.parametrize(("error", "kind", "said"), RAISED)
def test_no_error_repeats_what_the_store_or_the_sdk_said(
    error: Exception, kind: type[BucketpointError], said: str
) -> None:
    found = of_write(error)
    assert SECRET not in f"{found} {found!r} {vars(found)}"


@pytest.mark.parametrize("code", [SECRET * 9, "two words", "<html>", ""])
def test_a_code_that_is_no_word_is_not_shown(code: str) -> None:
    assert "(ClientError)" in str(of_write(answer(400, code)))


@pytest.mark.parametrize(("status", "code", "message", "kind", "said"), ANSWERS)
def test_only_throttling_is_marked_as_such(
    status: int, code: str, message: str, kind: type[BucketpointError], said: str
) -> None:
    assert getattr(of_write(answer(status, code)), "throttled", False) is (code in THROTTLED)


@pytest.mark.parametrize(("error", "kind", "said"), RAISED)
def test_a_failed_read_has_neither_an_unknown_outcome_nor_a_conflict(
    error: Exception, kind: type[BucketpointError], said: str
) -> None:
    as_read: dict[type[BucketpointError], type[BucketpointError]] = {
        OutcomeUnknownError: StoreUnavailableError,
        PreconditionFailedError: StoreUnavailableError,
        UnsupportedStoreError: UnsupportedError,
    }
    for operation in READS:
        found = store_error(
            of_operation(error, operation), Request(operation, BUCKET, KEY, may_be_resent=True)
        )
        assert type(found) is as_read.get(kind, kind)


@pytest.mark.parametrize(("status", "code", "message", "kind", "said"), ANSWERS)
def test_a_resend_makes_every_answer_to_a_write_ambiguous(
    status: int, code: str, message: str, kind: type[BucketpointError], said: str
) -> None:
    for operation in WRITES:
        error = answer(status, code, message, operation=operation.api_name, resends=1)
        found = store_error(error, Request(operation, BUCKET, KEY, may_be_resent=True))
        assert type(found) is OutcomeUnknownError
        assert found.throttled is (code in THROTTLED)


@pytest.mark.parametrize(("error", "kind", "said"), RAISED)
def test_with_retries_on_only_an_answer_without_a_resend_is_definite(
    error: Exception, kind: type[BucketpointError], said: str
) -> None:
    found = of_write(error, may_be_resent=True)
    found_before_sending = {"settings", "AWS_ACCESS_KEY_ID", "complete", "key"}
    if isinstance(error, sdk.ClientError) or said in found_before_sending:
        assert type(found) is kind
    else:
        assert type(found) is OutcomeUnknownError


def test_a_conflict_on_any_write_is_one() -> None:
    for operation in WRITES:
        error = answer(412, "PreconditionFailed", operation=operation.api_name)
        found = store_error(error, Request(operation, BUCKET, KEY))
        assert type(found) is PreconditionFailedError


def test_the_right_region_is_named_when_the_answer_does() -> None:
    in_body, in_headers = (answer(400, "AuthorizationHeaderMalformed") for _ in range(2))
    in_body.response["Error"]["Region"] = "eu-west-1"
    in_headers.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] = "eu-west-1"
    assert "(eu-west-1)" in str(of_write(in_body))
    assert "(eu-west-1)" in str(of_write(in_headers))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDenied", AccessDeniedError),
        (400, "ExpiredTokenException", AccessDeniedError),
        (503, "503", StoreUnavailableError),
        (400, "Throttling", StoreUnavailableError),
    ],
)
def test_an_answer_to_a_request_for_credentials_is_not_taken_for_the_stores(
    status: int, code: str, kind: type[BucketpointError]
) -> None:
    error = answer(status, code, operation="AssumeRole", resends=3)
    assert type(of_write(error)) is kind
    assert type(of_write(error, may_be_resent=True)) is OutcomeUnknownError


def test_a_client_without_retries_repeats_only_what_another_region_refused() -> None:
    error = answer(412, "PreconditionFailed", resends=1)
    assert type(of_write(error)) is PreconditionFailedError


def test_what_a_denial_asks_for_is_the_right_that_was_missing() -> None:
    for operation in (*READS, *WRITES):
        error = answer(403, "AccessDenied", operation=operation.api_name)
        assert operation.right in str(store_error(error, Request(operation, BUCKET, KEY)))


def test_a_listing_of_everything_names_the_bucket_alone() -> None:
    error = answer(503, "503", operation="ListObjectsV2")
    found = store_error(error, Request(Operation.LIST, BUCKET, ""))
    assert "could not list bucket 'my-bucket' (503)" in str(found)


# --- with the SDK itself, against servers that misbehave ------------------------------------------

VERSION = Version('"c4ca4238a0b923820dcc509a6f75849b"')


@pytest.fixture
def stores(aws_credentials: None) -> Iterator[ExitStack]:
    """Closes the stores of a test."""
    with ExitStack() as stack:
        yield stack


def store_at(endpoint_url: str, stack: ExitStack, **options: Any) -> S3Store:
    store = S3Store(BUCKET, endpoint_url=endpoint_url, probe=False, **options)
    stack.callback(store.close)
    return store


def write_and_read(store: S3Store, timeout: float = 5.0) -> list[BucketpointError]:
    """Return what a put, a delete, a get and a listing raise, in this order."""
    return [
        failure(lambda: store.put(KEY, b"{}", when=IfAbsent(), timeout=timeout)),
        failure(lambda: store.delete(KEY, when=IfVersion(VERSION), timeout=timeout)),
        failure(lambda: store.get(KEY, timeout=timeout)),
        failure(lambda: next(store.list("", timeout=timeout))),
    ]


def failure(request: Callable[[], object]) -> BucketpointError:
    with pytest.raises(BucketpointError) as raised:
        request()
    return raised.value


def kinds(errors: list[BucketpointError]) -> list[type[BucketpointError]]:
    return [type(error) for error in errors]


UNREACHED = [StoreUnavailableError] * 4
AMBIGUOUS = [OutcomeUnknownError] * 2 + [StoreUnavailableError] * 2


@contextmanager
def listening(backlog: int = 8) -> Generator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server


def url_of(server: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.getsockname()[1]}"


def test_a_refused_connection_sent_nothing(stores: ExitStack) -> None:
    with listening() as server:
        url = url_of(server)
    errors = write_and_read(store_at(url, stores))
    assert kinds(errors) == UNREACHED
    assert all("EndpointConnectionError" in str(error) for error in errors)


def test_a_name_that_does_not_resolve_sent_nothing(stores: ExitStack) -> None:
    store = store_at("http://store.invalid", stores, addressing_style="path")
    assert kinds(write_and_read(store)) == UNREACHED


def test_a_connection_that_is_not_accepted_sent_nothing(stores: ExitStack) -> None:
    with listening(backlog=0) as server, ExitStack() as waiting:
        for _ in range(3):  # more than the backlog holds
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        errors = write_and_read(store_at(url_of(server), stores), timeout=0.5)
    assert kinds(errors) == UNREACHED
    assert all("ConnectTimeoutError" in str(error) for error in errors)


def test_a_server_that_says_nothing_may_have_applied_it(stores: ExitStack) -> None:
    with listening() as server:
        errors = write_and_read(store_at(url_of(server), stores), timeout=0.5)
    assert kinds(errors) == AMBIGUOUS
    assert all("ReadTimeoutError" in str(error) for error in errors)


def test_a_connection_that_is_cut_may_have_applied_it(stores: ExitStack) -> None:
    with running_upstream(lambda _: b"") as upstream:
        upstream.keeps_connections = False
        assert kinds(write_and_read(store_at(upstream.url, stores))) == AMBIGUOUS


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n"])
def test_an_answer_that_is_no_http_may_have_applied_it(stores: ExitStack, garbage: bytes) -> None:
    with running_upstream(lambda _: garbage) as upstream:
        upstream.keeps_connections = False
        assert kinds(write_and_read(store_at(upstream.url, stores))) == AMBIGUOUS


def http_answer(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http_answer("503 Slow Down", s3_error("SlowDown")), AMBIGUOUS),
        (http_answer("502 Bad Gateway", b"<html>Bad <b>Gateway"), AMBIGUOUS),
        (http_answer("500 Internal Server Error", b""), AMBIGUOUS),
        (http_answer("429 Too Many Requests", b""), AMBIGUOUS),
        (http_answer("404 No Such Page", b"<html>no such page</html>"), [BucketNotFoundError] * 4),
        (http_answer("404 Not Found", s3_error("NoSuchBucket")), [BucketNotFoundError] * 4),
        (http_answer("403 Forbidden", s3_error("InvalidAccessKeyId")), [AccessDeniedError] * 4),
    ],
    ids=lambda value: value.split(b"\r")[0].decode() if isinstance(value, bytes) else "",
)
def test_what_the_sdk_makes_of_an_answer_is_understood(
    stores: ExitStack, answer: bytes, expected: list[type[BucketpointError]]
) -> None:
    with running_upstream(lambda _: answer) as upstream:
        assert kinds(write_and_read(store_at(upstream.url, stores))) == expected


def test_a_bucket_in_another_region_is_looked_for_there(stores: ExitStack) -> None:
    region = "x-amz-bucket-region: eu-west-1"
    moved = http_answer("301 Moved", s3_error("PermanentRedirect"), region)
    found = http_answer("200 OK", b"", f"ETag: {VERSION}")
    with running_upstream(lambda number: found if number == 2 else moved) as upstream:
        store = store_at(upstream.url, stores)
        assert store.put(KEY, b"{}", when=IfAbsent()) == VERSION
        assert "/eu-west-1/s3/" in upstream.received[1].headers["Authorization"]
        errors = write_and_read(store)
    assert kinds(errors) == [StoreConfigurationError] * 4
    assert all("(eu-west-1)" in str(error) for error in errors)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Redirect", "308 Redirect"])
def test_a_server_that_redirects_everything_is_not_asked_in_circles(
    stores: ExitStack, status: str
) -> None:
    with running_upstream(lambda _: http_answer(status, b"", "Location: /elsewhere")) as upstream:
        errors = write_and_read(store_at(upstream.url, stores))
        assert kinds(errors) == [StoreConfigurationError] * 4
        assert len(upstream.received) <= 8


@pytest.mark.parametrize("length", [100, None])
def test_a_read_that_was_cut_short_is_not_taken_for_an_object(
    stores: ExitStack, length: int | None
) -> None:
    headers = ("ETag: e", "Last-Modified: Mon, 23 Nov 2026 01:14:11 GMT", "Connection: close")
    chunked = "Transfer-Encoding: chunked"
    if length is None:
        cut = "\r\n".join(["HTTP/1.1 200 OK", chunked, *headers, "", "5\r\n{"]).encode()
    else:
        cut = http_answer("200 OK", b"{", *headers, length=length)
    with running_upstream(lambda _: cut) as upstream:
        upstream.keeps_connections = False
        store = store_at(upstream.url, stores)
        with pytest.raises(StoreUnavailableError):
            store.get(KEY)
        with pytest.raises(StoreUnavailableError):
            next(store.list(""))


def test_a_server_without_tls_is_no_secure_connection(stores: ExitStack) -> None:
    with running_upstream() as upstream:
        errors = write_and_read(store_at(upstream.url.replace("http", "https"), stores))
        assert kinds(errors) == [StoreConfigurationError] * 4
        assert all("Check its scheme" in str(error) for error in errors)
        assert upstream.received == []


def test_without_credentials_nothing_is_sent(
    stores: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with running_upstream() as upstream:
        errors = write_and_read(store_at(upstream.url, stores))
        assert kinds(errors) == [AccessDeniedError] * 4
        assert all("AWS_ACCESS_KEY_ID" in str(error) for error in errors)
        assert upstream.received == []


def test_keys_that_cannot_be_are_wrong_input(stores: ExitStack) -> None:
    with running_upstream() as upstream:
        store = store_at(upstream.url, stores)
        for key in ("", "\ud800"):
            with pytest.raises(InvalidInputError):
                store.put(key, b"", when=IfAbsent())
        assert upstream.received == []


def test_the_sdks_own_error_is_the_cause(stores: ExitStack) -> None:
    with listening() as server:
        url = url_of(server)
    for error in write_and_read(store_at(url, stores)):
        assert isinstance(error.__cause__, sdk.EndpointConnectionError)
