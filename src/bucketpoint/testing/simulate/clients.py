"""What a workload is written with: a client with the checkpointer's methods, as operations.

A method makes an operation and does nothing yet; `yield` has it performed, and gives what it
returns or raises what it raises.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import claim as claims
from bucketpoint.core.claim import ClaimState, ClaimTerms
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import Procedure
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.save import save
from bucketpoint.core.session import Session
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.errors import BucketpointError, InvalidInputError, OutcomeUnknownError
from bucketpoint.stores.contract import Version
from bucketpoint.testing.simulate.plan import EPOCH

__all__ = [
    "Client",
    "Effectiveness",
    "Operation",
    "Pause",
    "SimulatedClaim",
    "Step",
    "Workload",
    "mixed",
]


class Effectiveness(Enum):
    """How often a call that returns has been applied."""

    NEVER = "not at all"
    ONCE = "exactly once"
    AT_MOST_ONCE = "at most once"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a client; `yield` it.

    Attributes:
        name: The method.
        execution_id: The run.
        begin: Makes the procedure.
        effect: How often it has been applied when it returns.
        mark: What an `append` appends.
        about: The error that a `settle` settles.
        timeout: Seconds the call may take; None as the simulation was told.
    """

    name: str
    execution_id: str
    begin: Callable[[], Procedure[Any]]
    effect: Effectiveness = Effectiveness.ONCE
    mark: str | None = None
    about: OutcomeUnknownError | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A workload thinks for so many seconds; `yield` it."""

    seconds: float


Step = Operation | Pause
Workload = Callable[["Client"], Generator[Step, Any, None]]
"""What each client does: a generator that yields operations. It must draw from `client.random`."""


@dataclass(slots=True)
class Client:
    """A checkpointer in one simulated process, new after each crash.

    Attributes:
        number: Which client, from 0.
        session: The checkpointer's session.
        random: The client's own chance: all that a workload may draw from.
    """

    number: int
    session: Session
    random: random.Random
    _made: int = field(default=0, init=False)
    _life: int = field(default=0, kw_only=True)

    def append(self, execution_id: str) -> Operation:
        """Append a mark of its own to `variables["tokens"]` by an atomic update, and check it."""
        self._made += 1
        mark = f"{self.number}.{self._life}.{self._made}"

        def change(checkpoint: Checkpoint) -> None:
            checkpoint.variables.setdefault("tokens", []).append(mark)

        begin = partial(update, self.session, execution_id, change)
        return Operation("append", execution_id, begin, mark=mark)

    def save_checkpoint(
        self,
        checkpoint: Checkpoint,
        *,
        if_version: Version | None = None,
        if_absent: bool = False,
        overwrite: bool | None = None,
        timeout: float | None = None,
    ) -> Operation:
        """See `BucketCheckpointer.save_checkpoint`."""
        return Operation(
            "save",
            checkpoint.execution_id,
            partial(
                save,
                self.session,
                checkpoint,
                if_version=if_version,
                if_absent=if_absent,
                overwrite=overwrite,
            ),
            timeout=timeout,
        )

    def load_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> Operation:
        """See `BucketCheckpointer.load_checkpoint`."""
        begin = partial(load, self.session, execution_id)
        return Operation("load", execution_id, begin, Effectiveness.NEVER, timeout=timeout)

    def get(self, execution_id: str, *, timeout: float | None = None) -> Operation:
        """See `BucketCheckpointer.get`."""
        begin = partial(get_stored, self.session, execution_id)
        return Operation("get", execution_id, begin, Effectiveness.NEVER, timeout=timeout)

    def delete_checkpoint(self, execution_id: str, *, timeout: float | None = None) -> Operation:
        """See `BucketCheckpointer.delete_checkpoint`."""
        begin = partial(delete, self.session, execution_id)
        return Operation("delete", execution_id, begin, timeout=timeout)

    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Any], *, timeout: float | None = None
    ) -> Operation:
        """See `BucketCheckpointer.atomic_update`."""
        begin = partial(update, self.session, execution_id, fn)
        return Operation("update", execution_id, begin, timeout=timeout)

    def purge(self, execution_id: str, *, timeout: float | None = None) -> Operation:
        """See `BucketCheckpointer.purge`."""
        begin = partial(purge, self.session, execution_id)
        return Operation("purge", execution_id, begin, Effectiveness.AT_MOST_ONCE, timeout=timeout)

    def settle(self, error: OutcomeUnknownError, *, timeout: float | None = None) -> Operation:
        """See `BucketCheckpointer.settle`."""
        return Operation(
            "settle",
            error.execution_id or "?",
            partial(settle, self.session, error),
            Effectiveness.AT_MOST_ONCE,
            about=error,
            timeout=timeout,
        )

    def claim(
        self,
        execution_id: str,
        *,
        owner: str,
        ttl: timedelta = timedelta(seconds=60),
        takeover: bool = False,
    ) -> Operation:
        """See `BucketCheckpointer.claim`: gives a `SimulatedClaim`, or raises `ClaimHeldError`."""
        terms = ClaimTerms(execution_id, owner, ttl, timedelta(0), takeover)

        def take() -> Procedure[SimulatedClaim]:
            state, checkpoint = yield from claims.take_claim(self.session, terms)
            return SimulatedClaim(self.session, execution_id, state, checkpoint)

        return Operation("claim", execution_id, take)

    def sleep(self, seconds: float) -> Pause:
        """Think for so many seconds of virtual time."""
        return Pause(seconds)


@dataclass(slots=True)
class SimulatedClaim:
    """A claim that was taken; its methods make operations, as a client's do.

    Attributes:
        checkpoint: What was stored when the claim was taken.
    """

    _session: Session
    _execution_id: str
    _state: ClaimState
    checkpoint: Checkpoint

    def save(self, checkpoint: Checkpoint) -> Operation:
        """See `Claim.save`."""
        begin = partial(claims.save_claimed, self._session, self._state, checkpoint)
        # An earlier save of unknown outcome may turn out to be this very one.
        effect = Effectiveness.AT_MOST_ONCE if self._state.unsettled else Effectiveness.ONCE
        return Operation("claimed save", self._execution_id, begin, effect)

    def update(self, fn: Callable[[Checkpoint], Any]) -> Operation:
        """See `Claim.update`."""
        begin = partial(claims.update_claimed, self._session, self._state, fn)
        return Operation("claimed update", self._execution_id, begin)

    def load(self) -> Operation:
        """See `Claim.load`."""
        begin = partial(claims.load_claimed, self._session, self._state)
        return Operation("claimed load", self._execution_id, begin, Effectiveness.NEVER)

    def renew(self) -> Operation:
        """See `Claim.renew`."""
        begin = partial(claims.renew, self._session, self._state)
        return Operation("renew", self._execution_id, begin)

    def release(self) -> Operation:
        """See `Claim.release`."""
        begin = partial(claims.release, self._session, self._state)
        return Operation("release", self._execution_id, begin, Effectiveness.AT_MOST_ONCE)


def mixed(
    shares: Mapping[str, int], *, executions: tuple[str, ...] = ("run",), think_s: float = 0.5
) -> Workload:
    """A workload that goes on for ever: named operations, each so often as its share says.

    Args:
        shares: How often each of `append`, `load`, `save`, `create`, `delete` and `claim` is drawn.
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
            yield client.sleep(client.random.uniform(0.0, think_s))
            (name,) = client.random.choices(names, weights)
            try:
                yield from _NAMED[name](client, client.random.choice(executions))
            except OutcomeUnknownError as error:
                yield from _settle(client, error)
            except BucketpointError:
                continue

    return workload


Steps = Generator[Step, Any, None]


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
    checkpoint = Checkpoint(execution_id=execution_id, checkpoint_at=EPOCH)
    yield client.save_checkpoint(checkpoint, if_absent=True)


def _delete(client: Client, execution_id: str) -> Steps:
    yield client.delete_checkpoint(execution_id)


def _claim(client: Client, execution_id: str) -> Steps:
    owner = f"worker-{client.number}"
    claim: SimulatedClaim = yield client.claim(execution_id, owner=owner)
    for step in range(3):
        claim.checkpoint.variables["step"] = [client.number, step]
        yield claim.save(claim.checkpoint)
        yield client.sleep(client.random.uniform(0.0, 2.0))
    yield claim.release()


_NAMED: dict[str, Callable[[Client, str], Steps]] = {
    "append": _append,
    "load": _load,
    "save": _save,
    "create": _create,
    "delete": _delete,
    "claim": _claim,
}
