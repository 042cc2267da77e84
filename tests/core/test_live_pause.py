"""A live claimed worker and an operator who pauses and unpauses it: neither harms the other."""

import threading
import time
from pathlib import Path

import pytest

from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    Checkpoint,
    FileStore,
    MemoryStore,
    pause_branch,
    unpause_branch,
)
from bucketpoint.stores.contract import Store

TOGGLES = 400  # 200 times paused and unpaused


class Worker(threading.Thread):
    """An engine that saves a fresh snapshot every 10 ms and knows nothing of pauses."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.saves = 0
        self.stop = threading.Event()
        self.failure: BaseException | None = None
        self._checkpointer = BucketCheckpointer(store)

    def run(self) -> None:
        try:
            with self._checkpointer.claim("run-42", owner="worker") as claim:
                while not self.stop.wait(0.01):
                    self.saves += 1
                    claim.save(snapshot(self.saves))
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.failure = error


def snapshot(n: int) -> Checkpoint:
    return Checkpoint(
        execution_id="run-42",
        status="running",
        branch_states={"main": BranchState(id="main", status="running", variables={"n": n})},
    )


def wait_for_another_save(worker: Worker) -> None:
    before = worker.saves
    while worker.saves < before + 2 and worker.is_alive():
        time.sleep(0.001)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_no_pause_is_lost_and_no_worker_is_killed(kind: str, tmp_path: Path) -> None:
    store = MemoryStore() if kind == "memory" else FileStore(tmp_path)
    operator = BucketCheckpointer(store)
    operator.save_checkpoint(snapshot(0))
    worker = Worker(store)
    worker.start()
    # A pause that the claim itself shows to the worker is the worker's to heed.
    wait_for_another_save(worker)
    lost = 0
    try:
        for n in range(TOGGLES):
            pause = n % 2 == 0
            if pause:
                pause_branch(operator, "run-42", "main", reason=f"pause {n}")
            else:
                unpause_branch(operator, "run-42", "main")
            wait_for_another_save(worker)
            branch = (operator.load_checkpoint("run-42").branch_states or {})["main"]
            lost += bool(branch.pause_requested) is not pause
            assert branch.variables is not None
    finally:
        worker.stop.set()
        worker.join()
    assert worker.failure is None
    assert lost == 0
    assert worker.saves > TOGGLES
