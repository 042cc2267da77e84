"""A worker that leaves marks in executions until it is killed, and logs what it was told.

Its arguments are the URL of a store and its log, whose name is its own. Each line of the log is
`begin EXECUTION MARK`, `done EXECUTION MARK` or `failed ERROR`. It imports little, since it is
started often.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path

import bucketpoint
from bucketpoint import BucketpointError, Checkpoint, OutcomeUnknownError

SHARED = "shared"
OTHERS = [f"other-{n}" for n in range(50)]


def marks(checkpoint: Checkpoint) -> list[str]:
    """The marks of the updates that were applied, in their order."""
    assert checkpoint.variables is not None
    found: list[str] = checkpoint.variables["marks"]
    return found


def leave(mark: str) -> Callable[[Checkpoint], None]:
    """Return the update that leaves the mark."""
    return lambda checkpoint: marks(checkpoint).append(mark)


def main(url: str, log_path: str) -> None:
    me = Path(log_path).name
    checkpointer = bucketpoint.open(url)
    chance = random.Random(me)  # noqa: S311 - a test's schedule
    number = 0
    with Path(log_path).open("a", buffering=1, encoding="utf-8") as log:
        while True:
            number += 1
            execution = SHARED if chance.random() < 0.5 else chance.choice(OTHERS)
            mark = f"{me}.{number}"
            log.write(f"begin {execution} {mark}\n")
            try:
                checkpointer.atomic_update(execution, leave(mark), timeout=60)
            except OutcomeUnknownError:
                continue
            except BucketpointError as error:
                log.write(f"failed {type(error).__name__} {error}\n")
                continue
            log.write(f"done {execution} {mark}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
