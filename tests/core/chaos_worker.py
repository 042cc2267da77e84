"""A worker that updates executions in a folder until it is killed, and logs what it was told.

Each line of its log is `begin EXECUTION NUMBER`, `done EXECUTION NUMBER` or `failed ERROR`.
"""

import random
import sys
from pathlib import Path

from bucketpoint import BucketpointError, Checkpoint, OutcomeUnknownError
from bucketpoint import open as open_checkpointer

SHARED = "shared"
OTHERS = [f"other-{n}" for n in range(20)]


def main(folder: str, log_path: str, me: str) -> None:
    checkpointer = open_checkpointer(f"file://{folder}")
    chance = random.Random(me)  # noqa: S311 - a test's schedule
    number = 0
    with Path(log_path).open("a", buffering=1, encoding="utf-8") as log:
        while True:
            number += 1
            execution = SHARED if chance.random() < 0.5 else chance.choice(OTHERS)

            def apply(checkpoint: Checkpoint, number: int = number) -> None:
                assert checkpoint.variables is not None
                checkpoint.variables.setdefault(me, []).append(number)

            log.write(f"begin {execution} {number}\n")
            try:
                checkpointer.atomic_update(execution, apply, timeout=20)
            except OutcomeUnknownError:
                continue
            except BucketpointError as error:
                log.write(f"failed {type(error).__name__} {error}\n")
                continue
            log.write(f"done {execution} {number}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
