"""What a failed request can mean, whichever SDK made it: verdicts, and the errors made of them."""

from __future__ import annotations

import re
import ssl
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, TypeVar

from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    OutcomeUnknownError,
    PreconditionFailedError,
    StoreConfigurationError,
    StoreUnavailableError,
)

__all__ = [
    "BUSY",
    "CONFLICT",
    "INSECURE",
    "INVALID",
    "THROTTLED",
    "UNKNOWN",
    "UNREACHED",
    "UNSENDABLE_CREDENTIALS",
    "Request",
    "StoreOperation",
    "Verdict",
    "error_of",
    "inner_errors",
    "is_failed_connection",
    "is_failed_handshake",
    "publishable",
    "quotes_credentials",
    "refused",
    "shown",
]


class StoreOperation(Enum):
    """What a store asks of its SDK; each store has an enumeration of its own.

    Attributes:
        method: What carries it out.
        words: What it does, in words.
        right: The right that it needs.
    """

    def __init__(self, method: str, words: str, right: str) -> None:
        self.method = method
        self.words = words
        self.right = right

    @property
    def writes(self) -> bool:
        """Whether it changes what is stored."""
        return self.name in {"PUT", "DELETE", "DELETE_VERSION"}


AnyOperation = TypeVar("AnyOperation", bound=StoreOperation)


@dataclass(frozen=True, slots=True)
class Request(Generic[AnyOperation]):
    """What was asked of an SDK.

    Attributes:
        operation: What for.
        bucket: The bucket.
        key: The object's key, or the prefix of a listing; empty for the bucket itself.
        may_be_resent: The SDK's retries are on, so that one call may be several requests.
    """

    operation: AnyOperation
    bucket: str
    key: str
    may_be_resent: bool = False

    @property
    def what(self) -> str:
        """Say what it does to what."""
        bucket = f"bucket {self.bucket!r}"
        return f"{self.operation.words} " + (f"{self.key!r} in {bucket}" if self.key else bucket)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure means.

    Attributes:
        kind: The error that says so.
        text: Its message; it may name `what`, `reason`, and what else the classifier fills in.
        throttled: The store asked for fewer requests.
        never_sent: It is found out before anything is sent, whatever retries are on.
    """

    kind: type[BucketpointError]
    text: str
    throttled: bool = False
    never_sent: bool = False


def refused(kind: type[BucketpointError], advice: str, *, never_sent: bool = False) -> Verdict:
    """Return the verdict that nothing was applied, and will not be until the advice is taken."""
    return Verdict(kind, "could not {what} ({reason}): " + advice, never_sent=never_sent)


UNKNOWN = Verdict(
    OutcomeUnknownError,
    "the answer to the request to {what} was lost or says nothing ({reason}); it may have been "
    "applied or may still be: read the object before writing it again",
)
THROTTLED = replace(UNKNOWN, throttled=True)
UNREACHED = Verdict(
    StoreUnavailableError,
    "could not {what}, for the store was not reached ({reason}); nothing was sent: check the "
    "endpoint, name resolution, proxies and the network, and call again",
)
BUSY = Verdict(
    StoreUnavailableError,
    "could not {what} for now ({reason}); nothing was applied: call again",
)
CONFLICT = Verdict(
    PreconditionFailedError,
    "could not {what}, which is not stored as the request asked for ({reason}); nothing was "
    "changed: read it and decide again",
)
INSECURE = refused(
    StoreConfigurationError,
    "no secure connection to the endpoint; nothing was sent. Check its scheme, its host name and "
    "its certificate, and which certificates this machine trusts",
)
INVALID = refused(
    StoreConfigurationError,
    "the store refuses such a request for good; nothing was applied. Its own error says more",
)
UNSENDABLE_CREDENTIALS = refused(
    AccessDeniedError,
    "the credentials cannot be sent, such as a token with a line break in it; set them anew",
)
_FAILED_READ = Verdict(
    StoreUnavailableError,
    "could not {what} ({reason}): call again; if it lasts, look at the network and at the store's "
    "own status",
)

_SHOWABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NEVER_CONNECTED = frozenset({"ConnectTimeoutError", "NameResolutionError", "NewConnectionError"})
_NO_TUNNEL = "Tunnel connection failed"
_HANDSHAKE = re.compile("ALERT|CERT|HANDSHAKE|UNKNOWN_PROTOCOL|UNSUPPORTED_PROTOCOL|VERSION")


def error_of(
    verdict: Verdict, request: Request[Any], *, sent_once: bool, **words: str
) -> BucketpointError:
    """Return the error for a verdict on one request.

    A read has no unknown outcome and no condition. A write that may have been sent more than once
    is unknown, whatever the last answer says.

    Args:
        verdict: What the failure means.
        request: The request.
        sent_once: At most one sending of it was made.
        words: What the verdict's text names besides the request.
    """
    writes, key = request.operation.writes, request.key or None
    if not writes and verdict.kind in {OutcomeUnknownError, PreconditionFailedError}:
        verdict = replace(_FAILED_READ, throttled=verdict.throttled)
    elif writes and not (verdict.never_sent or sent_once):
        verdict = replace(UNKNOWN, throttled=verdict.throttled)
    text = verdict.text.format(what=request.what, **words)
    kind = verdict.kind
    if issubclass(kind, (OutcomeUnknownError, StoreUnavailableError)):
        return kind(text, key=key, throttled=verdict.throttled)
    return kind(text, key=key)


def is_failed_handshake(error: BaseException) -> bool:
    """Tell whether TLS was refused before anything was sent; a broken session is no such thing."""
    for cause in inner_errors(error):
        # urllib3 has an error of its own for a certificate of another name.
        if isinstance(cause, ssl.SSLCertVerificationError) or _name(cause) == "CertificateError":
            return True
        if isinstance(cause, ssl.SSLError) and _is_of_handshake(cause):
            return True
    return False


def _is_of_handshake(error: ssl.SSLError) -> bool:
    # What breaks a session later, an alert for instance, can have the same reasons.
    where = (frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__))
    reason = getattr(error, "reason", None)
    return _HANDSHAKE.search(reason or "") is not None and "do_handshake" in where


def quotes_credentials(error: BaseException) -> bool:
    """Tell whether an SDK could not send a header, and repeats it, which may be a token."""
    return any(
        _name(cause) == "InvalidHeader" or "Invalid header value" in str(cause)
        for cause in inner_errors(error)
    )


def publishable(error: BaseException) -> BaseException | None:
    """Return what may be attached as the cause of an error."""
    return None if quotes_credentials(error) else error


def is_failed_connection(error: BaseException) -> bool:
    """Tell whether no connection was made, to the store or to the proxy before it."""
    return any(
        _name(cause) in _NEVER_CONNECTED or str(cause).startswith(_NO_TUNNEL)
        for cause in inner_errors(error)
    )


def _name(error: BaseException) -> str:
    return type(error).__name__


def inner_errors(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those it wraps: in its arguments, or as its reason (urllib3)."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from inner_errors(inner)


def shown(word: object) -> str:
    """Return a word of the store's own, if it is one; it goes into messages and logs."""
    return word if isinstance(word, str) and _SHOWABLE.fullmatch(word) else ""
