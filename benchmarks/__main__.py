"""Measures all or what is named, prints the tables, and keeps the results where asked."""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.calls import CALLS
from benchmarks.codec import CODEC
from benchmarks.concurrency import CONCURRENCY
from benchmarks.listing import LISTING
from benchmarks.memory import MEMORY
from benchmarks.page import PAGE, Benchmark
from benchmarks.request_counts import REQUESTS
from benchmarks.startup import STARTUP

BENCHMARKS: dict[str, Benchmark[Any]] = {
    benchmark.name: benchmark
    for benchmark in (REQUESTS, CALLS, CONCURRENCY, MEMORY, STARTUP, CODEC, LISTING)
}


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="measure this alone")
    parser.add_argument("--keep", action="store_true", help=f"keep the results, for {PAGE.name}")
    arguments = parser.parse_args()
    for name in arguments.only or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        results = benchmark.measure()
        print(f"\n{name}\n\n{benchmark.table(results)}", flush=True)
        if arguments.keep:
            benchmark.keep(results)


if __name__ == "__main__":
    main()
