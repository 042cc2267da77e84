"""The two clouds, each used twice: by the bare SDK and `json`, and by this library."""

from __future__ import annotations

import importlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from benchmarks.stub import HOST, Stub
from bucketpoint import (
    AsyncBucketCheckpointer,
    AsyncGCSCheckpointer,
    AsyncS3Checkpointer,
    BucketCheckpointer,
    GCSCheckpointer,
    S3Checkpointer,
)

__all__ = [
    "BUCKET",
    "CLOUDS",
    "ENDPOINT",
    "REGION",
    "THREADS",
    "Bare",
    "Cloud",
    "Document",
    "clouds",
    "stubbed",
]

BUCKET = "bench-bucket"
REGION = "eu-central-1"
ENDPOINT = f"http://s3.{REGION}.amazonaws.com"
THREADS = 64

Document = dict[str, Any]


@contextmanager
def stubbed() -> Generator[Stub]:
    """Start the stub, and lead AWS's own names to it, as an HTTP proxy does.

    So both sides do what they do on AWS: its addressing, its checksums, and no probe.
    """
    with Stub() as stub:
        settings = {
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "http_proxy": stub.url,
            "no_proxy": HOST,
        }
        with patch.dict(os.environ, settings):
            yield stub


class Bare(ABC):
    """One execution without the library: one SDK call, `json`, and the version kept."""

    @abstractmethod
    def save(self, document: Document) -> None:
        """Write over the version last read or written; create it when there was none."""

    @abstractmethod
    def load(self) -> Document:
        """Read the document, and note its version."""


class BareS3(Bare):
    def __init__(self, client: Any, key: str) -> None:
        self._client = client
        self._key = key
        self._condition = {"IfNoneMatch": "*"}

    def save(self, document: Document) -> None:
        answer = self._client.put_object(
            Bucket=BUCKET,
            Key=self._key,
            Body=json.dumps(document).encode(),
            ContentType="application/json",
            **self._condition,
        )
        self._condition = {"IfMatch": answer["ETag"]}

    def load(self) -> Document:
        answer = self._client.get_object(Bucket=BUCKET, Key=self._key)
        self._condition = {"IfMatch": answer["ETag"]}
        document: Document = json.loads(answer["Body"].read())
        return document


class BareGCS(Bare):
    def __init__(self, client: Any, key: str) -> None:
        self._blob = client.bucket(BUCKET).blob(key)
        self._blob.cache_control = "no-store"

    def save(self, document: Document) -> None:
        self._blob.upload_from_string(
            json.dumps(document).encode(),
            content_type="application/json",
            if_generation_match=self._blob.generation or 0,
        )

    def load(self) -> Document:
        document: Document = json.loads(self._blob.download_as_bytes())
        return document


@dataclass(frozen=True)
class Cloud:
    """One cloud, with what speaks to it.

    Attributes:
        name: As users say.
        bare: Makes the bare side of one execution.
        checkpointer: Makes the library's side.
        async_checkpointer: The same for asyncio.
    """

    name: str
    bare: Callable[[str], Bare]
    checkpointer: Callable[[], BucketCheckpointer]
    async_checkpointer: Callable[[], AsyncBucketCheckpointer]


def _s3(url: str) -> Cloud:
    del url  # AWS's own name leads to the stub
    # The settings that the library gives its own.
    config = importlib.import_module("botocore.config").Config(
        retries={"total_max_attempts": 1},
        connect_timeout=3,
        read_timeout=10,
        max_pool_connections=THREADS,
    )
    boto3 = importlib.import_module("boto3")
    client = boto3.client("s3", region_name=REGION, endpoint_url=ENDPOINT, config=config)
    return Cloud(
        "S3",
        lambda execution_id: BareS3(client, _key(execution_id)),
        lambda: S3Checkpointer(BUCKET, region=REGION, endpoint_url=ENDPOINT),
        lambda: AsyncS3Checkpointer(BUCKET, region=REGION, endpoint_url=ENDPOINT),
    )


def _gcs(url: str) -> Cloud:
    credentials = importlib.import_module("google.auth.credentials").AnonymousCredentials()
    session = importlib.import_module("google.auth.transport.requests").AuthorizedSession(
        credentials
    )
    adapter = importlib.import_module("requests.adapters").HTTPAdapter(pool_maxsize=THREADS)
    session.mount(url, adapter)
    client = importlib.import_module("google.cloud.storage").Client(
        project="bench",
        credentials=credentials,
        client_options={"api_endpoint": url},
        _http=session,
    )
    return Cloud(
        "GCS",
        lambda execution_id: BareGCS(client, _key(execution_id)),
        lambda: GCSCheckpointer(BUCKET, endpoint_url=url),
        lambda: AsyncGCSCheckpointer(BUCKET, endpoint_url=url),
    )


CLOUDS: dict[str, Callable[[str], Cloud]] = {"S3": _s3, "GCS": _gcs}
"""By name, what makes each of a stub's URL; only where it is `stubbed`."""


def clouds(stub_url: str) -> list[Cloud]:
    """Return both, with their requests going to the stub."""
    return [make(stub_url) for make in CLOUDS.values()]


def _key(execution_id: str) -> str:
    """Return the key of an execution whose ID needs no encoding."""
    return f"executions/{execution_id}.json"
