"""The store in a bucket of S3, or of anything that speaks its protocol and honours conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from itertools import islice
from typing import Any, Literal
from urllib.parse import quote

from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    PreconditionFailedError,
    UnsupportedError,
    UnsupportedStoreError,
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
from bucketpoint.stores.failures import publishable
from bucketpoint.stores.probe import Probe
from bucketpoint.stores.remote import is_listed
from bucketpoint.stores.s3_answers import (
    NO_VERSION_ID,
    object_info,
    stored_object,
    versions_of,
)
from bucketpoint.stores.s3_clients import (
    ClientOptions,
    Clients,
    Encryption,
    GivenClient,
    OwnClients,
    checked_bucket,
    is_aws,
    put_options,
)
from bucketpoint.stores.s3_errors import Operation, Request, answer_code, store_error
from bucketpoint.stores.time_limit import TimeLimit
from bucketpoint.stores.versions import is_current, would_revive

__all__ = ["S3Store"]

_PAGE_SIZE = 1000
_ETAG = re.compile(r"[!-)+\--~]+")
"""What can be an ETag in a condition: `*` and lists, separated by commas, match other objects."""
_ABSENT = "NoSuchKey"
_GONE = frozenset({"NoSuchKey", "NoSuchVersion"})
_ABSENT_VERSION = frozenset({"InvalidArgument", "MethodNotAllowed", "NoSuchKey", "NoSuchVersion"})
_DENIED = frozenset({"403", "AccessDenied", "Forbidden"})
_RIGHTS_TO_READ = "s3:GetObject on the prefix and s3:ListBucket on the bucket"


class S3Store:
    """Keeps objects in one bucket of S3, with one request for a read or a write.

    What `put` has returned for is durable, and was written over exactly the version that it named.
    A store away from AWS is asked before the first write whether it honours conditions; one that
    does not is never written to. A store may be used by several threads at once.

    A client that the store makes has its retries off, since the library repeats what may be
    repeated; a call's `timeout` bounds each wait for a connection and for an answer. What it does
    not bound: name resolution, an answer that trickles, and a client that was given.

    Args:
        bucket: The bucket's name, or the ARN of an access point.
        client: A client of your own, from `boto3.client("s3")`. It is used as it is, and stays
            open; it must not be shared with a forked process.
        region: The bucket's region.
        endpoint_url: Where an S3-compatible store is.
        profile: A profile in the SDK's configuration files.
        addressing_style: `path`, `virtual` or `auto`.
        sse: Server-side encryption of what is written; without it the bucket's own default.
        kms_key: The KMS key to encrypt with; `sse` is `aws:kms` then, unless given.
        bucket_key: Whether KMS is asked through a bucket key.
        probe: Find out before the first write whether a store away from AWS honours conditions.

    Raises:
        InvalidInputError: An argument cannot be used.
        StoreConfigurationError: The SDK cannot use its settings.
        ImportError: boto3 is not installed.

    Example:
        store = S3Store("my-bucket", region="eu-west-1", kms_key="alias/checkpoints")
        version = store.put("greeting", b"hello", when=IfAbsent())
    """

    def __init__(
        self,
        bucket: str,
        *,
        client: Any = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        profile: str | None = None,
        addressing_style: Literal["path", "virtual", "auto"] | None = None,
        sse: Encryption | None = None,
        kms_key: str | None = None,
        bucket_key: bool | None = None,
        probe: bool = True,
    ) -> None:
        self._bucket = checked_bucket(bucket)
        self._put_options = put_options(sse, kms_key, bucket_key=bucket_key)
        options = ClientOptions(bucket, region, endpoint_url, profile, addressing_style)
        self._clients: Clients
        if client is None:
            self._clients = OwnClients(options)
        elif options == ClientOptions(bucket):
            self._clients = GivenClient(client)
        else:
            msg = (
                "a client is used as it is: give region, endpoint_url, profile and "
                "addressing_style when you make it"
            )
            raise InvalidInputError(msg)
        self._url = f"s3://{quote(bucket, safe='')}"
        self._keeps_versions = False
        self._probe: Probe | None = None
        endpoint = self._clients.endpoint_url
        if not is_aws(endpoint):
            self._url += f"?endpoint_url={quote(endpoint.rstrip('/'), safe=':/')}"
            if probe:
                self._probe = Probe(copy(self))

    @property
    def url(self) -> str:
        """`s3://bucket`, with the endpoint when it is not one of AWS's own."""
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        """What S3 can do; earlier versions only where the bucket's versioning is on."""
        return Capabilities(
            versions=True,
            conditional_delete=self._probe is None or self._probe.conditional_delete,
            content_versions=True,
        )

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`.

        S3 denies access where nothing is to who may not list the bucket. So a denial is followed
        by a listing, and an error only when there is an object, or listing is denied, too.
        """
        if version_id == "":  # some stores take it for the current version
            return None
        limit = TimeLimit(timeout)
        client = self._clients.within(timeout, key)
        wanted = {} if version_id is None else {"VersionId": version_id}
        try:
            answer = client.get_object(Bucket=self._bucket, Key=key, **wanted)
            body = answer["Body"].read()
        except Exception as error:  # noqa: BLE001 - it becomes the cause of what is raised
            operation = Operation.GET if version_id is None else Operation.GET_VERSION
            failed = self._translated(error, operation, key)
            code = answer_code(error, Operation.GET)
            if version_id is None:
                denied = code in _DENIED
                if code == _ABSENT or (denied and not self._is_listed(key, limit, failed)):
                    return None
            elif code in _ABSENT_VERSION:
                self._require_versions(key, limit)
                return None
            raise failed from publishable(error)
        found_id = answer.get("VersionId")
        if version_id is not None and found_id != version_id:  # the store did not look at it
            self._require_versions(key, limit)
            return None
        return stored_object(answer, body, key, version_id)

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`; the store may be probed first."""
        if self._probe is not None:
            timeout = self._probe.before_write(key, timeout)
        condition = {"IfNoneMatch": "*"} if isinstance(when, IfAbsent) else _if_match(when, key)
        answer = self._send(
            Operation.PUT, key, timeout, Key=key, Body=body, **condition, **self._put_options
        )
        if not answer.get("ETag"):
            msg = f"the store wrote {key!r} and did not say which version it is: read it"
            raise OutcomeUnknownError(msg, key=key)
        return Version(answer["ETag"])

    def delete(self, key: str, *, when: IfVersion, timeout: float | None = None) -> bool:
        """See `Store.delete`; the store may be probed first.

        Some stores refuse where nothing is, as if it were another version.
        """
        if self._probe is not None:
            timeout = self._probe.before_write(key, timeout)
        if not self.capabilities.conditional_delete:
            msg = f"{self._url} does not honour the condition of a delete: leave {key!r} there"
            raise UnsupportedError(msg, key=key)
        return self._delete(Operation.DELETE, key, timeout, **_if_match(when, key))

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        size = _PAGE_SIZE if limit is None else min(limit, _PAGE_SIZE)
        first = {} if start_after is None else {"StartAfter": start_after}
        pages = self._pages(Operation.LIST, prefix, timeout, first | {"MaxKeys": size})
        found = (entry for page in pages for entry in page.get("Contents", ()))
        yield from map(object_info, islice(found, limit))

    def list_versions(self, key: str, *, timeout: float | None = None) -> Iterator[ObjectVersion]:
        """See `Store.list_versions`.

        S3 tells times in seconds. Of a deletion and an overwritten version of the same second the
        deletion comes first, although it may have been the earlier one.
        """
        for page in self._pages(Operation.LIST_VERSIONS, key, timeout, {}):
            own, goes_on = versions_of(page, key)
            if all(version.version_id == NO_VERSION_ID for version in own):
                self._require_versions(key, TimeLimit(timeout))
            yield from own
            if not goes_on:
                return

    def delete_version(self, key: str, version_id: str, *, timeout: float | None = None) -> None:
        """See `Store.delete_version`. It looks before, since some stores remove another one.

        Raises:
            PreconditionFailedError: It is the current one, which `delete` removes; or the deletion
                that keeps an earlier one from being current again.
        """
        limit = TimeLimit(timeout)
        versions = enumerate(self.list_versions(key, timeout=limit.left(key)))
        for position, version in versions:
            if version.version_id != version_id:
                continue
            if version.is_current:
                raise is_current(key)
            if position == 0:  # a deletion, which hides what is below
                _, below = next(versions, (1, version))
                if not below.is_deletion:
                    raise would_revive(key)
            self._delete(Operation.DELETE_VERSION, key, limit.left(key), VersionId=version_id)
            return

    def close(self) -> None:
        """Close the clients that the store made; one that was given stays open."""
        self._clients.close()

    def _send(
        self, operation: Operation, key: str, timeout: float | None, **parameters: Any
    ) -> Any:
        client = self._clients.within(timeout, key)
        try:
            return getattr(client, operation.method)(Bucket=self._bucket, **parameters)
        except Exception as error:  # noqa: BLE001 - it becomes the cause of what is raised
            raise self._translated(error, operation, key) from publishable(error)

    def _delete(self, operation: Operation, key: str, timeout: float | None, **which: Any) -> bool:
        try:
            self._send(operation, key, timeout, Key=key, **which)
        except PreconditionFailedError as refused:
            if answer_code(refused.__cause__, operation) in _GONE:
                return False
            raise
        return True

    def _translated(self, error: Exception, operation: Operation, key: str) -> BucketpointError:
        request = Request(operation, self._bucket, key, self._clients.may_resend)
        return store_error(error, request)

    def _pages(
        self, operation: Operation, prefix: str, timeout: float | None, first: dict[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a listing; each says where the next one begins."""
        following: dict[str, Any] = {}
        while True:
            page = self._send(operation, prefix, timeout, Prefix=prefix, **first | following)
            yield page
            if not page.get("IsTruncated"):
                return
            following = {
                name.removeprefix("Next"): value
                for name, value in page.items()
                if name.startswith("Next") and value
            }
            if not following:
                msg = f"a listing of bucket {self._bucket!r} goes on, and does not say where"
                raise UnsupportedStoreError(msg, key=prefix)

    def _is_listed(self, key: str, limit: TimeLimit, denied: BucketpointError) -> bool:
        return is_listed(self, key, limit, denied=denied, rights=_RIGHTS_TO_READ)

    def _require_versions(self, key: str, limit: TimeLimit) -> None:
        """Raise `UnsupportedError` when the bucket is known to keep no versions."""
        if self._keeps_versions:
            return
        try:
            answer = self._send(Operation.GET_VERSIONING, key, limit.left(key))
        except AccessDeniedError:
            return  # what is there can be shown all the same
        if "Status" not in answer:
            msg = (
                f"bucket {self._bucket!r} keeps no earlier versions: turn its versioning on "
                f"(aws s3api put-bucket-versioning --bucket {self._bucket} "
                "--versioning-configuration Status=Enabled)"
            )
            raise UnsupportedError(msg, key=key)
        self._keeps_versions = True


def _if_match(when: IfVersion, key: str) -> dict[str, str]:
    if _ETAG.fullmatch(when.version.token) is None:
        msg = f"{key!r} has no such version; nothing was changed: read it and decide again"
        raise PreconditionFailedError(msg, key=key)
    return {"IfMatch": when.version.token}
