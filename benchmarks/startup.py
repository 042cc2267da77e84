"""What a fresh process pays: for the import, and for all until its first checkpoint is stored."""

from __future__ import annotations

import compileall
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

import bucketpoint
from benchmarks.clouds import BUCKET, ENDPOINT, REGION, stubbed
from benchmarks.measure import Comparison, in_turn
from benchmarks.page import Benchmark

__all__ = ["STARTUP", "Result", "measure"]

ROUNDS = 15
IMPORT_TARGET = 2.0

PROGRAM = f"""
import json, os, sys, time
BUCKET, REGION, ENDPOINT = {(BUCKET, REGION, ENDPOINT)!r}
program, STUB = sys.argv[1:]
RUN = f"run-{{os.getpid()}}"
cpu, elapsed = time.process_time(), time.perf_counter()
exec(program)
print(json.dumps([1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - elapsed)]))
"""

BARE_S3 = """
import boto3
client = boto3.client("s3", region_name=REGION, endpoint_url=ENDPOINT)
client.put_object(
    Bucket=BUCKET,
    Key=RUN,
    Body=json.dumps({"schema_version": 1, "execution_id": RUN}).encode(),
    ContentType="application/json",
    IfNoneMatch="*",
)
"""
S3 = """
from bucketpoint import Checkpoint, S3Checkpointer
checkpointer = S3Checkpointer(BUCKET, region=REGION, endpoint_url=ENDPOINT)
checkpointer.save_checkpoint(Checkpoint(execution_id=RUN))
"""
BARE_GCS = """
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
client = Client(
    project="bench",
    credentials=AnonymousCredentials(),
    client_options={"api_endpoint": STUB},
)
client.bucket(BUCKET).blob(RUN).upload_from_string(
    json.dumps({"schema_version": 1, "execution_id": RUN}),
    content_type="application/json",
    if_generation_match=0,
)
"""
GCS = """
from bucketpoint import Checkpoint, GCSCheckpointer
checkpointer = GCSCheckpointer(BUCKET, endpoint_url=STUB)
checkpointer.save_checkpoint(Checkpoint(execution_id=RUN))
"""
PROGRAMS = {
    "import": ("from pydantic import BaseModel", "import bucketpoint", IMPORT_TARGET),
    "first save, S3": (BARE_S3, S3, None),
    "first save, GCS": (BARE_GCS, GCS, None),
}
"""What is done: without the library, with it, and what the ratio of CPU is to be at most."""


@dataclass(frozen=True)
class Result:
    """One thing that is done first; in milliseconds."""

    what: str
    cpu: Comparison
    elapsed: Comparison
    target: float | None


def measure() -> list[Result]:
    """Measure everything in fresh processes."""
    compileall.compile_dir(Path(bucketpoint.__file__).parent, quiet=1)  # as installing does
    with stubbed() as stub:

        def milliseconds(program: str) -> list[float]:
            command = [sys.executable, "-c", PROGRAM, program, stub.url]
            told = subprocess.check_output(command)  # noqa: S603 - our own programs
            numbers: list[float] = json.loads(told)
            return numbers

        results: list[Result] = []
        for what, (bare, ours, target) in PROGRAMS.items():
            sides = partial(milliseconds, bare), partial(milliseconds, ours)
            cpu, elapsed = in_turn(*sides, ROUNDS)
            results.append(Result(what, cpu, elapsed, target))
        return results


STARTUP = Benchmark(
    name="startup",
    measure=measure,
    rows=TypeAdapter(list[Result]),
    columns={
        "what": lambda result: result.what,
        "without, CPU ms": lambda result: f"{result.cpu.bare:.0f}",
        "bucketpoint, CPU ms": lambda result: f"{result.cpu.ours:.0f}",
        "CPU ratio": lambda result: result.cpu.shown,
        "ratio of times": lambda result: result.elapsed.shown,
        "target": lambda result: result.cpu.judged(result.target),
    },
)
