"""Which executions a listing is to show."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from bucketpoint.arguments import is_a
from bucketpoint.core.summaries import Gist
from bucketpoint.errors import InvalidInputError

__all__ = ["Query", "check_limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The filters of one listing.

    Attributes:
        statuses: Of one of these statuses; None for all.
        workflow: Of this workflow; None for all.
        id_prefix: Whose IDs begin so.
        modified_since: Written then or later, by the store's clock.
        modified_before: Written before.
        wake_before: Whose first wait ends then or earlier.
        limit: So many at most.
    """

    statuses: frozenset[str] | None = None
    workflow: str | None = None
    id_prefix: str = ""
    modified_since: datetime | None = None
    modified_before: datetime | None = None
    wake_before: datetime | None = None
    limit: int | None = None

    @classmethod
    def of(cls, *, status: str | Collection[str] | None = None, **others: Any) -> Self:
        """Check the arguments of `list_executions`, or raise `InvalidInputError`."""
        query = cls(statuses=_statuses(status), **others)
        for name in ("modified_since", "modified_before", "wake_before"):
            moment = getattr(query, name)
            if moment is not None and (not is_a(moment, datetime) or moment.tzinfo is None):
                msg = f"{name} must be a datetime with a time zone"
                raise InvalidInputError(msg)
        if query.workflow is not None:
            _check_text(query.workflow, "workflow")
        _check_text(query.id_prefix, "id_prefix")
        check_limit(query.limit)
        return query

    @property
    def chooses_by_content(self) -> bool:
        """Only reading tells whether an execution is wanted."""
        chosen_by = (self.statuses, self.workflow, self.wake_before)
        return any(each is not None for each in chosen_by)

    def wants_time(self, modified_at: datetime) -> bool:
        """Tell whether something written at that time may be wanted."""
        since, before = self.modified_since, self.modified_before
        return (since is None or modified_at >= since) and (before is None or modified_at < before)

    def wants(self, gist: Gist) -> bool:
        """Tell whether something with this content may be wanted."""
        return (
            (self.statuses is None or gist.status in self.statuses)
            and (self.workflow is None or gist.workflow_name == self.workflow)
            and (self.wake_before is None or self._wakes_in_time(gist))
        )

    def _wakes_in_time(self, gist: Gist) -> bool:
        wake_at, before = gist.next_wake_at, self.wake_before
        return wake_at is not None and before is not None and wake_at <= before


def check_limit(limit: object) -> None:
    """Raise `InvalidInputError` for what limits nothing."""
    if limit is not None and (not is_a(limit, int) or is_a(limit, bool) or cast("int", limit) < 1):
        msg = f"limit must be a whole number of at least 1, or None for all, not {limit!r}"
        raise InvalidInputError(msg)


def _statuses(status: object) -> frozenset[str] | None:
    if status is None:
        return None
    statuses = [status] if is_a(status, str) else status
    if not is_a(statuses, Iterable):
        msg = f"status must be a string or several, not {type(status).__name__}"
        raise InvalidInputError(msg)
    chosen = list(cast("Iterable[Any]", statuses))
    for each in chosen:
        _check_text(each, "each status")
    return frozenset(chosen)


def _check_text(value: object, name: str) -> None:
    if not is_a(value, str):
        msg = f"{name} must be a string, not {type(value).__name__}"
        raise InvalidInputError(msg)
