"""A driver that follows a script: which requests must come, and what each is answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.core.document import Entry, Member, assemble
from bucketpoint.core.drive import drive
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
from bucketpoint.core.retry import RetryPolicy
from bucketpoint.core.session import Session, Settings
from bucketpoint.stores.contract import Capabilities, IfAbsent, StoredObject, Version

T = TypeVar("T")

RUN = "run"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME = "me"
"""The writer of the procedures under test; its operations are numbered `o1`, `o2`, …"""


@dataclass
class Script:
    """What must be asked, in this order, and the answers.

    A request is written as `GET`, `PUT if absent`, `PUT if v1`, `DELETE if v1`. An answer is what
    the store returns, an exception, or `THE_BODY` where a later read is to show what was put.
    """

    lines: Sequence[tuple[str, Any]]
    elapsed: Iterator[float] | None = None
    bodies: list[bytes] = field(default_factory=list[bytes])
    sleeps: list[Sleep] = field(default_factory=list[Sleep])
    calls: int = 0
    drawn: int = 0
    at: int = 0

    def run(self, procedure: Procedure[T]) -> T:
        """Drive the procedure; all lines must have been used when it ends."""
        try:
            return drive(procedure, self.perform)
        finally:
            left = [request for request, _ in self.lines[self.at :]]
            assert not left, f"the procedure ended before {left}"

    def perform(self, effect: Effect) -> Any:
        match effect:
            case NewID():
                self.drawn += 1
                return f"o{self.drawn}"
            case WriterID():
                return ME
            case ReadClock():
                return Clock(next(self.elapsed) if self.elapsed else 0.0, NOW)
            case Sleep():
                self.sleeps.append(effect)
                return None
            case Call(function, arguments):
                self.calls += 1
                return function(*arguments)
            case Get() | Put() | Delete():
                return self._ask(effect)
            case _:
                raise AssertionError(effect)

    def _ask(self, request: Get | Put | Delete) -> Any:
        assert self.at < len(self.lines), f"one request too many: {text(request)}"
        expected, answer = self.lines[self.at]
        self.at += 1
        assert text(request) == expected
        if isinstance(request, Put):
            self.bodies.append(request.body)
        if isinstance(answer, Shown):
            return answer.of(self.bodies[answer.index])
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass(frozen=True)
class Shown:
    """The answer to a read: one of the bodies that were put, under this version."""

    version: str
    index: int = -1

    def of(self, body: bytes) -> StoredObject:
        return stored(body, self.version)


def text(request: Get | Put | Delete) -> str:
    match request:
        case Get():
            return "GET"
        case Put() | Delete():
            verb = type(request).__name__.upper()
            if isinstance(request.when, IfAbsent):
                return f"{verb} if absent"
            return f"{verb} if {request.when.version}"


def session(attempts: int = 4, *, overwrite: bool = False, **capabilities: bool) -> Session:
    """A session that has seen nothing, of a store that may deliver twice."""
    settings = Settings(retry=RetryPolicy(attempts=attempts), overwrite=overwrite)
    able = Capabilities(**{"conditional_delete": True, **capabilities})
    return Session("scripted://", able, settings)


def snapshot(*tokens: str) -> Checkpoint:
    return Checkpoint(execution_id=RUN, variables={"tokens": list(tokens)}, checkpoint_at=NOW)


def body(*tokens: str, foreign: bool = False, tombstone: bool = False, **member: Any) -> bytes:
    """A document, by default of revision 1 and without anybody in its table."""
    data = codec.encode(snapshot(*tokens).to_document())
    if foreign:
        return data
    if tombstone:
        data = codec.encode({"schema_version": 0, "execution_id": RUN})
    entries = {name: Entry(*entry) for name, entry in member.pop("writers", {}).items()}
    values: dict[str, Any] = {"lineage": "L", "revision": 1, **member}
    return assemble(data, Member(writers=entries, deleted=tombstone, **values))


def stored(document: bytes, version: str, *, age: timedelta = timedelta(0)) -> StoredObject:
    return StoredObject(document, Version(version), None, NOW, NOW + age)


def tokens(document: bytes) -> list[str]:
    found: list[str] = codec.decode(document)["variables"]["tokens"]
    return found


def member(document: bytes) -> dict[str, Any]:
    found: dict[str, Any] = codec.decode(document)["bucketpoint"]
    return found
