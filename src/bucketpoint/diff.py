"""What differs between two checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from bucketpoint.arguments import is_a
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.errors import InvalidInputError

__all__ = ["ABSENT", "Difference", "diff"]


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"

    __str__ = __repr__


ABSENT = _Absent.ABSENT
"""Stands in a `Difference` where there is no value at all; None stands for null."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two documents differ.

    Attributes:
        path: The names of members, and the positions in lists, that lead there.
        before: The value in the first document, or `ABSENT`.
        after: The value in the second document, or `ABSENT`.

    Example:
        >>> str(Difference(("variables", "due"), ABSENT, 3))
        'variables.due'
    """

    path: tuple[str | int, ...]
    before: Any
    after: Any

    def __str__(self) -> str:
        """The path, as it stands in the messages of errors."""
        return ".".join(str(part) for part in self.path)


def diff(before: Checkpoint, after: Checkpoint) -> list[Difference]:
    """Return every place in which the documents differ, as deep down as can be told.

    Values are compared as they are stored: `1` is not `1.0`, and null is not absent. Members are
    compared by name, lists position by position.

    Args:
        before: A checkpoint, such as an earlier version.
        after: Another one.

    Returns:
        The differences in the order of the documents: what the second one has anew comes last.

    Example:
        >>> before = Checkpoint(execution_id="run-42", variables={"tries": 1, "done": []})
        >>> after = Checkpoint(execution_id="run-42", variables={"tries": 2, "done": ["a"]})
        >>> after.checkpoint_at = before.checkpoint_at
        >>> for difference in diff(before, after):
        ...     print(difference, difference.before, difference.after, sep=" | ")
        variables.tries | 1 | 2
        variables.done.0 | ABSENT | a
    """
    for checkpoint in (before, after):
        if not is_a(checkpoint, Checkpoint):
            msg = f"diff takes two checkpoints, not {type(checkpoint).__name__}"
            raise InvalidInputError(msg)
    return list(_differences((), before.to_document(), after.to_document()))


def _differences(path: tuple[str | int, ...], before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for name in (*one, *(name for name in other if name not in one)):
            yield from _differences((*path, name), one.get(name, ABSENT), other.get(name, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        first, second = cast("Sequence[Any]", before), cast("Sequence[Any]", after)
        for position in range(max(len(first), len(second))):
            yield from _differences((*path, position), _at(first, position), _at(second, position))
    elif before is ABSENT or after is ABSENT or not codec.same(before, after):
        yield Difference(path, before, after)


def _at(values: Sequence[Any], position: int) -> Any:
    return values[position] if position < len(values) else ABSENT
