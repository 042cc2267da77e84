"""Where an execution's checkpoint lies: `<prefix>/executions/<encoded execution ID>.json`."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from bucketpoint.arguments import is_a
from bucketpoint.errors import InvalidExecutionIDError, InvalidInputError

__all__ = [
    "MAX_KEY_BYTES",
    "execution_id_of",
    "execution_key",
    "executions_prefix",
    "keys_prefix",
    "trim_prefix",
]

MAX_KEY_BYTES = 900
"""S3 and GCS stop at 1,024 bytes; the rest is left to tools that add to keys."""

_SUFFIX = ".json"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""IDs that stand in keys as they are."""


def trim_prefix(prefix: str) -> str:
    """Return the prefix without slashes around it."""
    if not is_a(prefix, str):
        msg = f"prefix must be a string, not {type(prefix).__name__}"
        raise InvalidInputError(msg)
    try:
        prefix.encode()
    except UnicodeEncodeError:
        msg = "prefix must be encodable as UTF-8; it holds half of a surrogate pair"
        raise InvalidInputError(msg) from None
    return prefix.strip("/")


def executions_prefix(prefix: str) -> str:
    """Return what the keys of all executions under a trimmed prefix begin with."""
    return f"{prefix}/executions/" if prefix else "executions/"


def execution_key(prefix: str, execution_id: str) -> str:
    """Return the key of one execution; two IDs never share a key.

    Every UTF-8 byte outside `A-Z a-z 0-9 - _` is percent-encoded in upper-case hex. The ID is
    taken as it is, without Unicode normalisation.
    """
    if not is_a(execution_id, str):
        msg = f"an execution ID must be a string, not {type(execution_id).__name__}"
        raise InvalidExecutionIDError(msg)
    if not execution_id:
        msg = "an execution ID must not be empty: give the run a name"
        raise InvalidExecutionIDError(msg, execution_id=execution_id)
    try:
        key = f"{executions_prefix(prefix)}{_encoded(execution_id)}{_SUFFIX}"
    except UnicodeEncodeError:
        msg = "an execution ID must be encodable as UTF-8; it holds a lone surrogate"
        raise InvalidExecutionIDError(msg) from None
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        msg = (
            f"the execution ID makes a key of {size} bytes, and stores take at most "
            f"{MAX_KEY_BYTES}: shorten the ID or the prefix"
        )
        raise InvalidExecutionIDError(msg, execution_id=execution_id)
    return key


def keys_prefix(prefix: str, id_prefix: str) -> str:
    """Return what the keys of the executions begin with whose IDs begin so."""
    try:
        return f"{executions_prefix(prefix)}{_encoded(id_prefix)}"
    except UnicodeEncodeError:
        msg = "the beginning of an execution ID must be encodable as UTF-8"
        raise InvalidExecutionIDError(msg) from None


@lru_cache(maxsize=1024)
def _encoded(execution_id: str) -> str:
    # quote() leaves "." and "~" alone, which the format encodes.
    return quote(execution_id, safe="").replace(".", "%2E").replace("~", "%7E")


def execution_id_of(prefix: str, key: str) -> str | None:
    """Return the execution ID that a key stands for, or None for keys of other things."""
    start = executions_prefix(prefix)
    if not key.startswith(start) or not key.endswith(_SUFFIX):
        return None
    encoded = key[len(start) : -len(_SUFFIX)]
    if _PLAIN.fullmatch(encoded):
        return encoded
    try:
        execution_id = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return None
    return execution_id if execution_id and _encoded(execution_id) == encoded else None
