"""Checkpointers that are given a bucket instead of a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypedDict, TypeVar, Unpack, cast

from bucketpoint.base import CheckpointerOptions
from bucketpoint.checkpointer import BucketCheckpointer
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.s3 import S3Store

__all__ = [
    "GCSCheckpointer",
    "GCSCheckpointerOptions",
    "GCSOptions",
    "S3Checkpointer",
    "S3CheckpointerOptions",
    "S3Options",
    "with_store",
]

S = TypeVar("S")


class S3Options(TypedDict, total=False):
    """What `S3Store` takes besides the bucket; described there."""

    client: Any
    region: str | None
    endpoint_url: str | None
    profile: str | None
    addressing_style: Literal["path", "virtual", "auto"] | None
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None
    kms_key: str | None
    bucket_key: bool | None
    probe: bool


class GCSOptions(TypedDict, total=False):
    """What `GCSStore` takes besides the bucket; described there."""

    client: Any
    project: str | None
    user_project: str | None
    endpoint_url: str | None
    kms_key: str | None


class S3CheckpointerOptions(S3Options, CheckpointerOptions):
    """What `S3Checkpointer` takes besides the bucket."""


class GCSCheckpointerOptions(GCSOptions, CheckpointerOptions):
    """What `GCSCheckpointer` takes besides the bucket."""


def with_store(
    make: Callable[..., S],
    bucket: str,
    options: S3CheckpointerOptions | GCSCheckpointerOptions,
) -> tuple[S, CheckpointerOptions]:
    """Make the store, and return it with the options that are left for its checkpointer."""
    of_checkpointer = CheckpointerOptions.__annotations__
    given = dict(options).items()
    store = make(bucket, **{name: value for name, value in given if name not in of_checkpointer})
    rest = {name: value for name, value in given if name in of_checkpointer}
    return store, cast("CheckpointerOptions", {"close_store": True, **rest})


class S3Checkpointer(BucketCheckpointer):
    """`BucketCheckpointer` on a bucket of Amazon S3, or of a store that speaks its protocol.

    Args:
        bucket: The bucket's name.
        **options: What `S3Store` takes (`client`, `region`, `endpoint_url` …) and what
            `BucketCheckpointer` takes (`prefix`, `timeout` …).

    Raises:
        ImportError: The extra `s3` is not installed.
        StoreConfigurationError: A client cannot be made of these options.

    Example:
        >>> from bucketpoint import S3Checkpointer
        >>> S3Checkpointer("my-bucket", prefix="checkpoints", region="eu-central-1")
        S3Checkpointer('s3://my-bucket', prefix='checkpoints')
    """

    def __init__(self, bucket: str, **options: Unpack[S3CheckpointerOptions]) -> None:
        store, rest = with_store(S3Store, bucket, options)
        super().__init__(store, **rest)


class GCSCheckpointer(BucketCheckpointer):
    """`BucketCheckpointer` on a bucket of Google Cloud Storage.

    Args:
        bucket: The bucket's name.
        **options: What `GCSStore` takes (`client`, `project` …) and what `BucketCheckpointer`
            takes (`prefix`, `timeout` …).

    Raises:
        ImportError: The extra `gcs` is not installed.
        StoreConfigurationError: There are no credentials.

    Example:
        >>> from bucketpoint import GCSCheckpointer
        >>> GCSCheckpointer("my-bucket", endpoint_url="http://127.0.0.1:4443")
        GCSCheckpointer('gs://my-bucket?endpoint_url=http://127.0.0.1:4443', prefix='')
    """

    def __init__(self, bucket: str, **options: Unpack[GCSCheckpointerOptions]) -> None:
        store, rest = with_store(GCSStore, bucket, options)
        super().__init__(store, **rest)
