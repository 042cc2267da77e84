"""Times as people write and read them: `2h`, `in 3 min`, `2026-01-02T03:04:05Z`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from bucketpoint.timestamps import Timestamp

__all__ = ["Moment", "Span", "ago", "as_text", "long", "parse_moment", "parse_span"]

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PIECE = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|min|m|h|d|w)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTES = re.compile(r"[0-9]{2}:[0-9]{2}")
_HAS_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})$")


def parse_span(text: str) -> timedelta | None:
    """Read a length of time such as `90s`, `1h30m`, `2 d`; None when it is none."""
    length = timedelta(0)
    position = 0
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            return None
        length += float(piece[1]) * _UNITS[piece[2]]
        position = piece.end()
    return length if position else None


def parse_moment(text: str, now: datetime, *, ahead: bool = False) -> Timestamp | None:
    """Read a time, absolute or relative to now; None when it is none.

    Args:
        text: RFC 3339, in UTC unless it has an offset; a date; `now`; `2h ago`; `in 2h`; `2h`.
        now: The present time.
        ahead: A bare `2h` lies ahead, not behind.
    """
    text = text.strip()
    present = Timestamp.of(now)
    if text == "now":
        return present
    bare = text.removeprefix("in ").removesuffix(" ago")
    span = parse_span(bare)
    try:
        if span is not None:
            ahead = text.startswith("in ") or (ahead and not text.endswith(" ago"))
            return present + span if ahead else present - span
        return Timestamp.parse(_completed(text))
    except (ValueError, OverflowError):
        return None


def _completed(text: str) -> str:
    """Add what people leave out of a time."""
    if _DATE.fullmatch(text):
        return f"{text}T00:00:00Z"
    date, _, time = text.replace(" ", "T", 1).partition("T")
    if _MINUTES.fullmatch(time):
        time += ":00"
    return f"{date}T{time}" if _HAS_ZONE.search(time) else f"{date}T{time}Z"


class Span(click.ParamType):  # type: ignore[type-arg]  # only new versions of click take any
    """A length of time on the command line."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """See `click.ParamType.convert`."""
        if isinstance(value, timedelta):
            return value
        try:
            span = parse_span(value)
        except OverflowError:
            span = None
        if span is None or span <= timedelta(0):
            self.fail(f"{value!r} is no length of time: write 90s, 30m, 2h, 7d or 2w", param, ctx)
        return span


class Moment(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A time on the command line, absolute or relative to now.

    Args:
        ahead: A bare `2h` means in two hours, not two hours ago.
    """

    name = "time"

    def __init__(self, *, ahead: bool = False) -> None:
        self._ahead = ahead

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Timestamp:
        """See `click.ParamType.convert`."""
        from bucketpoint.cli.terminal import Terminal

        if isinstance(value, datetime):
            return Timestamp.of(value)
        moment = parse_moment(value, Terminal.of(ctx).now(), ahead=self._ahead)
        if moment is None:
            message = (
                f"{value!r} is no time: write 2h, '3d ago', 2026-01-31 or 2026-01-31T12:00:00Z"
            )
            self.fail(message, param, ctx)
        return moment


def as_text(moment: datetime | None) -> str | None:
    """Return the time as JSON has it: RFC 3339."""
    return None if moment is None else str(Timestamp.of(moment))


def ago(moment: datetime, now: datetime) -> str:
    """Return the time as seen from now: `3 min ago`, `in 2 h`."""
    try:
        past = Timestamp.of(now) - Timestamp.of(moment)
    except OverflowError:  # the format has a year 0, and Python has none
        return str(moment)
    if abs(past) < timedelta(seconds=1):
        return "now"
    return f"{long(past)} ago" if past > timedelta(0) else f"in {long(-past)}"


_LENGTHS = (
    (timedelta(days=2), timedelta(days=1), "days"),
    (timedelta(hours=2), timedelta(hours=1), "h"),
    (timedelta(minutes=2), timedelta(minutes=1), "min"),
    (timedelta(0), timedelta(seconds=1), "s"),
)
"""From which length on which unit is used."""


def long(length: timedelta) -> str:
    """Return a length of time, which is not negative, in one unit, rounded down: `3 min`."""
    unit, name = next((unit, name) for least, unit, name in _LENGTHS if length >= least)
    return f"{int(length / unit):,} {name}"
