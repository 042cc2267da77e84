"""The benchmarks measure what they say, and their page shows what they kept; no time is asserted."""

import sys
from typing import Any

import pytest

from benchmarks import calls, codec, concurrency, measure, memory, request_counts, startup
from benchmarks.__main__ import BENCHMARKS
from benchmarks.clouds import BUCKET, CLOUDS, Cloud, clouds, stubbed
from benchmarks.measure import Call, Comparison
from benchmarks.page import PAGE
from benchmarks.services import Request
from benchmarks.shapes import LARGE, SMALL
from benchmarks.stub import Stub

WRITE = ("1 PUT", "1 POST")
READ = ("1 GET", "1 GET")
READ_AND_WRITE = ("1 GET + 1 PUT", "1 GET + 1 POST")


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (measure, memory, startup, concurrency):
        monkeypatch.setattr(module, "ROUNDS", 2)
    monkeypatch.setattr(measure, "SECONDS_A_SAMPLE", 0.001)


def test_each_operation_sends_the_requests_that_the_design_allows() -> None:
    counted = {result.operation: (result.s3, result.gcs) for result in request_counts.measure()}
    assert counted == {
        "`save_checkpoint`, run seen before": WRITE,
        # Google says 404 for a missing bucket, too, so the first time it is looked for.
        "`save_checkpoint`, new run, first call of a process": (
            "1 GET + 1 PUT",
            "2 GET + 1 POST",
        ),
        "`save_checkpoint`, new run, later": READ_AND_WRITE,
        "`save_checkpoint` of a built snapshot, run of another process": READ_AND_WRITE,
        "`load_checkpoint`": READ,
        "`atomic_update`, first in a process": READ_AND_WRITE,
        "`atomic_update`, later": WRITE,
        "`delete_checkpoint`, run seen before": WRITE,
        "`delete_checkpoint`, run of another process": READ_AND_WRITE,
        "taking a claim": READ_AND_WRITE,
        "`claim.save`": WRITE,
        "releasing a claim": WRITE,
    }


@pytest.mark.parametrize("operation", ["save", "load"])
def test_both_sides_send_s3_the_same_headers(operation: str) -> None:
    with stubbed() as stub:
        cloud, _ = clouds(stub.url)
        bare, ours = (sent(stub, call) for call in sides(cloud, operation))
    assert ours.headers.keys() <= bare.headers.keys()
    assert bare.headers.keys() - ours.headers.keys() <= {"expect"}
    assert ("if-match" in ours.headers) == (operation == "save")


@pytest.mark.parametrize("operation", ["save", "load"])
def test_both_sides_send_google_one_request_with_the_same_condition(operation: str) -> None:
    with stubbed() as stub:
        _, cloud = clouds(stub.url)
        bare, ours = (sent(stub, call) for call in sides(cloud, operation))
    assert (bare.method, bare.path) == (ours.method, ours.path)
    for request in (bare, ours):
        assert ("ifGenerationMatch" in request.query) == (operation == "save")


def sides(cloud: Cloud, operation: str) -> tuple[Call, Call]:
    return calls.OPERATIONS[operation][0](cloud, SMALL)


def sent(stub: Stub, call: Call) -> Request:
    """Return what the second of two calls sends, when everything is set up."""
    call()
    stub.requests()
    call()
    # Google's SDK asks for the bucket besides, in the background and at any time.
    (request,) = [each for each in stub.requests() if not each.path.endswith(f"/b/{BUCKET}")]
    return request


def test_whole_calls_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {name: (prepare, [SMALL]) for name, (prepare, _) in calls.OPERATIONS.items()}
    monkeypatch.setattr(calls, "OPERATIONS", small)
    results = calls.measure()
    assert [(result.cloud, result.operation, result.target) for result in results] == [
        (cloud, operation, target)
        for cloud in CLOUDS
        for operation, target in {
            "save": 1.1,
            "load": 1.1,
            "atomic_update": None,
            "first save": None,
        }.items()
    ]
    assert all(positive(result.cpu) for result in results)


def test_the_codec_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "TARGETS", [SMALL])
    results = codec.measure()
    assert [(result.shape, result.operation) for result in results] == [
        (SMALL, "save"),
        (SMALL, "load"),
    ]
    assert all(positive(result.cpu) for result in results)


def only_google(stub_url: str) -> list[Cloud]:
    return [CLOUDS["GCS"](stub_url)]


def test_threads_and_tasks_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "CALLS_A_ROUND", 2)
    monkeypatch.setattr(concurrency, "THREAD_COUNTS", (1, 2))
    monkeypatch.setattr(concurrency, "TASKS", 2)
    monkeypatch.setattr(concurrency, "clouds", only_google)
    results = concurrency.measure()
    assert [(result.cloud, result.operation, result.at_once) for result in results] == [
        (cloud, operation, at_once)
        for cloud in ("GCS",)
        for operation in ("save", "load")
        for at_once in ("1 thread", "2 threads", "2 tasks")
    ]
    assert all(positive(result.cpu) and positive(result.elapsed) for result in results)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MEASURED_SHAPES", (LARGE,))
    monkeypatch.setattr(memory, "OPERATIONS", ("save",))
    monkeypatch.setattr(memory, "CLOUDS", {"S3": CLOUDS["S3"]})
    (result,) = memory.measure()
    assert (result.cloud, result.operation, result.shape) == ("S3", "save", LARGE)
    assert positive(result.memory)


def test_a_fresh_process_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("import", "first save, GCS")
    monkeypatch.setattr(startup, "PROGRAMS", {name: startup.PROGRAMS[name] for name in names})
    results = startup.measure()
    assert [result.what for result in results] == [*names]
    assert all(positive(result.cpu) and positive(result.elapsed) for result in results)


def positive(comparison: Comparison) -> bool:
    return min(comparison.bare, comparison.ours, comparison.low) > 0


def test_a_comparison_is_of_pairs() -> None:
    comparison = Comparison.of([(1, 2), (2, 2), (4, 12)])
    assert (comparison.bare, comparison.ours, comparison.ratio) == (2, 2, 2)
    assert (comparison.low, comparison.high) == (1.5, 2.5)
    assert (comparison.judged(2), comparison.judged(1.9)) == ("2.00, met", "1.90, missed")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_page_shows_the_kept_results(name: str) -> None:
    benchmark: Any = BENCHMARKS[name]
    assert benchmark.table(benchmark.kept()) in PAGE.read_text(encoding="utf-8")
