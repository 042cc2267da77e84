"""How a bucket of Google Cloud Storage is set up, as far as the credentials may read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from bucketpoint.cli.doctor.outcomes import Outcome, UnseenError, happened
from bucketpoint.errors import AccessDeniedError
from bucketpoint.stores.gcs_client import GoogleClient
from bucketpoint.stores.gcs_errors import Operation, Request, store_error

__all__ = ["GCSSettings"]

_FIELDS = (
    "defaultEventBasedHold,encryption,iamConfiguration,lifecycle,retentionPolicy,"
    "softDeletePolicy,versioning"
)
_OF_OLD_VERSIONS = frozenset(
    {"daysSinceNoncurrentTime", "noncurrentTimeBefore", "numNewerVersions"}
)
_OF_CUSTOM_TIME = frozenset({"customTimeBefore", "daysSinceCustomTime"})
"""Conditions on a time that checkpoints do not have."""
_DAY_S = 24 * 3600
_PAGE = "docs/howto/gcs.md"


class GCSSettings:
    """The settings of one bucket, read by a client of their own in one request.

    Args:
        bucket: The bucket's name.
        options: Those of the store's URL.
    """

    def __init__(self, bucket: str, options: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._options = options
        self._client = GoogleClient(
            bucket,
            client=None,
            project=options.get("project"),
            endpoint_url=options.get("endpoint_url"),
        )

    def endpoint(self) -> Outcome:
        """See `Settings.endpoint`."""
        return Outcome.ok("Google's own protocol, whose conditions hold")

    def versioning(self) -> Outcome:
        """See `Settings.versioning`."""
        if self._keeps_versions:
            return Outcome.ok("versioning is on")
        return Outcome.warning(
            "versioning is off, so there is no history to go back to",
            f"gcloud storage buckets update gs://{self._bucket} --versioning",
        )

    def old_versions(self, folder: str) -> Outcome:
        """See `Settings.old_versions`."""
        for action, when in self._rules():
            is_narrow = when.keys() & {"matchesStorageClass", "matchesSuffix"}
            if action == "Delete" and _is_of_old_versions(when) and not is_narrow:
                prefixes = when.get("matchesPrefix") or [""]
                if any(folder.startswith(prefix) for prefix in prefixes):
                    return Outcome.ok("a rule removes old versions")
        if not self._keeps_versions:
            return Outcome.ok("no versions are kept, so there are none to remove")
        return Outcome.warning(
            "no lifecycle rule removes old versions, which are kept, and billed, for ever",
            f"add a rule with daysSinceNoncurrentTime for the prefix ({_PAGE})",
        )

    def live_objects(self, folder: str) -> Outcome:
        """See `Settings.live_objects`."""
        for action, when in self._rules():
            prefixes = when.get("matchesPrefix") or [""]
            if _is_of_old_versions(when) or when.keys() & _OF_CUSTOM_TIME:
                continue
            if not any(folder.startswith(each) or each.startswith(folder) for each in prefixes):
                continue
            if action == "Delete":
                return Outcome.warning(
                    "a lifecycle rule deletes checkpoints, those of runs that wait, too",
                    "limit it by matchesPrefix, or by isLive: false",
                )
            if action == "SetStorageClass":
                return Outcome.warning(
                    "a lifecycle rule moves checkpoints to another storage class",
                    "limit it by matchesPrefix: other classes bill an overwritten object for a "
                    "minimum time",
                )
        return Outcome.ok("no lifecycle rule touches checkpoints in use")

    def retention(self) -> Outcome:
        """See `Settings.retention`."""
        term = int(self._told.get("retentionPolicy", {}).get("retentionPeriod", 0))
        if term:
            return Outcome.failed(
                f"a retention policy forbids to replace an object for {_days(term)}",
                f"gcloud storage buckets update gs://{self._bucket} --clear-retention-period, or "
                "use another bucket when the policy is locked",
            )
        if self._told.get("defaultEventBasedHold"):
            return Outcome.failed(
                "each new object is put on hold, and cannot be replaced",
                f"gcloud storage buckets update gs://{self._bucket} --no-default-event-based-hold",
            )
        return Outcome.ok("no retention policy and no default hold")

    def soft_delete(self) -> Outcome:
        """See `Settings.soft_delete`."""
        term = int(self._told.get("softDeletePolicy", {}).get("retentionDurationSeconds", 0))
        if not term:
            return Outcome.ok("off")
        return Outcome.warning(
            f"each overwritten checkpoint is kept, and billed, for {_days(term)}, where nothing "
            "here can read it; so is what this trial wrote",
            f"gcloud storage buckets update gs://{self._bucket} --clear-soft-delete",
        )

    def encryption(self) -> Outcome:
        """See `Settings.encryption`."""
        if "kms_key" in self._options:
            return Outcome.ok("each write names a KMS key, as the URL says")
        if self._told.get("encryption", {}).get("defaultKmsKeyName"):
            return Outcome.ok("encrypted by a KMS key of yours")
        return Outcome.ok("encrypted by Google's own keys")

    def public_access(self) -> Outcome:
        """See `Settings.public_access`."""
        told = self._told.get("iamConfiguration", {})
        if told.get("publicAccessPrevention") == "enforced":
            return Outcome.ok("public access is prevented")
        return Outcome.warning(
            "the bucket does not prevent public access; the organisation may",
            f"gcloud storage buckets update gs://{self._bucket} --public-access-prevention",
        )

    def enforcement(self, folder: str) -> Outcome:
        """See `Settings.enforcement`; Google's policies see no conditions."""
        del folder
        return Outcome.ok("Google has no such policy")

    def close(self) -> None:
        """See `Settings.close`."""
        self._client.close()

    @property
    def _keeps_versions(self) -> bool:
        return self._told.get("versioning", {}).get("enabled") is True

    def _rules(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield what each lifecycle rule does, and when."""
        for rule in self._told.get("lifecycle", {}).get("rule", ()):
            yield str(rule.get("action", {}).get("type")), rule.get("condition", {})

    @property
    def _told(self) -> Mapping[str, Any]:
        """What Google tells of the bucket.

        Raises:
            UnseenError: It does not.
        """
        told = self._answer
        if isinstance(told, UnseenError):
            raise UnseenError(told.outcome.found, told.outcome.fix)
        return told

    @cached_property
    def _answer(self) -> Mapping[str, Any] | UnseenError:
        billed = self._options.get("user_project")
        query = {"fields": _FIELDS} | ({"userProject": billed} if billed else {})
        base = self._client.base_url
        url = f"{base}/storage/v1/b/{quote(self._bucket, safe='')}?{urlencode(query)}"
        operation = Operation.GET_VERSIONING
        try:
            told: Mapping[str, Any] = json.loads(
                self._client.send(operation.method, url, timeout=None).content
            )
        except Exception as problem:  # noqa: BLE001 - it is told by what the store makes of it
            error = store_error(problem, Request(operation, self._bucket, ""))
            if isinstance(error, AccessDeniedError):
                right = operation.right
                return UnseenError(
                    f"{right} is missing, which would let the doctor look",
                    f"grant {right} on the bucket to the account in use, and ask again",
                )
            return UnseenError(happened(error))
        return told


def _is_of_old_versions(when: Mapping[str, Any]) -> bool:
    return when.get("isLive") is False or bool(when.keys() & _OF_OLD_VERSIONS)


def _days(seconds: int) -> str:
    days = seconds / _DAY_S
    if days == 1:
        return "a day"
    return f"{days:g} days" if days > 1 else f"{seconds} seconds"
