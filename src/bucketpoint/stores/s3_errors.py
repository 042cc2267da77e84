"""What the failures of boto3 mean: the one place that knows both its errors and ours."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from bucketpoint.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    RetentionPolicyError,
    StoreConfigurationError,
    StoreFullError,
    UnsupportedError,
    UnsupportedStoreError,
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
    quotes_credentials,
    refused,
    shown,
)

__all__ = ["Operation", "Request", "answer_code", "store_error"]


class Operation(StoreOperation):
    """What the store asks of a boto3 client, by the client's method."""

    OPEN = ("", "use", "s3:ListBucket")
    GET = ("get_object", "read", "s3:GetObject")
    GET_VERSION = ("get_object", "read an earlier version of", "s3:GetObjectVersion")
    PUT = ("put_object", "write", "s3:PutObject and s3:GetObject")
    DELETE = ("delete_object", "delete", "s3:DeleteObject and s3:GetObject")
    LIST = ("list_objects_v2", "list", "s3:ListBucket")
    LIST_VERSIONS = ("list_object_versions", "list the versions of", "s3:ListBucketVersions")
    DELETE_VERSION = ("delete_object", "delete a version of", "s3:DeleteObjectVersion")
    GET_VERSIONING = ("get_bucket_versioning", "find the versions of", "s3:GetBucketVersioning")

    @property
    def api_name(self) -> str:
        """What the SDK's own errors call it."""
        return self.method.title().replace("_", "")


_DENIED = refused(
    AccessDeniedError,
    "grant {right} to the credentials in use, and look for a policy that denies it",
)
_KMS_DENIED = refused(
    AccessDeniedError,
    "grant kms:GenerateDataKey and kms:Decrypt on the KMS key to the credentials in use",
)
_LOCKED = refused(
    RetentionPolicyError,
    "a retention policy or hold protects it; lift that, wait for its end, or use a bucket "
    "without object lock",
)
_ELSEWHERE = refused(
    StoreConfigurationError,
    "the bucket is in another region than the client{region}, or the endpoint has moved, as from "
    "http to https; give region=, or another endpoint_url=",
)
_NOT_IMPLEMENTED = refused(
    UnsupportedStoreError,
    "the endpoint does not implement what the request needs: conditional writes, or the "
    "encryption that was asked for; use a store, or a release of it, that does",
)
_NOT_POSSIBLE = refused(UnsupportedError, "the store cannot do that; do without it")
_NO_CREDENTIALS = refused(
    AccessDeniedError,
    "the SDK found no complete credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "give profile=, or run where a role provides them",
    never_sent=True,
)
_UNAVAILABLE_CREDENTIALS = refused(
    AccessDeniedError,
    "the SDK could not obtain or refresh its credentials; log in again, or correct the role or "
    "profile that provides them",
)
_WRONG_SETTINGS = refused(
    StoreConfigurationError,
    "the SDK cannot use its settings; correct the argument, environment variable or profile that "
    "its own error names",
    never_sent=True,
)
_WRONG_ARGUMENT = refused(
    InvalidInputError, "the bucket or key is not one that S3 can have; correct it", never_sent=True
)

_BY_CODE: dict[str, Verdict] = {
    **dict.fromkeys(
        (
            *("ConcurrentModification", "ConditionalRequestConflict", "NoSuchKey"),
            *("NoSuchVersion", "PreconditionFailed"),
        ),
        CONFLICT,
    ),
    **dict.fromkeys(("OperationAborted", "TemporaryRedirect"), BUSY),
    **dict.fromkeys(
        (
            *("BandwidthLimitExceeded", "KMS.ThrottlingException", "RequestLimitExceeded"),
            *("SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException"),
            *("TooManyRequests", "TooManyRequestsException"),
        ),
        THROTTLED,
    ),
    **dict.fromkeys(("InternalError", "RequestTimeout", "ServiceUnavailable"), UNKNOWN),
    **dict.fromkeys(
        ("InvalidBucketName", "NoSuchBucket"),
        refused(
            BucketNotFoundError,
            "there is no such bucket; create it, or correct its name, the endpoint or the account",
        ),
    ),
    **dict.fromkeys(
        ("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
        _ELSEWHERE,
    ),
    "SignatureDoesNotMatch": refused(
        AccessDeniedError,
        "the secret key does not belong to the access key, or something between changes the "
        "request; correct the credentials, and keep proxies from rewriting headers",
    ),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken"),
        refused(
            AccessDeniedError,
            "the store does not know the credentials in use; correct them, and check that they "
            "are of this endpoint",
        ),
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        refused(
            AccessDeniedError, "the credentials in use have expired; get new ones, or log in again"
        ),
    ),
    "RequestTimeTooSkewed": refused(
        StoreConfigurationError,
        "this machine's clock is wrong by more than the store allows; set it, best by NTP",
    ),
    **dict.fromkeys(
        ("KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException"),
        refused(
            StoreConfigurationError,
            "the KMS key is disabled, being deleted, or not there; enable it, or name another",
        ),
    ),
    **dict.fromkeys(("InvalidRetentionPeriod", "ObjectLocked"), _LOCKED),
    "InvalidObjectState": refused(
        StoreConfigurationError,
        "the object is archived; restore it, and keep lifecycle rules from archiving this prefix",
    ),
    **dict.fromkeys(
        ("InsufficientCapacity", "QuotaExceeded", "XMinioStorageFull"),
        refused(StoreFullError, "the store or its quota is full; make room and call again"),
    ),
    "KeyTooLongError": refused(
        UnsupportedError, "the store cannot hold so long a key; shorten the ID or the prefix"
    ),
    **dict.fromkeys(
        ("EntityTooLarge", "MaxMessageLengthExceeded"),
        refused(StoreConfigurationError, "the store takes no object of this size; store less"),
    ),
    **dict.fromkeys(
        ("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"),
        refused(
            StoreConfigurationError,
            "the endpoint disputes the checksum; away from AWS make the client with "
            "request_checksum_calculation='when_required', else look for what changes requests",
        ),
    ),
    **dict.fromkeys(("MethodNotAllowed", "NotImplemented"), _NOT_IMPLEMENTED),
    "IncompleteBody": BUSY,
}

_BY_STATUS: dict[int, Verdict] = {
    **dict.fromkeys((301, 302, 303, 307, 308), _ELSEWHERE),
    403: _DENIED,
    404: refused(
        BucketNotFoundError,
        "nothing at the endpoint answers as this bucket; check endpoint_url= and the bucket's name",
    ),
    405: _NOT_IMPLEMENTED,
    408: UNKNOWN,
    **dict.fromkeys((421, 425), BUSY),
    409: UNKNOWN,
    412: CONFLICT,
    429: THROTTLED,
    499: UNKNOWN,
    501: _NOT_IMPLEMENTED,
}

_BY_CLASS: dict[str, Verdict] = {
    **dict.fromkeys(("ConnectTimeoutError", "EndpointConnectionError"), UNREACHED),
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError"), _NO_CREDENTIALS),
    **dict.fromkeys(
        (
            *("CredentialRetrievalError", "LoginError", "MetadataRetrievalError"),
            *("RefreshWithMFAUnsupportedError", "SSOError", "TokenRetrievalError"),
        ),
        _UNAVAILABLE_CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            *("BaseEndpointResolverError", "ConfigNotFound", "ConfigParseError"),
            *("EndpointProviderError", "InvalidConfigError", "InvalidEndpointConfigurationError"),
            *("InvalidProxiesConfigError", "InvalidRegionError", "InvalidRetryConfigurationError"),
            *("InvalidS3AddressingStyleError", "MissingDependencyException", "ProfileNotFound"),
            *("UnknownCredentialError", "UnsupportedS3ArnError", "UnsupportedS3ConfigurationError"),
        ),
        _WRONG_SETTINGS,
    ),
    **dict.fromkeys(("ParamValidationError", "UnicodeEncodeError"), _WRONG_ARGUMENT),
}

_LOCK_WORDS = ("object lock", "worm protected", "legal hold")


def store_error(error: BaseException, request: Request[Operation]) -> BucketpointError:
    """Return the store's error for what the SDK raised on a request.

    | from the SDK | error |
    | --- | --- |
    | 412; 409 `ConditionalRequestConflict`; 404 `NoSuchKey` of a write | `PreconditionFailedError` |
    | 409 `OperationAborted`, 307 `TemporaryRedirect` | `StoreUnavailableError` |
    | 429, `SlowDown` and other throttling | unknown, `throttled` |
    | other 5xx, 408, 409, 499, `RequestTimeout` | unknown |
    | `NoSuchBucket`, 404 of no S3 | `BucketNotFoundError` |
    | other redirects, `AuthorizationHeaderMalformed`: a wrong region | `StoreConfigurationError` |
    | unknown, wrong or expired credentials; other 403 | `AccessDeniedError` |
    | `RequestTimeTooSkewed` | `StoreConfigurationError` |
    | a KMS key that is denied / disabled or gone | `AccessDeniedError` / `StoreConfigurationError` |
    | object lock | `RetentionPolicyError` |
    | a full store or quota | `StoreFullError` |
    | 405, 501 of a put / of others; `KeyTooLongError` | `UnsupportedStoreError` / `UnsupportedError` |
    | any other 4xx | `StoreConfigurationError` |
    | no connection, to the store or to a proxy before it | `StoreUnavailableError` |
    | a failed TLS handshake | `StoreConfigurationError` |
    | credentials that are missing, partial, or cannot be refreshed | `AccessDeniedError` |
    | profile, region, endpoint or other settings that cannot be used | `StoreConfigurationError` |
    | a bucket or key that cannot be one | `InvalidInputError` |
    | anything else: read time-outs, resets, cut or garbled answers | unknown |

    Unknown is `OutcomeUnknownError` for a write and `StoreUnavailableError` for a read. A write
    that may have been sent more than once is unknown whatever the last answer says: the answer
    tells by `RetryAttempts`; without an answer, a client whose retries are on may have.

    The text names bucket and key, the SDK's error code or class, and what to do. It repeats
    nothing else of the SDK's, whose text may quote headers.
    """
    return error_of(
        _verdict(error, request),
        request,
        sent_once=_was_sent_once(error, request),
        reason=shown(_code(error)) or type(error).__name__,
        right=request.operation.right,
        region=_region(error),
    )


def answer_code(error: BaseException | None, operation: Operation) -> str:
    """Return the error code of the answer to the operation, such as `NoSuchKey`, or nothing."""
    return _code(error) if error is not None and _is_of(error, operation) else ""


def _verdict(error: BaseException, request: Request[Operation]) -> Verdict:
    if _answer(error):
        return _of_answer(error, request)
    wrapped = _part(vars(error), "kwargs").get("error")
    if isinstance(wrapped, BaseException):
        if is_failed_handshake(wrapped):
            return INSECURE
        if is_failed_connection(wrapped):
            return UNREACHED
    if quotes_credentials(error):
        return UNSENDABLE_CREDENTIALS
    for cls in type(error).__mro__:
        if cls.__name__ in _BY_CLASS:
            return _BY_CLASS[cls.__name__]
    return _WRONG_SETTINGS if request.operation is Operation.OPEN else UNKNOWN


def _of_answer(error: BaseException, request: Request[Operation]) -> Verdict:
    status = _metadata(error).get("HTTPStatusCode", 0)
    code = _code(error)
    fallback = INVALID if status < HTTPStatus.INTERNAL_SERVER_ERROR else UNKNOWN
    verdict = _BY_CODE.get(code) or _BY_STATUS.get(status, fallback)
    if not _is_of(error, request.operation):  # but of a request for credentials, before it
        return BUSY if verdict.kind is OutcomeUnknownError else _UNAVAILABLE_CREDENTIALS
    if verdict is _NOT_IMPLEMENTED and request.operation is not Operation.PUT:
        return _NOT_POSSIBLE
    if verdict in {_DENIED, INVALID}:
        message = str(_part(_answer(error), "Error").get("Message", "")).lower()
        if any(words in message for words in _LOCK_WORDS):
            return _LOCKED
        if verdict is _DENIED and (code.startswith("KMS.") or "kms:" in message):
            return _KMS_DENIED
    return verdict


def _was_sent_once(error: BaseException, request: Request[Operation]) -> bool:
    """Tell whether at most one sending of the request can have been applied."""
    if not request.may_be_resent:  # then the SDK repeats only what another region has refused
        return True
    attempts = _metadata(error).get("RetryAttempts") if _is_of(error, request.operation) else None
    return attempts == 0


def _is_of(error: BaseException, operation: Operation) -> bool:
    """Tell whether the answer is to the operation, not to a request that the SDK made on its own."""
    return getattr(error, "operation_name", None) == operation.api_name


def _region(error: BaseException) -> str:
    """Return the region that the answer names, in brackets."""
    named = _part(_answer(error), "Error").get("Region")
    region = named or _part(_metadata(error), "HTTPHeaders").get("x-amz-bucket-region")
    return f" ({shown(region)})" if region and shown(region) else ""


def _code(error: BaseException) -> str:
    return str(_part(_answer(error), "Error").get("Code", ""))


def _answer(error: BaseException) -> Mapping[str, Any]:
    return _part(vars(error), "response")


def _metadata(error: BaseException) -> Mapping[str, Any]:
    return _part(_answer(error), "ResponseMetadata")


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = of.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else {}
