"""What the GCS store sends, and what it makes of the answers."""

import gzip
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
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
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.gcs_client import joined
from bucketpoint.testing.proxy.messages import Request, Response
from tests.stores.gcs_stub import (
    DATE,
    Answer,
    Stub,
    checksum,
    media,
    parts_of,
    refusal,
    told,
    written,
)

KEY = "prefix/executions/run 42/é.json"
QUOTED = "prefix%2Fexecutions%2Frun%2042%2F%C3%A9.json"
ON_17 = IfVersion(Version("17"))
NOBODY: Any = importlib.import_module("google.auth.credentials").AnonymousCredentials()

Start = Callable[..., tuple[GCSStore, Stub]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a stub with answers, and a store on it with options."""
    with ExitStack() as resources:

        def start(*answers: Answer, **options: Any) -> tuple[GCSStore, Stub]:
            stub = resources.enter_context(Stub(*answers))
            store = GCSStore("bucket", endpoint_url=stub.url, **options)
            resources.callback(store.close)
            return store, stub

        yield start


def client_for(url: str, **options: Any) -> Any:
    """A client as a user makes it."""
    storage = importlib.import_module("google.cloud.storage")
    defaults = {"project": "p", "credentials": NOBODY, "client_options": {"api_endpoint": url}}
    return storage.Client(**defaults | options)


# --- what is sent ---------------------------------------------------------------------------------


def test_a_put_is_one_upload_with_condition_checksum_and_metadata(start: Start) -> None:
    store, stub = start(written)
    body = b'{"a": "\xc3\xa9"}\r\n--'
    assert store.put(KEY, body, when=ON_17) == Version("18")
    (request,) = stub.requests
    assert (request.method, request.path) == ("POST", "/upload/storage/v1/b/bucket/o")
    assert request.query == {
        "uploadType": "multipart",
        "fields": "generation,crc32c",
        "prettyPrint": "false",
        "ifGenerationMatch": "17",
    }
    content_type, metadata, sent = parts_of(request)
    assert (content_type, sent) == ("Content-Type: application/json", body)
    assert metadata == {
        "name": KEY,
        "contentType": "application/json",
        "cacheControl": "no-store",
        "crc32c": checksum(body),
    }
    assert request.header("Content-Encoding") is None


def test_a_create_asks_for_generation_zero(start: Start) -> None:
    store, stub = start(written)
    store.put(KEY, b"1", when=IfAbsent())
    assert stub.requests[0].query["ifGenerationMatch"] == "0"


def test_a_body_of_many_megabytes_is_still_one_request(start: Start) -> None:
    store, stub = start(written)
    body = os.urandom(20 * 1024 * 1024)
    store.put(KEY, body, when=IfAbsent())
    (request,) = stub.requests
    assert parts_of(request)[2] == body
    assert request.header("Content-Length") == str(len(request.body))


def test_a_large_body_is_sent_in_pieces_each_with_its_own_time_out() -> None:
    small = joined(b"head", b"body", b"tail")
    assert small == b"headbodytail"
    parts = (b"head", os.urandom(1_000_000), b"tail")
    large: Any = joined(*parts)
    for _ in range(2):  # a resend after a refused token begins anew
        pieces = [bytes(piece) for piece in large]
        assert b"".join(pieces) == b"".join(parts)
        assert max(map(len, pieces)) == 256 * 1024
    assert len(large) == 1_000_008


def test_a_get_is_one_download_of_what_is_stored(start: Start) -> None:
    store, stub = start(media(b'{"a": 1}'))
    stored = store.get(KEY)
    assert stored is not None
    assert (stored.body, stored.version, stored.version_id) == (b'{"a": 1}', Version("17"), "17")
    assert stored.modified_at == stored.served_at == datetime(2026, 11, 23, 1, 37, 50, tzinfo=UTC)
    (request,) = stub.requests
    assert (request.method, request.path) == ("GET", f"/download/storage/v1/b/bucket/o/{QUOTED}")
    assert request.query == {"alt": "media"}
    assert request.header("Accept-Encoding") == "gzip"


def test_an_earlier_version_is_asked_for_by_its_generation(start: Start) -> None:
    store, stub = start(media(b"1"))
    assert store.get(KEY, version_id="16") is not None
    assert stub.requests[0].query == {"alt": "media", "generation": "16"}


def test_a_delete_names_its_condition_and_no_generation(start: Start) -> None:
    store, stub = start(Response.make(204))
    assert store.delete(KEY, when=ON_17) is True
    (request,) = stub.requests
    assert (request.method, request.path) == ("DELETE", f"/storage/v1/b/bucket/o/{QUOTED}")
    assert request.query == {"prettyPrint": "false", "ifGenerationMatch": "17"}


def test_project_and_key_go_with_the_requests_that_take_them(start: Start) -> None:
    key = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
    answers = (written, media(b"1"), Response.make(204), told({}), told({"versioning": {}}))
    store, stub = start(*answers, user_project="payer", kms_key=key)
    store.put(KEY, b"1", when=IfAbsent())
    store.get(KEY)
    store.delete(KEY, when=ON_17)
    list(store.list(""))
    with pytest.raises(UnsupportedError):
        list(store.list_versions(KEY))
    assert [request.query.get("userProject") for request in stub.requests] == ["payer"] * 6
    assert stub.requests[0].query["kmsKeyName"] == key


def test_a_listing_fetches_pages_of_what_it_needs_as_they_are_needed(start: Start) -> None:
    def page(request: Request) -> Response:
        first = int(request.query.get("pageToken", "0"))
        items = [entry(f"a/{number}") for number in (first, first + 1)]
        return told({"items": items, "nextPageToken": str(first + 2)})

    store, stub = start(page)
    listing = store.list("a/", start_after="a/0")
    assert stub.requests == []
    assert [next(listing).key for _ in range(3)] == ["a/1", "a/2", "a/3"]
    assert len(stub.requests) == 2
    assert stub.requests[0].query == {
        "prettyPrint": "false",
        "prefix": "a/",
        "startOffset": "a/0",
        "maxResults": "1000",
        "fields": "items(name,generation,size,timeCreated,timeDeleted),nextPageToken",
    }


@pytest.mark.parametrize(
    ("limit", "start_after", "page_size"), [(1, None, "1"), (5, "a/0", "6"), (5000, None, "1000")]
)
def test_a_limited_listing_asks_for_no_more_than_it_needs(
    start: Start, limit: int, start_after: str | None, page_size: str
) -> None:
    store, stub = start(told({}))
    assert list(store.list("a/", limit=limit, start_after=start_after)) == []
    assert stub.requests[0].query["maxResults"] == page_size


def test_a_listing_of_nothing_asks_nothing(start: Start) -> None:
    store, stub = start(told({}))
    assert list(store.list("a/", limit=0)) == []
    assert stub.requests == []


def test_a_redirect_is_not_followed(start: Start) -> None:
    _, other = start(written)
    away = Response(status=307, headers=(("Location", other.url), ("Content-Length", "0")))
    store, _ = start(away)
    with pytest.raises(Exception, match="redirects"):
        store.put(KEY, b"1", when=IfAbsent())
    assert other.requests == []


# --- what is never sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["0", "superseded", "-17", "017", '"etag"', "17 ", "1" * 20, "٣"])
def test_a_version_that_is_no_generation_matches_nothing(start: Start, token: str) -> None:
    store, stub = start(written)
    when = IfVersion(Version(token))
    with pytest.raises(PreconditionFailedError):
        store.put(KEY, b"1", when=when)
    with pytest.raises(PreconditionFailedError):
        store.delete(KEY, when=when)
    assert stub.requests == []


@pytest.mark.parametrize("key", ["", ".", "..", "lone \ud800"])
def test_what_cannot_be_a_name_is_not_sent(start: Start, key: str) -> None:
    store, stub = start(written)
    for call in (
        lambda: store.put(key, b"1", when=IfAbsent()),
        lambda: store.get(key),
        lambda: store.delete(key, when=ON_17),
        lambda: store.delete_version(key, "16"),
    ):
        with pytest.raises(InvalidInputError):
            call()
    assert stub.requests == []


def test_nothing_is_sent_without_time_for_it(start: Start) -> None:
    store, stub = start(media(b"1"))
    with pytest.raises(DeadlineExceededError, match="longer timeout"):
        store.get(KEY, timeout=0.0)
    assert stub.requests == []


# --- what is made of the answers ------------------------------------------------------------------


def test_nothing_was_served_before_it_was_written(start: Start) -> None:
    store, _ = start(media(b"1", Last_Modified=DATE.replace("50 GMT", "51 GMT")))
    stored = store.get(KEY)
    assert stored is not None
    assert stored.served_at == stored.modified_at


def test_what_is_stored_packed_is_returned_packed(start: Start) -> None:
    packed = gzip.compress(b"stored packed")
    headers = {"Content_Encoding": "gzip", "X_Goog_Stored_Content_Encoding": "gzip"}
    store, _ = start(media(packed, **headers))
    stored = store.get(KEY)
    assert stored is not None
    assert stored.body == packed


def test_what_was_packed_for_the_way_only_is_unpacked(start: Start) -> None:
    packed = gzip.compress(b"stored plain")
    of_stored = f"crc32c={checksum(b'stored plain')}"
    store, _ = start(media(packed, Content_Encoding="gzip", X_Goog_Hash=of_stored))
    stored = store.get(KEY)
    assert stored is not None
    assert stored.body == b"stored plain"


def test_what_was_damaged_on_the_way_is_not_returned(start: Start) -> None:
    store, _ = start(media(b"1", X_Goog_Hash=f"crc32c={checksum(b'2')}"))
    with pytest.raises(StoreUnavailableError, match="damaged on its way"):
        store.get(KEY)


def test_an_answer_without_a_checksum_is_believed(start: Start) -> None:
    store, _ = start(media(b"1", X_Goog_Hash=None))
    stored = store.get(KEY)
    assert stored is not None
    assert stored.body == b"1"


def test_what_was_stored_otherwise_than_sent_is_unknown(start: Start) -> None:
    store, _ = start(told({"generation": "18", "crc32c": checksum(b"else")}))
    with pytest.raises(OutcomeUnknownError, match="differs from what was sent"):
        store.put(KEY, b"1", when=IfAbsent())


@pytest.mark.parametrize("answer", [told({}), told(None), Response.make(200, b"<html>")])
def test_an_answer_that_does_not_name_the_version_is_unknown(
    start: Start, answer: Response
) -> None:
    store, _ = start(answer)
    with pytest.raises(OutcomeUnknownError):
        store.put(KEY, b"1", when=IfAbsent())


@pytest.mark.parametrize("header", ["X_Goog_Generation", "Last_Modified", "Date"])
def test_a_read_without_version_or_times_is_refused(start: Start, header: str) -> None:
    store, _ = start(media(b"1", **{header: None}))
    with pytest.raises(UnsupportedStoreError, match="proxies"):
        store.get(KEY)


def test_what_is_not_there_is_none_after_one_request(start: Start) -> None:
    store, stub = start(Response.make(404, f"No such object: bucket/{KEY}".encode()))
    assert store.get(KEY) is None
    assert len(stub.requests) == 1


def test_a_bucket_that_google_says_is_not_there_is_an_error(start: Start) -> None:
    store, stub = start(Response.make(404, b"The specified bucket does not exist."))
    with pytest.raises(BucketNotFoundError, match="create it") as raised:
        store.get(KEY)
    assert raised.value.key == KEY
    assert len(stub.requests) == 1


UNCLEAR = refusal(404, "Not Found", "notFound")


@pytest.mark.parametrize(
    ("listing", "is_there"),
    [(UNCLEAR, False), (told({}), True), (refusal(403, "", "forbidden"), True)],
    ids=["no bucket", "a bucket", "a bucket that may not be listed"],
)
def test_what_is_missing_is_asked_where_the_answer_leaves_it_open(
    start: Start, listing: Response, is_there: bool
) -> None:
    calls: list[tuple[Callable[[GCSStore], Any], Any]] = [
        (lambda store: store.get(KEY), None),
        (lambda store: store.delete(KEY, when=ON_17), False),
        (lambda store: store.put(KEY, b"1", when=ON_17), PreconditionFailedError),
    ]
    for call, expected in calls:
        store, stub = start(UNCLEAR, listing, UNCLEAR)
        if not is_there:
            with pytest.raises(BucketNotFoundError):
                call(store)
        elif expected is PreconditionFailedError:
            with pytest.raises(PreconditionFailedError):
                call(store)
        else:
            assert call(store) is expected
        assert stub.requests[1].query["maxResults"] == "1"
        if is_there:
            assert store.get(KEY) is None
            assert len(stub.requests) == 3  # it is asked once


def test_a_denied_read_is_of_nothing_when_a_listing_shows_nothing(start: Start) -> None:
    store, stub = start(refusal(403, "", "forbidden"), told({"items": [entry(KEY + ".old")]}))
    assert store.get(KEY) is None
    assert stub.requests[1].query["prefix"] == KEY


def test_a_denied_read_of_what_is_listed_is_an_error(start: Start) -> None:
    denied = refusal(403, "a@b.c does not have storage.objects.get access.", "forbidden")
    store, _ = start(denied, told({"items": [entry(KEY)]}))
    with pytest.raises(AccessDeniedError, match=r"grant storage\.objects\.get on the bucket"):
        store.get(KEY)


def test_a_denied_read_that_cannot_be_told_from_absence_says_so(start: Start) -> None:
    store, _ = start(refusal(403, "", "forbidden"))
    with pytest.raises(AccessDeniedError, match=r"storage\.objects\.list") as raised:
        store.get(KEY)
    assert raised.value.key == KEY


# --- versions -------------------------------------------------------------------------------------

OFF, ON = told({"versioning": {"enabled": False}}), told({"versioning": {"enabled": True}})


def entry(name: str, generation: int = 17, **more: str) -> dict[str, str]:
    """An entry of a listing."""
    created = "2026-11-23T01:37:50.905751Z"
    told = {"name": name, "generation": str(generation), "size": "3", "timeCreated": created}
    return told | more


def test_versions_come_newest_first_whatever_the_order_of_the_answer(start: Start) -> None:
    gone = "2026-11-23T02:00:00Z"
    items = [entry(KEY, 9, timeDeleted=gone), entry(KEY, 11), entry(KEY, 10, timeDeleted=gone)]
    store, stub = start(told({"items": [*items, entry(KEY + ".other", 99)]}))
    kept = list(store.list_versions(KEY))
    assert [version.version_id for version in kept] == ["11", "10", "9"]
    assert [version.is_current for version in kept] == [True, False, False]
    assert kept[0].modified_at == datetime(2026, 11, 23, 1, 37, 50, tzinfo=UTC)
    assert len(stub.requests) == 1


@pytest.mark.parametrize("items", [[], [entry(KEY)]], ids=["nothing", "only the current one"])
def test_a_bucket_without_versions_says_what_to_turn_on(
    start: Start, items: list[dict[str, str]]
) -> None:
    store, _ = start(told({"items": items}), OFF)
    with pytest.raises(UnsupportedError, match="buckets update gs://bucket --versioning"):
        list(store.list_versions(KEY))


def test_that_a_bucket_keeps_versions_is_asked_once(start: Start) -> None:
    store, stub = start(told({"items": [entry(KEY)]}), ON, told({"items": [entry(KEY)]}))
    for _ in range(2):
        assert [version.is_current for version in store.list_versions(KEY)] == [True]
    assert [request.path for request in stub.requests] == [
        "/storage/v1/b/bucket/o",
        "/storage/v1/b/bucket",
        "/storage/v1/b/bucket/o",
    ]


def test_without_the_right_to_ask_what_is_there_is_shown(start: Start) -> None:
    denied = refusal(403, "does not have storage.buckets.get access", "forbidden")
    store, _ = start(told({"items": [entry(KEY)]}), denied)
    assert len(list(store.list_versions(KEY))) == 1


@pytest.mark.parametrize("version_id", ["", "unknown", "../lock", "-1", "0"])
def test_an_id_that_nobody_gave_out_is_no_version(start: Start, version_id: str) -> None:
    store, stub = start(written)
    assert store.get(KEY, version_id=version_id) is None
    store.delete_version(KEY, version_id)
    assert stub.requests == []


def test_one_version_is_deleted_by_its_generation(start: Start) -> None:
    store, stub = start(told({"generation": "17"}), Response.make(204))
    store.delete_version(KEY, "16")
    looked, deleted = stub.requests
    assert (looked.method, looked.query["fields"]) == ("GET", "generation")
    assert (deleted.method, deleted.query["generation"]) == ("DELETE", "16")


def test_the_current_version_is_left_to_delete(start: Start) -> None:
    store, stub = start(told({"generation": "17"}))
    with pytest.raises(PreconditionFailedError, match="use delete"):
        store.delete_version(KEY, "17")
    assert [request.method for request in stub.requests] == ["GET"]


def test_a_version_of_a_deleted_object_can_be_deleted(start: Start) -> None:
    absent = refusal(404, f"No such object: bucket/{KEY}", "notFound")
    store, stub = start(absent, Response.make(204))
    store.delete_version(KEY, "16")
    assert [request.method for request in stub.requests] == ["GET", "DELETE"]


@pytest.mark.parametrize("position", [0, 1], ids=["the look", "the delete"])
def test_a_failure_to_delete_a_version_is_raised(start: Start, position: int) -> None:
    answers = [told({"generation": "17"}), Response.make(204)]
    answers[position] = refusal(412 if position else 503, "", "backendError")
    store, _ = start(*answers)
    with pytest.raises((PreconditionFailedError, StoreUnavailableError)):
        store.delete_version(KEY, "16")


# --- clients --------------------------------------------------------------------------------------


def test_a_client_that_was_given_is_used_as_it_is() -> None:
    with Stub(written) as stub:
        client = client_for(stub.url, extra_headers={"x-goog-custom-audit-job": "42"})
        GCSStore("bucket", client=client).put(KEY, b"1", when=IfAbsent())
        client.close()
    request = stub.requests[0]
    assert request.header("x-goog-custom-audit-job") == "42"
    assert (request.header("User-Agent") or "").startswith("bucketpoint gcloud-python/")


def test_only_a_client_that_was_made_is_closed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stub = start(written)
    client = client_for(stub.url)
    closed: list[str] = []
    monkeypatch.setattr(client, "close", lambda: closed.append("given"))
    monkeypatch.setattr(store._client._client, "close", lambda: closed.append("made"))
    GCSStore("bucket", client=client).close()
    store.close()
    assert closed == ["made"]
    monkeypatch.undo()
    client.close()


def test_a_session_that_repeats_requests_makes_refusals_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapters = importlib.import_module("requests.adapters")
    refused = refusal(412, "", "conditionNotMet")
    with Stub(refused) as stub, caplog.at_level(logging.INFO, logger="bucketpoint"):
        client = client_for(stub.url)
        client._http.mount(stub.url, adapters.HTTPAdapter(max_retries=3))
        store = GCSStore("bucket", client=client)
        with pytest.raises(OutcomeUnknownError):
            store.put(KEY, b"1", when=IfAbsent())
        client.close()
    assert "repeats requests on its own" in caplog.text


def test_a_session_that_refreshes_on_more_than_401_may_repeat_what_was_applied() -> None:
    with Stub(refusal(412, "", "conditionNotMet")) as stub:
        client = client_for(stub.url)
        client._http._refresh_status_codes = (401, 503)
        store = GCSStore("bucket", client=client)
        with pytest.raises(OutcomeUnknownError):
            store.put(KEY, b"1", when=IfAbsent())
        client.close()


def test_a_client_that_is_made_has_no_retries_and_a_pool_for_all_threads(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="bucketpoint"):
        store, stub = start(refusal(412, "", "conditionNotMet"))
    adapter = store._client._session.get_adapter(f"{stub.url}/storage")
    assert (adapter._pool_maxsize, adapter.max_retries.total) == (64, 0)
    with pytest.raises(PreconditionFailedError):
        store.put(KEY, b"1", when=IfAbsent())
    assert caplog.text == ""


def test_a_forked_process_makes_its_own_connections(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = start(written)
    of_parent = store._client._session
    store.put(KEY, b"1", when=IfAbsent())
    assert store._client._session is of_parent
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    store.put(KEY, b"1", when=IfAbsent())
    assert store._client._session is not of_parent
    store.close()
    monkeypatch.undo()
    of_parent.close()


def test_a_forked_process_that_cannot_make_a_client_says_why(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, stub = start(written)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    monkeypatch.setattr(store._client, "_make", object)
    with pytest.raises(StoreConfigurationError, match="could not use bucket"):
        store.put(KEY, b"1", when=IfAbsent())
    assert stub.requests == []
    monkeypatch.undo()


def test_away_from_loopback_credentials_are_the_sdks_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_user = {"type": "authorized_user", "client_id": "i", "client_secret": "s"}
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(of_user | {"refresh_token": "r"}), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    for endpoint_url in (None, "https://storage-x.p.googleapis.com"):
        store = GCSStore("bucket", endpoint_url=endpoint_url)
        assert store._client._client._credentials.client_id == "i"
        store.close()


def test_the_waits_for_connection_and_answer_add_up_to_the_time_there_is(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = start(written)
    session = store._client._session
    seen: list[tuple[float, float]] = []
    send = session.request

    def request(*arguments: Any, timeout: tuple[float, float], **more: Any) -> Any:
        seen.append(timeout)
        return send(*arguments, timeout=timeout, **more)

    monkeypatch.setattr(session, "request", request)
    for timeout in (None, 60.0, 6.5):
        store.put(KEY, b"1", when=IfAbsent(), timeout=timeout)
    assert seen[:2] == [(3.0, 10.0), (3.0, 10.0)]
    assert seen[2] == pytest.approx((1.5, 5.0), abs=0.2)
    assert sum(seen[2]) <= 6.5


def test_a_store_names_its_endpoint_when_it_is_not_googles(start: Start) -> None:
    store, stub = start(written)
    assert store.url == f"gs://bucket?endpoint_url={stub.url}"
    for endpoint in ("https://storage.googleapis.com", "https://storage-x.p.googleapis.com"):
        client = client_for(endpoint)
        assert GCSStore("bucket", client=client).url == "gs://bucket"
        client.close()


def test_the_emulator_of_the_environment_is_used_without_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stub(written) as stub:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", stub.url)
        store = GCSStore("bucket")
        store.put(KEY, b"1", when=IfAbsent())
        store.close()
    assert stub.requests[0].header("Authorization") is None


def test_an_emulator_of_the_environment_that_is_no_url_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:9000")
    with pytest.raises(InvalidInputError, match="STORAGE_EMULATOR_HOST"):
        GCSStore("bucket")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"bucket": ""}, "name of a bucket"),
        ({"bucket": "gs://bucket"}, "name of a bucket"),
        ({"bucket": "Bucket"}, "lower-case"),
        ({"bucket": 7}, "name of a bucket"),
        ({"client": object()}, r"must be a google\.cloud\.storage\.Client"),
        ({"endpoint_url": "localhost:9000"}, "URL of a server"),
        ({"endpoint_url": "http://["}, "URL of a server"),
        ({"endpoint_url": "http://user:secret@localhost"}, "must not hold a user name"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(
    arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidInputError, match=problem) as raised:
        GCSStore(**{"bucket": "bucket"} | arguments)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("option", ["project", "endpoint_url"])
def test_a_client_is_given_without_what_it_is_made_of(option: str) -> None:
    client = client_for("http://127.0.0.1:1")
    with pytest.raises(InvalidInputError, match="when you make it"):
        GCSStore("bucket", client=client, **{option: "http://127.0.0.1:1"})
    client.close()


def test_without_the_sdk_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    with pytest.raises(ImportError, match=r"pip install 'bucketpoint\[gcs\]'"):
        GCSStore("bucket")
