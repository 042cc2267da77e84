"""Whatever lies in the bucket, only this library's own errors come out, in bounded memory."""

import inspect
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    MemoryStore,
    NoCheckpointError,
    UnsupportedFormatError,
    pause_branch,
    unpause_branch,
)
from bucketpoint.core import codec
from bucketpoint.core.document import Document
from bucketpoint.core.keys import execution_key
from bucketpoint.core.summaries import at_a_glance, in_full
from bucketpoint.errors import BucketpointError, CorruptCheckpointError, StoredDataError
from bucketpoint.stores.contract import IfAbsent
from bucketpoint.testing.strategies import json_values, texts, times
from bucketpoint.wire import WireModel
from tests.format.documents import EDGES, GOLDENS

RUN = "run-42"
AMPLIFICATION = 150
"""Bytes of memory that reading takes at most for each byte of the document."""

MEMBER = {
    "format": 1,
    "lineage": "l",
    "revision": 3,
    "writers": {"w": ["o", 3], "v": ["p", 2]},
    "evicted_revision": 1,
    "epoch": 2,
    "owner": "worker",
    "ttl_s": 60.0,
}
OWN = json.dumps({**json.loads(GOLDENS["data_numbers-02"].body), "bucketpoint": MEMBER}).encode()
BODIES = [golden.body for golden in GOLDENS.values()] + [edge.body for edge in EDGES.values()]
SMALL = [body for body in BODIES if len(body) < 4_000]
SEEDS = st.sampled_from(SMALL) | st.just(OWN)


# --- mutations ------------------------------------------------------------------------------------

SNIPPETS = st.binary(max_size=4) | st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\\u", b"\\ud800", b"\xff", b"\0"),
        *(b"-0", b"1e999", b"1e-999", b"9" * 400, b"0." + b"0" * 400 + b"1", b"NaN", b"Infinity"),
        *(b"null", b"true", b"[" * 1200, b'{"a":' * 1200, b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    ]
)


@st.composite
def mutated_bytes(draw: st.DrawFn) -> bytes:
    """A document of which a few pieces were replaced, removed, doubled or cut off."""
    body = draw(SEEDS)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 12)))
        head, piece, tail = body[:start], body[start:end], body[end:]
        middle = draw(st.just(b"") | st.just(piece * 2) | SNIPPETS)
        body = draw(st.sampled_from([head + middle + tail, head + middle + tail, head + middle]))
    return body


def nested(levels: int, *, is_list: bool) -> Any:
    value: Any = None
    for _ in range(levels):
        value = [value] if is_list else {"a": value}
    return value


EMPTY: list[Any] = ["", {}, []]
WRONG: st.SearchStrategy[Any] = (
    json_values(max_leaves=3)
    | times()
    | texts()
    | st.sampled_from([10**308, -(10**308), 2**63, 1e308, -1, 0, 1.0, True, *EMPTY])
    | st.builds(nested, st.integers(0, 600), is_list=st.booleans())
)


def places(value: Any) -> Iterator[tuple[Any, str | int]]:
    """Yield each container in a document, with each key in it."""
    containers: list[Any] = [value]
    while containers:
        container: Any = containers.pop()
        is_map = isinstance(container, dict)
        keys: list[Any] = [
            *(cast("dict[str, Any]", container) if is_map else range(len(container)))
        ]
        for key in keys:
            yield container, key
            if isinstance(container[key], (dict, list)):
                containers.append(container[key])


def readable(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


OBJECTS = st.sampled_from([body for body in SMALL if readable(body)]) | st.just(OWN)


@st.composite
def mutated_values(draw: st.DrawFn) -> bytes:
    """A document with another value, of another type perhaps, in a few places."""
    document = json.loads(draw(OBJECTS))
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(list(places(document))))
        if draw(st.booleans()) and isinstance(container, dict):
            container[draw(texts() | st.just(str(key).upper()))] = draw(WRONG)
        else:
            container[key] = draw(WRONG)
    return json.dumps(document).encode()


DOCUMENTS = mutated_bytes() | mutated_values() | st.binary(max_size=40)


# --- at a glance ----------------------------------------------------------------------------------


@given(DOCUMENTS)
def test_a_glance_sees_what_reading_in_full_does_or_nothing(body: bytes) -> None:
    seen = at_a_glance(body)
    assert seen is None or seen == in_full(body)


@pytest.mark.parametrize("body", BODIES)
def test_a_glance_at_a_known_document_sees_what_reading_in_full_does(body: bytes) -> None:
    seen = at_a_glance(body)
    assert seen is None or seen == in_full(body)


def test_a_glance_does_for_nearly_all_golden_documents() -> None:
    declined = {name for name, golden in GOLDENS.items() if at_a_glance(golden.body) is None}
    # Numbers that the parser would change.
    assert {name.partition("-")[0] for name in declined} <= {"data_numbers", "signal_payload"}


# --- reading --------------------------------------------------------------------------------------


def read(body: bytes) -> Checkpoint:
    """Read a document as a checkpointer does, and look at every member of it."""
    document = Document.parse(body)
    if document.problem is not None:
        raise document.problem
    checkpoint = Checkpoint.from_document(document.take_data())
    models: list[WireModel | None] = [checkpoint]
    for branch in checkpoint.branch_states.values():
        models += (branch, branch.wait)
    for join in checkpoint.join_states.values():
        models += (join, join.config)
    for model in models:
        if model is not None:
            for name in type(model).model_fields:
                getattr(model, name)
    return checkpoint


@given(DOCUMENTS)
def test_a_damaged_document_is_read_or_refused(body: bytes) -> None:
    try:
        checkpoint = read(body)
    except StoredDataError:
        return
    stored = codec.encode(checkpoint.to_document())
    assert codec.same(read(stored).to_document(), checkpoint.to_document())


@given(DOCUMENTS)
def test_decoding_raises_one_kind_of_error(body: bytes) -> None:
    try:
        data = codec.decode(body)
    except CorruptCheckpointError:
        return
    assert codec.same(codec.decode(codec.encode(data)), data)


CALLS: list[Callable[[BucketCheckpointer], object]] = [
    lambda checkpointer: checkpointer.load_checkpoint(RUN),
    lambda checkpointer: checkpointer.get(RUN),
    lambda checkpointer: checkpointer.atomic_update(RUN, lambda _: None),
    lambda checkpointer: pause_branch(checkpointer, RUN, "main"),
    lambda checkpointer: unpause_branch(checkpointer, RUN, "main"),
    lambda checkpointer: checkpointer.claim(RUN, owner="a").acquire(),
    lambda checkpointer: checkpointer.claim(RUN, owner="a", takeover=True).acquire().renew(),
    lambda checkpointer: checkpointer.save_checkpoint(Checkpoint(execution_id=RUN)),
    lambda checkpointer: checkpointer.purge(RUN),
]


@given(DOCUMENTS, st.lists(st.sampled_from(CALLS), min_size=1, max_size=3))
def test_a_checkpointer_says_what_is_wrong_and_can_still_delete(
    body: bytes, calls: list[Callable[[BucketCheckpointer], object]]
) -> None:
    store = MemoryStore()
    store.put(execution_key("", RUN), body, when=IfAbsent())
    checkpointer = BucketCheckpointer(store)
    for call in calls:
        with suppress(BucketpointError):
            call(checkpointer)
    try:
        checkpointer.delete_checkpoint(RUN)
    except UnsupportedFormatError:  # a newer version's: it is left as it is
        return
    with pytest.raises(NoCheckpointError):
        checkpointer.load_checkpoint(RUN)


# --- depth ----------------------------------------------------------------------------------------

DEPTHS = [150, 199, 200, 201, 900, 1_000, 1_001, 5_000, 100_000]
WHERE = {
    "list": (b'{"schema_version":1,"variables":{"v":', b"[", b"]", b"}}"),
    "map": (b'{"schema_version":1,"inputs":{"v":', b'{"a":', b"}", b"}}"),
    "unknown member": (b'{"schema_version":1,"future":', b"[", b"]", b"}"),
    "branch": (
        b'{"schema_version":1,"branch_states":{"main":{"variables":',
        *(b'{"a":', b"}", b"}}}"),
    ),
    "member": (b'{"schema_version":1,"bucketpoint":{"extra":', b"[", b"]", b"}}"),
    "nothing else": (b"", b"[", b"]", b""),
    "never closed": (b'{"schema_version":1,"variables":', b'{"a":', b"", b""),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("depth", DEPTHS)
def test_no_depth_of_nesting_is_a_crash(where: str, depth: int) -> None:
    begin, opening, closing, end = WHERE[where]
    inner = b"{}" if opening == b'{"a":' and closing else b""
    body = begin + opening * depth + inner + closing * depth + end
    try:
        checkpoint = read(body)
    except StoredDataError:
        assert depth > 150 or where in {"nothing else", "never closed", "member"}
        return
    assert depth <= 1_000
    assert codec.encode(checkpoint.to_document())


def test_nesting_is_no_crash_where_the_stack_is_nearly_used_up() -> None:
    body = b'{"schema_version":1,"inputs":{"v":' + b"[" * 300 + b"]" * 300 + b"}}"

    def deeper(levels: int) -> Checkpoint | None:
        if levels:
            return deeper(levels - 1)
        try:
            return read(body)
        except CorruptCheckpointError:
            return None

    assert deeper(0) is not None
    assert deeper(sys.getrecursionlimit() - 300 - len(inspect.stack(0))) is None


# --- memory ---------------------------------------------------------------------------------------

SIZE = 200_000
LARGE = {
    "empty lists": b"[],",
    "empty maps": b"{},",
    "maps of one": b'{"":0},',
    "nulls": b"null,",
    "digits": b"7,",
    "large integers": b"9" * 300 + b",",
    "long fractions": b"0." + b"7" * 500 + b",",
    "minus zeros": b"-0,",
    "texts of one": b'"a",',
    "escapes": b'"\\u00e9\\ud83d\\ude00\\n",',
    "lone surrogates": b'"\\ud800",',
    "beyond ASCII": '"\U0001f600",'.encode(),
    "not UTF-8": b'"\xff",',
    "spaces": b" " * 50 + b"0,",
    "shallow nests": b"[" * 150 + b"]" * 150 + b",",
    "deep nests": b"[" * 400 + b"]" * 400 + b",",
}


@pytest.mark.parametrize("name", LARGE)
def test_reading_takes_memory_in_proportion_to_the_document(name: str) -> None:
    piece = LARGE[name]
    begin, end = b'{"schema_version":1,"variables":{"v":[', b"0]}}"
    body = begin + piece * (SIZE // len(piece)) + end
    assert peak_of_reading(body) <= AMPLIFICATION * len(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * (SIZE // 5),
        b"[" * SIZE,
        b'"' + b"\\" * SIZE,
        b"9" * SIZE,
        b" " * SIZE,
        b"\xff" * SIZE,
        b'{"schema_version":1,"branch_states":{' + b'"a":{},' * (SIZE // 7) + b'"b":{}}}',
        b"{" + b'"schema_version":1,' * (SIZE // 19) + b'"id":""}',
    ],
    ids=["maps", "lists", "text", "digits", "spaces", "bytes", "one branch", "one member"],
)
def test_refusing_takes_memory_in_proportion_to_the_document(body: bytes) -> None:
    assert peak_of_reading(body) <= AMPLIFICATION * len(body)


def peak_of_reading(body: bytes) -> int:
    """Bytes that reading the document took at most, its own bytes not among them."""
    tracemalloc.start()
    try:
        with suppress(StoredDataError):
            read(body)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
