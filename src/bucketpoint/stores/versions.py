"""Why a version of an object is not deleted, whatever the store."""

from __future__ import annotations

from bucketpoint.errors import PreconditionFailedError

__all__ = ["is_current", "would_revive"]


def is_current(key: str) -> PreconditionFailedError:
    """Return the error for deleting the current version as if it were an earlier one."""
    msg = f"this version of {key!r} is the current one: use delete"
    return PreconditionFailedError(msg, key=key)


def would_revive(key: str) -> PreconditionFailedError:
    """Return the error for removing the deletion that hides an earlier version."""
    msg = (
        f"without this deletion an earlier version of {key!r} would be the current one: delete "
        "that version first"
    )
    return PreconditionFailedError(msg, key=key)
