"""A bucket of an S3 emulator, and answers in a few words."""

from __future__ import annotations

import itertools
from copy import copy
from importlib import import_module
from typing import Any, cast

from bucketpoint.testing.emulators.s3 import S3Emulator

STALE = '"00000000000000000000000000000000"'
"""An ETag that no object has."""

botocore_errors: Any = import_module("botocore.exceptions")

_numbers = itertools.count(1)


def new_key() -> str:
    return f"key-{next(_numbers)}"


class S3Bucket:
    """A bucket and a client; what is asked of it is told as `200`, or `412 PreconditionFailed`."""

    def __init__(self, emulator: S3Emulator, name: str, **options: Any) -> None:
        self._emulator = emulator
        self.client = emulator.client(**options)
        self.name = name

    def in_versioned(self) -> S3Bucket:
        """Return the bucket beside this one that keeps versions, with the same client."""
        versioned = copy(self)
        versioned.name = f"{self.name}-versioned"
        return versioned

    def with_options(self, **options: Any) -> S3Bucket:
        """Return the same bucket with another client."""
        return S3Bucket(self._emulator, self.name, **options)

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call the client, and return the answer whether it is an error or not."""
        try:
            answer = getattr(self.client, operation)(**{"Bucket": self.name} | arguments)
        except botocore_errors.ClientError as error:
            answer = error.response
        return cast("dict[str, Any]", answer)

    def tell(self, operation: str, **arguments: Any) -> str:
        answer = self.call(operation, **arguments)
        status = str(answer["ResponseMetadata"]["HTTPStatusCode"])
        code = answer.get("Error", {}).get("Code", status)
        return status if code == status else f"{status} {code}"

    def headers(self, operation: str, **arguments: Any) -> dict[str, str]:
        answer = self.call(operation, **arguments)
        return cast("dict[str, str]", answer["ResponseMetadata"]["HTTPHeaders"])

    def put(self, key: str, body: bytes = b"1", **arguments: Any) -> str:
        return self.tell("put_object", Key=key, Body=body, **arguments)

    def get(self, key: str, **arguments: Any) -> str:
        return self.tell("get_object", Key=key, **arguments)

    def delete(self, key: str, **arguments: Any) -> str:
        return self.tell("delete_object", Key=key, **arguments)

    def stored(self, body: bytes = b"1") -> tuple[str, str]:
        """Store an object and return its key and its ETag."""
        key = new_key()
        return key, self.call("put_object", Key=key, Body=body)["ETag"]

    def deleted(self) -> tuple[str, str]:
        """Store an object, delete it, and return its key and the ETag that it had."""
        key, etag = self.stored()
        self.delete(key)
        return key, etag

    def upload_in_parts(self, key: str, **conditions: Any) -> str:
        upload = self.call("create_multipart_upload", Key=key)["UploadId"]
        part = self.call("upload_part", Key=key, UploadId=upload, PartNumber=1, Body=b"1")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return self.tell(
            "complete_multipart_upload",
            Key=key,
            UploadId=upload,
            MultipartUpload=parts,
            **conditions,
        )

    def copy_over(self, key: str, **conditions: Any) -> str:
        source = {"Bucket": self.name, "Key": key}
        return self.tell(
            "copy_object", Key=key, CopySource=source, MetadataDirective="REPLACE", **conditions
        )
