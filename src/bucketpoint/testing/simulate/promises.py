"""What must hold at every step of a simulation, seen from the store and from the callers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bucketpoint.testing.explore.objects import Stored
from bucketpoint.testing.simulate.clients import Effectiveness
from bucketpoint.testing.simulate.fencing import Fencing
from bucketpoint.testing.simulate.records import Broken, Ending, Record

__all__ = ["Promises"]


@dataclass(slots=True)
class Promises:
    """Checks each write as it is applied, each operation as it ends, and what is left.

    Attributes:
        attempts: Writes that one operation may send.
    """

    attempts: int
    _appends: dict[str, list[Record]] = field(default_factory=dict[str, list[Record]])
    _mixed: set[str] = field(default_factory=set[str])
    _deleted_s: dict[str, float] = field(default_factory=dict[str, float])
    _fencing: Fencing = field(default_factory=Fencing)

    def begun(self, record: Record) -> None:
        """The operation has just begun."""
        self._fencing.begun(record)
        if record.operation.mark is not None:
            self._appends.setdefault(record.operation.execution_id, []).append(record)

    def applied(self, record: Record, before: Stored, after: Stored, age_s: float) -> None:
        """The store has just applied a write to what it had stored for `age_s` seconds."""
        record.applied += 1
        if record.applied > 1:
            raise Broken("once", f"{record} was applied a second time")
        if record.ending is Ending.REFUSED:
            raise Broken("refused", f"{record} was applied after its caller was told it was not")
        if before.member and after.member and after.member.revision != before.member.revision + 1:
            raise Broken(
                "revision",
                f"{record} made revision {after.member.revision} of {before.member.revision}",
            )
        self._check_deleted(record, before, after)
        self._check_mark(record, before, after)
        self._fencing.applied(record, before, after, age_s)

    def _check_deleted(self, record: Record, before: Stored, after: Stored) -> None:
        """A run that was deleted comes back only by a save that began as a new run."""
        if before.member is None or not before.member.deleted or after.data is None:
            return
        deleted_s = self._deleted_s.get(record.operation.execution_id)
        ended = record.ended_s is not None and deleted_s is not None and record.ended_s < deleted_s
        if ended or record.operation.name not in {"save", "claim"}:
            raise Broken("deleted", f"{record} brought a deleted run back")

    def _check_mark(self, record: Record, before: Stored, after: Stored) -> None:
        mark = record.operation.mark
        if mark is None:
            self._mixed.add(record.operation.execution_id)
            return
        had = before.data.tokens if before.data is not None else ()
        if after.data is None or after.data.tokens != (*had, mark):
            raise Broken("append", f"{record} did more or less than append its mark to what was")

    def ended(self, record: Record, result: object) -> None:
        """The operation has just ended."""
        effect = record.operation.effect
        if record.ending is Ending.ACKNOWLEDGED:
            self._fencing.acknowledged(record)
        if record.ending is Ending.ACKNOWLEDGED and effect is Effectiveness.ONCE:
            if not record.applied:
                raise Broken("acknowledged", f"{record} was acknowledged, but not applied")
            if record.operation.name == "delete":
                self._deleted_s[record.operation.execution_id] = record.ended_s or 0.0
        if record.ending is Ending.REFUSED and record.applied:
            raise Broken("refused", f"{record} was refused ({result}), but was applied")
        # A look before the first write, and at most two for each write after it.
        if record.writes > self.attempts or record.reads > 2 * self.attempts + 2:
            raise Broken(
                "requests", f"{record} sent {record.reads} reads and {record.writes} writes"
            )

    def settled(self, about: Record, *, landed: bool) -> None:
        """A settle has just told what became of an operation."""
        if landed != bool(about.applied):
            said, true = ("applied", "was not") if landed else ("not applied", "was")
            raise Broken("settled", f"{about} was settled as {said}, but {true}")
        about.ending = Ending.ACKNOWLEDGED if landed else Ending.REFUSED

    def outlasted(self, record: Record, seconds: float, allowed: float) -> None:
        """The operation took so many seconds of its own clock."""
        if seconds > allowed + 1e-6:
            raise Broken("deadline", f"{record} took {seconds:.3f} s of {allowed:.3f} s")

    def left(self, execution_id: str, stored: Stored) -> None:
        """Check what is stored when nothing goes on any more."""
        if execution_id in self._mixed:
            return
        tokens = stored.data.tokens if stored.data is not None else ()
        for record in self._appends.get(execution_id, []):
            found = tokens.count(str(record.operation.mark))
            allowed = {
                Ending.ACKNOWLEDGED: (1,),
                Ending.REFUSED: (0,),
            }.get(record.ending, (0, 1))
            if found not in allowed:
                raise Broken("left", f"{record} ({record.ending.value}) is there {found} times")
