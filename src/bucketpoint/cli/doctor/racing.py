"""Whether conditions hold when writers race, which one request after the other cannot show."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

from bucketpoint.cli.doctor.outcomes import Outcome, UnseenError
from bucketpoint.cli.doctor.patient import Patient, Written
from bucketpoint.errors import OutcomeUnknownError, StoreUnavailableError
from bucketpoint.stores.contract import Condition, IfAbsent, IfVersion

__all__ = ["Race"]

_PACE_S = 1.1
"""Between two races for one object, once the store has asked for fewer writes."""
_FIX = (
    "use a store, or a release of it, that checks and writes in one step "
    "(docs/howto/s3-compatible.md)"
)


@dataclass(frozen=True, slots=True)
class Race:
    """Lets writers race for one object, and counts who is told to have won.

    Attributes:
        writers: How many race at a time.
        rounds: How often they race to create an object, and to write over it.
    """

    writers: int
    rounds: int

    def __call__(self, patient: Patient) -> Outcome:
        """See whether exactly one of many racing writers wins."""
        _ = patient.second  # a store that is not written to has no races
        decided = 0
        with ThreadPoolExecutor(self.writers) as threads:
            for _ in range(self.rounds):
                key, when = patient.new_key(), IfAbsent()
                created = _run(patient, threads, self.writers, key, when)
                if created.fault:
                    return Outcome.failed(created.fault, _FIX)
                if created.winner is None:
                    continue
                decided += 1
                time.sleep(_PACE_S if created.was_throttled else 0)
                over = IfVersion(created.winner.version)
                updated = _run(patient, threads, self.writers, key, over)
                if updated.fault:
                    return Outcome.failed(updated.fault, _FIX)
                decided += updated.winner is not None
        if not decided:
            msg = "nobody can tell who won: the store refused the races, or lost its answers"
            raise UnseenError(msg, "race again, with fewer --writers")
        return Outcome.ok(f"one winner in each of {decided} races of {self.writers} writers")


@dataclass(frozen=True, slots=True)
class _Result:
    """How one race ended.

    Attributes:
        winner: What is stored, when it was written in the race.
        fault: What shows that the store is not atomic; empty when nothing does.
        was_throttled: The store asked for fewer writes.
    """

    winner: Written | None
    fault: str
    was_throttled: bool


def _run(
    patient: Patient, threads: ThreadPoolExecutor, writers: int, key: str, when: Condition
) -> _Result:
    """Let writers race on one condition, of which at most one may win."""
    start = Barrier(writers)

    def write(_: int) -> Written | OutcomeUnknownError | StoreUnavailableError | None:
        start.wait()
        try:
            return patient.write(key, when, patient=False)
        except (OutcomeUnknownError, StoreUnavailableError) as error:
            return error  # if it has won, it is found by reading

    results = [*threads.map(write, range(writers))]
    was_throttled = any(isinstance(each, Exception) and each.throttled for each in results)
    winners = [each for each in results if isinstance(each, Written)]
    stored = patient.read(key)
    fault, winner = "", None
    if len(winners) > 1:
        what = "create one object" if isinstance(when, IfAbsent) else "write over one version"
        fault = f"{len(winners)} of {writers} writers that raced to {what} were told to have won"
    elif winners and (stored is None or stored.body != winners[0].body):
        fault = "what the winner of a race was told to have written is not what is stored"
    elif stored is not None and when != IfVersion(stored.version):
        winner = Written(stored.body, stored.version)
    return _Result(winner, fault, was_throttled)
