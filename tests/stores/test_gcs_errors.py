"""Each failure of Google's SDK is the error that says what became of the request and what to do."""

import importlib
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    RetentionPolicyError,
    StoreConfigurationError,
    StoreUnavailableError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Version
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.gcs_errors import Operation, Request, store_error
from bucketpoint.testing.proxy.messages import Request as HTTPRequest
from bucketpoint.testing.proxy.messages import Response, read_request
from tests.loopback import offering, own_certificate, server, speak_plainly
from tests.stores.gcs_stub import Stub, media, refusal, told, written

KEY = "runs/retention-kms-billing.json"
ON_17 = IfVersion(Version("17"))
TOKEN = "secret-token"  # noqa: S105 - of nobody

auth_errors: Any = importlib.import_module("google.auth.exceptions")
requests_errors: Any = importlib.import_module("requests.exceptions")
urllib3_errors: Any = importlib.import_module("urllib3.exceptions")
credentials: Any = importlib.import_module("google.oauth2.credentials")
anonymous: Any = importlib.import_module("google.auth.credentials").AnonymousCredentials
storage: Any = importlib.import_module("google.cloud.storage")


def put(store: GCSStore) -> Any:
    return store.put(KEY, b"contents", when=IfAbsent())


def overwrite(store: GCSStore) -> Any:
    return store.put(KEY, b"contents", when=ON_17)


def get(store: GCSStore) -> Any:
    return store.get(KEY)


def delete(store: GCSStore) -> Any:
    return store.delete(KEY, when=ON_17)


def listing(store: GCSStore) -> Any:
    return list(store.list(KEY))


def failure_of(call: Callable[[GCSStore], Any], url: str, **options: Any) -> BucketpointError:
    """Let the call fail on a store whose client sends there, and return its error."""
    options = {"credentials": anonymous(), "client_options": {"api_endpoint": url}} | options
    with closing(storage.Client(project="p", **options)) as client:
        store = GCSStore("bucket", client=client)
        with pytest.raises(BucketpointError) as raised:
            call(store)
    error = raised.value
    assert error.__cause__ is not None
    assert error.key == KEY
    assert repr(KEY) in str(error)
    assert "'bucket'" in str(error)
    for secret in ("contents", TOKEN, "http://", "https://"):
        assert secret not in str(error)
    return error


# --- answers --------------------------------------------------------------------------------------

DENIED = "a@b.iam.gserviceaccount.com does not have {} access to the Google Cloud Storage object."

ANSWERS: list[tuple[str, Response, type[BucketpointError], str]] = [
    ("condition", refusal(412, "", "conditionNotMet"), PreconditionFailedError, "decide again"),
    ("no reason", refusal(412), PreconditionFailedError, "nothing was changed"),
    ("not modified", Response(status=304), PreconditionFailedError, "decide again"),
    (
        "absent",
        refusal(404, f"No such object: bucket/{KEY}", "notFound"),
        PreconditionFailedError,
        "decide again",
    ),
    (
        "no bucket",
        refusal(404, "The specified bucket does not exist.", "notFound"),
        BucketNotFoundError,
        "create it",
    ),
    (
        "bucket's name",
        refusal(400, "Invalid bucket name: 'bucket'", "invalid"),
        BucketNotFoundError,
        "correct its name",
    ),
    ("login", refusal(401, "", "required"), AccessDeniedError, "the client was made without any"),
    (
        "denied",
        refusal(403, DENIED.format("storage.objects.delete"), "forbidden"),
        AccessDeniedError,
        r"403 forbidden\): grant storage\.objects\.delete on the bucket",
    ),
    (
        "denied without a word",
        refusal(403),
        AccessDeniedError,
        r"grant storage\.objects\.create and storage\.objects\.delete",
    ),
    ("scopes", refusal(403, "", "insufficientPermissions"), AccessDeniedError, "read_write"),
    (
        "scopes, in words",
        refusal(403, "Provided scope(s) are not authorized", "forbidden"),
        AccessDeniedError,
        "cloud-platform",
    ),
    (
        "perimeter",
        refusal(403, "Request is prohibited by organization's policy.", "forbidden"),
        AccessDeniedError,
        "VPC Service Controls",
    ),
    ("retention", refusal(403, "", "retentionPolicyNotMet"), RetentionPolicyError, "lift that"),
    ("hold", refusal(403, "", "objectUnderActiveHold"), RetentionPolicyError, "hold protects"),
    (
        "retention, in words",
        refusal(403, f"Object '{KEY}' is subject to bucket's retention policy", "forbidden"),
        RetentionPolicyError,
        "wait for its end",
    ),
    (
        "KMS denied",
        refusal(403, "Permission denied on Cloud KMS key.", "forbidden"),
        AccessDeniedError,
        "cryptoKeyEncrypterDecrypter",
    ),
    ("KMS off", refusal(400, "", "cloudKmsDisabledKey"), StoreConfigurationError, "enable it"),
    (
        "KMS name",
        refusal(400, "Malformed Cloud KMS crypto key", "invalid"),
        StoreConfigurationError,
        "correct its name",
    ),
    (
        "requester pays",
        refusal(400, "Bucket is requester pays bucket but no user project provided.", "required"),
        StoreConfigurationError,
        "user_project=",
    ),
    (
        "project to be billed",
        refusal(403, "x does not have serviceusage.services.use access", "forbidden"),
        AccessDeniedError,
        "serviceUsageConsumer",
    ),
    (
        "billing",
        refusal(403, "The billing account is disabled in state absent", "accountDisabled"),
        StoreConfigurationError,
        "billing account",
    ),
    (
        "billing, in words",
        refusal(403, "Project p has billing disabled.", "forbidden"),
        StoreConfigurationError,
        "billing is off",
    ),
    (
        "API off",
        refusal(403, "", "accessNotConfigured"),
        StoreConfigurationError,
        "gcloud services enable",
    ),
    (
        "API off, in details",
        refusal(403, "", "forbidden", details=[{"reason": "SERVICE_DISABLED"}]),
        StoreConfigurationError,
        "gcloud services enable",
    ),
    ("quota", refusal(403, "", "quotaExceeded"), StoreConfigurationError, "raised"),
    (
        "organisation",
        refusal(412, "", "orgPolicyConstraintFailed"),
        StoreConfigurationError,
        "organisation's policy",
    ),
    ("too large", refusal(413, "", "uploadTooLarge"), StoreConfigurationError, "store less"),
    (
        "damaged",
        refusal(400, "Provided CRC32C does not match calculated CRC32C", "invalid"),
        StoreUnavailableError,
        "call again",
    ),
    ("rate", refusal(429, "", "rateLimitExceeded"), OutcomeUnknownError, "read the object"),
    (
        "user's rate",
        refusal(403, "", "userRateLimitExceeded"),
        OutcomeUnknownError,
        "403 userRateLimitExceeded",
    ),
    ("conflict", refusal(409, "", "conflict"), OutcomeUnknownError, "409 conflict"),
    ("time-out", refusal(408), OutcomeUnknownError, "may have been applied"),
    ("closed", Response.make(499), OutcomeUnknownError, "499"),
    ("backend", refusal(503, "", "backendError"), OutcomeUnknownError, "503 backendError"),
    ("gateway", Response.make(502, b"<html>Bad gateway"), OutcomeUnknownError, r"\(502\)"),
    ("gone", refusal(410, "", "gone"), StoreConfigurationError, "410 gone"),
    ("invalid", refusal(400, "Invalid argument", "invalid"), StoreConfigurationError, "for good"),
    ("method", Response.make(405), StoreConfigurationError, "JSON API"),
    ("not implemented", Response.make(501), StoreConfigurationError, "endpoint_url="),
    ("proxy's login", Response.make(407), StoreConfigurationError, "NO_PROXY"),
    ("moved", Response.make(301), StoreConfigurationError, "redirects"),
    ("a portal", Response.make(302), StoreConfigurationError, "log in to the network"),
]


each_answer = pytest.mark.parametrize(
    ("answer", "kind", "words"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)


@each_answer
def test_an_answer_to_a_write_is_the_error_that_it_means(
    answer: Response, kind: type[BucketpointError], words: str
) -> None:
    with Stub(answer) as stub:
        error = failure_of(overwrite, stub.url)
    assert type(error) is kind
    assert re.search(words, str(error)), str(error)


@each_answer
def test_a_read_has_no_unknown_outcome_and_no_condition(
    answer: Response, kind: type[BucketpointError], words: str
) -> None:
    with Stub(answer) as stub:
        error = failure_of(listing, stub.url)
    if answer.status == 404:
        assert type(error) is BucketNotFoundError  # what is listed is the bucket
    elif kind in {OutcomeUnknownError, PreconditionFailedError}:
        assert type(error) is StoreUnavailableError
        assert "call again" in str(error)
    else:
        assert type(error) is kind


@each_answer
def test_a_write_that_may_have_been_repeated_is_unknown(
    answer: Response, kind: type[BucketpointError], words: str
) -> None:
    if answer.status == 401:
        return  # without credentials there is no error of the answer; see the tokens below
    error = importlib.import_module("google.api_core.exceptions").from_http_status(
        answer.status, "message"
    )
    request = Request(Operation.PUT, "bucket", KEY, may_be_resent=True)
    assert type(store_error(error, request)) is OutcomeUnknownError


@pytest.mark.parametrize("call", [overwrite, delete, get, listing])
@pytest.mark.parametrize(
    ("answer", "is_throttled"),
    [
        (refusal(429, "", "rateLimitExceeded"), True),
        (refusal(403, "", "rateLimitExceeded"), True),
        (Response.make(429), True),
        (refusal(503, "", "backendError"), False),
    ],
)
def test_a_rate_limit_is_told_from_an_outage(
    call: Callable[[GCSStore], Any], answer: Response, is_throttled: bool
) -> None:
    with Stub(answer) as stub:
        error = failure_of(call, stub.url)
    assert isinstance(error, (OutcomeUnknownError, StoreUnavailableError))
    assert error.throttled is is_throttled


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"error": "words"}', b'{"error": {}}', b'{"error": {"errors": 1}}'],
)
def test_an_error_that_is_not_googles_is_told_by_its_status(body: bytes) -> None:
    with Stub(Response.make(403, body)) as stub:
        assert type(failure_of(overwrite, stub.url)) is AccessDeniedError


def test_what_the_store_says_is_not_taken_for_a_reason_when_it_is_no_word() -> None:
    with Stub(refusal(400, "", "words and a secret-token")) as stub:
        assert "(400)" in str(failure_of(overwrite, stub.url))


# --- the network ----------------------------------------------------------------------------------


def receive(connection: socket.socket) -> None:
    """Read one request to its end; without an answer the connection is closed."""
    with connection.makefile("rb") as stream:
        read_request(stream, say_continue=lambda: None)


def reset(connection: socket.socket) -> None:
    receive(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def truncate(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def speak_another_protocol(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def refuse_a_tunnel(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65536):  # until the client has had enough
        pass


@pytest.mark.parametrize("behave", [receive, reset, truncate, speak_another_protocol])
def test_a_lost_answer_leaves_a_write_unknown_and_a_read_failed(
    behave: Callable[[socket.socket], None],
) -> None:
    with server(behave) as address:
        for write in (put, overwrite, delete):
            assert type(failure_of(write, f"http://{address}")) is OutcomeUnknownError
        for read in (get, listing):
            assert type(failure_of(read, f"http://{address}")) is StoreUnavailableError


def test_an_answer_that_takes_too_long_is_lost() -> None:
    with server(say_nothing) as address:
        write = failure_of(
            lambda store: store.put(KEY, b"contents", when=IfAbsent(), timeout=0.5),
            f"http://{address}",
        )
        assert type(write) is OutcomeUnknownError
        assert "ReadTimeout" in str(write)
        read = failure_of(lambda store: store.get(KEY, timeout=0.5), f"http://{address}")
        assert type(read) is StoreUnavailableError


def test_a_download_that_breaks_off_is_a_failed_read() -> None:
    whole = media(b"1" * 1000)
    with Stub(replace(whole, cut_after=500)) as stub:
        assert type(failure_of(get, stub.url)) is StoreUnavailableError


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("call", [put, overwrite, delete, get, listing])
def test_a_store_that_was_not_reached_applied_nothing(
    call: Callable[[GCSStore], Any], unused_port: int
) -> None:
    error = failure_of(call, f"http://127.0.0.1:{unused_port}")
    assert type(error) is StoreUnavailableError
    assert "nothing was sent" in str(error)


def before_sending(reason: Any) -> Any:
    """What requests makes of an error that urllib3 meets before it sends anything."""
    return requests_errors.ConnectionError(urllib3_errors.MaxRetryError(None, "/", reason))


NEVER_SENT = {
    "not resolved": before_sending(urllib3_errors.NameResolutionError("h", None, OSError())),
    "no route": before_sending(urllib3_errors.NewConnectionError(None, "no route to host")),
    "not connected in time": requests_errors.ConnectTimeout(
        urllib3_errors.MaxRetryError(None, "/", urllib3_errors.ConnectTimeoutError())
    ),
    "no proxy": requests_errors.ProxyError(
        urllib3_errors.ProxyError("no", urllib3_errors.NewConnectionError(None, "refused"))
    ),
}


@pytest.mark.parametrize("name", NEVER_SENT)
@pytest.mark.parametrize("operation", [Operation.PUT, Operation.DELETE, Operation.GET])
def test_what_never_connected_was_never_sent(name: str, operation: Operation) -> None:
    error = store_error(NEVER_SENT[name], Request(operation, "bucket", KEY))
    assert type(error) is StoreUnavailableError
    assert "nothing was sent" in str(error)


def test_an_answer_that_is_lost_behind_a_proxy_leaves_a_write_unknown() -> None:
    """urllib3 calls it the proxy's fault, although the request may have gone through."""
    lost = requests_errors.ProxyError(urllib3_errors.ProxyError("lost", ConnectionResetError()))
    assert type(store_error(lost, Request(Operation.PUT, "bucket", KEY))) is OutcomeUnknownError


def test_the_last_of_several_sendings_tells_nothing_of_the_others() -> None:
    request = Request(Operation.PUT, "bucket", KEY, may_be_resent=True)
    assert type(store_error(NEVER_SENT["no route"], request)) is OutcomeUnknownError


def test_nothing_was_sent_through_a_tunnel_that_a_proxy_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server(refuse_a_tunnel) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        error = failure_of(put, "https://storage.invalid")
    assert type(error) is StoreUnavailableError
    assert "proxies" in str(error)


def test_a_server_without_tls_is_refused_before_anything_is_sent() -> None:
    with server(speak_plainly) as address:
        error = failure_of(put, f"https://{address}")
    assert type(error) is StoreConfigurationError
    assert "nothing was sent" in str(error)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with server(offering(own_certificate(tmp_path))) as address:
        for call in (put, get):
            error = failure_of(call, f"https://{address}")
            assert type(error) is StoreConfigurationError
            assert "which certificates this machine trusts" in str(error)


def test_certificates_that_are_not_where_they_are_said_to_be_are_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    error = failure_of(put, f"https://127.0.0.1:{unused_port}")
    assert type(error) is StoreConfigurationError
    assert "environment variable" in str(error)


def test_a_tls_session_that_breaks_leaves_a_write_unknown() -> None:
    broken = ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")
    broken.reason = "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"
    request = Request(Operation.PUT, "bucket", KEY)
    for error in (broken, requests_errors.SSLError(broken), requests_errors.SSLError()):
        assert type(store_error(error, request)) is OutcomeUnknownError


# --- credentials ----------------------------------------------------------------------------------


class Accounts:
    """Google with tokens: refuses `secret-token`, and gives out what the test says.

    Attributes:
        uploads: How many arrived.
    """

    def __init__(self, token_answer: Response, upload_answer: Response | None = None) -> None:
        self.uploads = 0
        self._token_answer = token_answer
        self._upload_answer = upload_answer

    def __call__(self, request: HTTPRequest) -> Response:
        if request.path == "/token":
            return self._token_answer
        self.uploads += 1
        if request.header("Authorization") == f"Bearer {TOKEN}":
            return refusal(401, "Invalid Credentials", "authError")
        return self._upload_answer or written(request)


def user(stub: Stub) -> Any:
    """Credentials whose token has been revoked, but can be refreshed."""
    return credentials.Credentials(
        TOKEN,
        refresh_token="r",  # noqa: S106 - of nobody
        token_uri=f"{stub.url}/token",
        client_id="i",
        client_secret="s",  # noqa: S106 - of nobody
    )


def given(token: str) -> Response:
    """The answer of a server that gives out a token."""
    return told({"access_token": token, "expires_in": 3600})


def test_a_write_with_a_refused_token_is_sent_again_with_a_new_one() -> None:
    google = Accounts(given("new"))
    with Stub(google) as stub:
        options = {"credentials": user(stub), "client_options": {"api_endpoint": stub.url}}
        with closing(storage.Client(project="p", **options)) as client:
            assert put(GCSStore("bucket", client=client)) == Version("18")
    assert google.uploads == 2


def test_a_refusal_after_a_new_token_is_of_the_only_write_that_counted() -> None:
    google = Accounts(given("new"), refusal(412, "", "conditionNotMet"))
    with Stub(google) as stub:
        error = failure_of(put, stub.url, credentials=user(stub))
    assert type(error) is PreconditionFailedError
    assert google.uploads == 2


def test_credentials_that_stay_refused_are_named_after_two_refreshes() -> None:
    google = Accounts(given(TOKEN))
    with Stub(google) as stub:
        error = failure_of(put, stub.url, credentials=user(stub))
    assert type(error) is AccessDeniedError
    assert "expired or revoked" in str(error)
    assert google.uploads == 3


@pytest.mark.parametrize(
    ("description", "kind", "words"),
    [
        ("Token has been expired or revoked.", AccessDeniedError, "log in again"),
        (
            "Invalid JWT: Token must be a short-lived token. Check your iat and exp values.",
            StoreConfigurationError,
            "clock is wrong",
        ),
    ],
)
def test_a_token_that_is_not_given_is_no_lost_answer(
    description: str, kind: type[BucketpointError], words: str
) -> None:
    refused = told({"error": "invalid_grant", "error_description": description}, 400)
    with Stub(Accounts(refused)) as stub:
        error = failure_of(put, stub.url, credentials=user(stub))
    assert type(error) is kind
    assert words in str(error)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (auth_errors.TransportError("unreachable"), StoreUnavailableError, "gives it tokens"),
        (auth_errors.RefreshError("internal", retryable=True), StoreUnavailableError, "call again"),
        (auth_errors.ReauthFailError("x"), AccessDeniedError, "log in again"),
        (auth_errors.RefreshError("Token used too early"), StoreConfigurationError, "clock"),
        (auth_errors.MalformedError("key"), AccessDeniedError, "GOOGLE_APPLICATION_CREDENTIALS"),
        (auth_errors.MutualTLSChannelError("x"), StoreConfigurationError, "settings"),
        (requests_errors.MissingSchema("x"), StoreConfigurationError, "settings"),
    ],
)
def test_what_the_sdk_fails_at_before_the_request_applied_nothing(
    error: Exception, kind: type[BucketpointError], words: str
) -> None:
    for operation in (Operation.PUT, Operation.GET):
        failure = store_error(error, Request(operation, "bucket", KEY))
        assert type(failure) is kind
        assert words in str(failure)


def test_without_credentials_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    with pytest.raises(AccessDeniedError, match="could not use bucket 'bucket'") as raised:
        GCSStore("bucket")
    assert "gcloud auth application-default login" in str(raised.value)


def test_a_client_that_cannot_be_made_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        msg = "the universe domain does not match"
        raise ValueError(msg)

    monkeypatch.setattr(storage.Client, "__init__", fail)
    with pytest.raises(StoreConfigurationError, match="settings"):
        GCSStore("bucket")
