"""What saving and loading cost the client's CPU and memory, against the json module alone.

No store and no network: `to_document` and `encode` against `json.dumps(...).encode()`, `decode`
and `from_document` against `json.loads`. The two are measured in turn, and the median of the ratios
of such pairs counts, so that a machine that is busy or changes its speed disturbs both alike.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pydantic

import bucketpoint
from benchmarks.shapes import SHAPES
from bucketpoint import Checkpoint
from bucketpoint.core import codec

RESULTS = Path(__file__).parent / "results" / "codec.json"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- codec: begin -->", "<!-- codec: end -->"
ROUNDS = 41
SECONDS_A_SAMPLE = 0.01
MEMORY_TARGET = 1.25
CPU_TARGETS = {
    "2 KB, 1 branch": 1.10,
    "50 KB, 1 branch": 1.00,
    "1 MB, 1 branch": 1.00,
    "300 branches": 1.30,
    "3,000 branches": 2.00,
}


@dataclass(frozen=True)
class Result:
    """One operation on one shape; ratios are ours over the json module's."""

    shape: str
    operation: str
    bytes: int
    json_us: float
    ours_us: float
    cpu_ratio: float
    cpu_target: float
    memory_ratio: float
    memory_target: float = MEMORY_TARGET

    @property
    def met(self) -> bool:
        return self.cpu_ratio <= self.cpu_target and self.memory_ratio <= self.memory_target


def seconds(call: Callable[[], Any], times: int) -> float:
    """The CPU time of one call, averaged over so many."""
    gc.collect()
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def compare(
    json_call: Callable[[], Any], our_call: Callable[[], Any]
) -> tuple[float, float, float]:
    """The median CPU seconds of both calls, and the median ratio of pairs measured in turn."""
    times = max(1, round(SECONDS_A_SAMPLE / seconds(json_call, 3)))
    pairs = [(seconds(json_call, times), seconds(our_call, times)) for _ in range(ROUNDS)]
    return (
        statistics.median(json_seconds for json_seconds, _ in pairs),
        statistics.median(our_seconds for _, our_seconds in pairs),
        statistics.median(our_seconds / json_seconds for json_seconds, our_seconds in pairs),
    )


def memory_peak(call: Callable[[], Any]) -> int:
    """The most bytes that Python held at once during the call."""
    gc.collect()
    tracemalloc.start()
    kept = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return peak


def measure(shape: str) -> list[Result]:
    """Measure saving and loading of one shape."""
    document = SHAPES[shape]()
    body = codec.encode(document)
    checkpoint = Checkpoint.from_document(codec.decode(body))
    calls: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "save": (
            lambda: json.dumps(document).encode(),
            lambda: codec.encode(checkpoint.to_document()),
        ),
        "load": (
            lambda: json.loads(body),
            lambda: Checkpoint.from_document(codec.decode(body)),
        ),
    }
    results: list[Result] = []
    for operation, (json_call, our_call) in calls.items():
        json_seconds, our_seconds, ratio = compare(json_call, our_call)
        results.append(
            Result(
                shape=shape,
                operation=operation,
                bytes=len(body),
                json_us=round(json_seconds * 1e6, 1),
                ours_us=round(our_seconds * 1e6, 1),
                cpu_ratio=round(ratio, 2),
                cpu_target=CPU_TARGETS[shape],
                memory_ratio=round(memory_peak(our_call) / memory_peak(json_call), 2),
            )
        )
    return results


def machine() -> dict[str, str]:
    """What the numbers were measured with."""
    return {
        "python": platform.python_version(),
        "pydantic": pydantic.VERSION,
        "bucketpoint": bucketpoint.__version__,
        "on": f"{platform.system()} {platform.machine()}",
    }


def table(results: list[Result]) -> str:
    """The results as a table in Markdown."""
    head = (
        "| document | bytes | operation | json, µs | bucketpoint, µs | CPU ratio | target "
        "| memory ratio | target | met |"
    )
    rows = [head, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"]
    rows += [
        f"| {r.shape} | {r.bytes:,} | {r.operation} | {r.json_us:,.0f} | {r.ours_us:,.0f} "
        f"| {r.cpu_ratio:.2f} | {r.cpu_target:.2f} | {r.memory_ratio:.2f} "
        f"| {r.memory_target:.2f} | {'yes' if r.met else 'no'} |"
        for r in results
    ]
    return "\n".join(rows)


def main() -> None:
    """Measure, print the table, and keep it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help=f"write {RESULTS.name} and {PAGE.name}")
    is_kept = parser.parse_args().keep
    results = [result for shape in SHAPES for result in measure(shape)]
    print(table(results))
    if is_kept:
        keep(results)


def keep(results: list[Result]) -> None:
    """Write the results as JSON, and their table into the page."""
    kept = {"measured_with": machine(), "results": [asdict(result) for result in results]}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    measured_with = ", ".join(f"{name} {value}" for name, value in machine().items())
    text = f"{before}{BEGIN}\n{table(results)}\n\nMeasured with {measured_with}.\n{END}{after}"
    PAGE.write_text(text, encoding="utf-8")
    print(f"\nwritten to {RESULTS} and {PAGE}")


if __name__ == "__main__":
    main()
