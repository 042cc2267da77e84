"""Checks of arguments, for callers who have no type checker."""

from __future__ import annotations

__all__ = ["is_a"]


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """Return `isinstance(value, kind)`, which type checkers take for granted and so complain of."""
    return isinstance(value, kind)
