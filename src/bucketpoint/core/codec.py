"""Documents to bytes and back, with every value kept or refused, and none changed.

The fast way is pydantic's JSON in Rust. What it would change or refuse without need (minus zero,
numbers beyond float64, deep nesting, broken Unicode) is recognised cheaply, and taken the exact
way in Python instead.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring
from types import GeneratorType
from typing import Any, Final, Never, cast

from pydantic_core import SchemaValidator, ValidationError, from_json, to_json

from bucketpoint.errors import CorruptCheckpointError, UnserializableValueError
from bucketpoint.wire import corrupt

__all__ = ["MAX_DEPTH", "decode", "encode", "glance", "same"]

MAX_DEPTH: Final = 1000
"""Levels of nesting that a document may have, where Python's stack allows."""

_STRUCTURE = bytes(
    ord(
        "0" if byte in b"0123456789+"
        else "e" if byte in b"eE"
        else " " if byte in b",]} \t\r\n"
        else "x"
    )
    for byte in range(256)
)  # fmt: skip
"""A translation that leaves of a document what numbers are made of, and where they end."""

_LONG_NUMBER = b"0" * 200
"""As many digits as a number has at least that is beyond float64 without a large exponent."""

_STRIDE = 20
_LONG_NUMBER_SAMPLED = b"0" * (len(_LONG_NUMBER) // _STRIDE)
_EXPONENT = b"0e000"
_LARGE_EXPONENT = re.compile(rb"0e0000* ")
_MANY = 200
"""Entries of a container that are written and proved at once."""

_LARGE = 1024 * 1024
"""Bytes that are proved at once."""

_MINUS_ZERO = re.compile(rb"-0[,\]}\s]")
_MINUS_ZERO_VALUE = re.compile(rb"[:\[,]\s*-0[,\]}\s]")
_SURROGATES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[{]|[\]}]")
_NOT_UTF_8 = dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd")

Default = Callable[[Any], Any]


# --- reading --------------------------------------------------------------------------------------


def decode(body: bytes) -> dict[str, Any]:
    """Read a document, every number with all its digits.

    Bytes that are not UTF-8 and lone halves of surrogate pairs are read as U+FFFD, and of a member
    that occurs twice the last one counts.

    Raises:
        CorruptCheckpointError: It is no JSON object; the message says where and why.
    """
    try:
        data = from_json(body, allow_inf_nan=False)
    except ValueError:
        data = _decode_exactly(body)
    else:
        if _needs_exact_reading(body):
            data = _decode_exactly(body)
    if not isinstance(data, dict):
        raise corrupt(f"it is {_JSON_NAMES[type(data)]}, not an object")
    return cast("dict[str, Any]", data)


def glance(body: bytes, wanted: SchemaValidator) -> Any | None:
    """Read of a document what a schema asks for; None where only `decode` tells what is in it."""
    if _may_hold_constant(body) or _may_exceed_float64(body):
        return None
    try:
        return wanted.validate_json(body)
    except ValidationError:
        return None


def _may_hold_constant(body: bytes) -> bool:
    """Tell whether there may be a number that JSON has not; one letter is found in no time."""
    return (b"N" in body and b"NaN" in body) or (b"I" in body and b"Infinity" in body)


def _needs_exact_reading(body: bytes) -> bool:
    return (
        _may_exceed_float64(body)
        # The shorter pattern is the faster one, and says no of nearly all documents.
        or (_MINUS_ZERO.search(body) and _MINUS_ZERO_VALUE.search(body)) is not None
    )


def _may_exceed_float64(body: bytes) -> bool:
    structure = body.translate(_STRUCTURE)
    return _LONG_NUMBER in structure or (
        _EXPONENT in structure and _LARGE_EXPONENT.search(structure) is not None
    )


def _has_long_number(body: bytes) -> bool:
    sample = body[::_STRIDE].translate(_STRUCTURE)
    return _LONG_NUMBER_SAMPLED in sample and _LONG_NUMBER in body.translate(_STRUCTURE)


_JSON_NAMES = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _decode_exactly(body: bytes) -> Any:
    text = body.decode("utf-8", "surrogateescape").translate(_NOT_UTF_8)
    if not text.strip():
        raise corrupt("it is empty")
    text = _SURROGATES.sub(_whole_characters, text)
    try:
        data = json.loads(
            text, parse_int=_integer, parse_float=_float, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise corrupt(_syntax_problem(error)) from None
    except RecursionError:
        raise corrupt(_TOO_DEEP) from None
    if _depth(text) > MAX_DEPTH:
        raise corrupt(_TOO_DEEP)
    return data


_TOO_DEEP = "its values are nested too deeply to be read here"


def _whole_characters(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["lone"] else escape[0]


def _syntax_problem(error: json.JSONDecodeError) -> str:
    at_end = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated")
    where = f"line {error.lineno}, column {error.colno}: {error.msg}"
    return (
        f"it ends too early, as if truncated ({where})" if at_end else f"it is not JSON ({where})"
    )


def _integer(digits: str) -> int | float:
    if digits == "-0":
        return -0.0
    _float(digits)
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise corrupt("it holds a number beyond the range of float64")
    return number


def _refuse_constant(name: str) -> Never:
    raise corrupt(f"it holds {name}, which is not JSON")


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


# --- writing --------------------------------------------------------------------------------------


def encode(data: dict[str, Any], default: Default | None = None) -> bytes:
    """Write a document as compact UTF-8 JSON that reads back as the same values.

    Args:
        data: The document.
        default: Converts a value that is not JSON to one that is, as in `json.dumps`. Without
            it nothing is converted.

    Raises:
        UnserializableValueError: A value is not JSON; the message says where it stands.
    """
    try:
        return _encode_fast(data)
    except Exception:  # noqa: BLE001 - whatever it was, the exact way finds the place
        return _encode_exactly(data, default)


def _encode_fast(data: dict[str, Any]) -> bytes:
    return b"".join(_pieces(data))


def _pieces(value: Any) -> Iterator[bytes | memoryview]:
    """Write a value; a long one in pieces, so that the proof of all of it is never in memory."""
    kind = value.__class__
    if not ((kind is dict or kind is list) and _is_long(value)):
        yield _proved(value)
        return
    opening, closing = (b"{", b"}") if kind is dict else (b"[", b"]")
    yield opening
    yield from _entries(value, _MANY if len(value) > _MANY else 1)
    yield closing


def _entries(container: Any, at_once: int) -> Iterator[bytes | memoryview]:
    """Write what stands between the brackets, so many entries at once."""
    alike: Callable[[Iterator[Any]], Any] = container.__class__
    entries = iter(container.items() if container.__class__ is dict else container)
    separator = b""
    while part := alike(islice(entries, at_once)):
        yield separator
        separator = b","
        yield from _entry(part) if at_once == 1 else _several_entries(part)


def _entry(part: Any) -> Iterator[bytes | memoryview]:
    if part.__class__ is dict:
        ((name, value),) = part.items()
        if name.__class__ is not str:
            raise TypeError
        yield to_json(name)
        yield b":"
    else:
        (value,) = part
    yield from _pieces(value)


def _several_entries(part: Any) -> Iterator[bytes | memoryview]:
    body = to_json(part, inf_nan_mode="null")
    if len(body) > _LARGE:
        yield from _entries(part, 1)
    else:
        yield memoryview(_prove(body, part))[1:-1]


def _is_long(value: Any, levels: int = 5) -> bool:
    """Tell whether many entries lie in one container, here or a few levels below."""
    if len(value) > _MANY:
        return True
    if levels > 1:
        for entry in value.values() if value.__class__ is dict else value:
            kind = entry.__class__
            if (kind is dict or kind is list) and entry and _is_long(entry, levels - 1):
                return True
    return False


def _proved(value: Any) -> bytes:
    return _prove(to_json(value, inf_nan_mode="null"), value)


def _prove(body: bytes, value: Any) -> bytes:
    """Prove that what was written reads back the same, or raise."""
    if _has_long_number(body) or from_json(body) != value:
        raise ValueError
    return body


def _encode_exactly(data: dict[str, Any], default: Default | None) -> bytes:
    writer = _Writer(default)
    body = writer.write(data)
    try:
        decode(body)
    except CorruptCheckpointError:
        raise writer.refusal("is nested too deeply to be read again here") from None
    return body


@dataclass(slots=True)
class _Container:
    """A list or map that is being written."""

    value: Any
    items: Iterator[tuple[Any, Any]]
    close: str
    separator: str = ""
    key: Any = None


class _Writer:
    """Writes without recursion, so that no depth is too much for the stack."""

    def __init__(self, default: Default | None) -> None:
        self._default = default
        self._pieces: list[str] = []
        self._open: list[_Container] = []

    def write(self, data: Any) -> bytes:
        self._begin(data)
        while self._open:
            container = self._open[-1]
            for key, value in container.items:
                self._pieces.append(container.separator)
                container.separator = ","
                container.key = key
                if isinstance(container.value, dict):
                    self._pieces.append(f"{self._name(key)}:")
                self._begin(value)
                break
            else:
                self._pieces.append(container.close)
                self._open.pop()
        return "".join(self._pieces).encode()

    def refusal(self, problem: str) -> UnserializableValueError:
        path = ".".join(str(container.key) for container in self._open)
        path = path.encode("ascii", "backslashreplace").decode()
        return UnserializableValueError(f"{path or 'the document'} {problem}", path=path)

    def _begin(self, value: Any) -> None:
        value = self._convert(value)
        if isinstance(value, dict):
            self._enter(value, "{", "}")
        elif isinstance(value, list):
            self._enter(value, "[", "]")
        else:
            self._pieces.append(self._scalar(value))

    def _convert(self, value: Any) -> Any:
        if self._default is None or _is_json(value):
            return value
        if isinstance(value, GeneratorType):  # the fast way may have used it up
            raise self.refusal("is a generator, which cannot be read twice: make it a list")
        return self._default(value)

    def _enter(self, value: Any, begin: str, close: str) -> None:
        if any(container.value is value for container in self._open):
            raise self.refusal("contains itself")
        if len(self._open) == MAX_DEPTH:
            raise self.refusal("is nested too deeply")
        self._pieces.append(begin)
        items = value.items() if begin == "{" else enumerate(value)
        self._open.append(_Container(value, iter(items), close))

    def _name(self, key: Any) -> str:
        if isinstance(key, str):
            return self._text(key)
        raise self.refusal(f"has a key that is {_a(key)}, and JSON has only strings: convert it")

    def _text(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.refusal("has half of a surrogate pair, which UTF-8 cannot hold") from None
        return encode_basestring(value)

    def _scalar(self, value: Any) -> str:
        match value:
            case None | True | False:
                return _CONSTANTS[value]
            case str():
                return self._text(value)
            case int():
                return self._integer(value)
            case float():
                if math.isfinite(value):
                    return float.__repr__(value)
                raise self.refusal("is NaN or infinite, which JSON cannot hold")
            case _:
                raise self.refusal(
                    f"is {_a(value)}, which is not JSON: convert it, or pass default= to convert "
                    "such values"
                )

    def _integer(self, value: int) -> str:
        try:
            float(value)
        except OverflowError:
            raise self.refusal(
                "is an integer beyond the range of float64, which JSON's readers cannot hold: "
                "make it a string"
            ) from None
        return int.__repr__(value)


_CONSTANTS = {None: "null", True: "true", False: "false"}


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float, dict, list))


def _a(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


# --- comparing ------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Tell whether two decoded values are stored the same, which `==` does not: 1 == 1.0 == True."""
    pairs: list[tuple[Any, Any]] = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right) or _shape(left) != _shape(right):
            return False
        if isinstance(left, dict):
            members = cast("dict[str, Any]", left)
            pairs.extend((value, right[key]) for key, value in members.items())
        elif isinstance(left, list):
            pairs.extend(zip(cast("Sequence[Any]", left), right, strict=True))
    return True


def _shape(value: Any) -> Any:
    """What two values of one type must share, but for what lies in them."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).keys()
    if isinstance(value, list):
        return len(cast("Sequence[Any]", value))
    return repr(value) if isinstance(value, float) else value  # -0.0 == 0.0
