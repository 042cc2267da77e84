"""Whatever two clients do in turns, disturbed or not, it is what the plain model says."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase

from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    CheckpointVersion,
    ExecutionStatus,
    FileStore,
    GCSStore,
    MemoryStore,
    OutcomeUnknownError,
    S3Store,
    StoredCheckpoint,
    StoreUnavailableError,
    Version,
)
from bucketpoint.core import claim, gc
from bucketpoint.stores.contract import Condition, IfAbsent, IfVersion, Store, StoredObject
from bucketpoint.testing.emulators import FakeGCS, SeaweedFS
from bucketpoint.testing.faults import FaultyStore
from bucketpoint.testing.model import OperationKind
from tests.conftest import THOROUGH
from tests.testing.model_machine import Place, run_machine

QUICKLY: dict[str, Any] = {
    "max_examples": 3_000 if THOROUGH else 300,
    "phases": [Phase.generate],
    "report_multiple_bugs": False,
}
"""To find that there is a bug, not the shortest way to it."""

Kind = OperationKind
DOUBTS = {Kind.SAVE, Kind.UPDATE, Kind.LOAD, Kind.SETTLE}
CLAIMS = {
    *(Kind.SAVE, Kind.UPDATE, Kind.PAUSE, Kind.UNPAUSE, Kind.CLAIM, Kind.TAKE_OVER),
    *(Kind.CLAIMED_SAVE, Kind.CLAIMED_LOAD, Kind.RENEW, Kind.RELEASE),
}
LOOKING_BACK = {Kind.SAVE, Kind.UPDATE, Kind.DELETE, Kind.RESTORE, Kind.FORK, Kind.COLLECT, *CLAIMS}
PAUSES = {Kind.PAUSE, Kind.TAKE_OVER, Kind.CLAIMED_SAVE}


@pytest.mark.parametrize(
    "kinds",
    [DOUBTS, CLAIMS, LOOKING_BACK, set(Kind)],
    ids=["doubts", "claims", "looking_back", "everything"],
)
def test_in_memory(kinds: set[OperationKind]) -> None:
    run_machine(Place(MemoryStore, kinds=kinds), share=0.2)


def test_in_a_folder(tmp_path: Path) -> None:
    folders = itertools.count()
    run_machine(Place(lambda: FileStore(tmp_path / f"{next(folders)}")), share=0.1)


def test_on_seaweedfs(seaweedfs: SeaweedFS) -> None:
    seaweedfs.create_bucket("state-machine", versioned=True)
    one_attempt = import_module("botocore.config").Config(retries={"total_max_attempts": 1})
    with (
        closing(seaweedfs.client(config=one_attempt)) as client,
        closing(S3Store("state-machine", client=client, probe=False)) as store,
    ):
        run_machine(Place(lambda: store), share=0.08)


def test_on_fake_gcs_server(fake_gcs: FakeGCS) -> None:
    fake_gcs.create_bucket("state-machine", versioned=True)
    with closing(GCSStore("state-machine", endpoint_url=fake_gcs.endpoint_url)) as store:
        run_machine(Place(lambda: store), share=0.08)


# --- bugs that it must find -----------------------------------------------------------------------


class IgnoresConditions(FaultyStore):
    """Writes over whatever is there."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        found = self.get(key)
        when = IfAbsent() if found is None else IfVersion(found.version)
        return super().put(key, body, when=when, timeout=timeout)


class IgnoresVersions(FaultyStore):
    """Checks only whether there is anything."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        found = self.get(key)
        if found is not None and when != IfAbsent():
            when = IfVersion(found.version)
        return super().put(key, body, when=when, timeout=timeout)


class LosesWrites(FaultyStore):
    """Acknowledges every seventh write without keeping it."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        if len(self.log) % 7 == 6:
            return Version("kept, surely")
        return super().put(key, body, when=when, timeout=timeout)


class ShowsThePast(FaultyStore):
    """Every seventh read shows what was there at the read before."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.past: dict[str, StoredObject | None] = {}

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        found = super().get(key, version_id=version_id, timeout=timeout)
        shown = self.past.get(key, found) if len(self.log) % 7 == 6 else found
        self.past[key] = found
        return shown


class RefusesAfterWriting(FaultyStore):
    """Says of every seventh write that it was refused, and keeps it."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        version = super().put(key, body, when=when, timeout=timeout)
        if len(self.log) % 7 == 6:
            raise StoreUnavailableError("not sent, surely", key=key)
        return version


class DeletesNothing(BucketCheckpointer):
    def delete_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> None:
        pass


class UpdatesTwice(BucketCheckpointer):
    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Any], *, timeout: float | None = None
    ) -> StoredCheckpoint:
        super().atomic_update(execution_id, fn)
        return super().atomic_update(execution_id, fn)


class RepeatsUnknownUpdates(BucketCheckpointer):
    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Any], *, timeout: float | None = None
    ) -> StoredCheckpoint:
        try:
            return super().atomic_update(execution_id, fn)
        except OutcomeUnknownError as error:
            raise StoreUnavailableError("nothing was applied, surely") from error


class ForgetsWhatItSaw(BucketCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, **conditions: Any) -> Version:
        if not any(conditions.values()):
            conditions["overwrite"] = True
        return super().save_checkpoint(checkpoint, **conditions)


class StartsTwice(BucketCheckpointer):
    def save_checkpoint(self, checkpoint: Checkpoint, **conditions: Any) -> Version:
        conditions["if_absent"] = False
        return super().save_checkpoint(checkpoint, **conditions)


class SettlesAll(BucketCheckpointer):
    def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> bool:
        return True


class SettlesNothing(BucketCheckpointer):
    def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> bool:
        return False


class RestoresTheNewest(BucketCheckpointer):
    def restore(
        self, execution_id: str, version: CheckpointVersion | str, **options: Any
    ) -> StoredCheckpoint:
        return super().restore(execution_id, self.history(execution_id)[0], **options)


class ForksOver(BucketCheckpointer):
    def fork(self, execution_id: str, new_execution_id: str, **options: Any) -> StoredCheckpoint:
        self.delete_checkpoint(new_execution_id)
        return super().fork(execution_id, new_execution_id, **options)


class LoadsFromMemory(BucketCheckpointer):
    def load_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> Checkpoint:
        loaded: dict[str, Checkpoint] = self.__dict__.setdefault("loaded", {})
        if execution_id not in loaded:
            loaded[execution_id] = super().load_checkpoint(execution_id)
        return loaded[execution_id].model_copy(deep=True)


def without_merging(mine: Checkpoint, *_: Any) -> Checkpoint:
    return mine


def always(*_: Any, **__: Any) -> bool:
    return True


STORES: list[Callable[[Store], Store]] = [
    IgnoresConditions,
    IgnoresVersions,
    LosesWrites,
    ShowsThePast,
    RefusesAfterWriting,
]
CHECKPOINTERS: dict[type[BucketCheckpointer], set[OperationKind]] = {
    DeletesNothing: {Kind.SAVE, Kind.LOAD, Kind.DELETE},
    UpdatesTwice: DOUBTS,
    ForgetsWhatItSaw: {Kind.LOAD, Kind.UPDATE, Kind.SAVE_AGAIN},
    StartsTwice: {Kind.SAVE, Kind.SAVE_IF_ABSENT},
    LoadsFromMemory: {Kind.SAVE, Kind.LOAD},
    RestoresTheNewest: {Kind.SAVE, Kind.UPDATE, Kind.RESTORE},
    ForksOver: {Kind.SAVE, Kind.FORK},
}
RULES: dict[str, tuple[Any, str, Any, set[OperationKind]]] = {
    "gives every claim twice": (claim, "_check_free", always, CLAIMS),
    "collects what has not ended": (
        gc,
        "FINISHED",
        frozenset(ExecutionStatus),
        {Kind.SAVE, Kind.COLLECT},
    ),
}
if THOROUGH:  # what it takes to see these comes together rarely
    CHECKPOINTERS.update(
        {
            RepeatsUnknownUpdates: {Kind.UPDATE},
            SettlesAll: {Kind.UPDATE, Kind.SETTLE},
            SettlesNothing: {Kind.UPDATE, Kind.SETTLE},
        }
    )
    RULES["loses pauses"] = (claim, "merge_pauses", without_merging, PAUSES)
    RULES["overwrites edits under a claim"] = (claim, "_same_but_pauses", always, CLAIMS)


def assert_found(place: Place) -> None:
    with pytest.raises(AssertionError):
        run_machine(place, **QUICKLY)


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_lies_is_found(store: Callable[[Store], Store]) -> None:
    assert_found(Place(MemoryStore, wrap=store, kinds=DOUBTS))


@pytest.mark.parametrize(("checkpointer", "kinds"), CHECKPOINTERS.items())
def test_a_checkpointer_with_a_bug_is_found(
    checkpointer: type[BucketCheckpointer], kinds: set[OperationKind]
) -> None:
    assert_found(Place(MemoryStore, checkpointer, kinds=kinds))


@pytest.mark.parametrize(("module", "name", "broken", "kinds"), RULES.values(), ids=[*RULES])
def test_a_rule_that_is_switched_off_is_found(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: Any, kinds: set[OperationKind]
) -> None:
    monkeypatch.setattr(module, name, broken)
    assert_found(Place(MemoryStore, kinds=kinds))
