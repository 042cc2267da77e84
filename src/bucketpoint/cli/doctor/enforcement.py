"""Whether the policy of an S3 bucket holds every program to conditional writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["refuses_unconditional_writes"]

_UNCONDITIONAL = {"s3:if-match": "true", "s3:if-none-match": "true"}
_NARROWING_NOTHING = {"s3:ObjectCreationOperation": "true"}
"""True of each write but the parts of an upload, which make no object."""

_USER_OR_ROLE = re.compile(r"arn:[^:*?]+:iam::\d{12}:(user|role)/[^*?/]+(/.*)?")
"""With a wildcard in the first part of the path it might be everybody."""

_ANYBODY = ("*", {"AWS": "*"}, {"AWS": ["*"]})


def refuses_unconditional_writes(policy: str, bucket: str, folder: str) -> bool:
    """Tell whether a policy denies everybody to write below a folder without a condition.

    A statement that is narrower than that by something this does not know counts for nothing.

    Args:
        policy: The bucket's policy, as JSON.
        bucket: Its name.
        folder: What the keys of all checkpoints begin with.
    """
    statements = _listed(json.loads(policy).get("Statement", []))
    return any(_refuses(statement, f"{bucket}/{folder}") for statement in statements)


def _refuses(statement: Mapping[str, Any], begin: str) -> bool:
    return (
        statement.get("Effect") == "Deny"
        and statement.get("Principal") in _ANYBODY
        and _covers(statement.get("Action", ()), "s3:PutObject")
        and _covers(_names(statement.get("Resource", ())), f"{begin}any/key")
        and _is_of_all(statement.get("Condition", {}))
    )


def _is_of_all(condition: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether a condition holds for each write without a condition, but for exempt ones."""
    null, exempt, rest = condition.get("Null", {}), condition.get("ArnNotLike", {}), {**condition}
    rest.pop("Null", None)
    rest.pop("ArnNotLike", None)
    return (
        _is_part(null, _UNCONDITIONAL)
        and _are_named(exempt)
        and all(
            operator == "Bool" and _is_part(keys, _NARROWING_NOTHING)
            for operator, keys in rest.items()
        )
    )


def _are_named(exempt: Mapping[str, Any]) -> bool:
    """Tell whether only such users and roles are exempt as somebody has named."""
    return all(
        key.lower() == "aws:principalarn"
        and all(_USER_OR_ROLE.fullmatch(str(arn)) for arn in _listed(arns))
        for key, arns in exempt.items()
    )


def _is_part(keys: Mapping[str, Any], of: Mapping[str, str]) -> bool:
    """Tell whether all keys are among some, which are written in any case."""
    known = {key.lower(): value for key, value in of.items()}
    asked = {key.lower(): str(_listed(value)[0]).lower() for key, value in keys.items()}
    return asked.items() <= known.items()


def _names(arns: Any) -> list[str]:
    """Return what stands behind the last colon of ARNs: bucket and key."""
    return [str(arn).rpartition(":")[2] for arn in _listed(arns)]


def _covers(patterns: Any, value: str) -> bool:
    return any(
        re.fullmatch(
            re.escape(str(pattern)).replace(r"\*", ".*").replace(r"\?", "."), value, re.IGNORECASE
        )
        for pattern in _listed(patterns)
    )


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, (str, Mapping)) else list(value)
