"""What the stores on this host share: they judge conditions and read the clock themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bucketpoint.errors import InvalidInputError, PreconditionFailedError, UnsupportedError
from bucketpoint.stores.contract import Condition, IfAbsent, Version

__all__ = [
    "DEFAULT_KEEP_VERSIONS",
    "Clock",
    "check_condition",
    "check_keep_versions",
    "key_bytes",
    "no_versions",
    "system_clock",
]

Clock = Callable[[], datetime]
"""Returns the time with a time zone."""

DEFAULT_KEEP_VERSIONS = 100
"""How many overwritten versions of an object are kept unless the user says otherwise."""


def system_clock() -> datetime:
    """Return this host's time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where the stores read the wall clock


def key_bytes(key: str) -> bytes:
    """Return the key's UTF-8 bytes, by which keys are ordered.

    Raises:
        InvalidInputError: It cannot be encoded.
    """
    try:
        return key.encode()
    except UnicodeEncodeError:
        msg = "a key must be encodable as UTF-8; it holds a lone surrogate"
        raise InvalidInputError(msg) from None


def check_condition(when: Condition, current: Version | None, key: str) -> None:
    """Raise `PreconditionFailedError` unless the condition holds for the current version.

    Args:
        when: What the caller asked for.
        current: The version that is stored, or None when nothing is.
        key: The object's key, for the message.
    """
    if isinstance(when, IfAbsent):
        if current is None:
            return
        msg = f"{key!r} exists already, and the write asked for it to be absent"
    elif current == when.version:
        return
    elif current is None:
        msg = f"{key!r} does not exist, and the write asked for one version of it"
    else:
        msg = (
            f"{key!r} has been written by somebody else since the version that the write asked for"
        )
    raise PreconditionFailedError(f"{msg}; nothing was written: read it and decide again", key=key)


def check_keep_versions(keep_versions: int) -> int:
    """Return the number when it can be used.

    Raises:
        InvalidInputError: It is not a whole number, or is negative.
    """
    if type(keep_versions) is not int or keep_versions < 0:
        msg = f"keep_versions must be a whole number, 0 or more, not {keep_versions!r}"
        raise InvalidInputError(msg)
    return keep_versions


def no_versions(url: str, key: str) -> UnsupportedError:
    """Return the error for a request about versions to a store that keeps none."""
    msg = f"{url} keeps no earlier versions: open it with keep_versions above 0"
    return UnsupportedError(msg, key=key)
