"""The asynchronous twins have the same names, parameters and annotations as the synchronous."""

import inspect
import re
from typing import Any

import pytest

import bucketpoint
from bucketpoint import (
    AsyncBucketCheckpointer,
    AsyncClaim,
    AsyncGCSCheckpointer,
    AsyncS3Checkpointer,
    BucketCheckpointer,
    Claim,
    GCSCheckpointer,
    GCSStore,
    S3Checkpointer,
    S3Store,
)
from bucketpoint.base import CheckpointerOptions
from bucketpoint.clouds import GCSOptions, S3Options

TWINS = [(BucketCheckpointer, AsyncBucketCheckpointer), (Claim, AsyncClaim)]


def public_names(kind: type) -> set[str]:
    own = {name for name in dir(kind) if not name.startswith("_")}
    renamed = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
    return own | {
        renamed.get(n, n)
        for n in vars(kind)
        if n.strip("_") in {"enter", "exit", "aenter", "aexit"}
    }


def annotation(value: Any) -> str:
    """An annotation with what the asynchronous side may have beyond the synchronous taken off."""
    text = value if isinstance(value, str) else repr(value)
    text = text.replace("AsyncChange", "Callable[[Checkpoint], Checkpoint | None]")
    return re.sub(r"\bAsync(?=[A-Z])", "", text)


@pytest.mark.parametrize(("sync", "aio"), TWINS)
def test_twins_have_the_same_public_names(sync: type, aio: type) -> None:
    assert public_names(sync) == public_names(aio)


@pytest.mark.parametrize(
    ("sync", "aio", "name"),
    [
        (sync, aio, name)
        for sync, aio in TWINS
        for name in sorted(public_names(sync))
        if inspect.isfunction(getattr(sync, name, None)) and not name.startswith("_")
    ],
)
def test_each_method_takes_and_gives_the_same(sync: type, aio: type, name: str) -> None:
    ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (sync, aio))
    assert list(ours.parameters) == list(theirs.parameters)
    for parameter in ours.parameters.values():
        twin = theirs.parameters[parameter.name]
        assert (parameter.kind, parameter.default) == (twin.kind, twin.default)
        assert annotation(parameter.annotation) == annotation(twin.annotation)
    assert annotation(ours.return_annotation) == annotation(theirs.return_annotation)


@pytest.mark.parametrize(("sync", "aio"), TWINS)
def test_every_method_that_waits_is_a_coroutine_function(sync: type, aio: type) -> None:
    plain = {"claim", "store", "checkpoint", "list_executions"}
    for name in public_names(sync) - plain:
        method = getattr(aio, {"__enter__": "__aenter__", "__exit__": "__aexit__"}.get(name, name))
        assert inspect.iscoroutinefunction(method), name


def test_both_ways_to_open_take_the_same() -> None:
    sync, aio = inspect.signature(bucketpoint.open), inspect.signature(bucketpoint.open_async)
    assert list(sync.parameters.values()) == list(aio.parameters.values())


@pytest.mark.parametrize(
    ("sync", "aio"),
    [
        (BucketCheckpointer, AsyncBucketCheckpointer),
        (S3Checkpointer, AsyncS3Checkpointer),
        (GCSCheckpointer, AsyncGCSCheckpointer),
    ],
)
def test_both_constructors_take_the_same(sync: type, aio: type) -> None:
    ours, theirs = inspect.signature(sync), inspect.signature(aio)
    assert list(ours.parameters) == list(theirs.parameters)


@pytest.mark.parametrize(
    ("options", "described"),
    [
        (S3Options, S3Store),
        (GCSOptions, GCSStore),
        (CheckpointerOptions, BucketCheckpointer),
    ],
)
def test_options_are_what_the_constructor_takes(options: Any, described: type) -> None:
    parameters = set(inspect.signature(described).parameters) - {"bucket", "store"}
    assert set(options.__annotations__) == parameters
