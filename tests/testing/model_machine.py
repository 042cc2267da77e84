"""A state machine of two clients on one store, each step of which the model must explain."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bucketpoint import BucketCheckpointer, RetryPolicy, Version
from bucketpoint.core.keys import execution_key
from bucketpoint.stores.contract import Condition, ObjectInfo, Store, StoredObject
from bucketpoint.testing.faults import Fault, FaultyStore, Request
from bucketpoint.testing.model import (
    BUILDING,
    CLAIM_TTL,
    Client,
    Model,
    Operation,
    OperationKind,
    marks_of,
)
from bucketpoint.testing.strategies import fault_plans, operations

__all__ = ["Place", "run_machine"]

RUNS = ("run-42", "a/\u00fc")
OFTEN = (RUNS[0],) * 4 + RUNS[1:]
CLIENTS = st.integers(0, 1)
MOST_CRASHES = 10
"""With more writers than the table holds an outcome may be unknown without any fault."""

NO_WAITS = RetryPolicy(attempts=4, conflict_s=0, outage_s=0, cap_s=0)
FAULTS = st.just(()) | fault_plans()

NEVER = timedelta(days=10_000)
"""So long tombstones stay: the model does not know of their removal."""

Kind = OperationKind
Plan = tuple[Fault | None, ...]


@dataclass
class Place:
    """Where a machine runs, and what is wrong there on purpose.

    Attributes:
        new_store: Makes an empty store, or gives one whose prefixes are all new.
        checkpointer: Makes a checkpointer.
        wrap: Puts something around the store.
        kinds: What the clients do: the fewer kinds, the more often each meets the others.
    """

    new_store: Callable[[], Store]
    checkpointer: Callable[..., BucketCheckpointer] = BucketCheckpointer
    wrap: Callable[[Store], Store] = lambda store: store
    kinds: Collection[OperationKind] = tuple(OperationKind)
    prefixes: itertools.count[int] = field(default_factory=itertools.count)


class AgingStore(FaultyStore):
    """Lets time pass between a write and a look without waiting for it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.passed = timedelta()
        self._written: dict[Version, timedelta] = {}

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        """See `Store.put`."""
        version = super().put(key, body, when=when, timeout=timeout)
        self._written[version] = self.passed
        return version

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        """See `Store.get`."""
        found = super().get(key, version_id=version_id, timeout=timeout)
        if found is None:
            return None
        return replace(found, modified_at=found.modified_at - self._age(found.version))

    def list(
        self,
        prefix: str,
        *,
        start_after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        for info in super().list(prefix, start_after=start_after, limit=limit, timeout=timeout):
            yield replace(info, modified_at=info.modified_at - self._age(info.version))

    def _age(self, version: Version) -> timedelta:
        return self.passed - self._written.get(version, self.passed)


def no_time(*_: object) -> float:
    return 0.0


Turn = Callable[[Any, Operation, int, Plan], None]


def one_of(*kinds: OperationKind) -> Callable[[Turn], Turn]:
    """Decorate the rule that does one of these, wherever it can be done."""

    def decorate(take_turn: Turn) -> Turn:
        drawn = rule(operation=operations(kinds=kinds), place=st.integers(0, 9), faults=FAULTS)

        def is_possible(machine: ModelMachine) -> bool:
            return any(map(machine.places, kinds))

        return cast("Turn", precondition(is_possible)(drawn(take_turn)))

    return decorate


class ModelMachine(RuleBasedStateMachine):
    """Two clients take turns; late requests, crashes and the passing of time come between."""

    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"machine-{next(self.place.prefixes)}"
        self.aging = AgingStore(self.place.wrap(self.place.new_store()))
        self.coming: list[Fault | None] = []
        self.struck = 0
        self.store = FaultyStore(self.aging, self.next_fault)
        self.model = Model()
        self.started = 0
        self.clients = [self.new_client(), self.new_client()]
        self.revisions: dict[str, tuple[str, int, bytes]] = {}

    def next_fault(self, _: Request) -> Fault | None:
        """What happens to the next request of the present call."""
        fault = self.coming.pop(0) if self.coming else None
        self.struck += fault is not None
        return fault

    def new_client(self) -> Client:
        """A process that has just begun."""
        checkpointer = self.place.checkpointer(
            self.store, prefix=self.prefix, retry=NO_WAITS, timeout=600, purge_grace=NEVER
        )
        # Otherwise a store that has throttled us is given a second before each write.
        setattr(checkpointer._runtime, "sleep_seconds", no_time)  # noqa: B010 - a method
        self.started += 1
        return Client(f"{self.started}", checkpointer)

    def places(self, kind: OperationKind) -> list[tuple[int, str]]:
        """Who can do it, and to which run."""
        if kind not in self.place.kinds:
            return []
        pairs = itertools.product(range(2), OFTEN)
        return [(who, run) for who, run in pairs if self.clients[who].can(kind, run)]

    def take_turn(self, operation: Operation, place: int, faults: Plan) -> None:
        """One turn of one client."""
        if not (places := self.places(operation.kind)):
            return
        who, run = places[place % len(places)]
        self.coming, self.struck = list(faults), 0
        source = next(each for each in RUNS if each != run)
        operation = replace(operation, execution_id=run, source=source)
        outcome = self.clients[who].perform(operation)
        self.coming = []
        self.model.check(outcome, disturbed=self.struck > 0)

    @initialize(
        operation=operations(kinds=[Kind.SAVE]), clean=st.sampled_from([False, False, False, True])
    )
    def begin(self, operation: Operation, clean: bool) -> None:
        """The first run has begun, mostly."""
        if not clean:
            self.model.check(self.clients[0].perform(operation))

    @one_of(*BUILDING, Kind.DELETE)
    def write(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.SAVE_AGAIN)
    def save_again(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.LOAD, Kind.GET)
    def load(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.UPDATE, Kind.UPDATE_REFUSED, Kind.PAUSE, Kind.UNPAUSE)
    def update(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.CLAIM, Kind.TAKE_OVER)
    def claim(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.CLAIMED_SAVE)
    def save_under_claim(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.CLAIMED_LOAD, Kind.RENEW, Kind.RELEASE)
    def keep_claim(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.RESTORE, Kind.COLLECT)
    def look_back(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.FORK)
    def fork(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @one_of(Kind.SETTLE)
    def settle(self, operation: Operation, place: int, faults: Plan) -> None:
        self.take_turn(operation, place, faults)

    @precondition(lambda self: self.started < MOST_CRASHES)
    @rule(who=CLIENTS)
    def crash(self, who: int) -> None:
        """A client is killed, and another one starts in its place."""
        self.clients[who] = self.new_client()

    @precondition(lambda self: self.store.held > 0)
    @rule()
    def late_requests_arrive(self) -> None:
        self.store.release()
        self.model.deliver_late()

    @rule()
    def time_passes(self) -> None:
        self.aging.passed += 2 * CLAIM_TTL
        self.model.expire()

    @invariant()
    def the_store_holds_what_the_model_says(self) -> None:
        for run in RUNS:
            found = self.aging.get(execution_key(self.prefix, run))
            if found is None:
                assert run not in self.revisions, "a run was lost, with its tombstone"
                self.model.see(run, None)
                continue
            document: dict[str, Any] = json.loads(found.body)
            member = document.pop("bucketpoint")
            self.check_revision(run, member, found.body)
            deleted = member.get("deleted", False)
            assert max(Counter(marks_of(document)).values(), default=1) == 1, "applied twice"
            self.model.see(run, None if deleted else document)

    def check_revision(self, run: str, member: dict[str, Any], body: bytes) -> None:
        """Whatever is written has a higher revision of the same lineage."""
        lineage, revision = member["lineage"], member["revision"]
        before = self.revisions.get(run)
        self.revisions[run] = lineage, revision, body
        if before is not None and before[2] != body:
            assert lineage == before[0]
            assert revision > before[1]


def run_machine(place: Place, *, share: float = 1.0, **options: Any) -> None:
    """Run the machine there.

    Args:
        place: Where.
        share: How much of the profile's examples to run; stores that are slow run fewer.
        options: Settings of hypothesis that differ from the profile's.
    """
    machine = type("ModelMachine", (ModelMachine,), {"place": place})
    examples = max(1, round(settings().max_examples * share))
    defaults: dict[str, Any] = {"max_examples": examples, "stateful_step_count": 25}
    run_state_machine_as_test(machine, settings=settings(**defaults | options))
