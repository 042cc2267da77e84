"""What the answers of S3 say, in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from bucketpoint.errors import UnsupportedStoreError
from bucketpoint.stores.contract import ObjectInfo, ObjectVersion, StoredObject, Version

__all__ = ["NO_VERSION_ID", "object_info", "stored_object", "versions_of"]

NO_VERSION_ID = "null"
"""What S3 calls the version of an object that was written while versioning was off."""


def stored_object(
    answer: Mapping[str, Any], body: bytes, key: str, version_id: str | None
) -> StoredObject:
    """Return the object of an answer to a read.

    Args:
        answer: The SDK's.
        body: What was read of it.
        key: The object's key.
        version_id: Which version was asked for; None for the current one.

    Raises:
        UnsupportedStoreError: The answer lacks what every answer of S3 has.
    """
    try:
        modified_at = _utc(answer["LastModified"])
        served_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        served_at = max(served_at, modified_at)
        version = Version(answer["ETag"])
    except (KeyError, TypeError, ValueError) as problem:
        msg = (
            f"the answer to reading {key!r} lacks ETag, Last-Modified or Date: keep proxies from "
            "removing headers, or use another store"
        )
        raise UnsupportedStoreError(msg, key=key) from problem
    found_id = answer.get("VersionId")
    return StoredObject(
        body=body,
        version=version,
        # What has the ID "null" may be replaced under it by the next write.
        version_id=version_id or (None if found_id == NO_VERSION_ID else found_id),
        modified_at=modified_at,
        served_at=served_at,
    )


def object_info(entry: Mapping[str, Any]) -> ObjectInfo:
    """Return what an entry of a listing says."""
    return ObjectInfo(
        key=entry["Key"],
        version=Version(entry["ETag"]),
        size=entry["Size"],
        modified_at=_utc(entry["LastModified"]),
    )


def versions_of(page: Mapping[str, Any], key: str) -> tuple[list[ObjectVersion], bool]:
    """Return one key's versions on a page, newest first, and whether more may be on the next.

    The SDK hands out versions and deletions apart, and S3 tells times in seconds: within one
    second a deletion is put before the versions that it may have followed.
    """
    entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
    own = [entry for entry in entries if entry["Key"] == key]
    own.sort(
        key=lambda entry: (entry["IsLatest"], entry["LastModified"], "ETag" not in entry),
        reverse=True,
    )
    return [_object_version(entry) for entry in own], len(own) == len(entries)


def _object_version(entry: Mapping[str, Any]) -> ObjectVersion:
    etag = entry.get("ETag")  # a deletion has none
    return ObjectVersion(
        key=entry["Key"],
        version_id=entry["VersionId"],
        version=Version(etag) if etag else None,
        size=entry.get("Size", 0),
        modified_at=_utc(entry["LastModified"]),
        is_current=entry["IsLatest"] and etag is not None,
        is_deletion=etag is None,
    )


def _utc(moment: datetime) -> datetime:
    """Return the time as reads tell it: in whole seconds, which some stores exceed in listings."""
    return moment.astimezone(UTC).replace(microsecond=0)
