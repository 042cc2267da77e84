"""Earlier versions as people name them: `~1`, `@2h`, or their ID."""

from __future__ import annotations

import re

from bucketpoint.cli.operator import Operator
from bucketpoint.cli.terminal import Terminal
from bucketpoint.cli.times import parse_moment
from bucketpoint.core.history import CheckpointVersion
from bucketpoint.errors import InvalidInputError, NoCheckpointError

__all__ = ["chosen", "named"]

_BACK = re.compile(r"~([0-9]{1,6})")


def chosen(
    operator: Operator, execution_id: str, name: str | None, terminal: Terminal
) -> CheckpointVersion | None:
    """Return the version that was named; None when none was, for what is stored now.

    Raises:
        NoCheckpointError: None that is kept has that name.
        InvalidInputError: It is no name of a version.
    """
    return None if name is None else named(operator, execution_id, name, terminal)


def named(
    operator: Operator, execution_id: str, name: str, terminal: Terminal
) -> CheckpointVersion:
    """Return the version of that name; see `chosen`."""
    back = _BACK.fullmatch(name)
    limit = int(back[1]) + 1 if back else None
    kept = operator.history(execution_id, limit=limit)
    if back:
        found = kept[int(back[1])] if int(back[1]) < len(kept) else None
    elif name.startswith("@"):
        moment = parse_moment(name[1:], terminal.now())
        if moment is None:
            msg = f"{name!r} is no time: write @2h for two hours ago, or @2026-01-31T12:00:00Z"
            raise InvalidInputError(msg)
        found = next((version for version in kept if version.modified_at <= moment), None)
    else:
        found = next((version for version in kept if version.version_id == name), None)
    if found is None:
        msg = f"execution {execution_id!r} has no kept version {name!r}: choose one of its history"
        raise NoCheckpointError(msg, execution_id=execution_id)
    return found
