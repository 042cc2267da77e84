"""Every document of the original engine survives loading and saving, value by value."""

import hashlib

import pytest

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from tests.format.documents import GOLDENS, Golden
from tests.format.exact import parse, rewritten

by_document = pytest.mark.parametrize("golden", GOLDENS.values(), ids=list(GOLDENS))


@by_document
def test_the_golden_documents_are_as_they_were_written(golden: Golden) -> None:
    assert hashlib.sha256(golden.body).hexdigest() == golden.sha256


@by_document
def test_a_golden_document_loses_nothing_in_loading_and_saving(golden: Golden) -> None:
    assert parse(rewritten(golden.body)) == parse(golden.body)


@by_document
def test_a_golden_document_is_rewritten_with_its_fields_in_the_order_of_the_format(
    golden: Golden,
) -> None:
    assert list(parse(rewritten(golden.body))) == list(parse(golden.body))


@by_document
def test_reading_every_attribute_of_a_golden_document_changes_nothing_in_it(
    golden: Golden,
) -> None:
    checkpoint = Checkpoint.from_document(codec.decode(golden.body))
    repr(checkpoint)
    models = [checkpoint, *checkpoint.branch_states.values(), *checkpoint.join_states.values()]
    for model in models:
        for name in type(model).model_fields:
            getattr(model, name)
    assert parse(codec.encode(checkpoint.to_document())) == parse(golden.body)
    assert checkpoint == Checkpoint.from_document(codec.decode(golden.body))


def test_the_comparison_of_these_tests_tells_apart_what_means_something_else() -> None:
    assert parse(b'{"a":-0}') != parse(b'{"a":0}')
    assert parse(b'{"a":9007199254740993}') != parse(b'{"a":9007199254740992}')
    assert parse(b'{"a":null}') != parse(b'{"a":{}}') != parse(b"{}")
    assert parse(b'{"a":1.50}') == parse(b'{"a":15e-1}')
