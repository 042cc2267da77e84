"""Calls that are to end alike when something stands between a checkpointer and its bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bucketpoint import BucketCheckpointer, Checkpoint

RUN = "run-of-nobody"

Call = Callable[[BucketCheckpointer], Any]

WRITES: dict[str, Call] = {
    "save": lambda checkpointer: checkpointer.save_checkpoint(Checkpoint(execution_id=RUN)),
    "delete": lambda checkpointer: checkpointer.delete_checkpoint(RUN),
    "claim": lambda checkpointer: checkpointer.claim(RUN, owner="worker-1").acquire(),
}

CALLS: dict[str, Call] = {
    "load": lambda checkpointer: checkpointer.load_checkpoint(RUN),
    **WRITES,
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
