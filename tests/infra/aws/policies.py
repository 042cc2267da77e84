"""What IAM decides: the part of its rules that the module's policies use, and no more.

A condition's operator that is not known here is an error, so that no policy passes unread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Asked", "Decision", "Policy", "decide"]


class Decision(Enum):
    """How a request ends."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "no statement allows it"
    DENIED = "a statement denies it"


@dataclass(frozen=True)
class Asked:
    """One right that a request needs.

    Attributes:
        action: Such as `s3:GetObject`.
        resource: The ARN that it is needed on.
        context: The condition keys that the request sets.
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Policy:
    """A policy document."""

    statements: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read a policy that is written as JSON."""
        return cls(tuple(_listed(json.loads(text)["Statement"])))

    def matching(self, asked: Asked) -> Iterator[Mapping[str, Any]]:
        """Yield the statements that are about what is asked."""
        for statement in self.statements:
            if (
                _like_any(statement["Action"], asked.action, ignore_case=True)
                and _like_any(statement["Resource"], asked.resource)
                and _is_for(statement.get("Principal", "*"), asked.context)
                and _conditions_hold(statement.get("Condition", {}), asked.context)
            ):
                yield statement

    @property
    def actions(self) -> set[str]:
        """What its statements name."""
        return {action for statement in self.statements for action in _listed(statement["Action"])}


def decide(asked: Asked, *policies: Policy) -> Decision:
    """Decide for a principal and a bucket of one account, whose policies these are."""
    effects = {statement["Effect"] for policy in policies for statement in policy.matching(asked)}
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def _is_for(principal: Any, context: Mapping[str, str]) -> bool:
    """Tell whether a statement is for who asks: one of a bucket's policy says whom it is for."""
    return principal == "*" or context.get("aws:PrincipalArn") in _listed(principal["AWS"])


def _conditions_hold(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(
        _OPERATORS[operator](context.get(key), _listed(wanted))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _is_null(value: str | None, wanted: list[str]) -> bool:
    return (value is None) == (wanted == ["true"])


def _equals(value: str | None, wanted: list[str]) -> bool:
    return value in wanted


def _is_like(value: str | None, wanted: list[str]) -> bool:
    return value is not None and _like_any(wanted, value)


def _is_not_like(value: str | None, wanted: list[str]) -> bool:
    return not _is_like(value, wanted)


_OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "Null": _is_null,
    "Bool": _equals,
    "StringEquals": _equals,
    "StringLike": _is_like,
    "ArnNotLike": _is_not_like,
}


def _like_any(patterns: Any, value: str, *, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE if ignore_case else 0
    return any(re.fullmatch(_regex(pattern), value, flags) for pattern in _listed(patterns))


def _regex(pattern: str) -> str:
    """IAM's wildcards and nothing else: `[` is a character like any other."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, (str, Mapping)) else value
