"""What the members of a checkpoint document have in common: types, null, absence, unknown names.

A model keeps its fields as they stand in the document, times as text and durations as integers,
and converts them when they are read. So a large document loads fast, comparing two models does
not depend on what was looked at, and what nobody touched is written back as it was.

Null is read as the zero value (an empty string, 0, an empty map), as the format says, and is
written back as null until something else is assigned.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Self, TypeVar, cast, overload

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema, core_schema

from bucketpoint.errors import CorruptCheckpointError, InvalidInputError
from bucketpoint.timestamps import RFC_3339, Duration, Timestamp

__all__ = [
    "DurationField",
    "Flag",
    "FreeForm",
    "Integer",
    "Key",
    "NullAs",
    "NullList",
    "NullMap",
    "Text",
    "TimeField",
    "WireModel",
    "corrupt",
    "one_of",
    "problem",
    "stored",
]


T = TypeVar("T")
Read = TypeVar("Read", covariant=True)  # noqa: PLC0105 - says what it is: what reading gives
Write = TypeVar("Write", contravariant=True)  # noqa: PLC0105 - what may be assigned


# --- null -----------------------------------------------------------------------------------------


class _Null:
    """A zero value that stands for a null in the document."""

    __slots__ = ()


class _NullText(_Null, str):
    __slots__ = ()


class _NullInteger(_Null, int):
    __slots__ = ()


class NullMap(_Null, dict[str, Any]):
    """An empty map that stands for a null in the document until it is filled."""

    __slots__ = ()


class NullList(_Null, list[Any]):
    """An empty list that stands for a null in the document until it is filled."""

    __slots__ = ()


_NULL_TEXT = _NullText()
_NULL_INTEGER = _NullInteger()


def stored(value: Any) -> Any:
    """Return what stands in the document for a value: null for a zero value that was null."""
    return None if isinstance(value, _Null) else value


@dataclass(frozen=True, slots=True)
class NullAs:
    """Makes an annotation read null as what `kind` makes, and write it as null again."""

    kind: Callable[[], Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def write(value: Any, inner: core_schema.SerializerFunctionWrapHandler) -> Any:
            return inner(value) if stored(value) is not None else None

        schema = handler(source)
        null = core_schema.no_info_after_validator_function(
            lambda _: self.kind(), core_schema.none_schema()
        )
        return core_schema.union_schema(
            [(schema, ""), (null, "")],  # without a label, which would go into the path of an error
            mode="left_to_right",
            serialization=core_schema.wrap_serializer_function_ser_schema(write, schema=schema),
        )


# --- the types of members -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wire:
    """Gives an annotation the schema of what stands in the document."""

    schema: CoreSchema

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return self.schema


def _or_null(schema: CoreSchema, null: Callable[[None], Any], problem: str) -> CoreSchema:
    return core_schema.union_schema(
        [schema, core_schema.no_info_after_validator_function(null, core_schema.none_schema())],
        mode="left_to_right",
        custom_error_type="wire",
        custom_error_message=problem,
        serialization=core_schema.plain_serializer_function_ser_schema(stored),
    )


_STRING = core_schema.str_schema(strict=True)
_INTEGER = core_schema.int_schema(strict=True, ge=-(2**63), le=2**63 - 1)
_OBJECT = core_schema.json_or_python_schema(
    json_schema=core_schema.dict_schema(),
    # Not a dict_schema, which would copy.
    python_schema=core_schema.is_instance_schema(dict),
)
_NOT_AN_INTEGER = "is not an integer of 64 bits, written without a fraction or an exponent"

Text = Annotated[str, _Wire(_or_null(_STRING, lambda _: _NULL_TEXT, "is not a string"))]
Integer = Annotated[int, _Wire(_or_null(_INTEGER, lambda _: _NULL_INTEGER, _NOT_AN_INTEGER))]
Flag = Annotated[
    bool,
    _Wire(
        _or_null(
            core_schema.bool_schema(strict=True), lambda _: _NULL_INTEGER, "is not true or false"
        )
    ),
]
_FREE_FORM = _Wire(_or_null(_OBJECT, lambda _: NullMap(), "is not an object"))
FreeForm = Annotated[dict[str, Any], _FREE_FORM]
_SKIPPED = core_schema.nullable_schema(core_schema.typed_dict_schema({}))
Key = Annotated[str, Strict()]


def one_of(*words: str) -> object:
    """Make an annotation's string one of these."""
    return _Wire(
        core_schema.custom_error_schema(
            core_schema.chain_schema([_STRING, core_schema.literal_schema(list(words))]),
            custom_error_type="wire",
            custom_error_message=f"is not one of: {', '.join(words)}",
        )
    )


class _Converted(ABC, Generic[Read, Write]):
    """A member that is read and assigned in another form than it is kept in.

    Subclasses say how, by `from_wire` and `to_wire`, and give the schema of what is kept.
    """

    _name: str
    wire: ClassVar[CoreSchema]

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: BaseModel, owner: type) -> Read | None: ...
    def __get__(self, instance: BaseModel | None, owner: type) -> Self | Read | None:
        if instance is None:
            raise AttributeError(self._name)  # as pydantic's fields do: there is no default here
        kept = instance.__dict__.get(self._name)
        return None if kept is None else self.from_wire(kept)

    def __set__(self, instance: BaseModel, value: Write | None) -> None:
        setattr(instance, self._name, value)  # pydantic's __setattr__ comes before descriptors

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_default_schema(cls.wire, default=None)

    @staticmethod
    @abstractmethod
    def from_wire(kept: Any) -> Any:
        """Convert what is kept to what users read."""

    @staticmethod
    @abstractmethod
    def to_wire(value: Any) -> Any:
        """Convert what users assign to what is kept."""


class TimeField(_Converted[Timestamp, dt.datetime]):
    """A time: read as a `Timestamp`, assigned as any `datetime` with a zone or RFC 3339 text."""

    wire = _or_null(
        core_schema.str_schema(strict=True, pattern=f"^(?:{RFC_3339})$"),
        lambda _: None,
        "is not an RFC 3339 time with a zone, such as 2025-01-02T03:04:05.5Z",
    )

    @staticmethod
    def from_wire(kept: Any) -> Timestamp:
        """Parse the text."""
        return Timestamp.parse(kept)

    @staticmethod
    def to_wire(value: Any) -> Any:
        """Write a time as text; what is none is left to the check."""
        return str(Timestamp.of(value)) if isinstance(value, dt.datetime) else value


class DurationField(_Converted[Duration, dt.timedelta]):
    """A duration: read as a `Duration`, assigned as any `timedelta`."""

    wire = _or_null(_INTEGER, lambda _: None, _NOT_AN_INTEGER)

    @staticmethod
    def from_wire(kept: Any) -> Duration:
        """Count the nanoseconds."""
        return Duration(nanoseconds=kept)

    @staticmethod
    def to_wire(value: Any) -> Any:
        """Count nanoseconds; a number is refused, because it does not say of what."""
        if isinstance(value, dt.timedelta):
            return Duration.of(value).nanoseconds
        if value is None:
            return None
        raise InvalidInputError("a duration is a timedelta, such as timedelta(seconds=5)")


# --- what is wrong -----------------------------------------------------------------------


def problem(error: ValidationError, where: str = "") -> str:
    """Say where the first thing wrong stands and what it is; never the value itself."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    path = ".".join(part for part in (where, *map(str, first["loc"])) if part)
    return f"{path} {first['msg']}" if first["type"] == "wire" else f"{path}: {first['msg']}"


def corrupt(reason: str) -> CorruptCheckpointError:
    """The error for stored data that is no checkpoint document."""
    return CorruptCheckpointError(
        f"what is stored is no checkpoint: {reason}. Find out who wrote it; bring back an earlier "
        "version, or delete it with delete_checkpoint"
    )


# --- the base of the models -----------------------------------------------------------------------


class WireModel(BaseModel):  # noqa: PLW1641 - it changes, so it has no hash
    """The base of the models: one object of the document.

    Everything assigned is checked at once. Assigning the empty value to a member that the format
    leaves out when empty takes it out. Two models are equal when they would be stored the same.
    """

    model_config = ConfigDict(
        extra="allow", validate_assignment=True, hide_input_in_errors=True, defer_build=True
    )

    _new: ClassVar[Mapping[str, Callable[[], Any]]] = {}
    """The members that are written even when empty, with what they are in a new object."""

    _parts: ClassVar[Mapping[str, type[WireModel]]] = {}
    """The members that are models themselves."""

    _maps: ClassVar[Mapping[str, type[WireModel]]] = {}
    """The members that are maps of models."""

    if not TYPE_CHECKING:  # type checkers make their own from the fields

        def __init__(self, /, **values: Any) -> None:
            new = {name: make() for name, make in self._new.items() if name not in values}
            given = {name: self._kept(name, value) for name, value in values.items()}
            try:
                super().__init__(**new, **given)
            except ValidationError as error:
                raise InvalidInputError(problem(error, type(self).__name__)) from None

        __init__.__pydantic_base_init__ = True  # documents are read without it

        def __setattr__(self, name: str, value: Any) -> None:
            if name.startswith("_") or name in (self.__pydantic_extra__ or ()):
                super().__setattr__(name, value)
                return
            kept = self._kept(name, value)
            try:
                super().__setattr__(name, kept)
            except ValidationError as error:
                raise InvalidInputError(problem(error, type(self).__name__)) from None
            if not kept and name not in self._new:
                self.__pydantic_fields_set__.discard(name)

    @classmethod
    def _kept(cls, name: str, value: Any) -> Any:
        """Return what is kept for a value that the user gives."""
        field = cls.model_fields.get(name)
        if field is None:
            raise InvalidInputError(
                f"{cls.__name__} has no field {name!r}, only {', '.join(cls.model_fields)}; other "
                "members of the document go into model_extra"
            )
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, _Converted)):
            return value
        try:
            return kind.to_wire(value)
        except InvalidInputError as error:
            raise InvalidInputError(f"{cls.__name__}.{name}: {error}") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WireModel) or type(self) is not type(other):
            return NotImplemented
        return self._members() == other._members()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, `update` being assigned to it as attributes are."""
        copy = super().model_copy(deep=deep)
        for name, value in (update or {}).items():
            setattr(copy, name, value)
        return copy

    def _members(self) -> dict[str, Any]:
        """Return the members as they are stored, models among them as models."""
        present = self.__pydantic_fields_set__
        members = {
            name: value or stored(value)
            for name, value in self.__dict__.items()
            if value or name in present
        }
        if extra := self.__pydantic_extra__:
            members.update(extra)
        return members

    def to_document(self) -> dict[str, Any]:
        """Return the object as it is stored; it shares the free-form values with the model.

        Raises:
            InvalidInputError: Something that is no branch, join or name was put where one belongs;
                the message says where.
        """
        members = self._members()
        for name in self._parts:
            part = members.get(name)
            if part is not None:
                members[name] = part.to_document()
        for name, kind in self._maps.items():
            if models := members.get(name):
                members[name] = kind._documents(models, name)  # noqa: SLF001 - of the same class
        return members

    @classmethod
    def _documents(cls, models: Mapping[str, Any], where: str) -> dict[str, Any]:
        documents: dict[str, Any] = {}
        for key, model in models.items():
            if not isinstance(model, cls):
                raise InvalidInputError(
                    f"{where}.{key} is a {type(model).__name__}, not a {cls.__name__}"
                )
            try:
                documents[key] = model.to_document()
            except InvalidInputError as error:
                raise InvalidInputError(f"{where}.{key}.{error}") from None
        return documents

    @classmethod
    def glance(cls, **others: CoreSchema) -> CoreSchema:
        """Return a schema that checks an object as the model does, and builds a dict of little.

        Of free-form values it makes empty dicts, and unknown members it refuses.

        Args:
            others: Schemas of further members that are let in.
        """
        schemas = {name: cls._glance_at(name) for name in cls.model_fields} | others
        members = {
            name: core_schema.typed_dict_field(schema, required=False)
            for name, schema in schemas.items()
        }
        return core_schema.typed_dict_schema(members, extra_behavior="forbid")

    @classmethod
    def _glance_at(cls, name: str) -> CoreSchema:
        if name in cls._parts:
            return core_schema.nullable_schema(cls._parts[name].glance())
        if name in cls._maps:
            entries = core_schema.dict_schema(_STRING, cls._maps[name].glance())
            return core_schema.nullable_schema(entries)
        field = cls.model_fields[name]
        wire = next((part for part in field.metadata if isinstance(part, _Wire)), None)
        if wire is None:
            kind: Any = Annotated[(field.annotation, *(field.metadata or (None,)))]
            return TypeAdapter[Any](kind).core_schema
        return _SKIPPED if wire is _FREE_FORM else wire.schema

    @classmethod
    def in_exact_case(cls, data: Any) -> Any:
        """Return the object with its known members spelled as they are known.

        The format's readers find them in any letter case; the last of several wins. What is no
        object is returned as it is.
        """
        if not isinstance(data, dict):
            return data
        members = cast("dict[str, Any]", data)
        exact = {cls.exact_name(name): value for name, value in members.items()}
        for name, kind in cls._parts.items():
            if name in exact:
                exact[name] = kind.in_exact_case(exact[name])
        for name, kind in cls._maps.items():
            if isinstance(exact.get(name), dict):
                models: dict[str, Any] = exact[name]
                exact[name] = {key: kind.in_exact_case(model) for key, model in models.items()}
        return exact

    @classmethod
    def exact_name(cls, name: str) -> str:
        """Return the known member that a name means, or the name itself when it means none."""
        if name in cls.model_fields:
            return name
        # Of all letters beyond ASCII, only these two have an ASCII letter for another case.
        folded = name.replace("\u017f", "s").replace("\u212a", "k").lower()
        return folded if folded in cls.model_fields else name
