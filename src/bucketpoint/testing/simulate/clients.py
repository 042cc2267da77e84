"""What a workload is written with: a client with the checkpointer's methods, as operations.

A method makes an operation and does nothing yet; `yield` has it performed, and gives what it
returns or raises what it raises.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any

from bucketpoint.branches import pause_branch, unpause_branch
from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import claim as claims
from bucketpoint.core.claim import ClaimState, ClaimTerms
from bucketpoint.core.delete import delete, purge
from bucketpoint.core.effects import Procedure, read_clock
from bucketpoint.core.load import get_stored, load
from bucketpoint.core.pauses import pauses_of
from bucketpoint.core.save import save
from bucketpoint.core.session import Session, StoredCheckpoint, origin_of
from bucketpoint.core.settle import settle
from bucketpoint.core.update import update
from bucketpoint.errors import OutcomeUnknownError
from bucketpoint.stores.contract import Version

__all__ = [
    "ClaimID",
    "ClaimUse",
    "Client",
    "Effectiveness",
    "Operation",
    "Pause",
    "Round",
    "SimulatedClaim",
    "Step",
    "Workload",
]


class Effectiveness(Enum):
    """How often a call that returns has been applied."""

    NEVER = "not at all"
    ONCE = "exactly once"
    AT_MOST_ONCE = "at most once"


class ClaimUse(Enum):
    """What an operation does with a claim."""

    TAKE = "takes it if it is free"
    TAKE_OVER = "takes it"
    WRITE = "writes under it"
    RELEASE = "gives it back"


class ClaimID:
    """Names one claim that was asked for, by its identity alone."""

    __slots__ = ()


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
        claim: The claim that it is about.
        claim_use: What it does with that claim.
        keeps_pauses: Every branch's pause must stay as it is stored.
    """

    name: str
    execution_id: str
    begin: Callable[[], Procedure[Any]]
    effect: Effectiveness = Effectiveness.ONCE
    mark: str | None = None
    about: OutcomeUnknownError | None = None
    timeout: float | None = None
    claim: ClaimID | None = None
    claim_use: ClaimUse | None = None
    keeps_pauses: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A workload thinks for so many seconds; `yield` it.

    Example:
        >>> Pause(1.5).seconds
        1.5
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Round:
    """A workload begins anew, and needs nothing of what it did before; `yield` it.

    Example:
        >>> from bucketpoint.testing.simulate import simulate
        >>> def worker(client):
        ...     for _ in range(3):
        ...         yield client.next_round()
        ...         yield client.append("run")
        >>> "c0.300 append run: acknowledged" in simulate(worker).trace
        True
    """


Step = Operation | Pause | Round
Workload = Callable[["Client"], Generator[Step, Any, None]]
"""What each client does: a generator that yields operations. It must draw from `client.random`."""


@dataclass(slots=True)
class Client:
    """A checkpointer in one simulated process, new after each crash.

    Attributes:
        number: Which client, from 0.
        session: The checkpointer's session.
        random: The client's own chance: all that a workload may draw from.

    Example:
        >>> from bucketpoint.testing.simulate import simulate
        >>> def worker(client):
        ...     yield client.sleep(client.random.uniform(0.0, 1.0))
        ...     checkpoint = yield client.load_checkpoint("run")
        ...     checkpoint.status = "running"
        ...     yield client.save_checkpoint(checkpoint)
        >>> simulate(worker, clients=1).counts.acknowledged
        2
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

    def pause_branch(self, execution_id: str, branch_id: str, reason: str = "") -> Operation:
        """See `bucketpoint.pause_branch`."""
        return self._edited("pause", execution_id, partial(pause_branch, reason=reason), branch_id)

    def unpause_branch(self, execution_id: str, branch_id: str) -> Operation:
        """See `bucketpoint.unpause_branch`."""
        return self._edited("unpause", execution_id, unpause_branch, branch_id)

    def _edited(
        self, name: str, execution_id: str, edit: Callable[..., None], branch_id: str
    ) -> Operation:
        def editing() -> Procedure[StoredCheckpoint]:
            asked = _Asked()
            edit(asked, execution_id, branch_id, now=(yield from read_clock()).now)
            return (yield from update(self.session, execution_id, asked.fn))

        return Operation(name, execution_id, editing)

    def claim(
        self,
        execution_id: str,
        *,
        owner: str,
        ttl: timedelta = timedelta(seconds=60),
        wait: timedelta = timedelta(0),
        takeover: bool = False,
    ) -> Operation:
        """See `BucketCheckpointer.claim`: gives a `SimulatedClaim`, or raises `ClaimHeldError`.

        One that waits makes an operation of each try, as the checkpointer makes a call of each.
        """
        terms = ClaimTerms(execution_id, owner, ttl, wait, takeover)
        claim = ClaimID()

        def take() -> Procedure[SimulatedClaim]:
            state, checkpoint = yield from claims.take_claim(self.session, terms)
            return SimulatedClaim(self.session, execution_id, claim, state, checkpoint)

        use = ClaimUse.TAKE_OVER if takeover else ClaimUse.TAKE
        once = Operation("claim", execution_id, take, claim=claim, claim_use=use)
        if not wait:
            return once
        waiting = partial(claims.claim, terms, lambda: once)
        timeout = wait.total_seconds() + 1  # as in the drivers
        return Operation("wait", execution_id, waiting, Effectiveness.NEVER, timeout=timeout)

    def next_round(self) -> Round:
        """Begin anew: what is left out of a schedule before changes nothing from here on.

        The operations are numbered from the next hundred, and `random` draws by the round. A
        failing schedule of rounds shrinks further than one that is a single long story.
        """
        return Round()

    def sleep(self, seconds: float) -> Pause:
        """Think for so many seconds of virtual time."""
        return Pause(seconds)


class _Asked:
    """Stands for a checkpointer, and keeps what it is asked to do in one atomic step."""

    fn: Callable[[Checkpoint], None]

    def atomic_update(self, _execution_id: str, fn: Callable[[Checkpoint], None]) -> None:
        self.fn = fn


@dataclass(slots=True)
class SimulatedClaim:
    """A claim that was taken; its methods make operations, as a client's do.

    Attributes:
        checkpoint: What was stored when the claim was taken.

    Example:
        >>> from bucketpoint.testing.simulate import simulate
        >>> def worker(client):
        ...     claim = yield client.claim("run", owner="worker", wait=timedelta(minutes=1))
        ...     claim.checkpoint.variables["worker"] = client.number
        ...     yield claim.save(claim.checkpoint)
        ...     yield claim.release()
        >>> result = simulate(worker, clients=3)
        >>> result.violation is None and result.trace.count("claimed save run: acknowledged") == 3
        True
    """

    _session: Session
    _execution_id: str
    _claim: ClaimID
    _state: ClaimState
    checkpoint: Checkpoint

    def save(self, checkpoint: Checkpoint) -> Operation:
        """See `Claim.save`. Checked is that it keeps every pause that the worker has not changed."""
        begin = partial(claims.save_claimed, self._session, self._state, checkpoint)
        origin = origin_of(checkpoint)
        keeps_pauses = origin is not None and origin.pauses == pauses_of(checkpoint)
        # An earlier save of unknown outcome may turn out to be this very one.
        effect = Effectiveness.AT_MOST_ONCE if self._state.unsettled else Effectiveness.ONCE
        return self._operation("claimed save", begin, effect, keeps_pauses=keeps_pauses)

    def update(self, fn: Callable[[Checkpoint], Any]) -> Operation:
        """See `Claim.update`."""
        begin = partial(claims.update_claimed, self._session, self._state, fn)
        return self._operation("claimed update", begin)

    def load(self) -> Operation:
        """See `Claim.load`."""
        begin = partial(claims.load_claimed, self._session, self._state)
        return self._operation("claimed load", begin, Effectiveness.NEVER)

    def renew(self) -> Operation:
        """See `Claim.renew`."""
        begin = partial(claims.renew, self._session, self._state)
        return self._operation("renew", begin, keeps_pauses=True)

    def release(self) -> Operation:
        """See `Claim.release`."""
        begin = partial(claims.release, self._session, self._state)
        use = ClaimUse.RELEASE
        return self._operation("release", begin, Effectiveness.AT_MOST_ONCE, use, keeps_pauses=True)

    def _operation(
        self,
        name: str,
        begin: Callable[[], Procedure[Any]],
        effect: Effectiveness = Effectiveness.ONCE,
        use: ClaimUse = ClaimUse.WRITE,
        *,
        keeps_pauses: bool = False,
    ) -> Operation:
        return Operation(
            name,
            self._execution_id,
            begin,
            effect,
            claim=self._claim,
            claim_use=use,
            keeps_pauses=keeps_pauses,
        )
