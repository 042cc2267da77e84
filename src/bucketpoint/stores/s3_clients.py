"""The boto3 clients of an S3 store, made here or given, and what they are told."""

from __future__ import annotations

import logging
import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, Literal, Protocol, get_args
from urllib.parse import urlsplit

from bucketpoint.arguments import is_a
from bucketpoint.errors import InvalidInputError
from bucketpoint.stores.remote import CONNECT_S, POOL_SIZE, READ_S, checked_endpoint, import_sdk
from bucketpoint.stores.s3_errors import Operation, Request, store_error
from bucketpoint.stores.time_limit import SHORTEST_S, no_time_left

__all__ = [
    "ClientOptions",
    "Clients",
    "Encryption",
    "GivenClient",
    "OwnClients",
    "checked_bucket",
    "is_aws",
    "put_options",
]

_LONGEST_S = CONNECT_S + READ_S

_AWS_DOMAINS = (
    *("amazonaws.com", "api.aws", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    *("amazonaws.eu", "api.amazonwebservices.eu", "c2s.ic.gov", "api.aws.ic.gov"),
    *("sc2s.sgov.gov", "api.aws.scloud", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    *("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)
_OWN_HOST = re.compile(
    r"(.+\.)?s3(express)?(-[a-z0-9-]+)?(\.dualstack)?(\.[a-z]+(-[a-z]+)+-[0-9]+)?(\.vpce)?\.("
    + "|".join(map(re.escape, _AWS_DOMAINS))
    + ")"
)
"""Hosts of S3 itself: a virtual machine or a load balancer has a name in these domains, too."""

_BUCKET = re.compile(
    r"[A-Za-z0-9._-]{1,255}|arn:[A-Za-z0-9:/._-]+[:/]accesspoint[:/][A-Za-z0-9:/._-]+"
)
_NO_STORES = {
    r".+--xa?-s3": "a directory bucket, which lists keys in no order and keeps no versions",
    r"arn:.*\.mrap": "a multi-region access point, which is not one place where conditions hold",
    r"arn:.*:s3-object-lambda:.*": "an access point of S3 Object Lambda, which alters what is read",
}
"""Names that work like those of buckets, and what they name instead."""

Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]
"""How S3 encrypts an object: with its own keys, with KMS, or with KMS twice."""

logger = logging.getLogger("bucketpoint")


def is_aws(endpoint_url: str) -> bool:
    """Tell whether the endpoint is one of S3's own, in any of AWS's partitions."""
    return _OWN_HOST.fullmatch(urlsplit(endpoint_url).hostname or "") is not None


class Clients(Protocol):
    """Where a store gets the client for its next request.

    Attributes:
        endpoint_url: Where its clients send requests.
        may_resend: One call of a client may be several requests.
    """

    endpoint_url: str
    may_resend: bool

    def within(self, seconds: float | None, key: str) -> Any:
        """Return a client for one request about the key that may take so many seconds."""
        ...

    def close(self) -> None:
        """Close what was made here."""
        ...


class GivenClient:
    """A client of the user's own, used as it is.

    Args:
        client: What `boto3.client("s3")` returned.

    Raises:
        InvalidInputError: It is something else.
    """

    def __init__(self, client: Any) -> None:
        meta = getattr(client, "meta", None)
        model = getattr(meta, "service_model", None)
        if getattr(model, "service_name", None) != "s3":
            msg = "client must be a client of boto3 for S3: boto3.client('s3')"
            raise InvalidInputError(msg)
        self._client = client
        self.endpoint_url = checked_endpoint(client.meta.endpoint_url)
        retries: dict[str, Any] = client.meta.config.retries or {}
        self.may_resend = retries.get("total_max_attempts") != 1
        if self.may_resend:
            logger.info(
                "the S3 client that was given has its retries on, so more failures have an "
                "unknown outcome; retries={'total_max_attempts': 1} leaves them to bucketpoint"
            )

    def within(self, seconds: float | None, key: str) -> Any:
        """Return the client, whose own time-outs hold."""
        del seconds, key
        return self._client

    def close(self) -> None:
        """Leave the client open: it is not ours."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What clients are made from; None leaves a choice to the SDK's own settings.

    Attributes:
        bucket: The bucket they are for.
        region: The bucket's region.
        endpoint_url: Where an S3-compatible store is.
        profile: A profile in the SDK's configuration files.
        addressing_style: `path`, `virtual` or `auto`.
    """

    bucket: str
    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    addressing_style: str | None = None


class _Made:
    """The session and the clients of one process."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = Lock()
        self.session: Any = None
        self.clients: dict[int, Any] = {}


class OwnClients:
    """Clients that make one attempt each, with a pool of connections for 64 threads.

    botocore has no time-out for one request, so there is a client for each halving of the longest
    time: what has to end within 5 seconds is sent by the one whose time-outs add up to 3.25. They
    share credentials, and are made when they are first needed. A forked process makes its own,
    since it must not speak on its parent's connections.

    Args:
        options: What to make them from.

    Raises:
        ImportError: boto3 is not installed.
        StoreConfigurationError: The SDK cannot use its settings.
        InvalidInputError: The endpoint is none.
    """

    may_resend = False

    def __init__(self, options: ClientOptions) -> None:
        if options.endpoint_url is not None:
            checked_endpoint(options.endpoint_url)
        self._options = options
        self._made = _Made()
        self.endpoint_url = checked_endpoint(self.within(None, "").meta.endpoint_url)

    def within(self, seconds: float | None, key: str) -> Any:
        """Return the client whose time-outs for connecting and for an answer add up to less.

        Raises:
            DeadlineExceededError: No request can be expected to end in so short a time.
        """
        if self._made.process != os.getpid():
            self._made = _Made()
        if seconds is None or seconds >= _LONGEST_S:
            halvings = 0
        elif seconds >= SHORTEST_S:
            halvings = math.ceil(math.log2(_LONGEST_S / seconds))
        else:
            raise no_time_left(key)
        made = self._made
        client = made.clients.get(halvings)
        return client if client is not None else self._make(made, halvings)

    def close(self) -> None:
        """Close the clients that were made in this process."""
        made = self._made
        if made.process == os.getpid():
            with made.lock:
                for client in made.clients.values():
                    client.close()

    def _make(self, made: _Made, halvings: int) -> Any:
        with made.lock:  # a session makes one client at a time
            if halvings not in made.clients:
                try:
                    if made.session is None:
                        made.session = self._new_session()
                    made.clients[halvings] = self._new_client(made.session, 0.5**halvings)
                except ImportError:
                    raise
                except Exception as error:
                    request = Request(Operation.OPEN, self._options.bucket, "")
                    raise store_error(error, request) from error
            return made.clients[halvings]

    def _new_session(self) -> Any:
        session = _sdk("botocore.session").Session(profile=self._options.profile)
        parsers = session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_moment)
        return session

    def _new_client(self, session: Any, scale: float) -> Any:
        options = self._options
        style = options.addressing_style
        config = _sdk("botocore.config").Config(
            retries={"total_max_attempts": 1, "mode": "standard"},  # adaptive ones would wait
            connect_timeout=CONNECT_S * scale,
            read_timeout=READ_S * scale,
            max_pool_connections=POOL_SIZE,
            s3=None if style is None else {"addressing_style": style},
            user_agent=_user_agent(session),
        )
        settings = {"region_name": options.region, "endpoint_url": options.endpoint_url}
        client = session.create_client("s3", **settings, config=config)
        if not is_aws(client.meta.endpoint_url):
            # Others refuse the checksums that the SDK adds by default. Where requests go is known
            # only now, since the environment or a profile may name the endpoint.
            client.close()
            plain = _sdk("botocore.config").Config(
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
            client = session.create_client("s3", **settings, config=config.merge(plain))
        client.meta.events.register("before-call.s3.HeadBucket", _follow_no_redirect)
        return client


def _user_agent(session: Any) -> str:
    """Return what servers log; the SDK would put the like together twice for each request."""
    app_id = session.get_config_variable("user_agent_appid")
    parts = (session.user_agent(), f"app/{app_id}" if app_id else "", "bucketpoint")
    return " ".join(filter(None, parts))


def _moment(text: Any) -> datetime:
    """Read a time of an answer; those of headers and listings far faster than the SDK does."""
    if isinstance(text, str):
        with suppress(ValueError):
            if text.endswith(" GMT"):
                return parsedate_to_datetime(text)
            if text.endswith("Z") and text[10:11] == "T":
                return datetime.fromisoformat(text)
    moment: datetime = _sdk("botocore.utils").parse_timestamp(text)
    return moment


def _follow_no_redirect(params: dict[str, Any], **_: Any) -> None:
    """Keep the SDK, which asks for a bucket's region when it is redirected, from going in circles.

    A server that redirects every request would be asked until Python's stack is full.
    """
    redirect = params.get("context", {}).get("s3_redirect")
    if redirect is not None:
        redirect["redirected"] = True


def checked_bucket(bucket: str) -> str:
    """Return the name when a bucket can have it that keeps the contract of a store."""
    if not is_a(bucket, str) or _BUCKET.fullmatch(bucket) is None:
        msg = (
            "bucket must be the name of a bucket, or the ARN of an access point, whose slash a URL "
            "spells %2F"
        )
        raise InvalidInputError(msg)
    for pattern, what in _NO_STORES.items():
        if re.fullmatch(pattern, bucket):
            msg = f"{bucket!r} is {what}: use a general purpose bucket"
            raise InvalidInputError(msg)
    return bucket


def put_options(
    sse: Encryption | None, kms_key: str | None, *, bucket_key: bool | None
) -> dict[str, Any]:
    """Return what each put says besides the body and its condition."""
    if sse is None and kms_key is not None:
        sse = "aws:kms"
    if sse is not None and sse not in get_args(Encryption):
        msg = f"sse must be one of {', '.join(get_args(Encryption))}"
        raise InvalidInputError(msg)
    if sse == "AES256" and kms_key is not None:
        msg = "sse='AES256' encrypts with S3's own keys: leave out kms_key, or say sse='aws:kms'"
        raise InvalidInputError(msg)
    options = {
        "ContentType": "application/json",
        "ServerSideEncryption": sse,
        "SSEKMSKeyId": kms_key,
        "BucketKeyEnabled": bucket_key,
    }
    return {name: value for name, value in options.items() if value is not None}


def _sdk(module: str) -> Any:
    return import_sdk(module, store="S3Store", package="boto3", extra="s3")
