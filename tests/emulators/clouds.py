"""The two clouds as tests see them: an emulator, and how to get checkpointers and clients for it."""

from __future__ import annotations

import importlib
import itertools
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from bucketpoint import BucketCheckpointer, GCSCheckpointer, S3Checkpointer
from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from bucketpoint.testing.proxy import gcs_error, s3_error

PREFIX = "runs"

_numbers = itertools.count(1)


class Cloud(ABC):
    """An emulator with buckets.

    Attributes:
        name: `s3` or `gcs`.
        write_method: The HTTP method of an upload.
        reasons: What the service says of each status, as a word for programs.
    """

    name: ClassVar[str]
    write_method: ClassVar[str]
    reasons: ClassVar[dict[int, str]]

    def __init__(self, emulator: SeaweedFS | FakeGCS) -> None:
        self.emulator = emulator
        self.endpoint_url = emulator.endpoint_url

    def new_bucket(self, *, versioned: bool = False) -> str:
        """Create a bucket that no other test uses."""
        name = f"bucket-{next(_numbers)}"
        self.emulator.create_bucket(name, versioned=versioned)
        return name

    @abstractmethod
    def checkpointer(
        self, bucket: str, endpoint_url: str | None = None, **options: Any
    ) -> BucketCheckpointer:
        """Return a checkpointer with a client of its own, past the proxy unless it is named."""

    @abstractmethod
    def retrying_client(self, endpoint_url: str) -> Any:
        """Return a client as users make it: the SDK's own retries are on."""

    @abstractmethod
    def url(self, bucket: str) -> str:
        """Return what `bucketpoint.open` takes."""

    @abstractmethod
    def error(self, status: int, reason: str, message: str = "on purpose") -> bytes:
        """Return the body with which the service explains a refusal."""


class S3(Cloud):
    """SeaweedFS. The checks of the endpoint's conditions are left out where requests count."""

    emulator: SeaweedFS
    name = "s3"
    write_method = "PUT"
    reasons: ClassVar = {
        408: "RequestTimeout",
        409: "ConditionalRequestConflict",
        412: "PreconditionFailed",
        429: "TooManyRequests",
        500: "InternalError",
        503: "SlowDown",
    }

    def checkpointer(
        self, bucket: str, endpoint_url: str | None = None, **options: Any
    ) -> BucketCheckpointer:
        """See `Cloud.checkpointer`."""
        if "client" not in options:
            options["endpoint_url"] = endpoint_url or self.endpoint_url
        defaults: dict[str, Any] = {"prefix": PREFIX, "probe": False}
        return S3Checkpointer(bucket, **defaults | options)

    def retrying_client(self, endpoint_url: str) -> Any:
        """See `Cloud.retrying_client`."""
        config = importlib.import_module("botocore.config").Config(
            retries={"mode": "standard", "max_attempts": 3}
        )
        return self.emulator.client(endpoint_url=endpoint_url, config=config)

    def url(self, bucket: str) -> str:
        """See `Cloud.url`."""
        return f"s3://{bucket}/{PREFIX}?endpoint_url={self.endpoint_url}"

    def error(self, status: int, reason: str, message: str = "on purpose") -> bytes:
        """See `Cloud.error`."""
        return s3_error(reason, message)


class GCS(Cloud):
    """fake-gcs-server with its preconditions put right."""

    emulator: FakeGCS
    name = "gcs"
    write_method = "POST"
    reasons: ClassVar = {
        408: "requestTimeout",
        409: "conflict",
        412: "conditionNotMet",
        429: "rateLimitExceeded",
        500: "internalError",
        503: "backendError",
    }

    def checkpointer(
        self, bucket: str, endpoint_url: str | None = None, **options: Any
    ) -> BucketCheckpointer:
        """See `Cloud.checkpointer`."""
        if "client" not in options:
            options["endpoint_url"] = endpoint_url or self.endpoint_url
        defaults: dict[str, Any] = {"prefix": PREFIX}
        return GCSCheckpointer(bucket, **defaults | options)

    def retrying_client(self, endpoint_url: str) -> Any:
        """See `Cloud.retrying_client`."""
        return self.emulator.client(client_options={"api_endpoint": endpoint_url})

    def url(self, bucket: str) -> str:
        """See `Cloud.url`."""
        return f"gs://{bucket}/{PREFIX}?endpoint_url={self.endpoint_url}"

    def error(self, status: int, reason: str, message: str = "on purpose") -> bytes:
        """See `Cloud.error`."""
        return gcs_error(status, reason, message)
