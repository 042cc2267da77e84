"""The store in a bucket of Google Cloud Storage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice, takewhile
from typing import Any
from urllib.parse import quote, urlsplit

from bucketpoint.arguments import is_a
from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    InvalidInputError,
    PreconditionFailedError,
    StoreUnavailableError,
    UnsupportedError,
)
from bucketpoint.stores.contract import (
    Capabilities,
    Condition,
    IfAbsent,
    IfVersion,
    ObjectInfo,
    ObjectVersion,
    StoredObject,
    Version,
)
from bucketpoint.stores.gcs_api import JSONAPI
from bucketpoint.stores.gcs_client import GoogleClient
from bucketpoint.stores.gcs_errors import status_of
from bucketpoint.stores.remote import is_listed
from bucketpoint.stores.time_limit import TimeLimit
from bucketpoint.stores.versions import is_current

__all__ = ["GCSStore"]

_PAGE_SIZE = 1000
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_GENERATION = re.compile(r"[1-9][0-9]{0,18}")
_ABSENCE = "0"
_OWN_DOMAIN = ".googleapis.com"
_RIGHTS_TO_READ = (
    "storage.objects.get and storage.objects.list on the bucket (roles/storage.objectUser has both)"
)


class GCSStore:
    """Keeps objects in one bucket of Google Cloud Storage, one request for each call.

    What `put` has returned for is durable, and was written over exactly the version that it named,
    which is Google's generation. What is read was compared with its checksum. A store may be used
    by several threads at once.

    Nothing is repeated on the way, but after a refused token, since the library repeats what may
    be repeated; a call's `timeout` bounds the waits for a connection and for an answer. What it
    does not bound: name resolution, fetching a token, and an answer that trickles.

    Args:
        bucket: The bucket's name.
        client: A `google.cloud.storage.Client` of your own. It is used as it is, and stays open;
            it must not be shared with a forked process.
        project: The project of a client that is made here.
        user_project: The project to be billed, for a bucket whose requester pays.
        endpoint_url: Where requests go, instead of to Google's own address. On loopback, as for
            `STORAGE_EMULATOR_HOST`, no credentials are used.
        kms_key: The resource name of the KMS key to encrypt with, instead of the bucket's own
            default: `projects/…/locations/…/keyRings/…/cryptoKeys/…`.

    Raises:
        InvalidInputError: An argument cannot be used.
        StoreConfigurationError: There are no credentials, or the SDK cannot use its settings.
        ImportError: google-cloud-storage is not installed.

    Example:
        store = GCSStore("my-bucket", user_project="my-project")
        version = store.put("greeting", b"hello", when=IfAbsent())
    """

    def __init__(
        self,
        bucket: str,
        *,
        client: Any = None,
        project: str | None = None,
        user_project: str | None = None,
        endpoint_url: str | None = None,
        kms_key: str | None = None,
    ) -> None:
        if not is_a(bucket, str) or _BUCKET.fullmatch(bucket) is None:
            msg = "bucket must be the name of a bucket: lower-case letters, digits, -, _ and ."
            raise InvalidInputError(msg)
        self._bucket = bucket
        self._client = GoogleClient(
            bucket, client=client, project=project, endpoint_url=endpoint_url
        )
        self._api = JSONAPI(self._client, bucket, user_project=user_project, kms_key=kms_key)
        self._keeps_versions = False
        self._url = f"gs://{bucket}"
        base = self._client.base_url
        if not (urlsplit(base).hostname or "").endswith(_OWN_DOMAIN):
            self._url += f"?endpoint_url={quote(base, safe=':/')}"

    @property
    def url(self) -> str:
        """`gs://bucket`, with the endpoint when it is not one of Google's own."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What Google Cloud Storage can do; earlier versions only where the bucket keeps them."""
        return Capabilities(versions=True, conditional_delete=True)

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`. The version ID is the generation, in a bucket without versions too.

        Google denies access where nothing is to who may not list the bucket. So a denial is
        followed by a listing, and an error only when there is an object, or listing is denied, too.
        """
        if version_id is not None and _GENERATION.fullmatch(version_id) is None:
            return None
        limit = TimeLimit(timeout)
        try:
            return self._api.download(key, version_id, limit)
        except AccessDeniedError as denied:
            was_refused = status_of(denied.__cause__) == HTTPStatus.FORBIDDEN
            if version_id is None and was_refused and not self._is_listed(key, limit, denied):
                return None
            raise
        except StoreUnavailableError as error:
            if not _says_absent(error):
                raise
        if version_id is not None:
            self._require_versions(key, limit)
        return None

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`. A body of any size takes one request."""
        over = _ABSENCE if isinstance(when, IfAbsent) else _generation(when, key)
        return Version(self._api.upload(key, body, over=over, limit=TimeLimit(timeout)))

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`."""
        try:
            self._api.delete(key, _generation(when, key), TimeLimit(timeout))
        except PreconditionFailedError as refused:
            if _says_absent(refused):
                return False
            raise
        return True

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        size = _PAGE_SIZE
        if limit is not None:  # the key to start after may come along
            size = min(limit + (start_after is not None), _PAGE_SIZE)
        options = {"startOffset": start_after, "maxResults": size}
        found = self._api.entries(prefix, options, timeout)
        later = (entry for entry in found if entry.key != start_after)
        for entry in islice(later, limit):
            version = Version(entry.version_id)
            yield ObjectInfo(entry.key, version, entry.size, entry.modified_at)

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`.

        Google marks no deletion: an object was deleted when none of its versions is current.
        """
        found = self._api.entries(key, {"versions": "true"}, timeout)
        kept = [*takewhile(lambda version: version.key == key, found)]
        if all(version.is_current for version in kept):
            self._require_versions(key, TimeLimit(timeout))
        yield from sorted(kept, key=lambda version: int(version.version_id), reverse=True)

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`.

        Raises:
            PreconditionFailedError: It is the current one, which `delete` removes.
        """
        if _GENERATION.fullmatch(version_id) is None:
            return
        limit = TimeLimit(timeout)
        if self._is_current(key, version_id, limit):  # once it is not, it will never be again
            raise is_current(key)
        try:
            self._api.delete_generation(key, version_id, limit)
        except PreconditionFailedError as refused:
            if not _says_absent(refused):
                raise
            self._require_versions(key, limit)

    def close(self) -> None:
        """Close the client that the store made; one that was given stays open."""
        self._client.close()

    def _is_current(self, key: str, generation: str, limit: TimeLimit) -> bool:
        try:
            return self._api.current_generation(key, limit) == generation
        except StoreUnavailableError as error:
            if _says_absent(error):
                return False
            raise

    def _is_listed(self, key: str, limit: TimeLimit, denied: AccessDeniedError) -> bool:
        return is_listed(self, key, limit, denied=denied, rights=_RIGHTS_TO_READ)

    def _require_versions(self, key: str, limit: TimeLimit) -> None:
        """Raise `UnsupportedError` when the bucket is known to keep no versions."""
        if self._keeps_versions:
            return
        try:
            self._keeps_versions = self._api.keeps_versions(key, limit)
        except AccessDeniedError:
            return  # what is there can be shown all the same
        if not self._keeps_versions:
            msg = (
                f"bucket {self._bucket!r} keeps no earlier versions: turn its versioning on "
                f"(gcloud storage buckets update gs://{self._bucket} --versioning)"
            )
            raise UnsupportedError(msg, key=key)


def _generation(when: IfVersion, key: str) -> str:
    token = when.version.token
    if _GENERATION.fullmatch(token) is None:
        msg = f"{key!r} has no such version; nothing was changed: read it and decide again"
        raise PreconditionFailedError(msg, key=key)
    return token


def _says_absent(error: BucketpointError) -> bool:
    return status_of(error.__cause__) == HTTPStatus.NOT_FOUND
