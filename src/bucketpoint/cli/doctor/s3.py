"""How a bucket of S3 is set up, as far as the credentials may read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlsplit

from bucketpoint.cli.doctor.endpoints import known_host
from bucketpoint.cli.doctor.enforcement import refuses_unconditional_writes
from bucketpoint.cli.doctor.outcomes import Outcome, UnseenError, happened
from bucketpoint.errors import AccessDeniedError
from bucketpoint.stores.failures import StoreOperation
from bucketpoint.stores.s3_clients import ClientOptions, OwnClients, is_aws
from bucketpoint.stores.s3_errors import Operation, Request, answer_code, store_error

__all__ = ["READING_RIGHTS", "S3Settings"]

_CLIENT_OPTIONS = ("region", "endpoint_url", "profile", "addressing_style")
_NOT_SET = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
"""With what S3 answers that there is no such setting."""

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_LIFECYCLE_PAGE = _POLICY_PAGE = "docs/howto/s3.md"


class _Reading(StoreOperation):
    """A setting: the client's method that reads it, in words, and the right that lets it."""

    VERSIONING = ("get_bucket_versioning", "read the versioning of", "s3:GetBucketVersioning")
    LIFECYCLE = (
        "get_bucket_lifecycle_configuration",
        "read the lifecycle rules of",
        "s3:GetLifecycleConfiguration",
    )
    LOCK = (
        "get_object_lock_configuration",
        "read the object lock of",
        "s3:GetBucketObjectLockConfiguration",
    )
    ENCRYPTION = (
        "get_bucket_encryption",
        "read the encryption of",
        "s3:GetEncryptionConfiguration",
    )
    BLOCKS = (
        "get_public_access_block",
        "read the public access block of",
        "s3:GetBucketPublicAccessBlock",
    )
    POLICY = ("get_bucket_policy", "read the policy of", "s3:GetBucketPolicy")
    POLICY_STATUS = (
        "get_bucket_policy_status",
        "read the policy status of",
        "s3:GetBucketPolicyStatus",
    )

    @property
    def api_name(self) -> str:
        """What the SDK's own errors call it."""
        return self.method.title().replace("_", "")


READING_RIGHTS = tuple(reading.right for reading in _Reading)
"""What the credentials must be allowed for all settings to be seen."""


class S3Settings:
    """The settings of one bucket, read by a client of their own.

    Args:
        bucket: The bucket's name.
        options: Those of the store's URL.
    """

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._options = options
        chosen = {name: options.get(name) for name in _CLIENT_OPTIONS}
        self._clients = OwnClients(ClientOptions(bucket, **chosen))

    def endpoint(self) -> Outcome:
        """See `Settings.endpoint`."""
        return known_host(urlsplit(self._clients.endpoint_url).hostname or "", is_aws=self._is_aws)

    def versioning(self) -> Outcome:
        """See `Settings.versioning`."""
        status = self._read(_Reading.VERSIONING).get("Status")
        if status == "Enabled":
            return Outcome.ok("versioning is on")
        return Outcome.warning(
            f"versioning is {'suspended' if status else 'off'}, so there is no history to go back "
            "to",
            f"aws s3api put-bucket-versioning --bucket {self._bucket} "
            "--versioning-configuration Status=Enabled",
        )

    def old_versions(self, folder: str) -> Outcome:
        """See `Settings.old_versions`."""
        for rule in self._rules():
            expires = rule.get("NoncurrentVersionExpiration", {})
            if expires and _is_for_all(rule, folder):
                days = expires.get("NoncurrentDays")
                return Outcome.ok(f"a rule removes old versions {days} days after they were")
        if not self._read(_Reading.VERSIONING).get("Status"):
            return Outcome.ok("no versions are kept, so there are none to remove")
        return Outcome.warning(
            "no lifecycle rule removes old versions, which are kept, and billed, for ever",
            f"add a rule with NoncurrentVersionExpiration for the prefix ({_LIFECYCLE_PAGE})",
        )

    def live_objects(self, folder: str) -> Outcome:
        """See `Settings.live_objects`."""
        for rule in self._rules():
            name = f"lifecycle rule {rule.get('ID', '')!r}"
            if not _is_for_some(rule, folder):
                continue
            expires = rule.get("Expiration", {})
            if "Days" in expires or "Date" in expires:
                return Outcome.warning(
                    f"{name} deletes checkpoints, those of runs that wait, too",
                    "limit its prefix, or let it expire no current objects",
                )
            if rule.get("Transitions"):
                return Outcome.warning(
                    f"{name} moves checkpoints to another storage class",
                    "limit its prefix: other classes bill an overwritten object for a minimum "
                    "time, and archived ones cannot be read",
                )
        return Outcome.ok("no lifecycle rule touches checkpoints in use")

    def retention(self) -> Outcome:
        """See `Settings.retention`; object lock protects versions, and lets new ones be written."""
        lock = self._read(_Reading.LOCK).get("ObjectLockConfiguration", {})
        kept = lock.get("Rule", {}).get("DefaultRetention", {})
        if not kept:
            return Outcome.ok("no default retention")
        term = f"{kept['Years']} years" if "Years" in kept else f"{kept.get('Days')} days"
        return Outcome.warning(
            f"object lock keeps, and bills, each written version for {term} ({kept.get('Mode')})",
            "use a bucket without default retention, or: aws s3api put-object-lock-configuration "
            f"--bucket {self._bucket} --object-lock-configuration ObjectLockEnabled=Enabled",
        )

    def soft_delete(self) -> Outcome:
        """See `Settings.soft_delete`; S3 has none."""
        return Outcome.ok("S3 has none")

    def encryption(self) -> Outcome:
        """See `Settings.encryption`."""
        if "sse" in self._options or "kms_key" in self._options:
            return Outcome.ok("each write asks for encryption, as the URL says")
        told = self._read(_Reading.ENCRYPTION).get("ServerSideEncryptionConfiguration", {})
        for rule in told.get("Rules", ()):
            default = rule.get("ApplyServerSideEncryptionByDefault", {})
            if default.get("SSEAlgorithm"):
                return Outcome.ok(f"encrypted by default: {default['SSEAlgorithm']}")
        if self._is_aws:  # which encrypts everything since January 2023
            return Outcome.ok("encrypted by S3's own keys")
        return Outcome.warning(
            "nothing is encrypted by default",
            "turn default encryption on, or add sse=AES256 to the URL where the store has it",
        )

    def public_access(self) -> Outcome:
        """See `Settings.public_access`."""
        try:
            if self._read(_Reading.POLICY_STATUS).get("PolicyStatus", {}).get("IsPublic"):
                return Outcome.failed(
                    "the bucket's policy lets anybody in",
                    "remove that from the policy, and block public access: " + self._block,
                )
        except UnseenError:
            pass  # the block decides, whatever the policy is
        told = self._read(_Reading.BLOCKS).get("PublicAccessBlockConfiguration", {})
        missing = [name for name in _BLOCKS if told.get(name) is not True]
        if not missing:
            return Outcome.ok("public access is blocked")
        return Outcome.warning(
            f"the bucket does not block public access ({', '.join(missing)}); the account may",
            self._block,
        )

    def enforcement(self, folder: str) -> Outcome:
        """See `Settings.enforcement`."""
        policy = self._read(_Reading.POLICY).get("Policy")
        if policy is not None and refuses_unconditional_writes(policy, self._bucket, folder):
            return Outcome.ok("the bucket's policy refuses writes without a condition")
        if policy is None and not self._is_aws:
            msg = "the bucket has no policy, and the endpoint may know no such condition"
            raise UnseenError(msg)
        return Outcome.warning(
            "another program that may write can overwrite checkpoints unseen",
            f"add the policy that refuses writes without a condition ({_POLICY_PAGE}), or make the "
            "bucket with infra/modules/aws-checkpoint-bucket",
        )

    def close(self) -> None:
        """See `Settings.close`."""
        self._clients.close()

    @property
    def _block(self) -> str:
        blocks = ",".join(f"{name}=true" for name in _BLOCKS)
        return (
            f"aws s3api put-public-access-block --bucket {self._bucket} "
            f"--public-access-block-configuration {blocks}"
        )

    @cached_property
    def _is_aws(self) -> bool:
        return is_aws(self._clients.endpoint_url)

    def _rules(self) -> Iterator[Mapping[str, Any]]:
        for rule in self._read(_Reading.LIFECYCLE).get("Rules", ()):
            if rule.get("Status") == "Enabled":
                yield rule

    def _read(self, reading: _Reading) -> Mapping[str, Any]:
        """Return a setting; empty when it is not set.

        Raises:
            UnseenError: The credentials may not read it, or the endpoint does not tell.
        """
        client = self._clients.within(None, "")
        # What follows asks an operation only for its name, its words and its right.
        operation = cast("Operation", reading)
        try:
            answer: Mapping[str, Any] = getattr(client, reading.method)(Bucket=self._bucket)
        except Exception as problem:  # noqa: BLE001 - it is told by what the store makes of it
            if answer_code(problem, operation) in _NOT_SET:
                return {}
            error = store_error(problem, Request(operation, self._bucket, ""))
            if isinstance(error, AccessDeniedError):
                msg = f"{reading.right} is missing, which would let the doctor look"
                fix = f"grant {reading.right} to the credentials in use, and ask again"
                raise UnseenError(msg, fix) from error
            raise UnseenError(happened(error)) from error
        return answer


def _prefix_of(rule: Mapping[str, Any]) -> str:
    selected = rule.get("Filter", {})
    prefix = selected.get("And", {}).get("Prefix") or selected.get("Prefix") or rule.get("Prefix")
    return str(prefix or "")


def _is_for_all(rule: Mapping[str, Any], folder: str) -> bool:
    """Tell whether a rule is for every object of a folder."""
    selected = rule.get("Filter", {})
    narrows = (selected.keys() | selected.get("And", {}).keys()) - {"And", "Prefix"}
    return not narrows and folder.startswith(_prefix_of(rule))


def _is_for_some(rule: Mapping[str, Any], folder: str) -> bool:
    """Tell whether a rule may be for an object of a folder; checkpoints have no tags."""
    selected = rule.get("Filter", {})
    prefix = _prefix_of(rule)
    has_tags = {"Tag", "Tags"} & (selected.keys() | selected.get("And", {}).keys())
    return not has_tags and (folder.startswith(prefix) or prefix.startswith(folder))
