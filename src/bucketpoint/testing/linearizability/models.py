"""What operations mean when one is performed after another: the sequential specification."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar, cast

__all__ = [
    "ABSENT",
    "REJECTED",
    "UNKNOWN",
    "Append",
    "CompareAndSet",
    "Delete",
    "Model",
    "Read",
    "Special",
    "Write",
    "register",
]


class Special(Enum):
    """What stands where a value could not be told from one of the user's."""

    ABSENT = "absent"
    """There is nothing."""
    REJECTED = "rejected"
    """No such operation with such a result is possible in this state."""
    UNKNOWN = "unknown"
    """The result of an operation whose outcome is unknown."""

    def __repr__(self) -> str:
        return self.value


ABSENT: Final = Special.ABSENT
REJECTED: Final = Special.REJECTED
UNKNOWN: Final = Special.UNKNOWN

S = TypeVar("S", bound=Hashable)


def _one_object(_: Any) -> None:
    """All operations concern the same object."""


def _never(_: Any, __: Any) -> bool:
    """Any operation may change the state."""
    return False


@dataclass(frozen=True)  # with slots, Python 3.11 cannot make a `Model[int](...)`
class Model(Generic[S]):
    """A sequential specification: what each operation does to the state, and may return in it.

    States and keys are hashable, and equal states behave alike.

    Attributes:
        initial: The state of each object at first.
        step: Takes a state, an action and a result, and returns the next state, or `REJECTED`
            where that result is impossible. It is a pure function. `UNKNOWN` as the result allows
            whatever the action could have returned.
        key: Which object an action concerns. Objects are checked one by one, which is much faster.
        reads_only: Whether an action with such a result leaves every state as it is. It may always
            be False; to know it makes the search much faster.

    Example:
        >>> def add(total: int, action: int, result: int) -> int | Literal[Special.REJECTED]:
        ...     after = total + action
        ...     return after if result in (after, UNKNOWN) else REJECTED
        >>> counter = Model(0, add)
        >>> counter.step(2, 3, 5), counter.step(2, 3, 6)
        (5, rejected)
    """

    initial: S
    step: Callable[[S, Any, Any], S | Literal[Special.REJECTED]]
    key: Callable[[Any], Hashable] = _one_object
    reads_only: Callable[[Any, Any], bool] = _never


@dataclass(frozen=True, slots=True)
class Read:
    """Returns the value, or `ABSENT`."""

    key: Hashable = None

    def __str__(self) -> str:
        return "read"


@dataclass(frozen=True, slots=True)
class Write:
    """Replaces whatever is there."""

    value: Hashable
    key: Hashable = None

    def __str__(self) -> str:
        return f"write {self.value!r}"


@dataclass(frozen=True, slots=True)
class CompareAndSet:
    """Replaces exactly one value, and returns whether it did; `ABSENT` as `expected` creates."""

    expected: Hashable
    value: Hashable
    key: Hashable = None

    def __str__(self) -> str:
        return f"replace {self.expected!r} by {self.value!r}"


@dataclass(frozen=True, slots=True)
class Append:
    """Adds a token to a list; returns None, or the list that it made, or `ABSENT` for want of one."""

    token: Hashable
    key: Hashable = None

    def __str__(self) -> str:
        return f"append {self.token!r}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Leaves nothing there."""

    key: Hashable = None

    def __str__(self) -> str:
        return "delete"


Action = Read | Write | CompareAndSet | Append | Delete


def register(initial: Hashable = ABSENT) -> Model[Hashable]:
    """Return the model of objects that each hold one value, or nothing.

    Its actions are `Read`, `Write`, `CompareAndSet`, `Append` and `Delete`. Lists are tuples here.

    Args:
        initial: What each object holds at first.

    Example:
        >>> model = register(("a",))
        >>> model.step(("a",), Append("b"), UNKNOWN)
        ('a', 'b')
        >>> model.step(("a",), Read(), ("b",))
        rejected
    """
    return Model(initial, _step, _key, _reads_only)


def _key(action: Action) -> Hashable:
    return action.key


def _reads_only(action: Action, result: Any) -> bool:
    """A read, and what was refused."""
    match action:
        case Read():
            return True
        case CompareAndSet():
            return result is False
        case Append():
            return result is ABSENT
        case Write() | Delete():
            return False


def _step(value: Hashable, action: Action, result: Any) -> Hashable:
    after, returned = _performed(value, action)
    is_possible = result is UNKNOWN or result == returned
    if isinstance(action, Append) and result is None:  # acknowledged, and no more
        is_possible = returned is not ABSENT
    return after if is_possible else REJECTED


def _performed(value: Hashable, action: Action) -> tuple[Hashable, Any]:
    """Return the value after the action, and what the action returns."""
    match action:
        case Read():
            return value, value
        case Write():
            return action.value, None
        case Delete():
            return ABSENT, None
        case CompareAndSet():
            holds = value == action.expected
            return (action.value if holds else value), holds
        case Append() if isinstance(value, tuple):
            after = (*cast("tuple[Hashable, ...]", value), action.token)
            return after, after
        case Append():
            return value, ABSENT
