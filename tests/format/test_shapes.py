"""The shapes that the benchmarks measure are what they are called."""

import pytest

from benchmarks.shapes import HUNDREDS, LARGE, MIDDLE, SHAPES, SMALL, THOUSANDS
from bucketpoint.core import codec
from tests.format.exact import parse, rewritten


@pytest.mark.parametrize(
    ("shape", "size", "branches"),
    [
        (SMALL, 2_000, 1),
        (MIDDLE, 50_000, 1),
        (LARGE, 1_000_000, 1),
        (HUNDREDS, 160_000, 300),
        (THOUSANDS, 1_600_000, 3_000),
    ],
)
def test_a_shape_is_a_checkpoint_of_its_size(shape: str, size: int, branches: int) -> None:
    document = SHAPES[shape]()
    body = codec.encode(document)
    assert len(body) == pytest.approx(size, rel=0.1)
    assert len(document["branch_states"]) == branches
    assert parse(rewritten(body)) == parse(body)
