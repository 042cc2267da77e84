"""The requests that a GCS store makes of Google's JSON API, each with its answer."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    StoreUnavailableError,
    UnsupportedStoreError,
)
from bucketpoint.stores.contract import ObjectVersion, StoredObject, Version
from bucketpoint.stores.failures import publishable
from bucketpoint.stores.gcs_client import GoogleClient, joined, sdk
from bucketpoint.stores.gcs_errors import Missing, Operation, Request, missing, store_error
from bucketpoint.stores.local import key_bytes
from bucketpoint.stores.time_limit import TimeLimit

__all__ = ["JSONAPI"]

_NO_NAMES = frozenset({"", ".", ".."})
_CRC32C = re.compile(r"crc32c=([^,\s]+)")
_ENTRIES = "items(name,generation,size,timeCreated,timeDeleted),nextPageToken"

T = TypeVar("T")


class JSONAPI:
    """Google's JSON API for one bucket: a method a request, with the errors of `Store`.

    Args:
        client: What sends.
        bucket: The bucket.
        user_project: The project to be billed.
        kms_key: The KMS key that uploads name.
    """

    def __init__(
        self,
        client: GoogleClient,
        bucket: str,
        *,
        user_project: str | None = None,
        kms_key: str | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._crc32c: Callable[[bytes], int] = sdk("google_crc32c").value
        always = {"prettyPrint": "false", "userProject": user_project}
        upload = {"uploadType": "multipart", "fields": "generation,crc32c", "kmsKeyName": kms_key}
        boundary = secrets.token_hex(16)
        base = client.base_url
        self._bucket_url = f"{base}/storage/v1/b/{bucket}"
        self._media_url = f"{base}/download/storage/v1/b/{bucket}/o"
        self._upload_url = f"{base}/upload/storage/v1/b/{bucket}/o?{_query(upload | always)}"
        self._query = _query(always)
        self._media_query = _query({"alt": "media", "userProject": user_project})
        # Without this Google unpacks what is stored packed, and neither length nor checksum fit.
        self._media_headers = {**client.headers, "Accept-Encoding": "gzip"}
        self._upload_headers = {
            **client.headers,
            "Content-Type": f"multipart/related; boundary={boundary}",
        }
        part = f"--{boundary}\r\nContent-Type: application/json"
        self._before_metadata = f"{part}; charset=utf-8\r\n\r\n".encode()
        self._before_body = f"\r\n{part}\r\n\r\n".encode()
        self._after_body = f"\r\n--{boundary}--".encode()
        self._bucket_was_seen = False

    def download(self, key: str, generation: str | None, limit: TimeLimit) -> StoredObject:
        """Return the object as one answer shows it, when its checksum is right."""
        url = f"{self._media_url}/{_path(key)}?{self._media_query}"
        if generation is not None:
            url += f"&generation={generation}"
        headers, body = self._ask(
            Operation.GET, key, url, limit, _media, headers=self._media_headers, stream=True
        )
        try:
            generation = headers["X-Goog-Generation"]
            modified_at = parsedate_to_datetime(headers["Last-Modified"])
            served_at = max(parsedate_to_datetime(headers["Date"]), modified_at)
        except (KeyError, TypeError, ValueError) as problem:
            msg = (
                f"the answer to reading {key!r} in bucket {self._bucket!r} lacks X-Goog-Generation, "
                "Last-Modified or Date: keep proxies from removing headers"
            )
            raise UnsupportedStoreError(msg, key=key) from problem
        told = _CRC32C.search(headers.get("X-Goog-Hash", ""))
        if told is not None and told[1] != self._checksum(body):
            msg = f"{key!r} was damaged on its way from bucket {self._bucket!r}: call again"
            raise StoreUnavailableError(msg, key=key)
        return StoredObject(
            body=body,
            version=Version(generation),
            version_id=generation,
            modified_at=modified_at,
            served_at=served_at,
        )

    def upload(self, key: str, body: bytes, *, over: str, limit: TimeLimit) -> str:
        """Write the object over this generation (`0` is absence) and return its new one."""
        _path(key)  # refuses what cannot be a name
        checksum = self._checksum(body)
        metadata = {
            "name": key,
            "contentType": "application/json",
            "cacheControl": "no-store",
            "crc32c": checksum,
        }
        before = self._before_metadata + json.dumps(metadata).encode() + self._before_body
        url = f"{self._upload_url}&ifGenerationMatch={over}"
        data = joined(before, body, self._after_body)
        generation, stored = self._ask(
            Operation.PUT,
            key,
            url,
            limit,
            _described,
            headers=self._upload_headers,
            data=data,
        )
        if stored not in {None, checksum}:
            msg = f"what is stored as {key!r} differs from what was sent: read it"
            raise OutcomeUnknownError(msg, key=key)
        return generation

    def delete(self, key: str, generation: str, limit: TimeLimit) -> None:
        """Delete the object if this is its current generation."""
        url = f"{self._object_url(key)}&ifGenerationMatch={generation}"
        self._ask(Operation.DELETE, key, url, limit, _nothing)

    def delete_generation(self, key: str, generation: str, limit: TimeLimit) -> None:
        """Delete this generation for good, current or not."""
        url = f"{self._object_url(key)}&generation={generation}"
        self._ask(Operation.DELETE_VERSION, key, url, limit, _nothing)

    def current_generation(self, key: str, limit: TimeLimit) -> str:
        """Return the object's current generation."""
        url = f"{self._object_url(key)}&fields=generation"
        generation, _ = self._ask(Operation.GET, key, url, limit, _described)
        return generation

    def keeps_versions(self, key: str, limit: TimeLimit) -> bool:
        """Tell whether the bucket keeps overwritten objects; the key is for errors."""
        url = f"{self._bucket_url}?{self._query}&fields=versioning"
        return self._ask(Operation.GET_VERSIONING, key, url, limit, _is_versioned)

    def entries(
        self, prefix: str, options: Mapping[str, Any], timeout: float | None
    ) -> Iterator[ObjectVersion]:
        """Yield what a listing shows, and fetch its pages as they are needed."""
        operation = Operation.LIST_VERSIONS if "versions" in options else Operation.LIST
        query = _query({"prefix": key_bytes(prefix), "fields": _ENTRIES, **options})
        first = f"{self._bucket_url}/o?{self._query}&{query}"
        token: str | None = ""
        while token is not None:
            url = f"{first}&pageToken={quote(token, safe='')}" if token else first
            found, token = self._ask(operation, prefix, url, TimeLimit(timeout), _page)
            yield from found

    def _ask(
        self,
        operation: Operation,
        key: str,
        url: str,
        limit: TimeLimit,
        read: Callable[[Any], T],
        **details: Any,
    ) -> T:
        """Make one request and return what `read` makes of its answer."""
        timeout = limit.left(key)
        try:
            result = read(self._client.send(operation.method, url, timeout=timeout, **details))
        except BucketpointError:
            raise
        except Exception as error:  # noqa: BLE001 - it becomes the cause of what is raised
            request = Request(operation, self._bucket, key, self._client.may_resend)
            if missing(error, request) is Missing.EITHER:
                self._require_bucket(limit)
            raise store_error(error, request) from publishable(error)
        self._bucket_was_seen = True
        return result

    def _require_bucket(self, limit: TimeLimit) -> None:
        """Raise `BucketNotFoundError` when the bucket is not there, as far as can be known."""
        if not self._bucket_was_seen:
            with suppress(AccessDeniedError):  # which is said of buckets that are there
                next(self.entries("", {"maxResults": 1}, limit.left("")), None)
            self._bucket_was_seen = True

    def _object_url(self, key: str) -> str:
        return f"{self._bucket_url}/o/{_path(key)}?{self._query}"

    def _checksum(self, body: bytes) -> str:
        return b64encode(self._crc32c(body).to_bytes(4, "big")).decode()


def _query(parameters: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None})


def _path(key: str) -> str:
    """Return the key as one component of a URL's path.

    Raises:
        InvalidInputError: No object can have this name.
    """
    if key in _NO_NAMES:  # in a URL they would name something else than an object
        msg = f"{key!r} cannot be the name of an object in Google Cloud Storage"
        raise InvalidInputError(msg)
    return quote(key_bytes(key), safe="")


def _media(answer: Any) -> tuple[Mapping[str, str], bytes]:
    """Return headers and body; the body as it is stored, though it was packed for the way."""
    is_packed = answer.headers.get("X-Goog-Stored-Content-Encoding") == "identity"
    return answer.headers, answer.raw.read(decode_content=is_packed)


def _described(answer: Any) -> tuple[str, str | None]:
    """Return generation and checksum of an object."""
    told = json.loads(answer.content)
    return told["generation"], told.get("crc32c")


def _is_versioned(answer: Any) -> bool:
    return json.loads(answer.content).get("versioning", {}).get("enabled") is True


def _nothing(answer: Any) -> None:
    """Read nothing: that the answer came is all it tells."""


def _page(answer: Any) -> tuple[Sequence[ObjectVersion], str | None]:
    """Return the entries of one page, and where the next one begins."""
    page = json.loads(answer.content)
    return [_entry(each) for each in page.get("items", ())], page.get("nextPageToken")


def _entry(told: Mapping[str, str]) -> ObjectVersion:
    return ObjectVersion(
        key=told["name"],
        version_id=told["generation"],
        version=Version(told["generation"]),
        size=int(told["size"]),
        # Reads tell times in whole seconds.
        modified_at=datetime.fromisoformat(told["timeCreated"]).replace(microsecond=0),
        is_current="timeDeleted" not in told,
    )
