"""Explore what a checkpointer does under every interleaving and every placement of faults.

The real procedures of two or three clients run against one object, without threads and without
waiting: each request is a point at which anybody else may go first, and at which it may go wrong.
Every state that can be reached is visited once, and a broken promise comes back as a script.

Example:
    >>> result = explore([["update"], ["update"]], faults=1, start="document")
    >>> result.violation is None
    True
"""

from __future__ import annotations

from bucketpoint.testing.explore.operations import OPERATIONS
from bucketpoint.testing.explore.search import Explorer, Result, Violation, explore, replay
from bucketpoint.testing.explore.states import NETWORK, Event, Move, Start

__all__ = [
    "NETWORK",
    "OPERATIONS",
    "Event",
    "Explorer",
    "Move",
    "Result",
    "Start",
    "Violation",
    "explore",
    "replay",
]
