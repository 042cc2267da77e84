"""The examples of docs/spec/v1.md are, byte by byte, what the library writes, and it reads them."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from bucketpoint import (
    BranchState,
    BucketCheckpointer,
    BucketpointError,
    Checkpoint,
    CorruptCheckpointError,
    InvalidInputError,
    JoinConfig,
    JoinState,
    MemoryStore,
    NoCheckpointError,
    UnsupportedFormatError,
    UnsupportedSchemaError,
    WaitState,
)
from bucketpoint.core.claim import ClaimTerms, save_claimed, take_claim
from bucketpoint.core.delete import delete
from bucketpoint.core.document import Document
from bucketpoint.core.drive import drive
from bucketpoint.core.effects import (
    Clock,
    Delete,
    Effect,
    Get,
    NewID,
    Procedure,
    Put,
    ReadClock,
    Sleep,
    WriterID,
)
from bucketpoint.core.fork import fork, note_fork
from bucketpoint.core.keys import execution_id_of, execution_key
from bucketpoint.core.load import load
from bucketpoint.core.save import save
from bucketpoint.core.session import Session, Settings
from bucketpoint.drivers.requests import request
from bucketpoint.stores.contract import IfAbsent
from bucketpoint.wire import WireModel
from tests.docs.pages import ROOT

T = TypeVar("T")

SPEC = (ROOT / "docs" / "spec" / "v1.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- example: (\w+) -->\n```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = {name: text.strip() for name, text in BLOCK.findall(SPEC)}

NOW = datetime(2026, 11, 22, 12, 35, 40, tzinfo=UTC)
START = datetime(2026, 11, 22, 12, 35, 39, 904154, tzinfo=UTC)

FOREIGN = (
    b'{"schema_version": 1, "id": "3", "execution_id": "run-7", "workflow_name": "orders", '
    b'"status": "running", "inputs": {}, "outputs": {}, "variables": null, "branch_states": {}, '
    b'"join_states": {}, "branch_counter": 0, "checkpoint_at": "2026-11-22T13:35:39.5+01:00", '
    b'"tenant": "acme"}'
)


class Process:
    """A process with an ID as a writer, whose operations and lineages get the IDs it is told."""

    def __init__(self, store: MemoryStore, writer: str) -> None:
        self.session = Session(store.url, store.capabilities, Settings())
        self._store = store
        self._writer = writer

    def run(self, procedure: Procedure[T], *ids: str) -> T:
        drawn = iter(ids)
        result = drive(procedure, lambda effect: self._perform(effect, drawn))
        assert list(drawn) == [], "fewer IDs were drawn than expected"
        return result

    def _perform(self, effect: Effect, drawn: Iterator[str]) -> Any:
        match effect:
            case NewID():
                return next(drawn)
            case WriterID():
                return self._writer
            case ReadClock():
                return Clock(0.0, NOW)
            case Sleep():
                return None
            case Get() | Put() | Delete():
                return request(self._store, effect, 30.0)
            case _:
                raise AssertionError(effect)


def body(store: MemoryStore, execution_id: str) -> bytes:
    stored = store.get(execution_key("", execution_id))
    assert stored is not None
    return stored.body


def written() -> dict[str, bytes]:
    """Let two processes write the examples' documents, and return their bytes."""
    store = MemoryStore(clock=lambda: NOW)
    one, two = Process(store, "writer-1"), Process(store, "writer-2")
    documents: dict[str, bytes] = {}

    checkpoint = Checkpoint(
        id="1",
        execution_id="run-42",
        workflow_name="orders",
        status="running",
        inputs={"order": 7},
        branch_states={
            "main": BranchState(
                id="main", status="running", current_step="charge", start_time=START
            )
        },
        start_time=START,
        checkpoint_at=NOW,
    )
    one.run(save(one.session, checkpoint), "operation-1", "lineage-1")
    documents["created"] = body(store, "run-42")

    terms = ClaimTerms("run-42", "lambda-7f", ttl=timedelta(seconds=60))
    state, claimed = two.run(take_claim(two.session, terms), "operation-2")
    claimed.status = "suspended"
    branch = claimed.branch_states["main"]
    branch.status = "suspended"
    branch.step_outputs["charge"] = {"paid": 12.5}
    branch.wait = WaitState(
        kind="signal", topic="shipped", wake_at=NOW + timedelta(hours=1), timeout=timedelta(hours=1)
    )
    two.run(save_claimed(two.session, state, claimed), "operation-3")
    documents["claimed"] = body(store, "run-42")

    one.run(delete(one.session, "run-42"), "operation-4")
    documents["tombstone"] = body(store, "run-42")

    store.put(execution_key("", "run-7"), FOREIGN, when=IfAbsent())
    one.run(save(one.session, one.run(load(one.session, "run-7"))), "operation-5", "lineage-2")
    documents["adopted"] = body(store, "run-7")

    forked = one.run(fork(one.session, "run-7", "run-8"), "operation-6", "lineage-3")
    documents["forked"] = body(store, "run-8")
    one.run(note_fork(one.session, "run-7", "run-8", forked), "operation-7")
    documents["source"] = body(store, "run-7")
    return documents


def compact(text: str) -> bytes:
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()


def test_every_example_is_one_that_is_written_here() -> None:
    assert SPEC.count("```json") == len(EXAMPLES)
    assert EXAMPLES.keys() == written().keys()


def test_the_first_example_has_the_exact_bytes_of_a_first_save() -> None:
    assert EXAMPLES["created"].encode() == written()["created"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_the_bytes_that_the_library_writes_but_for_its_layout(name: str) -> None:
    assert compact(EXAMPLES[name]) == written()[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_and_written_again_with_nothing_lost(name: str) -> None:
    document = Document.parse(EXAMPLES[name].encode())
    data = document.take_data()
    assert document.problem is None
    assert document.member is not None
    again: dict[str, Any] = {"bucketpoint": document.member.to_json()}
    if name == "tombstone":
        assert document.deleted
        with pytest.raises(UnsupportedSchemaError):
            Checkpoint.from_document(data)
        again |= data
    else:
        assert not document.deleted
        again |= Checkpoint.from_document(data).to_document()
    assert again == json.loads(EXAMPLES[name])


def test_the_table_of_keys_is_what_the_library_makes() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `(team/executions/[^`]+)` \|$", SPEC, re.MULTILINE)
    assert len(rows) >= 4
    assert [(name, execution_key("team", name)) for name, _ in rows] == rows
    assert [(execution_id_of("team", key), key) for _, key in rows] == rows


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the section's table."""
    text = SPEC.split(f"## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*) \|$", text, re.MULTILINE)
    return [row.split(" | ") for row in rows[2:]]


def names_in(cell: str, known: Iterable[str]) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell)) & set(known)


def test_the_table_of_members_is_that_of_the_models() -> None:
    branch = BranchState(wait=WaitState(kind="sleep"))
    document = Checkpoint(
        branch_states={"main": branch}, join_states={"join": JoinState()}
    ).to_document()
    branch_document = document["branch_states"]["main"]
    join_document = document["join_states"]["join"]
    written: dict[str, tuple[type[WireModel], set[str]]] = {
        "checkpoint": (Checkpoint, set(document)),
        "branch": (BranchState, set(branch_document) - {"wait"}),
        "wait": (WaitState, set(branch_document["wait"])),
        "join": (JoinState, set(join_document)),
        "join config": (JoinConfig, set(join_document["config"])),
    }
    for name, always, when_not_empty in rows_of("2. The document"):
        model, members = written.pop(name)
        known = set(model.model_fields)
        assert names_in(always, known) == members
        assert names_in(when_not_empty, known) == known - members
    assert written == {}


def test_the_table_of_the_reserved_member_is_what_is_written() -> None:
    named = {name.strip("`") for name, *_ in rows_of("4. The reserved member")}
    used = {name for text in EXAMPLES.values() for name in json.loads(text)["bucketpoint"]}
    assert named == used | {"codec"}


def example(**changes: Any) -> bytes:
    """Return the first example with members of the document changed, or left out for `...`."""
    document = json.loads(EXAMPLES["created"]) | changes
    return json.dumps({name: value for name, value in document.items() if value != ...}).encode()


def member(**changes: Any) -> bytes:
    """Return the first example with parts of the reserved member changed, or left out for `...`."""
    parts = json.loads(EXAMPLES["created"])["bucketpoint"] | changes
    return example(bucketpoint={name: value for name, value in parts.items() if value != ...})


@pytest.mark.parametrize(
    ("stored", "error"),
    [
        (b"[]", CorruptCheckpointError),
        (example()[:-1], CorruptCheckpointError),
        (example(status=1), CorruptCheckpointError),
        (example(branch_states={"main": None}), CorruptCheckpointError),
        (example(join_states={"join": None}), CorruptCheckpointError),
        (example(bucketpoint=None), CorruptCheckpointError),
        (member(format=...), CorruptCheckpointError),
        (member(format=0), CorruptCheckpointError),
        (member(format="1"), CorruptCheckpointError),
        (member(lineage=...), CorruptCheckpointError),
        (member(revision=1.0), CorruptCheckpointError),
        (member(writers={"writer-1": "operation-1"}), CorruptCheckpointError),
        (member(evicted_revision=...), CorruptCheckpointError),
        (member(epoch=-1), CorruptCheckpointError),
        (member(owner=7), CorruptCheckpointError),
        (member(deleted=1), CorruptCheckpointError),
        (example(schema_version=...), UnsupportedSchemaError),
        (example(schema_version=None), UnsupportedSchemaError),
        (example(schema_version=0), UnsupportedSchemaError),
        (example(schema_version=2), UnsupportedSchemaError),
        (example(schema_version="1"), CorruptCheckpointError),
        (example(schema_version=0, bucketpoint={"format": 2}), UnsupportedSchemaError),
    ],
)
def test_what_a_reader_must_refuse_is_refused_and_not_taken_for_absence(
    stored: bytes, error: type[BucketpointError]
) -> None:
    store = MemoryStore()
    store.put(execution_key("", "run-42"), stored, when=IfAbsent())
    with pytest.raises(error):
        BucketCheckpointer(store).load_checkpoint("run-42")


@pytest.mark.parametrize("stored", [example(bucketpoint=...), member(format=2), member(epoch=...)])
def test_what_a_reader_must_accept_is_read(stored: bytes) -> None:
    store = MemoryStore()
    store.put(execution_key("", "run-42"), stored, when=IfAbsent())
    assert BucketCheckpointer(store).load_checkpoint("run-42").workflow_name == "orders"


def test_a_tombstone_is_absence() -> None:
    store = MemoryStore()
    tombstone = EXAMPLES["tombstone"].encode()
    store.put(execution_key("", "run-42"), tombstone, when=IfAbsent())
    with pytest.raises(NoCheckpointError):
        BucketCheckpointer(store).load_checkpoint("run-42")


def test_parts_of_the_member_that_are_not_known_are_carried_on() -> None:
    store = MemoryStore()
    store.put(execution_key("", "run-42"), member(hint={"a": [1]}), when=IfAbsent())
    BucketCheckpointer(store).atomic_update("run-42", lambda _: None)
    document = Document.parse(body(store, "run-42"))
    assert document.member is not None
    assert (document.member.revision, document.member.extra) == (2, {"hint": {"a": [1]}})


@pytest.mark.parametrize("stored", [member(format=2), member(codec="zstd")])
def test_a_newer_format_is_never_written_on(stored: bytes) -> None:
    store = MemoryStore()
    store.put(execution_key("", "run-42"), stored, when=IfAbsent())
    checkpointer = BucketCheckpointer(store)
    with pytest.raises(UnsupportedFormatError):
        checkpointer.save_checkpoint(Checkpoint(execution_id="run-42"))
    with pytest.raises(UnsupportedFormatError):
        checkpointer.delete_checkpoint("run-42")
    assert body(store, "run-42") == stored


def test_a_member_of_the_reserved_name_is_refused() -> None:
    store = MemoryStore()
    checkpoint = Checkpoint(execution_id="run-42")
    assert checkpoint.model_extra is not None
    checkpoint.model_extra["bucketpoint"] = {"mine": True}
    with pytest.raises(InvalidInputError, match="reserved"):
        BucketCheckpointer(store).save_checkpoint(checkpoint)
    assert store.get(execution_key("", "run-42")) is None


def test_a_tombstone_over_what_cannot_be_read_begins_a_lineage() -> None:
    store = MemoryStore()
    store.put(execution_key("", "run-42"), member(lineage=...), when=IfAbsent())
    BucketCheckpointer(store).delete_checkpoint("run-42")
    document = Document.parse(body(store, "run-42"))
    assert document.member is not None
    assert (document.member.revision, document.member.adopted, document.deleted) == (1, True, True)
