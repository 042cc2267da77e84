"""The fixed document shapes that everything is measured on; changing one ends comparability."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

__all__ = ["HUGE", "HUNDREDS", "LARGE", "MIDDLE", "SHAPES", "SMALL", "THOUSANDS"]

_WORDS = [
    "order",
    "customer",
    "price",
    "invoice",
    "refund",
    "shipped",
    "pending",
    "review",
    "approved",
    "café",
    "naïve",
    "total",
    "summary",
    "assistant",
    "message",
    "token",
    "retrieval",
    "answer",
    "question",
    "context",
    "tool",
    "result",
]


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


def _record(rng: random.Random) -> dict[str, Any]:
    """One free-form record of about 330 bytes, as an order or a message of an agent is."""
    return {
        "id": f"{rng.getrandbits(64):016x}",
        "count": rng.randrange(1_000_000),
        "price": round(rng.uniform(0, 1000), 2),
        "paid": rng.choice([True, False]),
        "note": None,
        "text": _text(rng, 16),
        "tags": rng.choices(_WORDS, k=3),
        "address": {"city": "Zürich", "zip": str(rng.randrange(10_000)), "line": _text(rng, 3)},
    }


def _time(rng: random.Random) -> str:
    return (
        f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T12:35:41.{rng.randrange(10**9):09}Z"
    )


def _branch(rng: random.Random, name: str, records: int) -> dict[str, Any]:
    return {
        "id": name,
        "status": "running",
        "current_step": "settle",
        "start_time": _time(rng),
        "end_time": _time(rng),
        "step_outputs": {"validate": True, "price": _record(rng)},
        "variables": {"records": [_record(rng) for _ in range(records)]},
    }


def _document(branches: int, records: int) -> dict[str, Any]:
    rng = random.Random(branches * 1_000_000 + records)  # noqa: S311 - the same document always
    names = ["main", *(f"main-{n}" for n in range(1, branches))]
    return {
        "schema_version": 1,
        "id": "17",
        "execution_id": "exec_4qdveemz4t2qedfx3ev5qkm4ie",
        "workflow_name": "orders",
        "status": "running",
        "inputs": {"path": "orders.csv", "limit": 100},
        "outputs": {},
        "variables": {"customer": _record(rng)},
        "branch_states": {name: _branch(rng, name, records) for name in names},
        "join_states": {},
        "branch_counter": branches - 1,
        "start_time": _time(rng),
        "checkpoint_at": _time(rng),
    }


SMALL = "2 KB, 1 branch"
MIDDLE = "50 KB, 1 branch"
LARGE = "1 MB, 1 branch"
HUGE = "10 MB, 1 branch"
HUNDREDS = "300 branches"
THOUSANDS = "3,000 branches"

SHAPES: dict[str, Callable[[], dict[str, Any]]] = {
    SMALL: lambda: _document(1, 2),
    MIDDLE: lambda: _document(1, 145),
    LARGE: lambda: _document(1, 3_000),
    HUGE: lambda: _document(1, 30_000),
    HUNDREDS: lambda: _document(300, 0),
    THOUSANDS: lambda: _document(3_000, 0),
}
