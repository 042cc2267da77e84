"""Times and durations that keep every nanosecond, written as the checkpoint format writes them.

Python's `datetime` stops at the microsecond and at year 1; the format goes to the nanosecond and
to year 0. A `Timestamp` is a `datetime` and a `Duration` is a `timedelta`, so both go wherever
those go; they keep the rest beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final, Never, Self, SupportsIndex, TypeVar, cast, overload

from bucketpoint.arguments import is_a
from bucketpoint.errors import InvalidInputError

__all__ = ["RFC_3339", "Duration", "Timestamp", "nanoseconds_between"]

RFC_3339: Final = (
    r"(?:"
    r"[0-9]{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|[0-9]{4}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|[0-9]{4}-02-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
    r")T([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:[.,]([0-9]+))?"
    r"(Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
)
"""The times that a checkpoint may hold, as a regular expression without anchors.

Wider than RFC 3339 exactly where Go's reader is: a comma before the fraction, a fraction of any
length, an hour of one digit, offsets to 24 hours and minutes to 60. Every day exists.
"""

_TIME = re.compile(RFC_3339)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_CYCLE_YEARS = 400
_CYCLE = timedelta(days=146_097)
"""The Gregorian calendar repeats after 400 years of this length, days of the week included."""


class Duration(timedelta):
    """A `timedelta` that keeps whole nanoseconds.

    Equal to a `timedelta` of the same length. Sums, differences and whole multiples are exact
    Durations; division works on whole microseconds, as `timedelta` does. The checkpoint format
    holds durations up to 2**63 - 1 nanoseconds (292 years) either way.

    Args:
        days: Days; as the other arguments, it may be negative and adds to them.
        seconds: Seconds.
        microseconds: Microseconds.
        milliseconds: Milliseconds.
        minutes: Minutes.
        hours: Hours.
        weeks: Weeks.
        nanoseconds: Whole nanoseconds.

    Example:
        >>> Duration(seconds=1, nanoseconds=1).nanoseconds
        1000000001
    """

    __slots__ = ("_rest",)
    _rest: int

    def __new__(  # noqa: D102, PLR0917 - as in its base
        cls,
        days: float = 0,
        seconds: float = 0,
        microseconds: float = 0,
        milliseconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        weeks: float = 0,
        *,
        nanoseconds: int = 0,
    ) -> Self:
        whole, rest = divmod(nanoseconds, 1000)
        base = timedelta(days, seconds, microseconds, milliseconds, minutes, hours, weeks)
        base += timedelta(microseconds=whole)
        self = super().__new__(cls, base.days, base.seconds, base.microseconds)
        self._rest = rest
        return self

    @classmethod
    def of(cls, delta: timedelta) -> Self:
        """Return the delta as a Duration; one that is a Duration already is returned itself."""
        return delta if isinstance(delta, cls) else cls(nanoseconds=_nanoseconds(delta))

    @property
    def nanoseconds(self) -> int:
        """The whole length in nanoseconds (not a component, as `microseconds` is)."""
        return _whole_nanoseconds(self) + self._rest

    def total_seconds(self) -> float:
        """Return the length in seconds, as far as a float holds it."""
        return self.nanoseconds / 1_000_000_000

    def __str__(self) -> str:
        if not self._rest:
            return super().__str__()
        point = "" if self.microseconds else ".000000"
        return f"{super().__str__()}{point}{self._rest:03}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(nanoseconds={self.nanoseconds})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _duration, (type(self), self.nanoseconds)

    def __hash__(self) -> int:
        return hash((timedelta.__hash__(self), self._rest)) if self._rest else super().__hash__()

    def __bool__(self) -> bool:
        return self.nanoseconds != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, timedelta):
            return NotImplemented
        return self.nanoseconds == _nanoseconds(other)

    def __ne__(self, other: object) -> bool:
        return not self == other  # the inherited one knows nothing of nanoseconds

    def __lt__(self, other: timedelta) -> bool:
        return self.nanoseconds < _nanoseconds(other)

    def __le__(self, other: timedelta) -> bool:
        return self.nanoseconds <= _nanoseconds(other)

    def __gt__(self, other: timedelta) -> bool:
        return self.nanoseconds > _nanoseconds(other)

    def __ge__(self, other: timedelta) -> bool:
        return self.nanoseconds >= _nanoseconds(other)

    def _exactly(self, nanoseconds: int) -> Duration:
        return Duration(nanoseconds=nanoseconds)

    def __add__(self, other: timedelta) -> Duration:
        if not is_a(other, timedelta):
            return NotImplemented
        return self._exactly(self.nanoseconds + _nanoseconds(other))

    __radd__ = __add__

    def __sub__(self, other: timedelta) -> Duration:
        if not is_a(other, timedelta):
            return NotImplemented
        return self._exactly(self.nanoseconds - _nanoseconds(other))

    def __rsub__(self, other: timedelta) -> Duration:
        if not is_a(other, timedelta):
            return NotImplemented
        return self._exactly(_nanoseconds(other) - self.nanoseconds)

    @overload
    def __mul__(self, other: int) -> Duration: ...
    @overload
    def __mul__(self, other: float) -> timedelta: ...
    def __mul__(self, other: float) -> timedelta:
        if isinstance(other, int):
            return self._exactly(self.nanoseconds * other)
        return super().__mul__(other)

    __rmul__ = __mul__

    def __neg__(self) -> Duration:
        return self._exactly(-self.nanoseconds)

    def __pos__(self) -> Duration:
        return self

    def __abs__(self) -> Duration:
        return self._exactly(abs(self.nanoseconds))


def _nanoseconds(delta: timedelta) -> int:
    return delta.nanoseconds if isinstance(delta, Duration) else _whole_nanoseconds(delta)


def _whole_nanoseconds(delta: timedelta) -> int:
    seconds = delta.days * 86_400 + delta.seconds
    return (seconds * 1_000_000 + delta.microseconds) * 1000


def _duration(cls: type[Duration], nanoseconds: int) -> Duration:
    return cls(nanoseconds=nanoseconds)


class Timestamp(datetime):
    """A `datetime` with a time zone that keeps whole nanoseconds and its offset from UTC.

    `str()` writes it as the checkpoint format does: RFC 3339, zeros at the end of the fraction
    dropped, `Z` for UTC. Comparison is by instant, to the nanosecond, with any `datetime` that
    has a time zone. Adding a `timedelta` gives an exact Timestamp, subtracting a time an exact
    `Duration`. What `datetime` itself cannot hold (a time in year 0) compares, prints and is
    stored like any other, and raises `OverflowError` for everything else.

    Args:
        year: As the other arguments, as in `datetime`.
        month: Month.
        day: Day.
        hour: Hour.
        minute: Minute.
        second: Second.
        microsecond: Microsecond.
        tzinfo: The time zone; a time without one is refused.
        fold: As in `datetime`.
        nanosecond: Nanoseconds of the second, 0 to 999,999,999, instead of `microsecond`.

    Raises:
        InvalidInputError: There is no time zone.

    Example:
        >>> str(Timestamp.parse("2025-01-02T03:04:05.123456789+05:30"))
        '2025-01-02T03:04:05.123456789+05:30'
    """

    __slots__ = ("_rest",)
    _rest: int

    def __new__(  # noqa: D102, PLR0917 - as in its base
        cls,
        year: SupportsIndex,
        month: SupportsIndex,
        day: SupportsIndex,
        hour: SupportsIndex = 0,
        minute: SupportsIndex = 0,
        second: SupportsIndex = 0,
        microsecond: SupportsIndex = 0,
        tzinfo: tzinfo | None = None,
        *,
        fold: int = 0,
        nanosecond: int | None = None,
    ) -> Self:
        if tzinfo is None:
            raise InvalidInputError(
                "a time needs a time zone, and this one has none: use datetime.now(UTC), or "
                "replace(tzinfo=...) where you know the zone"
            )
        rest = 0
        if nanosecond is not None:
            microsecond, rest = divmod(nanosecond, 1000)
        self = super().__new__(
            cls, year, month, day, hour, minute, second, microsecond, tzinfo, fold=fold
        )
        self._rest = rest
        return self

    @classmethod
    def of(cls, moment: datetime) -> Timestamp:
        """Return the moment as a Timestamp; one that is a Timestamp already is returned itself.

        Raises:
            InvalidInputError: The moment has no time zone.
        """
        return moment if isinstance(moment, Timestamp) else _with_rest(moment, 0)

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """Read a time as the format's readers do (see `RFC_3339`).

        Digits beyond the ninth of the fraction are cut. A time with an offset of 24 hours or
        more, which Python cannot keep, is given in UTC.

        Raises:
            InvalidInputError: The text is no such time, or its offset leads past the years 0 and
                9999.
        """
        match = _TIME.fullmatch(text)
        if match is None:
            raise InvalidInputError(
                "this is not an RFC 3339 time with a zone, such as 2025-01-02T03:04:05.5Z"
            )
        hour, minute, second, fraction, zone = match.groups()
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
        nanosecond = int((fraction or "0")[:9].ljust(9, "0"))
        offset = _offset(zone)
        far = abs(offset) >= _DAY
        kind = _YearZero if year == 0 else Timestamp
        self = kind(
            year or _CYCLE_YEARS,
            month,
            day,
            int(hour),
            int(minute),
            int(second),
            nanosecond=nanosecond,
            tzinfo=timezone(offset) if offset and not far else UTC,
        )
        try:
            return self - offset if far else self
        except OverflowError:
            raise InvalidInputError(
                "this time's offset leads beyond the years that Python knows"
            ) from None

    @classmethod
    def now(cls, tz: tzinfo | None = UTC) -> Self:
        """Return the host's time, in UTC unless told otherwise."""
        return super().now(tz)

    @classmethod
    def fromisoformat(cls, date_string: str, /) -> Timestamp:
        """Return what `parse` returns, and not what `datetime` would cut."""
        return cls.parse(date_string)

    @property
    def nanosecond(self) -> int:
        """Nanoseconds of the second, 0 to 999,999,999."""
        return self.microsecond * 1000 + self._rest

    @property
    def unix_nanoseconds(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z; negative before."""
        return _nanoseconds(datetime.__sub__(self, _EPOCH)) + self._rest

    def __str__(self) -> str:
        offset = cast("timedelta", self.utcoffset())
        if offset % _MINUTE:  # RFC 3339 has no seconds in an offset: keep the instant
            return str(self.astimezone(timezone(offset // _MINUTE * _MINUTE)))
        date = f"{self.year:04}-{self.month:02}-{self.day:02}"
        moment = f"{date}T{self.hour:02}:{self.minute:02}:{self.second:02}"
        if nanosecond := self.nanosecond:
            moment += f".{nanosecond:09}".rstrip("0")
        if not offset:
            return f"{moment}Z"
        hours, minutes = divmod(abs(offset) // _MINUTE, 60)
        return f"{moment}{'-' if offset.days < 0 else '+'}{hours:02}:{minutes:02}"

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Return what `str()` returns, or with a `timespec` what `datetime` returns."""
        if timespec == "auto":
            return str(self).replace("T", sep, 1)
        return _plain(self).isoformat(sep, timespec)

    def __repr__(self) -> str:
        return f"Timestamp.parse({str(self)!r})"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[Any, ...]:
        return _with_rest, (_plain(self), self._rest)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__reduce_ex__(2)

    def __hash__(self) -> int:
        return hash((super().__hash__(), self._rest)) if self._rest else super().__hash__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, datetime):
            return NotImplemented
        return other.utcoffset() is not None and self.unix_nanoseconds == _instant(other)

    def __ne__(self, other: object) -> bool:
        return not self == other  # the inherited one knows nothing of nanoseconds

    def __lt__(self, other: datetime) -> bool:  # type: ignore[override]  # dates are none
        return self.unix_nanoseconds < _instant(other)

    def __le__(self, other: datetime) -> bool:  # type: ignore[override]  # dates are none
        return self.unix_nanoseconds <= _instant(other)

    def __gt__(self, other: datetime) -> bool:  # type: ignore[override]  # dates are none
        return self.unix_nanoseconds > _instant(other)

    def __ge__(self, other: datetime) -> bool:  # type: ignore[override]  # dates are none
        return self.unix_nanoseconds >= _instant(other)

    def __add__(self, other: timedelta) -> Timestamp:
        if not is_a(other, timedelta):
            return NotImplemented
        microseconds, rest = divmod(self._rest + _nanoseconds(other), 1000)
        return _with_rest(_plain(self) + timedelta(microseconds=microseconds), rest)

    def __radd__(self, other: timedelta) -> Timestamp:
        return self + other

    @overload  # type: ignore[override]  # gives a Duration
    def __sub__(self, other: datetime) -> Duration: ...
    @overload
    def __sub__(self, other: timedelta) -> Timestamp: ...
    def __sub__(self, other: datetime | timedelta) -> Duration | Timestamp:
        if isinstance(other, timedelta):
            return self + -other
        if not is_a(other, datetime):
            return NotImplemented
        return Duration(nanoseconds=self.unix_nanoseconds - _instant(other))

    def __rsub__(self, other: datetime) -> Duration:
        if not is_a(other, datetime):
            return NotImplemented
        return Duration(nanoseconds=_instant(other) - self.unix_nanoseconds)

    def astimezone(self, tz: tzinfo | None = None) -> Timestamp:
        """Return the same instant in another zone."""
        return _with_rest(_plain(self).astimezone(tz), self._rest)

    def replace(self, *arguments: Any, nanosecond: int | None = None, **parts: Any) -> Timestamp:
        """Return it with some parts replaced; `nanosecond` replaces the whole fraction."""
        moment = _plain(self).replace(*arguments, **parts)
        names_microsecond = "microsecond" in parts or len(arguments) > _MICROSECOND_POSITION
        if nanosecond is None:
            return _with_rest(moment, 0 if names_microsecond else self._rest)
        microsecond, rest = divmod(nanosecond, 1000)
        return _with_rest(moment.replace(microsecond=microsecond), rest)


_MICROSECOND_POSITION = 6


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -offset if zone[0] == "-" else offset


def _plain(moment: datetime) -> datetime:
    return datetime(
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        moment.microsecond,
        moment.tzinfo,
        fold=moment.fold,
    )


def _with_rest(moment: datetime, rest: int) -> Timestamp:
    return Timestamp(
        moment.year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
        tzinfo=moment.tzinfo,
        fold=moment.fold,
        nanosecond=moment.microsecond * 1000 + rest,
    )


def nanoseconds_between(start: str, end: str) -> int:
    """Return how long it is from one text to another, both of which are known to be times."""
    try:
        whole = datetime.fromisoformat(end[:_SECONDS_END]) - datetime.fromisoformat(
            start[:_SECONDS_END]
        )
        fraction = _plain_fraction(end) - _plain_fraction(start)
    except ValueError:  # an offset, an hour of one digit, or a year 0
        return Timestamp.parse(end).unix_nanoseconds - Timestamp.parse(start).unix_nanoseconds
    return (whole.days * 86_400 + whole.seconds) * 10**9 + fraction


_SECONDS_END = len("2026-01-02T03:04:05")


def _plain_fraction(text: str) -> int:
    """Return the nanoseconds of a time in UTC, of which all before the fraction has its usual length."""
    rest = text[_SECONDS_END:]
    if rest == "Z":
        return 0
    if rest[:1] != "." or rest[-1] != "Z":
        raise ValueError
    return int(rest[1:-1][:9].ljust(9, "0"))


def _instant(moment: datetime) -> int:
    if isinstance(moment, Timestamp):
        return moment.unix_nanoseconds
    return _nanoseconds(moment - _EPOCH)


_Class = TypeVar("_Class", bound=type)


def _refusing(*names: str) -> Callable[[_Class], _Class]:
    """Make methods raise that would show another year than the time's own."""

    def refuse(*_arguments: Any, **_parts: Any) -> Never:
        raise OverflowError("a datetime cannot hold a time before year 1: only compare or print it")

    def decorate(cls: _Class) -> _Class:
        for name in names:
            setattr(cls, name, refuse)
        return cls

    return decorate


@_refusing(
    *("__add__", "__radd__", "astimezone", "ctime", "date", "isocalendar", "replace", "strftime"),
    *("timestamp", "timetuple", "toordinal", "utctimetuple"),
)
class _YearZero(Timestamp):
    """A time in year 0, held one calendar cycle later."""

    __slots__ = ()

    @property
    def year(self) -> int:
        return 0

    @property
    def unix_nanoseconds(self) -> int:
        return super().unix_nanoseconds - _nanoseconds(_CYCLE)

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[Any, ...]:
        return Timestamp.parse, (str(self),)
