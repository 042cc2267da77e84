"""The client of a GCS store: how it is made, and the parts of it that Google keeps private.

The library makes its own requests through the client's authorised session. Where that session is
found, and how it behaves, is known here and nowhere else (docs/design/008).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bucketpoint.errors import BucketpointError, InvalidInputError
from bucketpoint.stores.gcs_errors import Operation, Request, store_error
from bucketpoint.stores.remote import CONNECT_S, POOL_SIZE, READ_S, checked_endpoint, import_sdk

__all__ = ["GoogleClient", "joined", "sdk"]

_LONGEST_S = CONNECT_S + READ_S
_PIECE = 256 * 1024
_UNAUTHORIZED = frozenset({401})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

logger = logging.getLogger("bucketpoint")


class GoogleClient:
    """A client as the store uses it: a session that adds credentials, and where it sends.

    A client that was given is used as it is. One that is made here has a pool of connections for
    64 threads; a forked process makes its own, since it must not speak on its parent's
    connections.

    Args:
        bucket: The bucket that it is for, to be named in errors.
        client: A `google.cloud.storage.Client` of the user's own.
        project: The project of a client that is made here; requests for objects need none.
        endpoint_url: Where a client that is made here sends requests.

    Attributes:
        base_url: Where requests go.
        headers: What goes with each.
        may_resend: The session repeats requests on its own.

    Raises:
        InvalidInputError: An argument cannot be used.
        StoreConfigurationError: There are no credentials, or the SDK cannot use its settings.
        ImportError: google-cloud-storage is not installed.
    """

    def __init__(
        self, bucket: str, *, client: Any, project: str | None, endpoint_url: str | None
    ) -> None:
        storage = sdk("google.cloud.storage")
        if client is None:
            if endpoint_url is not None:
                checked_endpoint(endpoint_url)
        elif not isinstance(client, storage.Client):
            msg = "client must be a google.cloud.storage.Client"
            raise InvalidInputError(msg)
        elif project is not None or endpoint_url is not None:
            msg = "a client is used as it is: give project and endpoint_url when you make it"
            raise InvalidInputError(msg)
        self._bucket = bucket
        self._given = client
        self._project = project
        self._endpoint_url = endpoint_url
        self._error_from_status = sdk("google.api_core.exceptions").from_http_status
        self._begin_process()
        if self.may_resend and client is not None:
            logger.info(
                "the session of the Google client that was given repeats requests on its own, so "
                "more failures have an unknown outcome; without retries it leaves them to "
                "bucketpoint"
            )

    def send(
        self,
        method: str,
        url: str,
        *,
        timeout: float | None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        stream: bool = False,
    ) -> Any:
        """Make one request and return its answer, when that is a good one.

        Args:
            method: Of HTTP.
            url: What is asked for.
            timeout: Seconds for the connection and the answer together.
            headers: What goes with it instead of `headers`.
            data: Its body.
            stream: Leave the body of the answer to be read.

        Raises:
            Exception: What the session raised, or the SDK's error for the answer.
        """
        if self._process != os.getpid():
            self._begin_process()
        response = self._session.request(
            method,
            url,
            data=data,
            headers=headers or self.headers,
            timeout=_time_outs(timeout),
            stream=stream,
            allow_redirects=False,  # to follow one is to send twice
        )
        if not 200 <= response.status_code < 300:  # noqa: PLR2004 - HTTP's successes
            raise self._refusal(response)
        return response

    def close(self) -> None:
        """Close the client if it was made here, in this process."""
        if self._given is None and self._process == os.getpid():
            self._client.close()

    def _begin_process(self) -> None:
        try:
            client = self._make() if self._given is None else self._given
            connection = client._connection  # noqa: SLF001 - see the module
            session = connection.http
            self.base_url = checked_endpoint(
                connection.get_api_base_url_for_mtls(),
                what="the client's endpoint, of its options or STORAGE_EMULATOR_HOST,",
            ).rstrip("/")
            self.headers = {
                **connection.extra_headers,
                "User-Agent": f"bucketpoint {connection.user_agent}".strip(),
            }
            if self._given is None and not session.is_mtls:
                adapter = sdk("requests.adapters").HTTPAdapter(pool_maxsize=POOL_SIZE)
                session.mount(self.base_url, adapter)
            self.may_resend = _repeats(session, self.base_url)
        except (BucketpointError, ImportError):
            raise
        except Exception as error:
            request = Request(Operation.OPEN, self._bucket, "")
            raise store_error(error, request) from error
        self._client, self._session = client, session
        self._process = os.getpid()  # last: until then no other thread takes the session for ours

    def _make(self) -> Any:
        options: dict[str, Any] = {"project": self._project}
        if self._endpoint_url is not None:
            options["client_options"] = {"api_endpoint": self._endpoint_url}
            if urlsplit(self._endpoint_url).hostname in _LOOPBACK:
                credentials = sdk("google.auth.credentials")
                options["credentials"] = credentials.AnonymousCredentials()
        return sdk("google.cloud.storage").Client(**options)

    def _refusal(self, response: Any) -> Exception:
        """Make the SDK's error of an answer, without the URL and the headers of the request."""
        content: bytes = response.content
        try:
            told = json.loads(content)["error"]
            message, errors = str(told["message"]), list(told.get("errors", ()))
            details = list(told.get("details", ()))
        except (ValueError, LookupError, TypeError, AttributeError):
            message, errors, details = content[:1000].decode(errors="replace"), [], []
        error: Exception = self._error_from_status(
            response.status_code, message, errors=errors, details=details
        )
        return error


class _Pieces:
    """A large body, which is sent piece by piece.

    The time-out for connecting is also that for all of one call that sends; a single call for many
    megabytes would fail on a slow line.
    """

    def __init__(self, parts: tuple[bytes, ...]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[memoryview]:
        for part in self._parts:
            view = memoryview(part)
            for start in range(0, len(view), _PIECE):
                yield view[start : start + _PIECE]


def joined(*parts: bytes) -> bytes | _Pieces:
    """Return the parts as one body of a request."""
    pieces = _Pieces(parts)
    return b"".join(parts) if len(pieces) <= _PIECE else pieces


def _repeats(session: Any, url: str) -> bool:
    """Tell whether a session may send one request more than once.

    A repetition after 401 does not count: what was refused for its token was not applied.
    """
    retries = getattr(session.get_adapter(url), "max_retries", 0)
    refreshed = getattr(session, "_refresh_status_codes", _UNAUTHORIZED)
    return bool(getattr(retries, "total", retries) != 0 or set(refreshed) - _UNAUTHORIZED)


def _time_outs(seconds: float | None) -> tuple[float, float]:
    """Return how long to wait for a connection and for an answer, together within the seconds."""
    if seconds is None or seconds >= _LONGEST_S:
        return CONNECT_S, READ_S
    share = seconds / _LONGEST_S
    return CONNECT_S * share, READ_S * share


def sdk(module: str) -> Any:
    """Import a part of Google's SDK."""
    return import_sdk(module, store="GCSStore", package="google-cloud-storage", extra="gcs")
