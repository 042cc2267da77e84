"""What the plan of the module allows: its roles, bound under its condition, as Google reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from celpy import Environment, celtypes

__all__ = ["Asked", "Binding", "Policy", "asked", "holds", "resources"]

_LIST_PREFIX = "storage.googleapis.com/objectListPrefix"
_URL = re.compile(
    r"(?:/download|/upload)?/storage/v1/b/(?P<bucket>[^/]+)(?:/o(?:/(?P<object>.+))?)?"
)


@dataclass(frozen=True)
class Asked:
    """One permission that a request takes.

    Attributes:
        permission: Such as `storage.objects.get`.
        resource: As conditions name it.
        listed: Of a listing, what the names of objects are to begin with.
    """

    permission: str
    resource: str
    listed: str | None = None


@dataclass(frozen=True)
class Binding:
    """A role that somebody has.

    Attributes:
        member: Who.
        permissions: What is in the role.
        condition: In the Common Expression Language; empty where there is none.
    """

    member: str
    permissions: frozenset[str]
    condition: str = ""

    def allows(self, asked: Asked) -> bool:
        """Tell whether it allows that."""
        return asked.permission in self.permissions and (
            not self.condition or holds(self.condition, asked.resource, asked.listed)
        )


@dataclass(frozen=True)
class Policy:
    """All bindings of a bucket."""

    bindings: tuple[Binding, ...]

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> Policy:
        """Read it from a plan of the module."""
        roles = {
            index: frozenset(each["permissions"])
            for index, each in resources(plan, "google_project_iam_custom_role")
        }
        # The names of roles are known after an apply only: the settings are the operator's.
        return cls(
            tuple(
                Binding(
                    each["member"],
                    roles[index.partition(" ")[0] if each["condition"] else "operator"],
                    each["condition"][0]["expression"] if each["condition"] else "",
                )
                for index, each in resources(plan, "google_storage_bucket_iam_member")
            )
        )

    def allows(self, member: str, asked: Asked) -> bool:
        """Tell whether somebody may do that."""
        return any(each.member == member and each.allows(asked) for each in self.bindings)

    def granted(self, member: str) -> frozenset[str]:
        """Return all permissions that somebody has in some way."""
        return frozenset(
            permission
            for each in self.bindings
            if each.member == member
            for permission in each.permissions
        )


def resources(plan: Mapping[str, Any], kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield index and values of the resources of one kind that a plan makes."""
    for each in plan["planned_values"]["root_module"]["resources"]:
        if each["type"] == kind:
            yield str(each.get("index", "")), each["values"]


def holds(expression: str, resource: str, listed: str | None = None) -> bool:
    """Evaluate a condition for a request."""
    text = celtypes.StringType
    attributes = {} if listed is None else {text(_LIST_PREFIX): text(listed)}
    about = {
        "resource": celtypes.MapType({text("name"): text(resource)}),
        "api": celtypes.MapType(attributes),
    }
    return bool(_program(expression).evaluate(about))


@cache
def _program(expression: str) -> Any:
    environment: Any = Environment()  # its types are known in part only
    return environment.program(
        environment.compile(expression), functions={"getAttribute": _attribute}
    )


def _attribute(api: Any, name: Any, default: Any) -> Any:
    return api.get(name, default)


def asked(method: str, url: str, body: bytes = b"") -> list[Asked]:
    """Return what Google asks for before it carries out a request of its JSON API."""
    parts = urlsplit(url)
    found = _URL.fullmatch(parts.path)
    assert found is not None, url
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    bucket = f"projects/_/buckets/{found['bucket']}"
    if method == "POST":
        name = re.search(rb'"name": "([^"]+)"', body)
        assert name is not None
        target = f"{bucket}/objects/{name[1].decode()}"
        creates = Asked("storage.objects.create", target)
        replaces = Asked("storage.objects.delete", target)
        return [creates] if query["ifGenerationMatch"] == "0" else [creates, replaces]
    if found["object"] is not None:
        verb = {"GET": "get", "DELETE": "delete"}[method]
        return [Asked(f"storage.objects.{verb}", f"{bucket}/objects/{unquote(found['object'])}")]
    assert method == "GET"
    if parts.path.endswith("/o"):
        return [Asked("storage.objects.list", bucket, query.get("prefix", ""))]
    return [Asked("storage.buckets.get", bucket)]
