"""What the stores behind a network share: time-outs, endpoints, an SDK's import, denied reads."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import urlsplit

from bucketpoint.errors import AccessDeniedError, BucketpointError, InvalidInputError
from bucketpoint.stores.contract import Store
from bucketpoint.stores.time_limit import TimeLimit

__all__ = ["CONNECT_S", "POOL_SIZE", "READ_S", "checked_endpoint", "import_sdk", "is_listed"]

CONNECT_S = 3.0
"""Seconds to wait for a connection at most."""

READ_S = 10.0
"""Seconds to wait for an answer at most."""

POOL_SIZE = 64
"""Connections kept open: as many as the asynchronous checkpointer has threads."""


def checked_endpoint(endpoint_url: str, *, what: str = "endpoint_url") -> str:
    """Return the URL when it can be an endpoint, and named in messages.

    Args:
        endpoint_url: The URL.
        what: Where it comes from.

    Raises:
        InvalidInputError: It is not the URL of a server, or holds a credential.
    """
    try:
        parts = urlsplit(endpoint_url)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        is_usable = is_usable and not parts.query and not parts.fragment
    except (ValueError, AttributeError):
        is_usable = False
    else:
        if parts.username is not None or parts.password is not None:
            msg = (
                f"{what} must not hold a user name or password: leave credentials to the SDK's own "
                "settings"
            )
            raise InvalidInputError(msg)
    if not is_usable:
        msg = f"{what} must be the URL of a server, such as http://127.0.0.1:9000"
        raise InvalidInputError(msg)
    return endpoint_url


def import_sdk(module: str, *, store: str, package: str, extra: str) -> Any:
    """Import a part of an SDK.

    Args:
        module: The part.
        store: Who needs it.
        package: The SDK.
        extra: Our extra that installs it.

    Raises:
        ImportError: It is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{store} needs {package}: pip install 'bucketpoint[{extra}]'"
        raise ImportError(msg) from error


def is_listed(
    store: Store, key: str, limit: TimeLimit, *, denied: BucketpointError, rights: str
) -> bool:
    """Tell whether there is an object, after a read of it was denied.

    A cloud denies to read what is not there to who may not list the bucket, either.

    Args:
        store: Whose listing is asked.
        key: The object's key.
        limit: How long it may take.
        denied: What the read was denied with.
        rights: What to grant for both.

    Raises:
        AccessDeniedError: Listing is denied, too.
    """
    try:
        return any(info.key == key for info in store.list(key, limit=1, timeout=limit.left(key)))
    except AccessDeniedError as error:
        msg = (
            f"{denied.message}. Listing it was denied, too, without which the same is said of what "
            f"is not there. Nobody can tell whether it exists: grant {rights}"
        )
        raise AccessDeniedError(msg, key=key) from error
