"""What the failures of Google's SDK mean: the one place that knows both its errors and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    RetentionPolicyError,
    StoreConfigurationError,
    StoreUnavailableError,
)
from bucketpoint.stores.failures import (
    BUSY,
    CONFLICT,
    INSECURE,
    INVALID,
    THROTTLED,
    UNKNOWN,
    UNREACHED,
    UNSENDABLE_CREDENTIALS,
    Request,
    StoreOperation,
    Verdict,
    error_of,
    is_failed_connection,
    is_failed_handshake,
    refused,
    shown,
)

__all__ = ["Missing", "Operation", "Request", "missing", "status_of", "store_error"]


class Operation(StoreOperation):
    """What the store asks of Google Cloud Storage, by the method of HTTP."""

    OPEN = ("", "use", "storage.objects.list")
    GET = ("GET", "read", "storage.objects.get")
    PUT = ("POST", "write", "storage.objects.create and storage.objects.delete")
    DELETE = ("DELETE", "delete", "storage.objects.delete")
    LIST = ("GET", "list", "storage.objects.list")
    LIST_VERSIONS = ("GET", "list the versions of", "storage.objects.list")
    DELETE_VERSION = ("DELETE", "delete a version of", "storage.objects.delete")
    GET_VERSIONING = ("GET", "find the versions of", "storage.buckets.get")

    @property
    def is_of_bucket(self) -> bool:
        """Whether it asks for the bucket, not for an object in it."""
        return self in {Operation.LIST, Operation.LIST_VERSIONS, Operation.GET_VERSIONING}


class Missing(Enum):
    """What a 404 says is not there."""

    OBJECT = auto()
    BUCKET = auto()
    EITHER = auto()


_DENIED = refused(
    AccessDeniedError,
    "grant {right} on the bucket to the account in use, and look for a policy that denies it",
)
_OUT_OF_SCOPE = refused(
    AccessDeniedError,
    "the credentials' scopes do not allow it; give the virtual machine, function or token the "
    "scope devstorage.read_write or cloud-platform",
)
_PERIMETER = refused(
    AccessDeniedError,
    "a policy of the organisation, such as a VPC Service Controls perimeter, forbids it from "
    "here; run inside the perimeter, or have an ingress rule added",
)
_UNAUTHENTICATED = refused(
    AccessDeniedError,
    "the store does not accept the credentials in use, which are wrong, expired or revoked; get "
    "new ones, or log in again with: gcloud auth application-default login",
)
_ANONYMOUS = refused(
    AccessDeniedError,
    "the store asks for credentials, and the client was made without any; leave out the "
    "anonymous credentials, and STORAGE_EMULATOR_HOST where no emulator is meant",
)
_NO_CREDENTIALS = refused(
    AccessDeniedError,
    "the SDK found no credentials; log in with: gcloud auth application-default login, or set "
    "GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is attached",
    never_sent=True,
)
_UNAVAILABLE_CREDENTIALS = refused(
    AccessDeniedError,
    "the SDK could not obtain or refresh its token; log in again with: gcloud auth "
    "application-default login, or correct the service account that is used",
)
_TOKENS_UNREACHED = Verdict(
    StoreUnavailableError,
    "could not {what}, for the SDK could not reach the server that gives it tokens ({reason}); "
    "nothing was applied: check the network and proxies, and call again",
)
_CLOCK = refused(
    StoreConfigurationError,
    "this machine's clock is wrong by more than Google allows; set it, best by NTP",
)
_WRONG_SETTINGS = refused(
    StoreConfigurationError,
    "the SDK cannot use its settings; correct the argument or environment variable that its own "
    "error names",
    never_sent=True,
)
_BUCKET = refused(
    BucketNotFoundError, "there is no such bucket; create it, or correct its name or the endpoint"
)
_LOCKED = refused(
    RetentionPolicyError,
    "a retention policy or hold protects it; lift that, wait for its end, or use a bucket "
    "without one",
)
_KMS_DENIED = refused(
    AccessDeniedError,
    "grant roles/cloudkms.cryptoKeyEncrypterDecrypter on the key to the project's Cloud Storage "
    "service agent, which encrypts in your place",
)
_KMS_UNUSABLE = refused(
    StoreConfigurationError,
    "the KMS key cannot be used: enable it, correct its name, or choose one in the bucket's "
    "location",
)
_USER_PROJECT = refused(
    StoreConfigurationError,
    "who asks pays for this bucket; name the project to be billed with user_project=",
)
_PROJECT_DENIED = refused(
    AccessDeniedError,
    "the project to be billed cannot be used: correct user_project= or the credentials' quota "
    "project, or grant roles/serviceusage.serviceUsageConsumer on it",
)
_BILLING = refused(
    StoreConfigurationError,
    "billing is off for the project of the bucket, or for the one to be billed; link a billing "
    "account to it",
)
_API_OFF = refused(
    StoreConfigurationError,
    "the project has no Cloud Storage API; turn it on with: gcloud services enable "
    "storage.googleapis.com",
)
_QUOTA = refused(
    StoreConfigurationError,
    "a quota of the project is used up; have it raised, or wait for the next day",
)
_ORGANISATION = refused(
    StoreConfigurationError,
    "a constraint of the organisation's policy forbids such an object; have it changed, or use a "
    "bucket that conforms",
)
_TOO_LARGE = refused(StoreConfigurationError, "the store takes no object of this size; store less")
_REDIRECT = refused(
    StoreConfigurationError,
    "something redirects requests, which is not followed; nothing was applied. Correct "
    "endpoint_url=, or log in to the network",
)
_PROXY_LOGIN = refused(
    StoreConfigurationError,
    "a proxy wants a login; correct HTTPS_PROXY, or leave the proxy out with NO_PROXY",
)
_NO_GCS = refused(
    StoreConfigurationError,
    "the endpoint does not speak the JSON API of Google Cloud Storage; correct endpoint_url=",
)

_BY_REASON: dict[str, Verdict] = {
    "conditionNotMet": CONFLICT,
    **dict.fromkeys(("objectUnderActiveHold", "retentionPolicyNotMet"), _LOCKED),
    "orgPolicyConstraintFailed": _ORGANISATION,
    **dict.fromkeys(
        ("rateLimitExceeded", "usageLimits.rateLimitExceeded", "userRateLimitExceeded"), THROTTLED
    ),
    **dict.fromkeys(("dailyLimitExceeded", "quotaExceeded"), _QUOTA),
    **dict.fromkeys(("accountDisabled", "userProjectAccountProblem"), _BILLING),
    **dict.fromkeys(
        ("SERVICE_DISABLED", "accessNotConfigured", "usageLimits.accessNotConfigured"), _API_OFF
    ),
    **dict.fromkeys(("AuthenticationRequiredRequesterPays", "userProjectMissing"), _USER_PROJECT),
    **dict.fromkeys(
        ("userProjectAccessDenied", "userProjectInconsistent", "userProjectInvalid"),
        _PROJECT_DENIED,
    ),
    **dict.fromkeys(
        (
            *("cloudKmsBadKey", "cloudKmsCannotChangeKeyName", "cloudKmsDecryptionKeyNotFound"),
            *("cloudKmsDisabledKey", "cloudKmsEncryptionKeyNotFound"),
            "cloudKmsKeyLocationNotAllowed",
        ),
        _KMS_UNUSABLE,
    ),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _OUT_OF_SCOPE,
    "insufficientPermissions": _OUT_OF_SCOPE,
}

_BY_WORDS: tuple[tuple[int, re.Pattern[str], Verdict], ...] = (
    (400, re.compile("requester pays|user project"), _USER_PROJECT),
    (400, re.compile("kms|cryptokey"), _KMS_UNUSABLE),
    (400, re.compile("bucket name"), _BUCKET),
    (400, re.compile("crc32c|md5"), BUSY),  # it was damaged on its way
    (403, re.compile(r"retention|\bholds?\b"), _LOCKED),
    (403, re.compile("kms|cryptokey"), _KMS_DENIED),
    (403, re.compile("billing"), _BILLING),
    (403, re.compile("has not been used in project"), _API_OFF),
    (403, re.compile("serviceusage|requester pays|user project"), _PROJECT_DENIED),
    (403, re.compile("vpc service controls|organization's policy"), _PERIMETER),
    (403, re.compile("scope"), _OUT_OF_SCOPE),
)
"""Where Google gives only a general reason: the status, and words of its message."""

_BY_STATUS: dict[int, Verdict] = {
    304: CONFLICT,
    401: _UNAUTHENTICATED,
    403: _DENIED,
    405: _NO_GCS,
    407: _PROXY_LOGIN,
    408: UNKNOWN,
    409: UNKNOWN,
    412: CONFLICT,
    413: _TOO_LARGE,
    429: THROTTLED,
    499: UNKNOWN,
    501: _NO_GCS,
}

_BY_CLASS: dict[str, Verdict] = {
    "ConnectTimeout": UNREACHED,
    "InvalidHeader": UNSENDABLE_CREDENTIALS,
    **dict.fromkeys(
        ("InvalidProxyURL", "InvalidSchema", "InvalidURL", "MissingSchema"),
        _WRONG_SETTINGS,
    ),
    **dict.fromkeys(("ClientCertError", "MutualTLSChannelError"), _WRONG_SETTINGS),
    "TransportError": _TOKENS_UNREACHED,
    "InvalidOperation": _ANONYMOUS,
    "DefaultCredentialsError": _NO_CREDENTIALS,
    "GoogleAuthError": _UNAVAILABLE_CREDENTIALS,
}

_NO_BUCKET = re.compile(r"bucket\b.*\b(does not exist|not found)")
_NO_OBJECT = re.compile("no such object")
_WRONG_CLOCK = re.compile(r"short-lived token|\biat\b|used too early")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_RIGHT = re.compile(r"\bstorage\.(?:buckets|objects)\.[a-zA-Z]+")


def store_error(error: BaseException, request: Request[Operation]) -> BucketpointError:
    """Return the store's error for what the SDK raised on a request, or made of its answer.

    | from the SDK | error |
    | --- | --- |
    | 412, 304; 404 of an object that is written or deleted | `PreconditionFailedError` |
    | 429 and other rate limits | unknown, `throttled` |
    | 5xx, 408, 409, 499 | unknown |
    | 404 of the bucket | `BucketNotFoundError` |
    | 401; credentials that are missing or cannot be refreshed | `AccessDeniedError` |
    | 403; rights on a KMS key or on the project to be billed | `AccessDeniedError` |
    | a retention policy or hold | `RetentionPolicyError` |
    | a wrong clock, found when a token is signed | `StoreConfigurationError` |
    | billing or the API is off, a quota is used up, the requester must pay, a KMS key that cannot be used, the organisation's policy | `StoreConfigurationError` |
    | 3xx (never followed), 405, 407, 501, any other 4xx | `StoreConfigurationError` |
    | 400 for a wrong checksum | `StoreUnavailableError` |
    | connection refused, not resolved, not made in time, no proxy, no token server | `StoreUnavailableError` |
    | a failed TLS handshake | `StoreConfigurationError` |
    | an endpoint, certificate file or other setting that cannot be used | `StoreConfigurationError` |
    | anything else: read time-outs, resets, cut or garbled answers | unknown |

    Unknown is `OutcomeUnknownError` for a write and `StoreUnavailableError` for a read. A write
    through a session that repeats requests on its own is unknown whatever the last answer says.

    The text names bucket and key, the store's reason or the SDK's class, and what to do. It
    repeats nothing else of theirs, whose text may quote URLs and headers.
    """
    status = status_of(error)
    reason = next(filter(shown, _reasons(error)), "")
    return error_of(
        _of_answer(error, request) if status else _of_exception(error, request),
        request,
        sent_once=not request.may_be_resent,
        reason=f"{status} {reason}".rstrip() if status else type(error).__name__,
        right=_right(error, request),
    )


def status_of(error: BaseException | None) -> int:
    """Return the HTTP status of the answer that the error was made of; 0 where there was none."""
    code = getattr(error, "code", None)
    return int(code) if isinstance(code, int) else 0


def missing(error: BaseException, request: Request[Operation]) -> Missing | None:
    """Tell what is not there; None when the error says nothing of the kind.

    Google's message tells bucket and object apart; that of others may not.
    """
    if status_of(error) != HTTPStatus.NOT_FOUND:
        return None
    said = _said(error, request)
    if request.operation.is_of_bucket or _NO_BUCKET.search(said):
        return Missing.BUCKET
    return Missing.OBJECT if _NO_OBJECT.search(said) else Missing.EITHER


def _of_answer(error: BaseException, request: Request[Operation]) -> Verdict:
    absent = missing(error, request)
    if absent is not None:
        return _BUCKET if absent is Missing.BUCKET else CONFLICT
    status = status_of(error)
    for reason in _reasons(error):
        if reason in _BY_REASON:
            return _BY_REASON[reason]
    said = _said(error, request)
    for of_status, words, verdict in _BY_WORDS:
        if status == of_status and words.search(said):
            return verdict
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UNKNOWN
    return INVALID if status >= HTTPStatus.BAD_REQUEST else _REDIRECT


def _of_exception(error: BaseException, request: Request[Operation]) -> Verdict:
    if is_failed_handshake(error):
        return INSECURE
    names = [cls.__name__ for cls in type(error).__mro__]
    if "RefreshError" in names and _WRONG_CLOCK.search(str(error)):
        return _CLOCK
    if getattr(error, "retryable", False):
        return _TOKENS_UNREACHED
    for name in names:
        if name in _BY_CLASS:
            return _BY_CLASS[name]
    if is_failed_connection(error):
        return UNREACHED
    # Everything of the network is wrapped; what is left bare is a certificate file not found.
    is_bare = type(error) is OSError or request.operation is Operation.OPEN
    return _WRONG_SETTINGS if is_bare else UNKNOWN


def _reasons(error: BaseException) -> list[str]:
    """Return the reasons that the store gives, such as `rateLimitExceeded`."""
    details = [*getattr(error, "errors", ()), *getattr(error, "details", ())]
    given = [cast("Mapping[str, Any]", each) for each in details if isinstance(each, Mapping)]
    return [str(each["reason"]) for each in given if each.get("reason")]


def _said(error: BaseException, request: Request[Operation]) -> str:
    """Return the store's message in lower case, without names that may hold words of their own."""
    said = _QUOTED.sub("", str(getattr(error, "message", "")))
    return said.replace(f"/{request.key}", "").lower()


def _right(error: BaseException, request: Request[Operation]) -> str:
    """Return the right that the store names, or else what the operation needs."""
    named = _RIGHT.search(str(getattr(error, "message", "")))
    return named.group() if named else request.operation.right
