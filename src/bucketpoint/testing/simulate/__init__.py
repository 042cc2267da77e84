"""Simulate many clients of a checkpointer in virtual time, repeatably, with faults.

The procedures that ship run against a store with the latencies of S3 or Google Cloud Storage.
Hours pass in seconds: there are no threads, no sleeping and no real clock. A broken promise comes
back as a short script, and the same seed always gives the same run.

Example:
    >>> from datetime import timedelta
    >>> workload = mixed({"append": 8, "load": 1})
    >>> result = simulate(workload, clients=3, seed=7, duration=timedelta(seconds=20))
    >>> result.violation is None
    True
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from bucketpoint.arguments import is_a
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core.session import Settings
from bucketpoint.deadlines import check_seconds
from bucketpoint.errors import InvalidInputError
from bucketpoint.testing.simulate.clients import (
    Client,
    Operation,
    Pause,
    Round,
    SimulatedClaim,
    Workload,
)
from bucketpoint.testing.simulate.plan import (
    GCS,
    S3,
    Fault,
    FaultKind,
    Faults,
    Latency,
    Plan,
)
from bucketpoint.testing.simulate.shrinking import shrink
from bucketpoint.testing.simulate.simulation import Counts, Setup, Simulation
from bucketpoint.testing.simulate.workloads import mixed, new_run

__all__ = [
    "GCS",
    "S3",
    "Client",
    "Counts",
    "Fault",
    "FaultKind",
    "Faults",
    "Latency",
    "Operation",
    "Pause",
    "Plan",
    "Result",
    "Round",
    "SimulatedClaim",
    "Violation",
    "Workload",
    "mixed",
    "simulate",
]

_RUN = new_run("run")


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, and the shortest schedule found that breaks it.

    Attributes:
        rule: Which promise, in a word.
        problem: What happened.
        plan: The schedule; give it to `simulate` to run it again.
        script: Its trace, for people.

    Example:
        >>> plan = Plan(7, faults=(), operations=frozenset({(0, 0)}))
        >>> Violation("once", "c0.0 append run was applied a second time", plan, "").rule
        'once'
    """

    rule: str
    problem: str
    plan: Plan
    script: str

    @property
    def steps(self) -> int:
        """How many operations and faults the schedule has."""
        return len(self.plan.operations or ()) + len(self.plan.faults or ())


@dataclass(frozen=True, slots=True)
class Result:
    """What a simulation came to.

    Attributes:
        counts: Operations and how they ended, requests, conflicts, 429s, virtual seconds.
        trace: Every event, a line each.
        violation: The promise that was broken; None if all hold.

    Example:
        >>> Result(Counts(), "", None).digest[:8]
        'e3b0c442'
    """

    counts: Counts
    trace: str
    violation: Violation | None

    @property
    def digest(self) -> str:
        """SHA-256 of the trace, to compare runs by."""
        return hashlib.sha256(self.trace.encode()).hexdigest()


def simulate(
    workload: Workload,
    *,
    clients: int = 4,
    seed: int = 0,
    latency: Latency = S3,
    faults: Faults | None = None,
    duration: timedelta = timedelta(minutes=1),
    timeout: float | tuple[float, float] = 30.0,
    settings: Settings | None = None,
    start: tuple[Checkpoint, ...] = (_RUN,),
    plan: Plan | None = None,
    shrink_runs: int = 500,
) -> Result:
    """Run a workload on many clients; the same arguments give the same trace, byte for byte.

    Checked at every step: what was acknowledged is applied exactly once, what was refused never,
    what is unknown at most once; an append changes nothing else; revisions rise by one; a deleted
    run stays deleted; no operation outlasts its deadline or sends more requests than it may.

    Of claims: none is granted while another is live by the store's clock, but for a take-over;
    each grant raises the epoch; a worker that lost its claim writes nothing, and no call that it
    begins after that succeeds; its saves keep every pause that it has not changed.

    A workload is a generator function that yields operations of its `Client`. It must be
    deterministic itself: draw from `client.random`, read no clock. Clients run one operation at a
    time, and an error that a workload does not catch ends its client.

    Args:
        workload: What each client does; see `mixed`.
        clients: How many there are.
        seed: Names the run.
        latency: The store: `S3`, `GCS`, or one of your own.
        faults: What goes wrong, and how often; nothing, if left out.
        duration: Virtual time after which no operation begins.
        timeout: Seconds that one operation may take; of two numbers, at least and at most, each
            operation is given a time between, any order of magnitude alike.
        settings: The clients' settings.
        start: What is stored at first, saved by none of the clients.
        plan: Runs this schedule instead of drawing one; its seed counts.
        shrink_runs: Runs to spend on making a failing schedule short; 0 leaves it as it is.

    Returns:
        What it came to; a broken promise does not raise.

    Raises:
        InvalidInputError: An argument makes no sense.
        Exception: What the workload raised, if it is none of this library's errors.

    Example:
        >>> def worker(client):
        ...     for _ in range(3):
        ...         yield client.append("run")
        ...         yield client.sleep(1.0)
        >>> result = simulate(worker, clients=2, latency=GCS)
        >>> result.counts.acknowledged
        6
    """
    if not is_a(clients, int) or clients < 1:
        msg = f"a simulation needs an integer of at least 1 client, not {clients!r}"
        raise InvalidInputError(msg)
    setup = Setup(
        workload=workload,
        clients=clients,
        latency=latency,
        faults=faults or Faults(),
        duration=duration,
        timeout=_range(timeout),
        settings=settings or Settings(),
        start=start,
    )
    schedule = plan or Plan(seed)
    run = Simulation(setup, schedule).run()
    violation = _violation(setup, run, shrink_runs) if run.broken is not None else None
    return Result(run.counts, "\n".join(run.lines), violation)


def _range(timeout: float | tuple[float, float]) -> tuple[float, float]:
    at_least, at_most = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    check_seconds(at_least, "timeout")
    check_seconds(at_most, "timeout")
    if at_least > at_most or (at_least == 0 < at_most):
        msg = (
            "of two timeouts the first must be above 0 and not above the second, "
            f"not {at_least!r} and {at_most!r}"
        )
        raise InvalidInputError(msg)
    return at_least, at_most


def _violation(setup: Setup, run: Simulation, shrink_runs: int) -> Violation:
    plan = run.schedule
    if shrink_runs:
        plan, run = shrink(setup, run, runs=shrink_runs)
    broken = run.broken
    assert broken is not None, "what is shrunk breaks the promise still"
    return Violation(broken.rule, broken.problem, plan, "\n".join(run.lines))
