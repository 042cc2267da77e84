"""Workloads that are there already, to begin with."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from bucketpoint.checkpoint import BranchState, Checkpoint
from bucketpoint.errors import (
    BucketpointError,
    InvalidInputError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from bucketpoint.testing.simulate.clients import Client, SimulatedClaim, Step, Workload
from bucketpoint.testing.simulate.plan import EPOCH

__all__ = ["mixed", "new_run"]

Steps = Generator[Step, Any, None]
_BRANCH = "main"


def new_run(execution_id: str) -> Checkpoint:
    """A run as these workloads know it, with a branch to pause."""
    branches = {_BRANCH: BranchState(id=_BRANCH)}
    return Checkpoint(execution_id=execution_id, checkpoint_at=EPOCH, branch_states=branches)


def mixed(
    shares: Mapping[str, int], *, executions: tuple[str, ...] = ("run",), think_s: float = 0.5
) -> Workload:
    """A workload that goes on for ever: named operations, each so often as its share says.

    Args:
        shares: How often each of `append`, `load`, `save`, `create`, `delete`, `claim` and `pause`
            is drawn. A `claim` waits or takes over at times, works a little and gives it back.
        executions: The runs, drawn evenly.
        think_s: Seconds between two operations at most.

    Raises:
        InvalidInputError: An operation has another name.

    Example:
        >>> workload = mixed({"append": 8, "load": 1, "delete": 1})
    """
    unknown = set(shares) - set(_NAMED)
    if unknown:
        msg = f"a mixed workload has no operation {min(unknown)!r}; it has {', '.join(_NAMED)}"
        raise InvalidInputError(msg)
    names, weights = list(shares), list(shares.values())

    def workload(client: Client) -> Generator[Step, Any, None]:
        while True:
            yield client.next_round()
            yield client.sleep(client.random.uniform(0.0, think_s))
            (name,) = client.random.choices(names, weights)
            try:
                yield from _NAMED[name](client, client.random.choice(executions))
            except OutcomeUnknownError as error:
                yield from _settle(client, error)
            except BucketpointError:
                continue

    return workload


def _settle(client: Client, error: OutcomeUnknownError) -> Steps:
    try:
        yield client.settle(error)
    except BucketpointError:
        return


def _append(client: Client, execution_id: str) -> Steps:
    yield client.append(execution_id)


def _load(client: Client, execution_id: str) -> Steps:
    yield client.load_checkpoint(execution_id)


def _save(client: Client, execution_id: str) -> Steps:
    checkpoint = yield client.load_checkpoint(execution_id)
    checkpoint.variables["saved_by"] = client.number
    yield client.save_checkpoint(checkpoint)


def _create(client: Client, execution_id: str) -> Steps:
    yield client.save_checkpoint(new_run(execution_id), if_absent=True)


def _delete(client: Client, execution_id: str) -> Steps:
    yield client.delete_checkpoint(execution_id)


def _pause(client: Client, execution_id: str) -> Steps:
    change = client.random.choice((client.pause_branch, client.unpause_branch))
    yield change(execution_id, _BRANCH)


def _claim(client: Client, execution_id: str) -> Steps:
    chance = client.random
    claim: SimulatedClaim = yield client.claim(
        execution_id,
        owner="worker",  # one name for all: a claim must be told from another without its help
        ttl=timedelta(seconds=chance.uniform(1.0, 20.0)),
        wait=timedelta(seconds=chance.choice((0.0, 5.0))),
        takeover=chance.choice((True, False, False, False)),
    )
    claim.checkpoint.branch_states.setdefault(_BRANCH, BranchState(id=_BRANCH))
    for step in range(3):
        # A worker goes on: saving again is safe.
        with suppress(OutcomeUnknownError, StoreUnavailableError):
            yield from _work(client, claim, step)
        yield client.sleep(chance.uniform(0.0, 2.0))
    yield claim.release()


def _work(client: Client, claim: SimulatedClaim, step: int) -> Steps:
    """One step of a worker, most often a save."""
    done = [client.number, step]
    match client.random.choice(("save", "save", "save", "update", "renew", "load")):
        case "save":
            claim.checkpoint.variables["step"] = done
            yield claim.save(claim.checkpoint)
        case "update":
            yield claim.update(lambda checkpoint: checkpoint.variables.update(step=done))
        case "renew":
            yield claim.renew()
        case _:
            claim.checkpoint = yield claim.load()


_NAMED: dict[str, Callable[[Client, str], Steps]] = {
    "append": _append,
    "load": _load,
    "save": _save,
    "create": _create,
    "delete": _delete,
    "claim": _claim,
    "pause": _pause,
}
