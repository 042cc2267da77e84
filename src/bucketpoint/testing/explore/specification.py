"""The sequential specification: what each operation may make of the data it is applied to."""

from __future__ import annotations

from bucketpoint.testing.explore.memory import OLD_MARK
from bucketpoint.testing.explore.objects import Data
from bucketpoint.testing.explore.tasks import Effect, Task

__all__ = [
    "appends",
    "creates",
    "keeps",
    "keeps_or_begins",
    "purges",
    "removes",
    "replaces",
    "replaces_by_held",
    "restores",
    "saves_snapshot",
    "sets_pause",
]


def appends(task: Task, before: Data | None, after: Data | None) -> bool:
    """The operation's mark comes last, and nothing else changes."""
    if before is None or after is None or after.paused != before.paused:
        return False
    return after.tokens[:-1] == before.tokens and after.tokens[-1].rstrip("'") == task.token


def replaces(task: Task, _before: Data | None, after: Data | None) -> bool:
    """Only the operation's mark is left."""
    return after == Data((task.token,), paused=False)


def replaces_by_held(task: Task, _before: Data | None, after: Data | None) -> bool:
    """What the client held is stored, and the operation's mark."""
    return after == Data((*task.tokens, task.token), task.paused)


def restores(_task: Task, _before: Data | None, after: Data | None) -> bool:
    """The data of the old version is stored, whatever was there."""
    return after == Data((OLD_MARK,), paused=False)


def creates(task: Task, before: Data | None, after: Data | None) -> bool:
    """The same, where nothing was."""
    return before is None and replaces(task, before, after)


def removes(_task: Task, _before: Data | None, after: Data | None) -> bool:
    """Nothing is left for users to see."""
    return after is None


def purges(_task: Task, before: Data | None, after: Data | None) -> bool:
    """There was nothing for users to see, and is not."""
    return before is None and after is None


def sets_pause(*, paused: bool) -> Effect:
    """Only the pause flag changes."""

    def effect(_task: Task, before: Data | None, after: Data | None) -> bool:
        return before is not None and after == before._replace(paused=paused)

    return effect


def keeps_or_begins(_task: Task, before: Data | None, after: Data | None) -> bool:
    """Nothing changes, or an empty run begins."""
    return after == (before if before is not None else Data((), paused=None))


def keeps(_task: Task, before: Data | None, after: Data | None) -> bool:
    """Nothing changes."""
    return before is not None and after == before


def saves_snapshot(task: Task, before: Data | None, after: Data | None) -> bool:
    """The engine's snapshot replaces what it knows, and the operator's pause stays."""
    if before is None or before.tokens not in task.known | task.returned:
        return False
    return after == Data((*task.tokens, task.token), bool(before.paused))
