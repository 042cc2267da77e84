"""A driver that answers each request from a script, and checks that it was the one expected."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bucketpoint import RetryPolicy
from bucketpoint.core.document import Document, Entry, Member, assemble
from bucketpoint.core.effects import (
    Call,
    Clock,
    Delete,
    Effect,
    Get,
    NewID,
    Procedure,
    Put,
    ReadClock,
    Sleep,
    WriterID,
)
from bucketpoint.core.session import Session, Settings
from bucketpoint.errors import OutcomeUnknownError, PreconditionFailedError, StoreUnavailableError
from bucketpoint.stores.contract import Capabilities, IfAbsent, IfVersion, StoredObject, Version

T = TypeVar("T")

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOST = OutcomeUnknownError("the answer was lost")
REFUSED = PreconditionFailedError("it is not that version")
UNSENT = StoreUnavailableError("nothing was sent")
THROTTLED = StoreUnavailableError("slow down", throttled=True)


def session(*, attempts: int = 10, **capabilities: bool) -> Session:
    settings = Settings(retry=RetryPolicy(attempts=attempts))
    return Session("test://", Capabilities(conditional_delete=True, **capabilities), settings)


@dataclass
class Stored:
    """What lies in the store: the version `vN` is what revision N was written as."""

    member: Member | None
    data: dict[str, Any]
    age: timedelta = timedelta(0)
    version: Version = field(init=False)

    def __post_init__(self) -> None:
        name = f"v{self.member.revision}" if self.member else f"foreign {self.data}"
        self.version = Version(name)

    def as_read(self) -> StoredObject:
        encoded = json.dumps(self.data).encode()
        body = assemble(encoded, self.member) if self.member else encoded
        return StoredObject(body, self.version, None, NOW - self.age, NOW)


def document(
    revision: int = 3,
    *,
    writers: dict[str, tuple[str, int]] | None = None,
    n: int = 0,
    age: timedelta = timedelta(0),
    **member: Any,
) -> Stored:
    """A live document; `writers` maps a writer to its operation and revision."""
    table = {name: Entry(*entry) for name, entry in (writers or {}).items()}
    fields: dict[str, Any] = {"lineage": "L", "revision": revision, "writers": table}
    return Stored(Member(**(fields | member)), checkpoint_data(n), age)


def tombstone(revision: int = 3, *, age: timedelta = timedelta(0), **member: Any) -> Stored:
    fields: dict[str, Any] = {"lineage": "L", "revision": revision, "writers": {}}
    return Stored(
        Member(deleted=True, **(fields | member)), {"schema_version": 0, "execution_id": "run"}, age
    )


def foreign(n: int = 0) -> Stored:
    """A document of a program that does not know the member."""
    return Stored(None, checkpoint_data(n))


def checkpoint_data(n: int) -> dict[str, Any]:
    return {"schema_version": 1, "execution_id": "run", "variables": {"n": n}}


@dataclass
class Sent:
    """One write that the procedure sent."""

    when: IfAbsent | IfVersion
    body: bytes

    @property
    def base(self) -> str | None:
        """The version that it was to replace; None for an absent object."""
        return str(self.when.version) if isinstance(self.when, IfVersion) else None

    @property
    def data(self) -> dict[str, Any]:
        return Document.parse(self.body).take_data()

    @property
    def member(self) -> Member:
        member = Document.parse(self.body).member
        assert member is not None
        return member


class Script:
    """Plays the world of one client: `reads`, `writes` and `deletes` are answered in order.

    A read is answered with a `Stored` or None, a write with a version's name, and either with an
    exception. A function is called with what was sent so far to make the answer.
    """

    def __init__(self, *answers: Any, elapsed: float = 0.0) -> None:
        self.answers = list(answers)
        self.elapsed = elapsed
        self.requests: list[str] = []
        self.sent: list[Sent] = []
        self.sleeps: list[Sleep] = []
        self._operations = 0

    def play(self, procedure: Procedure[T]) -> T:
        """Run the procedure to its end; every answer must have been used."""
        try:
            effect = next(procedure)
            while True:
                try:
                    result = self._answer(effect)
                except Exception as error:  # noqa: BLE001 - as a driver does
                    effect = procedure.throw(error)
                else:
                    effect = procedure.send(result)
        except StopIteration as stop:
            assert self.answers == [], "there were fewer requests than expected"
            value: T = stop.value
            return value

    def _answer(self, effect: Effect) -> Any:
        match effect:
            case Get() | Put() | Delete():
                return self._request(effect)
            case Sleep():
                self.sleeps.append(effect)
                return None
            case NewID():
                self._operations += 1
                return f"id-{self._operations}"
            case WriterID():
                return "me"
            case ReadClock():
                return Clock(self.elapsed, NOW)
            case Call():
                return effect.function(*effect.arguments)

    def _request(self, effect: Get | Put | Delete) -> Any:
        self.requests.append(type(effect).__name__.lower())
        if isinstance(effect, Put):
            self.sent.append(Sent(effect.when, effect.body))
            return Version(self._next())
        answer = self._next()
        return answer.as_read() if isinstance(answer, Stored) else answer

    def _next(self) -> Any:
        assert self.answers, f"there were more requests than expected: {self.requests}"
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(self.sent)
        if isinstance(answer, Exception):
            raise answer
        return answer


def landed(sent: list[Sent]) -> Stored:
    """The last write, as a later look shows it."""
    return Stored(sent[-1].member, sent[-1].data)


def overwritten(sent: list[Sent]) -> Stored:
    """The last write with another writer's on top of it."""
    return Stored(sent[-1].member.next("other", "theirs"), sent[-1].data | {"id": "theirs"})
