"""What the tests of checkpointers do to a run."""

from collections import Counter
from typing import Any

from bucketpoint import (
    Checkpoint,
    StoreRequest,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion, Store

KEY = "executions/run-42.json"


def run(**fields: Any) -> Checkpoint:
    fields = {"execution_id": "run-42", "variables": {"n": 0}} | fields
    return Checkpoint(**fields)


def add_one(checkpoint: Checkpoint) -> None:
    checkpoint.variables["n"] += 1


def replaced(_: Checkpoint) -> Checkpoint:
    return run(variables={"n": 99})


def renamed(checkpoint: Checkpoint) -> None:
    checkpoint.workflow_name = "renamed"


def moved(checkpoint: Checkpoint) -> None:
    checkpoint.execution_id = "other"


def no_checkpoint(_: Checkpoint) -> Any:
    return {"n": 1}


def counted(requests: list[StoreRequest]) -> dict[str, int]:
    """How many requests of each kind there were since the last count."""
    count = Counter(request.kind for request in requests)
    requests.clear()
    return dict(count)


def raw_put(store: Store, body: bytes) -> None:
    """Write as another program would, whatever is there."""
    found = store.get(KEY)
    store.put(KEY, body, when=IfVersion(found.version) if found else IfAbsent())
