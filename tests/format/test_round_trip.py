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
from bucketpoint.testing.strategies import documents, json_values, texts
from tests.format.exact import parse, rewritten


@given(documents())
def test_any_document_survives_loading_and_saving(document: dict[str, Any]) -> None:
    body = codec.encode(document)
    assert parse(rewritten(body)) == parse(body)


@given(documents())
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


@given(st.dictionaries(texts(), json_values(), max_size=6))
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
