"""What a suite says of a method that its subclass must have."""

from __future__ import annotations

__all__ = ["to_be_written"]


def to_be_written(suite: object, method: str) -> NotImplementedError:
    """Return the error of a suite whose subclass lacks the method."""
    name = type(suite).__name__
    return NotImplementedError(
        f"write {method}() in {name}: the suite cannot know how; its docstring shows an example"
    )
