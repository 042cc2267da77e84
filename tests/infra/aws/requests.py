"""The rights that a request to S3 needs, read off the request as it goes over the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from tests.infra.aws.policies import Asked

__all__ = ["S3Request"]

_SETTINGS = {
    "encryption": "s3:GetEncryptionConfiguration",
    "lifecycle": "s3:GetLifecycleConfiguration",
    "object-lock": "s3:GetBucketObjectLockConfiguration",
    "policy": "s3:GetBucketPolicy",
    "policyStatus": "s3:GetBucketPolicyStatus",
    "publicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "versioning": "s3:GetBucketVersioning",
}
"""What reads a setting of the bucket, by the word in the query."""


@dataclass(frozen=True)
class S3Request:
    """A request for a bucket that is named in the path.

    Attributes:
        method: Of HTTP.
        path: As it was sent, without the query.
        query: Names and values; "" for a name alone.
        headers: Names in lower case.
        secure: It came over TLS.
        principal: ARN of who sent it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    secure: bool = True
    principal: str = "arn:aws:iam::123456789012:role/somebody"

    @property
    def bucket(self) -> str:
        """The bucket; empty where all are meant."""
        return self.path.lstrip("/").partition("/")[0]

    @property
    def key(self) -> str:
        """The object's key; empty where the bucket is meant."""
        return unquote(self.path.lstrip("/").partition("/")[2])

    def rights(self) -> Iterator[Asked]:
        """Yield the rights it needs, of which each must be granted.

        Raises:
            ValueError: It is a request that nobody here has reason to make.
        """
        if self.key:
            yield from self._rights_on_the_object()
        else:
            yield self._right_on_the_bucket()

    def _rights_on_the_object(self) -> Iterator[Asked]:
        match self.method:
            case "GET" | "HEAD":
                version = "Version" if "versionId" in self.query else ""
                yield self._on_object(f"s3:GetObject{version}")
            case "PUT" | "POST":
                yield self._on_object("s3:PutObject", **self._creation())
                if "if-match" in self.headers:
                    yield self._on_object("s3:GetObject")  # AWS asks for it where an ETag is given
            case "DELETE" if "versionId" in self.query:
                yield self._on_object("s3:DeleteObjectVersion")
            case "DELETE":
                yield self._on_object("s3:DeleteObject")
                if "if-match" in self.headers:
                    yield self._on_object("s3:GetObject")
            case _:
                raise ValueError(f"what needs {self.method} of an object?")

    def _creation(self) -> dict[str, str]:
        # The parts of an upload need the right to put an object, and take no conditions.
        is_part = "uploads" in self.query or "partNumber" in self.query
        return {"s3:ObjectCreationOperation": "false" if is_part else "true"}

    def _right_on_the_bucket(self) -> Asked:
        if self.method not in {"GET", "HEAD"}:
            raise ValueError(f"what needs {self.method} of a bucket?")
        for word, action in _SETTINGS.items():
            if word in self.query:
                return self._on_bucket(action)
        listed = {"s3:prefix": self.query["prefix"]} if "prefix" in self.query else {}
        versions = "Versions" if "versions" in self.query else ""
        return self._on_bucket(f"s3:ListBucket{versions}", **listed)

    def _on_object(self, action: str, **context: str) -> Asked:
        conditions = {
            f"s3:{name}": self.headers[name]
            for name in ("if-match", "if-none-match")
            if name in self.headers
        }
        resource = f"arn:aws:s3:::{self.bucket}/{self.key}"
        return Asked(action, resource, self._context() | conditions | context)

    def _on_bucket(self, action: str, **context: str) -> Asked:
        return Asked(action, f"arn:aws:s3:::{self.bucket}", self._context() | context)

    def _context(self) -> dict[str, str]:
        return {
            "aws:SecureTransport": str(self.secure).lower(),
            "aws:PrincipalArn": self.principal,
        }
