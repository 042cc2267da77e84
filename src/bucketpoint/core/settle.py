"""Settling: a later look at a write whose outcome was unknown."""

from __future__ import annotations

from bucketpoint.core.effects import Procedure
from bucketpoint.core.session import Session
from bucketpoint.core.verdict import Base, Verdict, has_landed, judge
from bucketpoint.core.write import Evidence, unknown_outcome
from bucketpoint.errors import InvalidInputError, OutcomeUnknownError

__all__ = ["settle"]


def settle(session: Session, error: OutcomeUnknownError) -> Procedure[bool]:
    """Tell whether the write of this error landed; raise it anew while nobody can tell."""
    evidence = error.evidence
    if not isinstance(evidence, Evidence):
        msg = "this error did not come from a checkpointer, so there is nothing to settle it by"
        raise InvalidInputError(msg)
    if evidence.store != session.store_url:
        msg = f"this error is about {evidence.store}, and this checkpointer is not"
        raise InvalidInputError(msg)
    seen = yield from session.look(evidence.target)
    member = seen.document.member if seen.document is not None else None
    if has_landed(member, evidence.writer, evidence.operation):
        return True

    def is_dead(base: Base) -> bool:
        # Absence may have come back by a purge since, so a create is never proved dead later.
        return (
            base.version is not None
            and judge(base, seen.version, seen.document, evidence.writer) is Verdict.DEAD
        )

    if evidence.bases and all(is_dead(base) for base in evidence.bases):
        return False
    raise unknown_outcome(evidence)
