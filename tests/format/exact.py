"""Documents compared as the format means them: nothing is equal that means something else."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.timestamps import Timestamp
from bucketpoint.wire import WireModel

__all__ = ["Number", "parse", "rewritten", "values_read"]


@dataclass(frozen=True)
class Number:
    """A number of a document: every digit counts, and -0 is not 0, but 1.0 is 1."""

    value: Decimal
    is_negative: bool

    @classmethod
    def parse(cls, digits: str) -> "Number":
        value = Decimal(digits)
        return cls(value, value.is_signed())


def parse(body: bytes) -> Any:
    """Return the document with each number as a `Number`."""
    text = body.decode("utf-8")
    return json.loads(text, parse_int=Number.parse, parse_float=Number.parse)


def rewritten(body: bytes) -> bytes:
    """Load a document and save it again, as a checkpointer does."""
    return codec.encode(Checkpoint.from_document(codec.decode(body)).to_document())


def values_read(model: WireModel) -> dict[str, Any]:
    """Return what a program sees of the known members, null and absent as the zero value."""
    return {name: _value_read(getattr(model, name)) for name in type(model).model_fields}


def _value_read(value: Any) -> Any:
    if isinstance(value, WireModel):
        return values_read(value)
    if isinstance(value, Timestamp):
        is_set = value.unix_nanoseconds != _ZERO_TIME
        return (value, value.utcoffset()) if is_set else None
    if isinstance(value, timedelta):
        return value or None
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {key: _value_read(member) for key, member in members.items()}
    return _json_read(value)


def _json_read(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_value_read, cast("list[object]", value)))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else value  # the original reads every number so


_ZERO_TIME = Timestamp.parse("0001-01-01T00:00:00Z").unix_nanoseconds
