"""Times and durations keep every nanosecond, and read and write what the format allows."""

import copy
import operator
import pickle
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import SchemaValidator, ValidationError, core_schema

from bucketpoint.errors import InvalidInputError
from bucketpoint.timestamps import RFC_3339, Duration, Timestamp

MOMENTS = st.datetimes(timezones=st.timezones() | st.just(UTC), allow_imaginary=False)
NANOSECONDS = st.integers(0, 999_999_999)
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@st.composite
def timestamps(draw: st.DrawFn) -> Timestamp:
    moment = draw(st.datetimes()).replace(tzinfo=draw(OFFSETS))
    return Timestamp.of(moment).replace(nanosecond=draw(NANOSECONDS))


TIMESTAMPS = timestamps()
DURATIONS = st.integers(-(2**63), 2**63 - 1).map(lambda n: Duration(nanoseconds=n))


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


# --- reading and writing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-01-02T03:04:05Z", None),
        ("2025-01-02T03:04:05.1Z", None),
        ("2025-01-02T03:04:05.123456789Z", None),
        ("2025-01-02T03:04:05.000000001+05:30", None),
        ("2025-01-02T03:04:05-07:52", None),
        ("2025-01-02T03:04:05+23:59", None),
        ("0001-01-01T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("0000-02-29T12:00:00.5-07:52", None),
        ("9999-12-31T23:59:59.999999999-23:59", None),
        ("2024-02-29T00:00:00Z", None),
        ("2000-02-29T00:00:00Z", None),
        ("2025-01-02T03:04:05+00:00", "2025-01-02T03:04:05Z"),
        ("2025-01-02T03:04:05-00:00", "2025-01-02T03:04:05Z"),
        ("2025-01-02T03:04:05.120000Z", "2025-01-02T03:04:05.12Z"),
        ("2025-01-02T03:04:05.000Z", "2025-01-02T03:04:05Z"),
        ("2025-01-02T03:04:05,5Z", "2025-01-02T03:04:05.5Z"),
        ("2025-01-02T3:04:05Z", "2025-01-02T03:04:05Z"),
        ("2025-01-02T03:04:05.123456789999Z", "2025-01-02T03:04:05.123456789Z"),
        ("2025-01-02T03:04:05+24:00", "2025-01-01T03:04:05Z"),
        ("2025-01-02T03:04:05-23:60", "2025-01-03T03:04:05Z"),
    ],
)
def test_a_time_is_read_and_written_as_the_format_does(text: str, written: str | None) -> None:
    assert str(Timestamp.parse(text)) == (written or text)


REFUSED = [
    *("", " ", "2025", "2025-01-02", "2025-01-02T03:04Z", "2025-01-02T03:04:05", "null", "0"),
    *("2025-01-02 03:04:05Z", "2025-01-02t03:04:05Z", "2025-01-02T03:04:05z"),
    *("2025-01-02T03:04:05+0000", "2025-01-02T03:04:05+00", "2025-01-02T03:04:05+05:30:15"),
    *("2016-12-31T23:59:60Z", "2025-01-02T24:00:00Z", "2025-01-02T03:60:00Z"),
    *("2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z"),
    *("2025-01-32T00:00:00Z", "2025-04-31T00:00:00Z", "2025-02-29T00:00:00Z"),
    *("1900-02-29T00:00:00Z", "2025-1-02T00:00:00Z", "2025-01-2T00:00:00Z"),
    *("10000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "025-01-02T03:04:05Z"),
    *(" 2025-01-02T03:04:05Z", "2025-01-02T03:04:05Z ", "2025-01-02T03:04:05Z\n"),
    *("2025-01-02T03:04:05.Z", "2025-01-02T03:04:05.5", "2025-01-02T03:04:05+25:00"),
    *("2025-01-02T03:04:05+00:61", "2025-01-02T03:4:05Z", "2025-01-02T003:04:05Z"),
    *(
        "\uff12025-01-02T03:04:05Z",
        "2025-01-02T03:04:05.\u0661Z",
        "2025-01-02T03:04:05\u2212 00:00",
    ),
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not an RFC 3339 time with a zone"):
        Timestamp.parse(text)


IN_RUST = SchemaValidator(core_schema.str_schema(pattern=f"^(?:{RFC_3339})$"))
"""Documents are checked by the same expression in another engine."""


def accepted_in_rust(text: str) -> bool:
    try:
        IN_RUST.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_time_is_refused_in_a_document_too(text: str) -> None:
    assert not accepted_in_rust(text)


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2]?[0-9]:[0-5][0-9]:[0-6][0-9]", fullmatch=True
    ),
    st.sampled_from(["", ".5", ",123456789123", "."]),
    st.from_regex(r"Z|[+-][0-2][0-9]:[0-6][0-9]", fullmatch=True),
)
def test_a_time_that_a_document_may_hold_can_be_read(text: str, part: str, zone: str) -> None:
    whole = f"{text}{part}{zone}"
    assert accepted_in_rust(whole) == bool(re.fullmatch(RFC_3339, whole))
    if not accepted_in_rust(whole):
        return
    try:
        assert str(Timestamp.parse(whole))
    except InvalidInputError:
        assert text[:4] in {"0000", "0001", "9999"}
        assert zone[1:3] >= "24" or zone[1:] == "23:60"


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59-24:00", "9999-12-31T23:59:59-23:60", "0000-01-01T00:00:00+24:00"],
)
def test_a_time_whose_offset_leads_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="beyond the years"):
        Timestamp.parse(text)


@given(st.dates(), st.booleans())
def test_every_day_that_exists_and_no_other_is_accepted(day: date, is_next: bool) -> None:
    number = day.day + 1 if is_next else day.day
    try:
        date(day.year, day.month, number)
        exists = True
    except ValueError:
        exists = False
    text = f"{day.year:04}-{day.month:02}-{number:02}T00:00:00Z"
    assert bool(re.fullmatch(RFC_3339, text)) == accepted_in_rust(text) == exists


@given(TIMESTAMPS)
def test_what_a_timestamp_prints_is_read_as_the_same_time_with_the_same_offset(
    moment: Timestamp,
) -> None:
    read = Timestamp.parse(str(moment))
    assert (read, read.utcoffset(), str(read)) == (moment, moment.utcoffset(), str(moment))


@given(MOMENTS)
def test_a_datetime_with_a_zone_keeps_its_instant(moment: datetime) -> None:
    stamp = Timestamp.of(moment)
    assert (
        stamp.unix_nanoseconds
        == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    )


def test_an_offset_with_seconds_is_written_in_whole_minutes_at_the_same_instant() -> None:
    local = datetime(1800, 1, 1, tzinfo=ZoneInfo("America/Los_Angeles"))
    assert local.utcoffset() == -timedelta(hours=7, minutes=52, seconds=58)
    assert str(Timestamp.of(local)) == "1799-12-31T23:59:58-07:53"
    assert Timestamp.parse(str(Timestamp.of(local))) == local


# --- conversions ----------------------------------------------------------------------------------


def test_a_time_without_a_zone_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidInputError, match=r"needs a time zone.*datetime\.now\(UTC\)"):
        Timestamp.of(datetime(2025, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(InvalidInputError, match="needs a time zone"):
        Timestamp(2025, 1, 1)


def test_a_timestamp_is_a_datetime_and_of_returns_it_itself() -> None:
    stamp = Timestamp.parse("2025-01-02T03:04:05.123456789Z")
    assert isinstance(stamp, datetime)
    assert Timestamp.of(stamp) is stamp
    assert (stamp.microsecond, stamp.nanosecond) == (123_456, 123_456_789)


def test_the_constructors_of_datetime_make_timestamps() -> None:
    assert str(Timestamp(2025, 1, 2, 3, 4, 5, 6, UTC)) == "2025-01-02T03:04:05.000006Z"
    assert str(Timestamp(2025, 1, 2, tzinfo=UTC, nanosecond=7)) == "2025-01-02T00:00:00.000000007Z"
    assert str(Timestamp.fromtimestamp(0.5, UTC)) == "1970-01-01T00:00:00.5Z"
    assert str(Timestamp.combine(date(2025, 1, 2), time(3, tzinfo=UTC))) == "2025-01-02T03:00:00Z"
    assert str(Timestamp.strptime("2025 +0100", "%Y %z")) == "2025-01-01T00:00:00+01:00"
    assert Timestamp.fromisoformat("2025-01-02T03:04:05.123456789Z").nanosecond == 123_456_789
    assert Timestamp.now().utcoffset() == timedelta()
    assert type(Timestamp.now()) is Timestamp


def test_printing_never_drops_the_nanoseconds() -> None:
    text = "2025-01-02T03:04:05.123456789Z"
    stamp = Timestamp.parse(text)
    assert (str(stamp), f"{stamp}", stamp.isoformat()) == (text, text, text)
    assert stamp.isoformat(" ") == text.replace("T", " ")
    assert stamp.isoformat(timespec="seconds") == "2025-01-02T03:04:05+00:00"
    assert eval(repr(stamp)) == stamp  # noqa: S307 - what a repr is for


@given(TIMESTAMPS)
def test_copies_are_equal_to_the_last_nanosecond(stamp: Timestamp) -> None:
    for each in (copy.copy(stamp), copy.deepcopy(stamp), pickled(stamp)):
        assert (type(each), each, str(each), hash(each)) == (
            Timestamp,
            stamp,
            str(stamp),
            hash(stamp),
        )


def test_replace_keeps_the_nanoseconds_unless_they_are_replaced() -> None:
    stamp = Timestamp.parse("2025-01-02T03:04:05.123456789Z")
    assert str(stamp.replace(hour=1)) == "2025-01-02T01:04:05.123456789Z"
    assert str(stamp.replace(microsecond=1)) == "2025-01-02T03:04:05.000001Z"
    assert str(stamp.replace(2026, 1, 2, 3, 4, 5, 1)) == "2026-01-02T03:04:05.000001Z"
    assert str(stamp.replace(nanosecond=1)) == "2025-01-02T03:04:05.000000001Z"


def test_another_zone_is_the_same_instant() -> None:
    stamp = Timestamp.parse("2025-01-02T03:04:05.123456789Z")
    moved = stamp.astimezone(timezone(timedelta(hours=2)))
    assert str(moved) == "2025-01-02T05:04:05.123456789+02:00"
    assert moved == stamp
    assert stamp.astimezone(ZoneInfo("Europe/Berlin")) == stamp


# --- comparison and arithmetic --------------------------------------------------------------------

OPERATORS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@given(TIMESTAMPS, TIMESTAMPS)
def test_timestamps_compare_by_instant(one: Timestamp, other: Timestamp) -> None:
    for compare in OPERATORS:
        assert compare(one, other) == compare(one.unix_nanoseconds, other.unix_nanoseconds)
    assert one == one.astimezone(UTC) if one.year not in {1, 9999} else True


@given(MOMENTS, MOMENTS)
def test_timestamps_compare_with_datetimes_as_datetimes_do(one: datetime, other: datetime) -> None:
    one, other = one.astimezone(UTC), other.astimezone(UTC)
    for compare in OPERATORS:
        assert compare(Timestamp.of(one), other) == compare(one, other)
        assert compare(one, Timestamp.of(other)) == compare(one, other)
    assert hash(Timestamp.of(one)) == hash(one)


def test_a_nanosecond_makes_a_difference() -> None:
    moment = datetime(2025, 1, 2, tzinfo=UTC)
    stamp = Timestamp.of(moment) + Duration(nanoseconds=1)
    assert stamp != moment
    assert stamp > moment
    assert moment < stamp
    assert len({stamp, moment, Timestamp.of(moment)}) == 2


def test_a_timestamp_is_not_equal_to_a_time_without_a_zone_nor_to_anything_else() -> None:
    stamp = Timestamp.parse("2025-01-02T00:00:00Z")
    naive = datetime(2025, 1, 2)  # noqa: DTZ001 - that is the point
    assert stamp != naive
    assert stamp != "2025-01-02T00:00:00Z"
    for compare in OPERATORS[2:]:
        with pytest.raises(TypeError):
            compare(stamp, naive)
        with pytest.raises(TypeError):
            compare(stamp, "2025-01-02T00:00:00Z")


@given(
    st.datetimes(datetime(100, 1, 1), datetime(9900, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    NANOSECONDS,
    st.integers(-(2**61), 2**61).map(lambda n: Duration(nanoseconds=n)),
)
def test_arithmetic_is_exact(moment: datetime, nanosecond: int, delta: Duration) -> None:
    stamp = Timestamp.of(moment).replace(nanosecond=nanosecond)
    later = stamp + delta
    assert later.unix_nanoseconds == stamp.unix_nanoseconds + delta.nanoseconds
    assert (later - stamp, later - delta, delta + stamp) == (delta, stamp, later)
    assert (type(later), type(later - stamp)) == (Timestamp, Duration)
    assert moment - later == -(later - moment)


def test_arithmetic_with_anything_else_is_a_type_error() -> None:
    number: Any = 1
    for value in (Timestamp.parse("2025-01-02T00:00:00Z"), Duration(seconds=1)):
        with pytest.raises(TypeError):
            _ = value + number
        with pytest.raises(TypeError):
            _ = value - number
        with pytest.raises(TypeError):
            _ = number - value


# --- year 0 ---------------------------------------------------------------------------------------


def test_a_time_in_year_0_compares_prints_and_copies() -> None:
    early = Timestamp.parse("0000-12-31T16:07:02.5-07:52")
    late = Timestamp.parse("0001-01-01T00:00:00Z")
    assert early.year == 0
    assert early < late
    assert late - early == timedelta(seconds=57.5)
    assert (str(early), repr(early)) == (
        "0000-12-31T16:07:02.5-07:52",
        "Timestamp.parse('0000-12-31T16:07:02.5-07:52')",
    )
    assert pickled(early) == copy.deepcopy(early) == early
    assert Timestamp.of(early) is early


BEYOND_DATETIME: dict[str, Callable[[Any], object]] = {
    "addition": lambda time: time + timedelta(1),
    "reflected addition": lambda time: timedelta(1) + time,
    "subtraction": lambda time: time - timedelta(1),
    "astimezone": lambda time: time.astimezone(UTC),
    "date": lambda time: time.date(),
    "timestamp": lambda time: time.timestamp(),
    "timetuple": lambda time: time.timetuple(),
    "strftime": lambda time: time.strftime("%Y"),
    "format": lambda time: f"{time:%Y}",
    "replace": lambda time: time.replace(hour=1),
    "isoformat": lambda time: time.isoformat(timespec="seconds"),
}


@pytest.mark.parametrize("call", BEYOND_DATETIME.values(), ids=list(BEYOND_DATETIME))
def test_what_a_datetime_cannot_do_in_year_0_is_an_error_and_no_lie(
    call: Callable[[Any], object],
) -> None:
    with pytest.raises((OverflowError, ValueError), match="year"):
        call(Timestamp.parse("0000-06-01T00:00:00Z"))


# --- durations ------------------------------------------------------------------------------------


@given(DURATIONS, DURATIONS)
def test_durations_compute_and_compare_as_their_nanoseconds(one: Duration, other: Duration) -> None:
    a, b = one.nanoseconds, other.nanoseconds
    for compare in OPERATORS:
        assert compare(one, other) == compare(a, b)
    assert ((one + other).nanoseconds, (one - other).nanoseconds) == (a + b, a - b)
    assert ((-one).nanoseconds, abs(one).nanoseconds, (+one).nanoseconds) == (-a, abs(a), a)
    assert ((one * 3).nanoseconds, Duration.of(3 * one).nanoseconds) == (3 * a, 3 * a)
    assert bool(one) == bool(a)
    assert one.total_seconds() == a / 1e9


@given(DURATIONS)
def test_copies_of_a_duration_are_equal(duration: Duration) -> None:
    for each in (
        copy.copy(duration),
        copy.deepcopy(duration),
        pickled(duration),
    ):
        assert (type(each), each, hash(each)) == (Duration, duration, hash(duration))
    assert eval(repr(duration)) == duration  # noqa: S307 - what a repr is for


@given(st.timedeltas(-timedelta(days=10**5), timedelta(days=10**5)))
def test_a_timedelta_becomes_an_equal_duration(delta: timedelta) -> None:
    duration = Duration.of(delta)
    assert isinstance(duration, timedelta)
    assert (duration, hash(duration), str(duration)) == (delta, hash(delta), str(delta))
    assert (delta + duration, delta - duration) == (2 * delta, timedelta())
    assert Duration.of(duration) is duration


def test_a_duration_is_made_of_what_a_timedelta_is_made_of_and_nanoseconds() -> None:
    assert Duration(days=1, seconds=1.5, nanoseconds=1).nanoseconds == 86_401_500_000_001
    assert Duration(nanoseconds=-1).nanoseconds == -1
    assert Duration(nanoseconds=1) != timedelta()
    assert Duration(nanoseconds=1) > timedelta()
    assert sum([Duration(nanoseconds=1)] * 3, timedelta()) == Duration(nanoseconds=3)
    assert Duration(seconds=3) / 2 == timedelta(seconds=1.5)
    assert Duration(seconds=3) * 0.5 == timedelta(seconds=1.5)
    assert Duration(seconds=1) != 1_000_000_000


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0:00:00"), (1, "0:00:00.000000001"), (1_500_000_001, "0:00:01.500000001")],
)
def test_a_duration_prints_its_nanoseconds(nanoseconds: int, text: str) -> None:
    assert str(Duration(nanoseconds=nanoseconds)) == text
