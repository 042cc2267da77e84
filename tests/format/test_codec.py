"""The codec writes what reads back the same, refuses the rest, and says where it stands."""

import json
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bucketpoint.core import codec
from bucketpoint.errors import CorruptCheckpointError, UnserializableValueError


class Colour(Enum):
    RED = "red"


class Name(StrEnum):
    ADA = "ada"


class Level(IntEnum):
    HIGH = 3


class EqualToAll:
    """As `unittest.mock.ANY`: it claims to be equal to whatever it is compared with."""

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return True


def nested(levels: int) -> dict[str, Any]:
    """Return a document whose innermost list is so many levels down."""
    value: list[Any] = []
    for _ in range(levels - 2):
        value = [value]
    return {"d": value}


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


UNSERIALIZABLE = {
    "datetime": datetime(2026, 1, 1, tzinfo=UTC),
    "set": {1},
    "tuple": (1, 2),
    "Decimal": Decimal("1.5"),
    "Fraction": Fraction(1, 2),
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "UUID": UUID(int=1),
    "Path": Path("a"),
    "Enum": Colour.RED,
    "object": object(),
    "class": int,
    "generator": (n for n in [1]),
    "range": range(3),
    "number as key": {1: "a"},
    "None as key": {None: "a"},
    "true as key": {True: "a"},
    "tuple as key": {(1, 2): "a"},
    "two keys that JSON makes one": {1: "a", "1": "b"},
    "lone surrogate": "a\ud800b",
    "lone surrogate as key": {"\udc00": 1},
    "cycle": cycle(),
    "integer of 310 digits": 10**309,
    "negative integer of 310 digits": -(10**309),
    "integer of 5,000 digits": 10**4999,
    "equal to all": EqualToAll(),
}


@pytest.mark.parametrize("value", UNSERIALIZABLE.values(), ids=list(UNSERIALIZABLE))
@pytest.mark.parametrize("siblings", [0, 1_000], ids=["small", "large"])
def test_what_is_not_json_is_refused_with_its_path(value: Any, siblings: int) -> None:
    variables: dict[str, Any] = {f"n{n}": n for n in range(siblings)}
    variables["due"] = value
    with pytest.raises(UnserializableValueError) as caught:
        codec.encode({"branch_states": {"main": {"variables": variables}}})
    assert caught.value.path.startswith("branch_states.main.variables.due")
    assert str(caught.value).startswith("branch_states.main.variables.due")


@pytest.mark.parametrize("value", UNSERIALIZABLE.values(), ids=list(UNSERIALIZABLE))
def test_what_is_not_json_is_refused_in_a_large_map_too(value: Any) -> None:
    branches: dict[str, Any] = {f"n{n}": {"n": n} for n in range(1_000)}
    branches["last"] = {"due": value}
    with pytest.raises(UnserializableValueError) as caught:
        codec.encode({"branch_states": branches})
    assert caught.value.path.startswith("branch_states.last.due")


def test_what_is_not_json_is_refused_beside_a_long_list_too() -> None:
    long = [*range(401)]
    endless: dict[str, Any] = {"long": long}
    endless["self"] = endless
    refused: list[Any] = [{"a": long, 1: 2}, {1: long}, {"a": long, "\ud800": 1}, endless]
    for data in refused:
        with pytest.raises(UnserializableValueError):
            codec.encode(data)


def test_the_path_names_positions_in_lists() -> None:
    with pytest.raises(UnserializableValueError) as caught:
        codec.encode({"variables": {"items": [0, {"due": {1}}]}})
    assert caught.value.path == "variables.items.1.due"
    assert str(caught.value) == (
        "variables.items.1.due is a set, which is not JSON: convert it, or pass default= to "
        "convert such values"
    )


def test_a_value_itself_is_never_in_the_message() -> None:
    with pytest.raises(UnserializableValueError) as caught:
        codec.encode({"a": Decimal("31337.5")})
    assert "31337" not in str(caught.value)


def test_a_refusal_of_a_key_that_is_no_unicode_can_be_printed() -> None:
    with pytest.raises(UnserializableValueError) as caught:
        codec.encode({"\ud800": 1})
    assert str(caught.value).encode()


SERIALIZABLE: dict[str, dict[str, Any]] = {
    "empty": {},
    "all types": {"a": [None, True, False, 0, -1, 1.5, "x", {}, []]},
    "minus zero": {"a": -0.0},
    "float extremes": {"a": [1e308, 5e-324, 1.7976931348623157e308, 1e16, 1e-7, 0.1]},
    "large integers": {"a": [2**53 + 1, 2**63, 2**64 + 1, -(10**308), 10**308]},
    "all characters": {"a": "".join(map(chr, range(0x2030))) + "\uffff\U0001f600"},
    "odd keys": {"": 1, "\x00": 2, '"\\': 3, "\u2028": 4, "<&>": 5},
    "str and int enumerations": {"a": [Name.ADA, Level.HIGH], Name.ADA: 1},
    "other dicts": {"a": OrderedDict(x=1), "b": defaultdict(int, y=2)},
    "many digits in a string": {"a": "7" * 1_000},
    "200 levels": nested(200),
    "300 levels": nested(300),
    "a large map": {"a": {f"n{n}": {"n": n} for n in range(1_001)}, "b": 1},
    "a long list far inside": {"a": {"b": {"c": {"d": [*range(1_001)]}}}, "e": 1.5},
    "a long list of long texts": {"a": [{"n": n, "text": "ä" * 4_000} for n in range(401)]},
    "an enumeration for a long list": {Name.ADA: [*range(401)], "a": [[], {}]},
    "two large maps": {name: {f"n{n}": n for n in range(400)} for name in "ab"},
}


@pytest.mark.parametrize("data", SERIALIZABLE.values(), ids=list(SERIALIZABLE))
def test_what_is_json_reads_back_the_same(data: dict[str, Any]) -> None:
    body = codec.encode(data)
    assert codec.decode(body) == data
    assert repr(codec.decode(body)) == repr(json.loads(json.dumps(data)))
    assert list(json.loads(body)) == list(data)


def test_the_json_is_compact_utf_8() -> None:
    assert codec.encode({"ä": [1, 2.0, None]}) == '{"ä":[1,2.0,null]}'.encode()
    assert codec.encode({"a": [10**400 // 10**100, "ä"]}) == f'{{"a":[1{"0" * 300},"ä"]}}'.encode()


def test_a_large_map_is_written_as_a_small_one_is() -> None:
    branches = {f"n{n}": {"n": n, "text": "ä"} for n in range(1_000)}
    data: dict[str, Any] = {"id": "1", "branch_states": branches, "end": {"a": []}}
    assert (
        codec.encode(data) == json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    )


def test_default_converts_what_is_not_json_and_nothing_else() -> None:
    seen: list[Any] = []

    def default(value: Any) -> Any:
        seen.append(value)
        return sorted({*value}) if value == {1, 3} else str(value)

    data: dict[str, Any] = {"a": {3, 1}, "b": [Decimal("1.5")], "c": (1, 2), "d": "plain", "e": 1}
    assert codec.decode(codec.encode(data, default)) == {
        "a": [1, 3],
        "b": ["1.5"],
        "c": "(1, 2)",
        "d": "plain",
        "e": 1,
    }
    assert seen == [{3, 1}, Decimal("1.5"), (1, 2)]


def test_what_default_returns_is_checked_too() -> None:
    with pytest.raises(UnserializableValueError, match=r"^a is an object"):
        codec.encode({"a": {1}}, lambda _: object())
    with pytest.raises(UnserializableValueError, match=r"^a\.x is a set"):
        codec.encode({"a": b""}, lambda value: {"x": {1}} if value == b"" else value)


def test_what_default_raises_comes_out() -> None:
    error = KeyError("mine")

    def default(_: Any) -> Any:
        raise error

    with pytest.raises(KeyError) as caught:
        codec.encode({"a": {1}}, default)
    assert caught.value is error


def test_a_generator_is_refused_even_with_default() -> None:
    with pytest.raises(UnserializableValueError, match="make it a list"):
        codec.encode({"a": (n for n in [1])}, list)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0", -0.0),
        ("-0.0", -0.0),
        ("-0e5", -0.0),
        ("1e-400", 0.0),
        ("1E+2", 100.0),
        ("1e+300", 1e300),
        ("1e0300", 1e300),
        ("18446744073709551617", 18446744073709551617),
        ("1" + "0" * 308, 10**308),
        ("-1" + "0" * 308, -(10**308)),
        (f"0.{'0' * 500}1e400", 0.1**101 * 10),
        (f"{'1' * 209}e99", float("1" * 209 + "e99")),
        ('"1e400, -0 "', "1e400, -0 "),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"a\\ud800b"', "a\ufffdb"),
        ('"\\\\ud800"', "\\ud800"),
        ('"\\\\\\ud800"', "\\\ufffd"),
        ('"\\ud83d\\ud83d\\ude00"', "\ufffd\U0001f600"),
    ],
)
@pytest.mark.parametrize("layout", ['{"a":%s}', '{"a":[%s,1]}', '{ "a" : %s }', '{"a":\n%s\n}'])
def test_a_value_is_read_exactly(text: str, value: Any, layout: str) -> None:
    read = codec.decode((layout % text).encode())["a"]
    if "[" in layout:
        read = read[0]
    assert (type(read), repr(read)) == (type(value), repr(value)) or read == pytest.approx(value)
    if value == 0:
        assert str(read) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "-1e400",
        "1E+400",
        "1e0400",
        "9" * 309,
        "9" * 310,
        "9" * 5_000,
        "-" + "9" * 5_000,
        "1" + "0" * 309 + ".5",
        "9" * 210 + "e99",
        "NaN",
        "Infinity",
        "-Infinity",
    ],
)
@pytest.mark.parametrize("layout", ['{"a":%s}', '{"a":[%s,1]}', '{ "a" : %s }', '{"a":\n%s\n}'])
def test_a_number_that_float64_cannot_hold_is_refused(text: str, layout: str) -> None:
    with pytest.raises(CorruptCheckpointError, match="it holds"):
        codec.decode((layout % text).encode())


def test_bytes_that_are_not_utf_8_are_read_as_replacement_characters_one_by_one() -> None:
    body = b'{"a":"x\xff\xe2\x82y\xed\xa0\x80","\xfe":1}'
    assert codec.decode(body) == {"a": "x\ufffd\ufffd\ufffdy\ufffd\ufffd\ufffd", "\ufffd": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"null",
        b"1",
        b'"a"',
        b"[]",
        b"[1]",
        b"true",
        b"{",
        b'{"a"',
        b'{"a":1',
        b"}",
        b'{"a":1}x',
        b'{"a":1}{"a":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":"\x01"}',
        b"{'a':1}",
        b'{"a":1,}',
        b"{a:1}",
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":0x1}',
        b'{"a":"\\x"}',
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b'{"a":-}',
        b'{"a":1e}',
        b'{"a":tru}',
        b'{"a":"\\ud8"}',
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptCheckpointError) as caught:
        codec.decode(body)
    assert "what is stored is no checkpoint: it " in str(caught.value)


# --- depth ----------------------------------------------------------------------------------------


def at_stack_depth(depth: int, call: Callable[[], Any]) -> Any:
    return call() if depth == 0 else at_stack_depth(depth - 1, call)


def room_on_the_stack() -> int:
    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    return sys.getrecursionlimit() - used


def test_900_levels_are_written_and_read() -> None:
    assert codec.encode(codec.decode(codec.encode(nested(900)))) == codec.encode(nested(900))


@pytest.mark.parametrize("room", [40, 60, 100, 190])
def test_200_levels_are_written_and_read_wherever_the_stack_stands(room: int) -> None:
    data = nested(195)
    body = at_stack_depth(room_on_the_stack() - room, lambda: codec.encode(data))
    assert body == codec.encode(data)
    assert at_stack_depth(room_on_the_stack() - room, lambda: codec.decode(body)) == data


@pytest.mark.parametrize("levels", [1_001, 5_000, 100_000])
def test_deeper_nesting_is_an_error_and_no_crash(levels: int) -> None:
    with pytest.raises(UnserializableValueError, match="nested too deeply"):
        codec.encode(nested(levels))
    with pytest.raises(CorruptCheckpointError, match="nested too deeply"):
        codec.decode(b'{"d":%b%b}' % (b"[" * (levels - 1), b"]" * (levels - 1)))


def test_900_levels_near_the_end_of_the_stack_are_done_or_an_error_and_no_crash() -> None:
    data, body = nested(900), codec.encode(nested(900))
    room = room_on_the_stack() - 150

    def outcome(call: Callable[[], Any], error: type[Exception]) -> str:
        try:
            return "done" if at_stack_depth(room, call) == body else "wrong"
        except error as refusal:
            return str(refusal)

    def again() -> bytes:
        return codec.encode(codec.decode(body))

    # From Python 3.12 on, C code has a stack of its own.
    for refusal in (
        outcome(lambda: codec.encode(data), UnserializableValueError),
        outcome(again, CorruptCheckpointError),
    ):
        assert refusal == "done" or "nested too deeply" in refusal


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": [0, {"b": 1}]}, {"a": [0, {"b": 2}]}, False),
        ("1", 1, False),
    ],
)
def test_two_values_are_the_same_when_they_are_stored_the_same(
    one: Any, other: Any, expected: bool
) -> None:
    assert codec.same(one, other) is expected
    assert codec.same(other, one) is expected
