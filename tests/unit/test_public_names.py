"""What users import is deliberate, sorted, documented and says where it belongs."""

import enum
import importlib
import importlib.metadata
import inspect
from types import ModuleType
from typing import Any, cast

import pytest

import bucketpoint
from bucketpoint.errors import BucketpointError

PUBLIC_MODULES = [
    "bucketpoint",
    "bucketpoint.errors",
    "bucketpoint.stores.contract",
    "bucketpoint.stores.file",
    "bucketpoint.stores.memory",
    "bucketpoint.testing",
    "bucketpoint.testing.conformance",
    "bucketpoint.testing.fixtures",
    "bucketpoint.testing.linearizability",
    "bucketpoint.testing.model",
    "bucketpoint.testing.simulate",
    "bucketpoint.testing.strategies",
]


def public_things() -> dict[str, Any]:
    """Return each public class and function under the name that users type."""
    things = {
        f"{module}.{name}": getattr(importlib.import_module(module), name)
        for module in PUBLIC_MODULES
        for name in importlib.import_module(module).__all__
    }
    return {
        name: thing
        for name, thing in things.items()
        if inspect.isclass(thing) or inspect.isfunction(thing)
    }


def kind_of_name(name: str) -> int:
    """Return where its kind comes in a list: constants, classes, then all others."""
    return 0 if name.isupper() else 1 if name[0].isupper() else 2


def is_called_by_users(thing: Any) -> bool:
    """Whether users call it, so that an example helps: not errors, enumerations, protocols."""
    if thing in HANDED_OUT:
        return False
    if inspect.isclass(thing):
        is_protocol = getattr(thing, "_is_protocol", False)
        return not (issubclass(thing, (BucketpointError, enum.Enum)) or is_protocol)
    return inspect.isfunction(thing)


HANDED_OUT = {bucketpoint.StoredCheckpoint, bucketpoint.StoreRequest}
"""What users are given, and never make."""

PUBLIC_THINGS = public_things()
CALLED_THINGS = {
    name: thing
    for name, thing in PUBLIC_THINGS.items()
    if name.count(".") == 1  # of the package itself; the rest is for those who write a store
    if is_called_by_users(thing)
}


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_the_list_of_public_names_is_sorted_and_complete(module: str) -> None:
    names: list[str] = importlib.import_module(module).__all__
    assert names == sorted(set(names), key=lambda name: (kind_of_name(name), name))
    assert [name for name in names if not hasattr(importlib.import_module(module), name)] == []


def test_star_import_and_dir_show_every_public_name() -> None:
    assert set(bucketpoint.__all__) <= set(dir(bucketpoint))


def test_the_package_offers_every_error() -> None:
    errors = importlib.import_module("bucketpoint.errors")
    assert set(errors.__all__) <= set(bucketpoint.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    assert bucketpoint.__version__ == importlib.metadata.version("bucketpoint")


@pytest.mark.parametrize("name", PUBLIC_THINGS)
def test_a_public_name_reports_a_public_module(name: str) -> None:
    thing = PUBLIC_THINGS[name]
    assert not thing.__module__.startswith("bucketpoint.core")
    home: ModuleType = importlib.import_module(thing.__module__)
    assert getattr(home, thing.__name__) is thing


@pytest.mark.parametrize("name", PUBLIC_THINGS)
def test_a_public_name_says_what_it_guarantees(name: str) -> None:
    text = inspect.getdoc(PUBLIC_THINGS[name]) or ""
    assert text.split("\n\n")[0].endswith((".", ":")), f"{name} lacks a first sentence"


@pytest.mark.parametrize("name", PUBLIC_THINGS)
def test_every_public_method_is_documented(name: str) -> None:
    members = cast("dict[str, Any]", vars(PUBLIC_THINGS[name]))
    undocumented = [
        member
        for member, value in members.items()
        if not member.startswith("_")
        if inspect.isfunction(value) or isinstance(value, (classmethod, property, staticmethod))
        if not inspect.getdoc(getattr(PUBLIC_THINGS[name], member))
    ]
    assert undocumented == []


@pytest.mark.parametrize("name", CALLED_THINGS)
def test_what_users_call_shows_an_example(name: str) -> None:
    assert "Example:" in (inspect.getdoc(CALLED_THINGS[name]) or "")
