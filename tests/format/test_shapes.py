"""What the benchmarks measure is what they say, and their page shows what they kept."""

import json

import pytest

from benchmarks import codec as benchmark
from benchmarks.shapes import SHAPES
from bucketpoint.core import codec
from tests.format.exact import parse, rewritten


@pytest.mark.parametrize(
    ("shape", "size", "branches"),
    [
        ("2 KB, 1 branch", 2_000, 1),
        ("50 KB, 1 branch", 50_000, 1),
        ("1 MB, 1 branch", 1_000_000, 1),
        ("300 branches", 160_000, 300),
        ("3,000 branches", 1_600_000, 3_000),
    ],
)
def test_a_shape_is_a_checkpoint_of_its_size(shape: str, size: int, branches: int) -> None:
    document = SHAPES[shape]()
    body = codec.encode(document)
    assert len(body) == pytest.approx(size, rel=0.1)
    assert len(document["branch_states"]) == branches
    assert parse(rewritten(body)) == parse(body)


def test_every_shape_has_a_target() -> None:
    assert benchmark.CPU_TARGETS.keys() == SHAPES.keys()


def test_the_benchmark_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "SECONDS_A_SAMPLE", 0.001)
    results = benchmark.measure("2 KB, 1 branch")
    assert [result.operation for result in results] == ["save", "load"]
    assert all(result.cpu_ratio > 0 and result.memory_ratio > 0 for result in results)


def test_the_page_shows_the_kept_results() -> None:
    kept = json.loads(benchmark.RESULTS.read_text(encoding="utf-8"))
    results = [benchmark.Result(**result) for result in kept["results"]]
    assert benchmark.table(results) in benchmark.PAGE.read_text(encoding="utf-8")
