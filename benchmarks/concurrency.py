"""Throughput and CPU with many calls at once, against as many with the bare SDK.

Every thread or task has a run of its own, of 2 KB, and saves or loads it again and again. All share
one client or checkpointer. For asyncio the bare SDK gets a pool of 64 threads, as it would need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from benchmarks.calls import new_checkpoint, new_id
from benchmarks.clouds import THREADS, Cloud, clouds, stubbed
from benchmarks.measure import Call, Comparison, in_turn, microseconds
from benchmarks.page import Benchmark
from benchmarks.shapes import SHAPES, SMALL
from bucketpoint import AsyncBucketCheckpointer, BucketCheckpointer, Checkpoint

__all__ = ["CONCURRENCY", "Result", "measure"]

ROUNDS = 9
CALLS_A_ROUND = 256
THREAD_COUNTS = (1, 8, 64)
TASKS = 64
OPERATIONS = ("save", "load")

AsyncCall = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Result:
    """One operation in one cloud; the times are of one call, in microseconds."""

    cloud: str
    operation: str
    at_once: str
    cpu: Comparison
    elapsed: Comparison


def measure() -> list[Result]:
    """Measure threads and tasks in both clouds."""
    with stubbed() as stub:
        return [
            result
            for cloud in clouds(stub.url)
            for operation in OPERATIONS
            for result in of_operation(cloud, operation)
        ]


def of_operation(cloud: Cloud, operation: str) -> list[Result]:
    """Measure one operation with so many calls at once."""
    results: list[Result] = []

    def note(at_once: str, bare_round: Call, our_round: Call) -> None:
        cpu, elapsed = compared(bare_round, our_round)
        results.append(Result(cloud.name, operation, at_once, cpu, elapsed))

    with cloud.checkpointer() as checkpointer:
        checkpoints = stored_runs(checkpointer)
        bare = bare_calls(cloud, operation, checkpoints)
        ours = our_calls(checkpointer, operation, checkpoints)
        for count in THREAD_COUNTS:
            with ThreadPoolExecutor(count) as pool:
                rounds = (partial(in_threads, pool, calls[:count]) for calls in (bare, ours))
                note(f"{count} thread{'s' if count > 1 else ''}", *rounds)
    with ThreadPoolExecutor(THREADS) as pool, asyncio.Runner() as runner:
        async_checkpointer = cloud.async_checkpointer()
        sides = (
            [partial(in_pool, pool, call) for call in bare],
            our_calls(async_checkpointer, operation, checkpoints),
        )
        note(f"{TASKS} tasks", *(partial(in_tasks, runner, calls) for calls in sides))
        runner.run(async_checkpointer.close())
    return results


def stored_runs(checkpointer: BucketCheckpointer) -> list[Checkpoint]:
    """Store a run for each thread or task."""
    checkpoints = [new_checkpoint(SMALL) for _ in range(max(*THREAD_COUNTS, TASKS))]
    for checkpoint in checkpoints:
        checkpointer.save_checkpoint(checkpoint)
    return checkpoints


def bare_calls(cloud: Cloud, operation: str, checkpoints: Sequence[Checkpoint]) -> list[Call]:
    """Return a call of the bare SDK for each run: saves of runs of their own, or loads of these."""
    if operation == "load":
        return [cloud.bare(checkpoint.execution_id).load for checkpoint in checkpoints]
    document = SHAPES[SMALL]()
    return [partial(cloud.bare(new_id()).save, document) for _ in checkpoints]


def our_calls(
    checkpointer: BucketCheckpointer | AsyncBucketCheckpointer,
    operation: str,
    checkpoints: Sequence[Checkpoint],
) -> list[Callable[[], Any]]:
    """Return a call of the checkpointer for each run; one that is awaited, when it is async."""
    if operation == "load":
        return [partial(checkpointer.load_checkpoint, each.execution_id) for each in checkpoints]
    return [partial(checkpointer.save_checkpoint, each) for each in checkpoints]


# --- one round --------------------------------------------------------------------------------


def in_threads(pool: ThreadPoolExecutor, calls: Sequence[Call]) -> None:
    """Make the calls of a round, each again and again in a thread of its own."""

    def repeat(call: Call) -> None:
        for _ in range(CALLS_A_ROUND // len(calls)):
            call()

    for done in [pool.submit(repeat, call) for call in calls]:
        done.result()


def in_tasks(runner: asyncio.Runner, calls: Sequence[AsyncCall]) -> None:
    """Make the calls of a round, each again and again in a task of its own."""

    async def repeat(call: AsyncCall) -> None:
        for _ in range(CALLS_A_ROUND // len(calls)):
            await call()

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(repeat(call))

    runner.run(together())


async def in_pool(pool: ThreadPoolExecutor, call: Call) -> None:
    await asyncio.get_running_loop().run_in_executor(pool, call)


def compared(bare: Call, ours: Call) -> list[Comparison]:
    """Compare the CPU time and the elapsed time of one call, in rounds in turn."""
    bare()
    ours()  # connections are made in a first round
    return in_turn(partial(of_one_call, bare), partial(of_one_call, ours), ROUNDS)


def of_one_call(make_round: Call) -> list[float]:
    return [time / CALLS_A_ROUND for time in microseconds(make_round)]


CONCURRENCY = Benchmark(
    name="concurrency",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "cloud": lambda result: result.cloud,
        "operation": lambda result: result.operation,
        "at once": lambda result: result.at_once,
        "bare SDK, calls/s": lambda result: f"{1e6 / result.elapsed.bare:,.0f}",
        "bucketpoint, calls/s": lambda result: f"{1e6 / result.elapsed.ours:,.0f}",
        "ratio of times": lambda result: result.elapsed.shown,
        "CPU ratio": lambda result: result.cpu.shown,
    },
)
