"""Where fake-gcs-server answers as Google Cloud Storage does, and where it is known not to.

The table has two of it: `bare` is the server itself, `fake_gcs` the same behind the proxy that puts
right what the stores rely on. The service's answers are those of its documentation (request
preconditions, object versioning, JSON API). A test that fails after an upgrade shows what the
server answers now: where it has become right, the proxy may lose a correction.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest

from bucketpoint.testing.emulators import FakeGCS
from tests.emulators.cases import Table
from tests.emulators.gcs_bucket import STALE, GCSBucket, new_key, told

TABLE = Table[GCSBucket]()


# --- conditional uploads --------------------------------------------------------------------------


@TABLE.case("200")
def create_of_an_absent_object(bucket: GCSBucket) -> str:
    return told(bucket.upload(new_key(), ifGenerationMatch="0"))


@TABLE.case("412")
def create_of_an_object_that_exists(bucket: GCSBucket) -> str:
    return told(bucket.upload(bucket.stored()[0], ifGenerationMatch="0"))


@TABLE.case("200")
def create_of_a_deleted_object_where_versions_are_kept(bucket: GCSBucket) -> str:
    versioned = bucket.in_versioned()
    key, _ = versioned.stored()
    versioned.object("DELETE", key)
    return told(versioned.upload(key, ifGenerationMatch="0"))


@TABLE.case("200")
def update_of_the_current_generation(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    return told(bucket.upload(key, ifGenerationMatch=generation))


@TABLE.case("412")
def update_of_another_generation(bucket: GCSBucket) -> str:
    return told(bucket.upload(bucket.stored()[0], ifGenerationMatch=STALE))


@TABLE.case("412")
def update_of_an_absent_object(bucket: GCSBucket) -> str:
    return told(bucket.upload(new_key(), ifGenerationMatch=STALE))


@TABLE.case("412", fake_gcs="200", bare="200")
def create_by_a_simple_upload(bucket: GCSBucket) -> str:
    path, (key, _) = f"/upload/storage/v1/b/{bucket.name}/o", bucket.stored()
    query = {"uploadType": "media", "name": key, "ifGenerationMatch": "0"}
    return told(bucket.send("POST", path, b"2", **query))


@TABLE.case("412", fake_gcs="200", bare="200")
def create_by_a_resumable_upload(bucket: GCSBucket) -> str:
    path, (key, _) = f"/upload/storage/v1/b/{bucket.name}/o", bucket.stored()
    query = {"uploadType": "resumable", "name": key, "ifGenerationMatch": "0"}
    session = bucket.send("POST", path, b"{}", **query)
    if session.status != 200:
        return told(session)
    target = urlsplit(session.headers["Location"])
    return told(bucket.send("PUT", target.path, b"2", **dict(parse_qsl(target.query))))


@TABLE.case("412", fake_gcs="200", bare="200")
def copy_over_another_generation(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    path = f"{bucket.path_of(key)}/rewriteTo{bucket.path_of(key).removeprefix('/storage/v1')}"
    return told(bucket.send("POST", path, b"{}", ifGenerationMatch=STALE))


@TABLE.case("412", fake_gcs="200", bare="200")
def composition_over_another_generation(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    body = json.dumps({"sourceObjects": [{"name": key}]}).encode()
    return told(
        bucket.send("POST", f"{bucket.path_of(key)}/compose", body, ifGenerationMatch=STALE)
    )


@TABLE.case("412", fake_gcs="200", bare="200")
def edit_of_the_metadata_of_another_generation(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    return told(bucket.object("PATCH", key, b'{"metadata": {}}', ifGenerationMatch=STALE))


@TABLE.case("400", fake_gcs="200", bare="200")
def upload_with_a_wrong_checksum(bucket: GCSBucket) -> str:
    return told(bucket.upload(new_key(), crc32c="AAAAAA=="))


# --- conditional deletes --------------------------------------------------------------------------


@TABLE.case("204", bare="200", fake_gcs="200")
def delete_of_the_current_generation(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    return told(bucket.object("DELETE", key, ifGenerationMatch=generation))


@TABLE.case("412, kept", bare="200, gone")
def delete_of_another_generation(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    answer = bucket.object("DELETE", key, ifGenerationMatch=STALE)
    return f"{told(answer)}, {'kept' if bucket.download(key).status == 200 else 'gone'}"


@TABLE.case("304, kept", bare="200, gone")
def delete_of_any_but_the_current_generation(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    answer = bucket.object("DELETE", key, ifGenerationNotMatch=generation)
    return f"{told(answer)}, {'kept' if bucket.download(key).status == 200 else 'gone'}"


@TABLE.case("412", bare="200")
def delete_of_another_metageneration(bucket: GCSBucket) -> str:
    return told(bucket.object("DELETE", bucket.stored()[0], ifMetagenerationMatch="7"))


@TABLE.case("404")
def conditional_delete_of_an_absent_object(bucket: GCSBucket) -> str:
    return told(bucket.object("DELETE", new_key(), ifGenerationMatch=STALE))


# --- conditional reads ----------------------------------------------------------------------------


@TABLE.case("200, 412, 304", bare="200, 200, 200")
def downloads_with_conditions(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    answers = [
        bucket.download(key, ifGenerationMatch=generation),
        bucket.download(key, ifGenerationMatch=STALE),
        bucket.download(key, ifGenerationNotMatch=generation),
    ]
    return ", ".join(map(told, answers))


@TABLE.case("200, 412, 304", bare="200, 200, 200")
def reads_of_metadata_with_conditions(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    answers = [
        bucket.object("GET", key, ifGenerationMatch=generation),
        bucket.object("GET", key, ifGenerationMatch=STALE),
        bucket.object("GET", key, ifGenerationNotMatch=generation),
    ]
    return ", ".join(map(told, answers))


@TABLE.case("200, 412", bare="200, 200")
def downloads_with_conditions_on_the_metageneration(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    answers = [bucket.download(key, ifMetagenerationMatch=number) for number in ("1", "7")]
    return ", ".join(map(told, answers))


@TABLE.case("404, 404")
def reads_of_an_absent_object(bucket: GCSBucket) -> str:
    key = new_key()
    return f"{told(bucket.download(key))}, {told(bucket.object('GET', key))}"


# --- what answers carry ---------------------------------------------------------------------------


@TABLE.case("crc32c, date, generation, last-modified, md5")
def headers_of_a_download(bucket: GCSBucket) -> str:
    headers = bucket.download(bucket.stored()[0]).headers
    hashes = [one.partition("=")[0] for one in headers["X-Goog-Hash"].split(",")]
    dates = [name for name in ("date", "last-modified") if headers[name]]
    return ", ".join(sorted([*hashes, *dates, "generation" * bool(headers["X-Goog-Generation"])]))


@TABLE.case("1", bare="None", fake_gcs="None")
def metageneration_in_a_download(bucket: GCSBucket) -> str:
    return str(bucket.download(bucket.stored()[0]).headers["X-Goog-Metageneration"])


@TABLE.case("2", bare="None", fake_gcs="None")
def metageneration_after_an_edit_of_the_metadata(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    answer = bucket.object("PATCH", key, b'{"metadata": {"a": "b"}}')
    return str(answer.json.get("metageneration"))


@TABLE.case("crc32c, date, generation, updated")
def what_an_upload_tells(bucket: GCSBucket) -> str:
    answer = bucket.upload(new_key())
    date = "date" * bool(answer.headers["Date"])
    return ", ".join(sorted([*(answer.json.keys() & {"crc32c", "generation", "updated"}), date]))


@TABLE.case("new")
def generation_of_the_same_bytes_again(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    return "the same" if bucket.upload(key).generation == generation else "new"


# --- versions -------------------------------------------------------------------------------------


@TABLE.case("404")
def read_of_an_overwritten_generation(bucket: GCSBucket) -> str:
    key, generation = bucket.stored()
    bucket.upload(key)
    return told(bucket.download(key, generation=generation))


@TABLE.case("200")
def read_of_an_overwritten_generation_where_versions_are_kept(bucket: GCSBucket) -> str:
    return read_of_an_overwritten_generation(bucket.in_versioned())


@TABLE.case("404, 1 kept")
def read_of_a_deleted_object_where_versions_are_kept(bucket: GCSBucket) -> str:
    versioned = bucket.in_versioned()
    key, _ = versioned.stored()
    versioned.object("DELETE", key)
    return f"{told(versioned.download(key))}, {len(generations(versioned, key))} kept"


@TABLE.case("204, 404, current is kept", bare="200, 404, current is gone")
def delete_of_an_overwritten_generation_twice(bucket: GCSBucket) -> str:
    versioned = bucket.in_versioned()
    key, generation = versioned.stored()
    versioned.upload(key)
    deletes = [told(versioned.object("DELETE", key, generation=generation)) for _ in range(2)]
    state = "kept" if versioned.download(key).status == 200 else "gone"
    return f"{', '.join(deletes)}, current is {state}"


@TABLE.case("1 kept, 404", bare="2 kept, 200")
def what_is_left_of_a_deleted_generation(bucket: GCSBucket) -> str:
    versioned = bucket.in_versioned()
    key, generation = versioned.stored()
    versioned.upload(key)
    versioned.object("DELETE", key, generation=generation)
    read = versioned.download(key, generation=generation)
    return f"{len(generations(versioned, key))} kept, {told(read)}"


@TABLE.case("204, 404, 0 kept", bare="200, 404, 1 kept")
def delete_of_the_current_generation_by_its_number(bucket: GCSBucket) -> str:
    versioned = bucket.in_versioned()
    key, generation = versioned.stored()
    answer = versioned.object("DELETE", key, generation=generation)
    read = versioned.download(key)
    return f"{told(answer)}, {told(read)}, {len(generations(versioned, key))} kept"


@TABLE.case("1, 2, 3", bare="3, 1, 2", fake_gcs="3, 1, 2")
def order_of_a_listing_of_versions(bucket: GCSBucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    numbers = {versioned.upload(key).generation: str(number) for number in (1, 2, 3)}
    return ", ".join(numbers[generation] for generation in generations(versioned, key))


@TABLE.case("the next", bare="the first again", fake_gcs="the first again")
def second_page_of_a_listing_of_versions(bucket: GCSBucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    versioned.upload(key)
    versioned.upload(key)
    query = {"prefix": key, "versions": "true", "maxResults": "1"}
    first = versioned.list(**query)
    second = versioned.list(**query, pageToken=first["nextPageToken"])
    return "the first again" if second["items"] == first["items"] else "the next"


@TABLE.case("2", bare="1")
def versions_listed_as_googles_client_asks_for_them(bucket: GCSBucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    versioned.upload(key)
    versioned.upload(key)
    return str(len(generations(versioned, key, versions="True")))


def generations(bucket: GCSBucket, key: str, versions: str = "true") -> list[str]:
    page = bucket.list(prefix=key, versions=versions)
    return [one["generation"] for one in page.get("items", ())]


# --- listings, refusals, limits -------------------------------------------------------------------


@TABLE.case("B, Z, _, a, a.b, a/b, é, 日, 🙂")
def order_of_a_listing(bucket: GCSBucket) -> str:
    prefix = f"{new_key()}/"
    for name in ("a/b", "é", "B", "日", "_", "a", "Z", "🙂", "a.b"):
        bucket.upload(prefix + name)
    items = bucket.list(prefix=prefix)["items"]
    return ", ".join(one["name"].removeprefix(prefix) for one in items)


@TABLE.case("2, 3, 4")
def listing_from_an_offset_in_pages_of_two(bucket: GCSBucket) -> str:
    prefix = f"{new_key()}/"
    for number in range(5):
        bucket.upload(f"{prefix}{number}")
    query = {"prefix": prefix, "startOffset": f"{prefix}2", "maxResults": "2"}
    first = bucket.list(**query)
    second = bucket.list(**query, pageToken=first["nextPageToken"])
    items = first["items"] + second["items"]
    return ", ".join(one["name"].removeprefix(prefix) for one in items)


@TABLE.case("kept")
def odd_keys(bucket: GCSBucket) -> str:
    prefix = f"{new_key()}/"
    keys = ["../dots/./x", "empty//component", "back\\slash", "folder/", "x" * 900, "🙂 %2F%2f+?#"]
    for key in keys:
        bucket.upload(prefix + key, key.encode())
    lost = [key for key in keys if bucket.download(prefix + key).body != key.encode()]
    return f"lost: {lost}" if lost else "kept"


@TABLE.case("404, 404, 404, 404")
def requests_to_a_missing_bucket(bucket: GCSBucket) -> str:
    missing = GCSBucket(bucket.url, "deviations-no-such-bucket")
    upload = missing.upload("key", ifGenerationMatch="0")
    path = "/storage/v1/b/deviations-no-such-bucket/o"
    listings = missing.send("GET", path), missing.send("GET", path, versions="true")
    return ", ".join(map(told, (upload, missing.download("key"), *listings)))


@TABLE.case("429", bare="200", fake_gcs="200")
def sixth_write_to_one_object_within_a_second(bucket: GCSBucket) -> str:
    key, _ = bucket.stored()
    return [told(bucket.upload(key)) for _ in range(5)][-1]


# --- the emulator ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def with_buckets(fake_gcs: FakeGCS) -> FakeGCS:
    for name in ("deviations", "deviations-bare"):
        fake_gcs.create_bucket(name)
        fake_gcs.create_bucket(f"{name}-versioned", versioned=True)
    return fake_gcs


@pytest.mark.parametrize(("ask", "answer"), TABLE.of("fake_gcs"))
def test_the_corrected_server_answers_as_the_table_says(
    with_buckets: FakeGCS, ask: Callable[[GCSBucket], str], answer: str
) -> None:
    assert ask(GCSBucket(with_buckets.endpoint_url, "deviations")) == answer


@pytest.mark.parametrize(("ask", "answer"), TABLE.of("bare"))
def test_the_bare_server_answers_as_the_table_says(
    with_buckets: FakeGCS, ask: Callable[[GCSBucket], str], answer: str
) -> None:
    assert ask(GCSBucket(with_buckets.bare_url, "deviations-bare")) == answer


def test_the_table_names_no_other_emulator() -> None:
    assert TABLE.names() == {"fake_gcs", "bare"}
