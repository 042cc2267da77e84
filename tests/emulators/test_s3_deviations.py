"""Where SeaweedFS and moto answer as S3 does, and where they are known not to.

The services' answers are those of the S3 User Guide (conditional requests, versioning, object key
names) and of the API reference. A test that fails after an upgrade of an emulator shows what it
answers now: decide whether the stores' tests still prove what they say, and change the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from bucketpoint.testing.emulators import Moto, SeaweedFS
from bucketpoint.testing.emulators.s3 import S3Emulator
from tests.emulators.cases import Table
from tests.emulators.s3_bucket import STALE, S3Bucket, new_key

ANY_VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"


TABLE = Table[S3Bucket]()


def listed(bucket: S3Bucket, *names: str) -> str:
    """Store an object of each name below a prefix of its own, and return what is listed there."""
    prefix = f"{new_key()}/"
    for name in names:
        bucket.put(prefix + name)
    listing = bucket.call("list_objects_v2", Prefix=prefix)["Contents"]
    return ", ".join(one["Key"].removeprefix(prefix) for one in listing)


# --- conditional writes ---------------------------------------------------------------------------


@TABLE.case("200")
def create_of_an_absent_object(bucket: S3Bucket) -> str:
    return bucket.put(new_key(), IfNoneMatch="*")


@TABLE.case("412 PreconditionFailed")
def create_of_an_object_that_exists(bucket: S3Bucket) -> str:
    return bucket.put(bucket.stored()[0], IfNoneMatch="*")


@TABLE.case("200")
def create_over_a_delete_marker(bucket: S3Bucket) -> str:
    versioned = bucket.in_versioned()
    return versioned.put(versioned.deleted()[0], IfNoneMatch="*")


@TABLE.case("200")
def update_of_the_current_version(bucket: S3Bucket) -> str:
    key, etag = bucket.stored()
    return bucket.put(key, b"2", IfMatch=etag)


@TABLE.case("412 PreconditionFailed")
def update_of_another_version(bucket: S3Bucket) -> str:
    return bucket.put(bucket.stored()[0], IfMatch=STALE)


@TABLE.case("404 NoSuchKey", seaweedfs="412 PreconditionFailed")
def update_of_an_absent_object(bucket: S3Bucket) -> str:
    return bucket.put(new_key(), IfMatch=STALE)


@TABLE.case("404 NoSuchKey", seaweedfs="412 PreconditionFailed")
def update_over_a_delete_marker(bucket: S3Bucket) -> str:
    versioned = bucket.in_versioned()
    key, etag = versioned.deleted()
    return versioned.put(key, IfMatch=etag)


@TABLE.case("412 PreconditionFailed")
def create_in_parts_of_an_object_that_exists(bucket: S3Bucket) -> str:
    return bucket.upload_in_parts(bucket.stored()[0], IfNoneMatch="*")


@TABLE.case("412 PreconditionFailed", moto="200")
def update_in_parts_of_another_version(bucket: S3Bucket) -> str:
    return bucket.upload_in_parts(bucket.stored()[0], IfMatch=STALE)


@TABLE.case("412 PreconditionFailed", moto="200")
def copy_over_an_object_that_exists(bucket: S3Bucket) -> str:
    return bucket.copy_over(bucket.stored()[0], IfNoneMatch="*")


@TABLE.case("412 PreconditionFailed", moto="200")
def copy_over_another_version(bucket: S3Bucket) -> str:
    return bucket.copy_over(bucket.stored()[0], IfMatch=STALE)


# --- conditional deletes --------------------------------------------------------------------------


@TABLE.case("204")
def delete_of_the_current_version(bucket: S3Bucket) -> str:
    key, etag = bucket.stored()
    return bucket.delete(key, IfMatch=etag)


@TABLE.case("412 PreconditionFailed")
def delete_of_another_version(bucket: S3Bucket) -> str:
    return bucket.delete(bucket.stored()[0], IfMatch=STALE)


@TABLE.case("404 NoSuchKey", seaweedfs="412 PreconditionFailed")
def conditional_delete_of_an_absent_object(bucket: S3Bucket) -> str:
    return bucket.delete(new_key(), IfMatch=STALE)


@TABLE.case("412 PreconditionFailed", moto="404 NoSuchKey")
def delete_of_anything_where_a_delete_marker_is(bucket: S3Bucket) -> str:
    versioned = bucket.in_versioned()
    return versioned.delete(versioned.deleted()[0], IfMatch="*")


@TABLE.case("204")
def unconditional_delete_of_an_absent_object(bucket: S3Bucket) -> str:
    return bucket.delete(new_key())


@TABLE.case("PreconditionFailed", moto="deleted")
def delete_of_another_version_among_several_objects(bucket: S3Bucket) -> str:
    objects = [{"Key": bucket.stored()[0], "ETag": STALE}]
    errors = bucket.call("delete_objects", Delete={"Objects": objects}).get("Errors")
    return cast("str", errors[0]["Code"]) if errors else "deleted"


# --- reads ----------------------------------------------------------------------------------------


@TABLE.case("404 NoSuchKey")
def read_of_an_absent_object(bucket: S3Bucket) -> str:
    return bucket.get(new_key())


@TABLE.case("304")
def read_of_what_is_known(bucket: S3Bucket) -> str:
    key, etag = bucket.stored()
    return bucket.get(key, IfNoneMatch=etag)


@TABLE.case("412 PreconditionFailed")
def read_of_another_version(bucket: S3Bucket) -> str:
    return bucket.get(bucket.stored()[0], IfMatch=STALE)


@TABLE.case("date, etag, last-modified")
def headers_of_a_read(bucket: S3Bucket) -> str:
    headers = bucket.headers("get_object", Key=bucket.stored()[0])
    return ", ".join(sorted(headers.keys() & {"date", "etag", "last-modified"}))


@TABLE.case("date, etag, x-amz-version-id")
def headers_of_a_write_where_versions_are_kept(bucket: S3Bucket) -> str:
    headers = bucket.in_versioned().headers("put_object", Key=new_key(), Body=b"1")
    return ", ".join(sorted(headers.keys() & {"date", "etag", "x-amz-version-id"}))


@TABLE.case("kept", moto="closed")
def connection_after_an_answer(bucket: S3Bucket) -> str:
    headers = bucket.headers("get_object", Key=bucket.stored()[0])
    return "closed" if headers.get("connection") == "close" else "kept"


@TABLE.case("B, Z, _, a, é, 日, 🙂")
def order_of_a_listing(bucket: S3Bucket) -> str:
    return listed(bucket, "é", "B", "日", "_", "a", "Z", "🙂")


@TABLE.case("a, a.b, a/b", seaweedfs="a, a/b, a.b")
def order_of_a_listing_with_slashes(bucket: S3Bucket) -> str:
    return listed(bucket, "a/b", "a.b", "a")


@TABLE.case("2, 3, 4")
def listing_after_a_key_in_pages_of_two(bucket: S3Bucket) -> str:
    prefix = f"{new_key()}/"
    for number in range(5):
        bucket.put(f"{prefix}{number}")
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=prefix, StartAfter=f"{prefix}1", PaginationConfig={"PageSize": 2}
    )
    listed = [one["Key"] for page in pages for one in page["Contents"]]
    return ", ".join(key.removeprefix(prefix) for key in listed)


# --- versions -------------------------------------------------------------------------------------


@TABLE.case("the same")
def version_of_the_same_bytes_again(bucket: S3Bucket) -> str:
    key, etag = bucket.stored()
    return "the same" if bucket.call("put_object", Key=key, Body=b"1")["ETag"] == etag else "new"


@TABLE.case("the same")
def version_of_the_same_bytes_with_other_metadata(bucket: S3Bucket) -> str:
    key, etag = bucket.stored()
    again = bucket.call("put_object", Key=key, Body=b"1", Metadata={"write": "2"})
    return "the same" if again["ETag"] == etag else "new"


@TABLE.case("the marker, 2, 1")
def order_of_the_versions_of_a_deleted_object(bucket: S3Bucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    names = {versioned.call("put_object", Key=key, Body=b"1")["VersionId"]: "1"}
    names[versioned.call("put_object", Key=key, Body=b"2")["VersionId"]] = "2"
    names[versioned.call("delete_object", Key=key)["VersionId"]] = "the marker"
    listing = versioned.call("list_object_versions", Prefix=key)
    marker = [one["VersionId"] for one in listing["DeleteMarkers"] if one["IsLatest"]]
    versions = [one["VersionId"] for one in listing["Versions"] if not one["IsLatest"]]
    return ", ".join(names[version] for version in marker + versions)


@TABLE.case("200")
def read_of_an_overwritten_version(bucket: S3Bucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    version = versioned.call("put_object", Key=key, Body=b"1")["VersionId"]
    versioned.put(key, b"2")
    return versioned.get(key, VersionId=version)


@TABLE.case("405 MethodNotAllowed", seaweedfs="404 NoSuchKey", moto="404 NoSuchVersion")
def read_of_a_delete_marker(bucket: S3Bucket) -> str:
    versioned = bucket.in_versioned()
    key, _ = versioned.stored()
    marker = versioned.call("delete_object", Key=key)["VersionId"]
    return versioned.get(key, VersionId=marker)


@TABLE.case("404 NoSuchVersion")
def read_of_an_unknown_version(bucket: S3Bucket) -> str:
    versioned = bucket.in_versioned()
    return versioned.get(versioned.stored()[0], VersionId=ANY_VERSION)


@TABLE.case("404 NoSuchVersion", seaweedfs="200")
def read_of_an_unknown_version_where_none_are_kept(bucket: S3Bucket) -> str:
    return bucket.get(bucket.stored()[0], VersionId=ANY_VERSION)


@TABLE.case("204, 204, 404 NoSuchVersion")
def removal_of_a_version_twice(bucket: S3Bucket) -> str:
    versioned, key = bucket.in_versioned(), new_key()
    version = versioned.call("put_object", Key=key, Body=b"1")["VersionId"]
    versioned.put(key, b"2")
    removals = [versioned.delete(key, VersionId=version) for _ in range(2)]
    return ", ".join([*removals, versioned.get(key, VersionId=version)])


# --- refusals -------------------------------------------------------------------------------------

MISSING: dict[str, Any] = {"Bucket": "deviations-no-such-bucket"}


@TABLE.case("404 NoSuchBucket")
def write_to_a_missing_bucket(bucket: S3Bucket) -> str:
    return bucket.put(new_key(), IfNoneMatch="*", **MISSING)


@TABLE.case("404 NoSuchBucket")
def read_from_a_missing_bucket(bucket: S3Bucket) -> str:
    return bucket.get(new_key(), **MISSING)


@TABLE.case("404 NoSuchBucket")
def listing_of_a_missing_bucket(bucket: S3Bucket) -> str:
    return bucket.tell("list_objects_v2", **MISSING)


@TABLE.case("400 BadDigest", moto="200")
def write_with_a_wrong_checksum(bucket: S3Bucket) -> str:
    return bucket.put(new_key(), ChecksumCRC32="AAAAAA==")


@TABLE.case("403 InvalidAccessKeyId", seaweedfs="200", moto="200")
def write_with_unknown_credentials(bucket: S3Bucket) -> str:
    options = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "wrong"}
    return bucket.with_options(**options).put(new_key())


@TABLE.case("400 AuthorizationHeaderMalformed", seaweedfs="200", moto="200")
def write_signed_for_another_region(bucket: S3Bucket) -> str:
    return bucket.with_options(region_name="eu-west-1").put(new_key())


# --- keys -----------------------------------------------------------------------------------------


def kept(bucket: S3Bucket, key: str) -> str:
    """Store under a key below a prefix of its own, and tell what became of it."""
    prefix = new_key()
    whole = prefix + key
    if (told := bucket.put(whole, b"content")) != "200":
        return told
    if bucket.call("get_object", Key=whole)["Body"].read() != b"content":
        return "emptied"
    listed = [one["Key"] for one in bucket.call("list_objects_v2", Prefix=prefix)["Contents"]]
    return "kept" if listed == [whole] else f"listed as {listed[0].removeprefix(prefix)}"


@TABLE.case("kept")
def key_beyond_ascii(bucket: S3Bucket) -> str:
    return kept(bucket, "/ünïcödé/日本語/🙂 %2F%2f+&=?#.json")


@TABLE.case("kept", seaweedfs="400 InvalidRequest")
def key_with_dots_between_slashes(bucket: S3Bucket) -> str:
    return kept(bucket, "/dots/../between")


@TABLE.case("kept", seaweedfs="listed as /empty/component")
def key_with_an_empty_component(bucket: S3Bucket) -> str:
    return kept(bucket, "/empty//component")


@TABLE.case("kept", seaweedfs="listed as /back/slash")
def key_with_a_backslash(bucket: S3Bucket) -> str:
    return kept(bucket, "/back\\slash")


@TABLE.case("kept", seaweedfs="emptied")
def key_that_ends_with_a_slash(bucket: S3Bucket) -> str:
    return kept(bucket, "/folder/")


@TABLE.case("kept")
def key_with_a_component_of_255_bytes(bucket: S3Bucket) -> str:
    return kept(bucket, "/" + "x" * 255)


@TABLE.case("kept", seaweedfs="400 KeyTooLongError")
def key_with_a_component_of_256_bytes(bucket: S3Bucket) -> str:
    return kept(bucket, "/" + "x" * 256)


# --- the emulators --------------------------------------------------------------------------------


def with_buckets(emulator: S3Emulator) -> S3Bucket:
    emulator.create_bucket("deviations")
    emulator.create_bucket("deviations-versioned", versioned=True)
    return S3Bucket(emulator, "deviations")


@pytest.fixture(scope="session")
def on_seaweedfs(seaweedfs: SeaweedFS) -> S3Bucket:
    return with_buckets(seaweedfs)


@pytest.fixture(scope="session")
def on_moto(moto_server: Moto) -> S3Bucket:
    return with_buckets(moto_server)


@pytest.mark.parametrize(("ask", "answer"), TABLE.of("seaweedfs"))
def test_seaweedfs_answers_as_the_table_says(
    on_seaweedfs: S3Bucket, ask: Callable[[S3Bucket], str], answer: str
) -> None:
    assert ask(on_seaweedfs) == answer


@pytest.mark.parametrize(("ask", "answer"), TABLE.of("moto"))
def test_moto_answers_as_the_table_says(
    on_moto: S3Bucket, ask: Callable[[S3Bucket], str], answer: str
) -> None:
    assert ask(on_moto) == answer


def test_the_table_names_no_other_emulator() -> None:
    assert TABLE.names() == {"seaweedfs", "moto"}
