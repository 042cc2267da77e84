"""What a mutant is, and ways to switch a rule off, each a patch of one function for one test."""

# pyright: basic
# What replaces functions of every type is typed by what it replaces.

import sys
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import claim, codec, delete, document, verdict
from bucketpoint.core import write as loop
from bucketpoint.core.claim import ClaimState
from bucketpoint.core.document import Entry, Member
from bucketpoint.core.effects import WriterID
from bucketpoint.core.pauses import merge_pauses
from bucketpoint.core.session import origin_of, set_origin
from bucketpoint.core.verdict import Base, Verdict
from bucketpoint.errors import (
    BucketpointError,
    FenceViolationError,
)
from bucketpoint.stores.contract import Version
from bucketpoint.testing.explore import clients, operations, world
from tests.core.programs import Case

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """One rule switched off.

    Attributes:
        name: Names it.
        rule: What is switched off.
        patch: Switches it off.
        case: The program that is run.
        steps: The length of the shortest schedule that breaks a promise; 0 for none.
        why: Why none does.
        options: What the explorer is made with.
        grace: A purge waits until nothing from before the tombstone goes on.
    """

    name: str
    rule: str
    patch: Patch
    case: Case
    steps: int
    why: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    grace: bool = True


def both(*patches: Patch) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for one in patches:
            one(monkeypatch)

    return patch


def nothing(_: pytest.MonkeyPatch) -> None:
    """The rule is an option of the explorer."""


def setting(owner: Any, name: str, value: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


# --- conditions -----------------------------------------------------------------------------------


def unconditional(name: str) -> Patch:
    def admits(sending: clients.Sending, stored: Any) -> bool:
        return sending.task.operation.name == name or sending.base == stored.version

    return setting(world, "admits", admits)


# --- the table and what it proves -----------------------------------------------------------------


def judged(change: Callable[..., Verdict | None]) -> Patch:
    """Let a function overrule the verdicts that it has an opinion on."""
    true_judge = verdict.judge

    def judge(base: Base, *look: Any) -> Verdict:
        overruled = change(base, *look)
        return true_judge(base, *look) if overruled is None else overruled

    return setting(loop, "judge", judge)


def live_is_dead(base: Base, *look: Any) -> Verdict | None:
    return Verdict.DEAD if verdict.judge(base, *look) is Verdict.LIVE else None


def gone_is_dead(base: Base, version: Version | None, *_: Any) -> Verdict | None:
    return Verdict.DEAD if version is None and base.version is not None else None


def foreign_is_dead(base: Base, version: Version | None, seen: Any, *_: Any) -> Verdict | None:
    is_foreign = seen is not None and seen.member is None
    return Verdict.DEAD if is_foreign and version != base.version else None


def foreign_base_is_dead(base: Base, version: Version | None, *_: Any) -> Verdict | None:
    is_foreign = base.version is not None and base.lineage is None
    return Verdict.DEAD if is_foreign and version != base.version else None


def any_lineage(base: Base, version: Version | None, seen: Any, writer: str) -> Verdict | None:
    if seen is None or seen.member is None or base.lineage is None:
        return None
    return verdict.judge(replace(base, lineage=seen.member.lineage), version, seen, writer)


def tombstone_kills_creates(
    base: Base, version: Version | None, seen: Any, *_: Any
) -> Verdict | None:
    is_tombstone = version is not None and seen is not None and seen.deleted
    return Verdict.DEAD if base.version is None and is_tombstone else None


def _by_table(newest_known: Callable[[Member, Entry | None, int], int]) -> Patch:
    def judge(member: Member, writer: str, base_revision: int) -> Verdict:
        newest = newest_known(member, member.writers.get(writer), base_revision)
        return Verdict.UNKNOWN if newest > base_revision else Verdict.DEAD

    return setting(verdict, "_judge_by_table", judge)


NO_CLONE_RULE = _by_table(lambda member, entry, _: 0 if entry else member.evicted_revision)
NO_EVICTION_RULE = _by_table(lambda _, entry, __: entry.revision if entry else 0)


def evicting(pick: Callable[[dict[str, Entry]], str], *, keep_highest: bool = True) -> Patch:
    def following(self: Member, writer: str, operation: str) -> Member:
        revision = self.revision + 1
        writers = {name: entry for name, entry in self.writers.items() if name != writer}
        evicted = self.evicted_revision
        while len(writers) >= document.TABLE_SIZE:
            gone = writers.pop(pick(writers)).revision
            evicted = max(evicted, gone) if keep_highest else gone
        writers[writer] = Entry(operation, revision)
        return replace(
            self, revision=revision, writers=writers, evicted_revision=evicted, deleted=False
        )

    return setting(Member, "next", following)


def newest(writers: dict[str, Entry]) -> str:
    return max(writers, key=lambda name: writers[name].revision)


def in_odd_order(writers: dict[str, Entry]) -> str:
    """First client A's entry, then the one that was there before, then the others'."""
    return min(writers, key=lambda name: {"A": 0, "0": 1}.get(name[1], 2))


def changing_next(change: Callable[[Member, Member], Member]) -> Patch:
    """Let a function change the member that follows another."""
    true_next = Member.next

    def following(self: Member, writer: str, operation: str) -> Member:
        return change(self, true_next(self, writer, operation))

    return setting(Member, "next", following)


def only_own_entry(_: Member, after: Member) -> Member:
    newest = {name: e for name, e in after.writers.items() if e.revision == after.revision}
    return replace(after, writers=newest)


def constant_revision(_: Member, after: Member) -> Member:
    entries = {name: replace(entry, revision=1) for name, entry in after.writers.items()}
    return replace(after, revision=1, writers=entries)


def changing_child(change: Callable[[Member, loop.Write, Member], Member]) -> Patch:
    """Let a function change the member that a decision writes."""
    true_child = loop._child

    def child(before: Member, decision: loop.Write, writer: str, operation: str) -> Member:
        return change(before, decision, true_child(before, decision, writer, operation))

    return setting(loop, "_child", child)


def tombstone_forgets(_: Member, decision: loop.Write, after: Member) -> Member:
    if not decision.deleted:
        return after
    return replace(only_own_entry(after, after), evicted_revision=0)


def tombstone_begins_epochs(_: Member, decision: loop.Write, after: Member) -> Member:
    return replace(after, epoch=0) if decision.deleted else after


def delete_keeps_epoch(before: Member, decision: loop.Write, after: Member) -> Member:
    return replace(after, epoch=before.epoch) if decision.deleted else after


def restore_keeps_claim(before: Member, decision: loop.Write, after: Member) -> Member:
    is_restore = decision.raise_epoch and decision.owner is None and not decision.deleted
    kept: dict[str, Any] = {"epoch": before.epoch, "owner": before.owner, "ttl_s": before.ttl_s}
    return replace(after, **kept) if is_restore else after


def claim_keeps_epoch(before: Member, decision: loop.Write, after: Member) -> Member:
    is_claim = isinstance(decision.owner, str)
    return replace(after, epoch=before.epoch) if is_claim else after


def save_drops_claim(_: Member, decision: loop.Write, after: Member) -> Member:
    is_plain = decision.owner is loop.KEEP and not decision.deleted
    return replace(after, owner=None, ttl_s=None) if is_plain else after


def in_head_only(member: Member | None, writer: str, operation: str) -> bool:
    entry = member.writers.get(writer) if member is not None else None
    is_head = member is not None and entry is not None and entry.revision == member.revision
    return is_head and entry is not None and entry.operation == operation


# --- the loop -------------------------------------------------------------------------------------

WriteLoop = loop._WriteLoop


def forget_attempts_after(kind: type[Exception]) -> Patch:
    true_add = WriteLoop._add_pending

    def add(self: Any, base: Base) -> None:
        if not isinstance(sys.exception(), kind):
            true_add(self, base)

    return setting(WriteLoop, "_add_pending", add)


def without_pending(name: str) -> Patch:
    """Let a method of the loop believe that no attempt may still land."""
    true_method = getattr(WriteLoop, name)

    def method(self: Any, *args: Any, **options: Any) -> Any:
        pending, self._pending = self._pending, []
        result = true_method(self, *args, **options)
        if not isinstance(result, Generator):
            self._pending = pending
            return result
        return _restoring(self, result, pending)

    return setting(WriteLoop, name, method)


def _restoring(self: Any, generator: Generator[Any, Any, Any], pending: list[Base]) -> Any:
    self._pending = []
    try:
        return (yield from generator)
    finally:
        self._pending = pending


def decide_anew(self: Any, attempt: Any, seen: Any, *, new_id: bool = False) -> Any:
    attempt = yield from _TRUE_STILL_CURRENT(self, attempt, seen)
    if attempt is not None and new_id:
        self._operation += "+"
    return None


_TRUE_STILL_CURRENT = WriteLoop._still_current


def new_id_per_attempt(self: Any, attempt: Any, seen: Any) -> Any:
    return decide_anew(self, attempt, seen, new_id=True)


def not_past_proof(_self: Any, _base: Base, _verdict: Any) -> Any:
    yield from ()
    return False


def believing(kind: type[Exception], *, of_library: bool = True) -> Patch:
    """Believe refusals of a kind though they were found on remembered state."""
    true_ask = WriteLoop._ask

    def ask(self: Any, seen: Any, fresh: bool) -> Any:
        true_decide = self._decide
        refused: list[Exception] = []

        def decide(seen: Any, fresh: bool) -> Any:
            decision = yield from true_decide(seen, fresh)
            if isinstance(decision, loop.Refuse):
                refused[:] = [decision.error]
            return decision

        self._decide = decide
        decision = yield from true_ask(self, seen, fresh)
        self._decide = true_decide
        is_of_kind = refused and isinstance(refused[0], kind)
        if isinstance(decision, loop.Look) and is_of_kind:
            is_of_library = isinstance(refused[0], BucketpointError)
            if is_of_library == of_library:
                raise refused[0]
        return decision

    return setting(WriteLoop, "_ask", ask)


_TRUE_FOUND = WriteLoop._found


def version_of_look(self: Any, seen: Any) -> loop.Written:
    return replace(_TRUE_FOUND(self, seen), version=seen.version)


def fence_first(monkeypatch: pytest.MonkeyPatch) -> None:
    true_landed = WriteLoop._has_landed

    def has_landed(self: Any, seen: Any) -> bool:
        deciding = self._decide(seen, True)
        try:
            next(deciding)
            deciding.close()
        except StopIteration as stop:
            decision = stop.value
            if isinstance(decision, loop.Refuse) and isinstance(
                decision.error, FenceViolationError
            ):
                raise decision.error from None
        return true_landed(self, seen)

    monkeypatch.setattr(WriteLoop, "_has_landed", has_landed)


# --- procedures -----------------------------------------------------------------------------------


def delete_writes_nothing_on(*, tombstone: bool) -> Patch:
    true_delete = delete.delete

    def deleting(session: Any, execution_id: str) -> Any:
        seen = yield from session.look(session.target(execution_id))
        if not seen.live and (seen.document is not None) == tombstone:
            return
        yield from true_delete(session, execution_id)

    return setting(operations, "delete", deleting)


def save_whatever_is_there(_origin: Any, _target: Any) -> Callable[[Any], None]:
    return lambda _: None


def any_entry(member: Member | None, writer: str, _operation: str) -> bool:
    return member is not None and writer in member.writers


def settle_creates(session: Any, error: Any) -> Any:
    evidence = error.evidence
    seen = yield from session.look(evidence.target)
    member = seen.document.member if seen.document is not None else None
    if verdict.has_landed(member, evidence.writer, evidence.operation):
        return True
    look = (seen.version, seen.document, evidence.writer)
    if all(verdict.judge(base, *look) is Verdict.DEAD for base in evidence.bases):
        return False
    raise error


# --- claims ---------------------------------------------------------------------------------------


def comparing(*fields: str, tombstones: bool = False) -> Patch:
    def holds(self: ClaimState, member: Member | None) -> bool:
        if member is None or (member.deleted and not tombstones):
            return False
        return all(getattr(self, name) == getattr(member, name) for name in fields)

    return setting(ClaimState, "holds", holds)


def release_unchecked(session: Any, state: ClaimState) -> Any:
    def decide(seen: Any, _fresh: bool) -> Any:
        yield from ()
        if not seen.live:
            return loop.Refuse(FenceViolationError("gone"))
        return loop.Write(data=codec.encode(seen.document.take_data()), owner=None)

    with suppress(FenceViolationError):
        yield from loop.write(session, state.target, decide)
    state.lost = state.released = True


Merge = Callable[..., Checkpoint]


def merging(merge: Callable[[list[Checkpoint], Merge], Merge]) -> Patch:
    """Let claimed saves merge in another way; the list lives as long as one save."""
    true_save, true_merge = claim.save_claimed, merge_pauses

    def saving(session: Any, state: ClaimState, checkpoint: Checkpoint) -> Any:
        changed = merge([], true_merge)
        generator = true_save(session, state, checkpoint)
        return (yield from _with_merge(generator, changed, true_merge))

    return setting(operations, "save_claimed", saving)


def _with_merge(generator: Generator[Any, Any, Any], changed: Merge, true_merge: Merge) -> Any:
    """Put the other merge in place whenever this very save runs."""

    def run(advance: Callable[[Any], Any], value: Any) -> Any:
        claim.__dict__["merge_pauses"] = changed
        try:
            return advance(value)
        finally:
            claim.__dict__["merge_pauses"] = true_merge

    try:
        effect = run(generator.send, None)
        while True:
            try:
                answer = yield effect
            except Exception as error:  # noqa: BLE001 - whatever the driver raises
                effect = run(generator.throw, error)
            else:
                effect = run(generator.send, answer)
    except StopIteration as stop:
        return stop.value


def on_conflict_only(calls: list[Checkpoint], true_merge: Merge) -> Merge:
    def merge(mine: Checkpoint, *args: Any) -> Checkpoint:
        calls.append(mine)
        return mine if len(calls) == 1 else true_merge(mine, *args)

    return merge


def once(calls: list[Checkpoint], true_merge: Merge) -> Merge:
    def merge(mine: Checkpoint, *args: Any) -> Checkpoint:
        calls.append(calls[0] if calls else true_merge(mine, *args))
        return calls[-1]

    return merge


def merge_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    true_save = claim.save_claimed

    def saving(session: Any, state: ClaimState, checkpoint: Checkpoint) -> Any:
        origin = origin_of(checkpoint)
        if origin is not None:
            set_origin(checkpoint, replace(origin, pauses=state.stored))
        return true_save(session, state, checkpoint)

    monkeypatch.setattr(operations, "save_claimed", saving)


# --- IDs ------------------------------------------------------------------------------------------


def ids_of_writer(_task: Any, writer: str, drawn: int) -> str:
    return f"{writer}.{drawn}"


def ids_since_start(task: Any, writer: str, drawn: int) -> str:
    return f"{writer[:2]}.{task.number % 8 - int(writer[2:])}.{drawn}"


def naming_writers(name: Callable[[str], str]) -> Patch:
    true_perform = clients._Performance._perform

    def perform(self: Any, effect: Any) -> Any:
        result = true_perform(self, effect)
        return name(result) if isinstance(effect, WriterID) else result

    return setting(clients._Performance, "_perform", perform)
