"""Whatever a document holds, loading and saving it changes nothing."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.errors import CorruptCheckpointError
from tests.format.exact import parse, rewritten

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXT.filter(lambda name: name.lower() != "bucketpoint")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
FREE = st.none() | st.dictionaries(TEXT, JSON, max_size=4)
TIMES = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    st.integers(0, 9999),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    st.just("") | st.from_regex(r"[.,][0-9]{1,12}", fullmatch=True),
    st.just("Z") | st.from_regex(r"[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]", fullmatch=True),
)


def or_null(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def an_object(
    members: dict[str, st.SearchStrategy[Any]], required: dict[str, Any] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the members, in any order, among members that the format does not know."""
    known = {name.lower() for name in members} | {"bucketpoint", "schema_version"}
    unknown = st.dictionaries(
        TEXT.filter(lambda name: name.lower() not in known and name.isascii()), JSON, max_size=2
    )
    parts = st.tuples(st.fixed_dictionaries({}, optional=members), unknown)
    return parts.map(lambda both: {**(required or {}), **both[0], **both[1]})


WAITS = an_object(
    {
        "kind": st.sampled_from(["signal", "sleep"]),
        "topic": or_null(TEXT),
        "wake_at": or_null(TIMES),
        "timeout": or_null(INT64),
        "remaining": or_null(INT64),
    }
)
BRANCHES = an_object(
    {
        "id": or_null(TEXT),
        "status": or_null(TEXT),
        "current_step": or_null(TEXT),
        "start_time": or_null(TIMES),
        "end_time": or_null(TIMES),
        "error_message": or_null(TEXT),
        "step_outputs": FREE,
        "variables": FREE,
        "wait": or_null(WAITS),
        "pause_requested": or_null(st.booleans()),
        "pause_reason": or_null(TEXT),
        "activity_history": FREE,
        "activity_history_step": or_null(TEXT),
    }
)
CONFIGS = an_object(
    {
        "branches": or_null(st.lists(or_null(TEXT), max_size=3)),
        "count": or_null(INT64),
        "branch_mappings": or_null(st.dictionaries(TEXT, or_null(TEXT), max_size=3)),
    }
)
JOINS = an_object(
    {
        "step_name": or_null(TEXT),
        "waiting_branch_id": or_null(TEXT),
        "config": or_null(CONFIGS),
        "created_at": or_null(TIMES),
    }
)
DOCUMENTS = an_object(
    {
        "id": or_null(TEXT),
        "execution_id": or_null(TEXT),
        "workflow_name": or_null(TEXT),
        "status": or_null(TEXT),
        "inputs": FREE,
        "outputs": FREE,
        "variables": FREE,
        "branch_states": or_null(st.dictionaries(NAMES, BRANCHES, max_size=3)),
        "join_states": or_null(st.dictionaries(NAMES, JOINS, max_size=2)),
        "branch_counter": or_null(INT64),
        "error": or_null(TEXT),
        "start_time": or_null(TIMES),
        "end_time": or_null(TIMES),
        "checkpoint_at": or_null(TIMES),
    },
    {"schema_version": 1},
)


@given(DOCUMENTS)
def test_any_document_survives_loading_and_saving(document: dict[str, Any]) -> None:
    body = codec.encode(document)
    assert parse(rewritten(body)) == parse(body)


@given(DOCUMENTS)
def test_reading_attributes_copying_and_pickling_change_nothing(document: dict[str, Any]) -> None:
    body = codec.encode(document)
    checkpoint = Checkpoint.from_document(codec.decode(body))
    for model in (checkpoint, *checkpoint.branch_states.values(), *checkpoint.join_states.values()):
        for name in type(model).model_fields:
            getattr(model, name)
    copies = [
        checkpoint,
        checkpoint.model_copy(),
        checkpoint.model_copy(deep=True),
        copy.deepcopy(checkpoint),
        pickle.loads(pickle.dumps(checkpoint)),  # noqa: S301 - our own
    ]
    for each in copies:
        assert each == Checkpoint.from_document(codec.decode(body))
        assert parse(codec.encode(each.to_document())) == parse(body)


@given(st.dictionaries(TEXT, JSON, max_size=6))
def test_what_the_fast_way_writes_the_exact_way_writes_too(data: dict[str, Any]) -> None:
    exactly = codec._encode_exactly(data, None)
    assert parse(codec.encode(data)) == parse(exactly)
    assert codec._decode_exactly(exactly) == codec.decode(exactly) == data


SOUP = st.text('{}[]":,\\ue0-1.5Ntru ', max_size=30).map(str.encode)


@given(st.binary(max_size=40) | SOUP | SOUP.map(lambda soup: b'{"a":%b}' % soup))
def test_bytes_are_refused_or_read_as_the_exact_way_reads_them(body: bytes) -> None:
    def outcome(read: Callable[[bytes], object]) -> str:
        try:
            return repr(read(body))
        except CorruptCheckpointError as error:
            return type(error).__name__

    exactly = outcome(codec._decode_exactly)
    is_object = exactly.startswith("{")
    assert outcome(codec.decode) == (exactly if is_object else CorruptCheckpointError.__name__)
