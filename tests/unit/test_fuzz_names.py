"""Whatever is given as a URL, a prefix or an execution ID, only this library's own errors come out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bucketpoint
from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore
from bucketpoint.core.keys import MAX_KEY_BYTES, execution_id_of, execution_key, trim_prefix
from bucketpoint.errors import (
    BucketpointError,
    InvalidExecutionIDError,
    InvalidInputError,
    InvalidURLError,
    StoreConfigurationError,
)
from bucketpoint.stores.urls import open_store
from bucketpoint.testing.strategies import execution_ids, invalid_execution_ids, texts

SECRET = "hunter2"  # noqa: S105 - looked for in messages
"""Part of every URL that holds a password."""

# --- URLs -----------------------------------------------------------------------------------------

SCHEMES = st.sampled_from(
    ["file", "memory", "s3", "gs", "FILE", "S3", "az", "http", "s3+x", "", "1"]
)
PARTS = st.sampled_from(
    [
        *("", "/", "//", ":", "@", "?", "#", "&", "=", "%", "%2", "%00", "%ff", "%2F", "[", "]"),
        *("[::1]", "\\", "\0", "\n", " ", "..", "a", "bucket", "C:", "\u00fc", "\u2100"),
        *("keep_versions=", "prefix=", "region=", "probe=true", "endpoint_url=", "http://x:99999"),
        *(
            "\ud800",
            "http://[::1",
            "9" * 5000,
            "user:" + SECRET + "@",
            "kms_key=",
            "sse=",
            "profile=",
        ),
    ]
)
URLS = (
    st.text(max_size=30)
    | st.builds("{}://{}".format, SCHEMES, st.lists(PARTS, max_size=7).map("".join))
    | st.builds(
        "{}://{}/{}?{}={}".format,
        SCHEMES,
        texts().map(quote),
        texts(),
        st.sampled_from(["prefix", "keep_versions", "region", "endpoint_url", "project", "probe"]),
        texts().map(quote),
    )
)

VALUES = texts(max_size=6).map(quote) | st.sampled_from(
    [
        *(
            "http://127.0.0.1:9000",
            "http://x:99999",
            "http://[::1",
            "http://",
            "//x",
            "x",
            "ftp://x",
        ),
        *("http://a%20b", "http://x/?y#z", "us-east-1", "us east", "-", "..", "aws:kms", "%0A"),
        *(
            "http://user:hunter2@x",
            "true",
            "9" * 300,
            "http://x:",
            "https://\u00fc",
            "path",
            "auto",
        ),
    ]
)
CLOUD_URLS = st.builds(
    "{}://{}/{}?{}={}".format,
    st.sampled_from(["s3", "gs"]),
    st.sampled_from(["bucket", "b", "a.b", "A_B", "x" * 300, "%20", "..", "\u00fc"]),
    texts(max_size=4).map(quote),
    st.sampled_from(
        [
            *("endpoint_url", "endpoint_url", "region", "addressing_style", "profile", "project"),
            *("kms_key", "sse", "probe", "bucket_key", "user_project"),
        ]
    ),
    VALUES,
)


@pytest.fixture(autouse=True, scope="module")
def nobody_and_nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No credentials of this machine's own, and relative folders away from the project."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "GOOGLE_", "BUCKETPOINT_URL")):
                patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("NO_GCE_CHECK", "true")
        patch.chdir(tmp_path_factory.mktemp("urls"))
        yield


def is_of_cloud(url: str) -> bool:
    return url.lower().startswith(("s3:", "gs:"))


def refusal_of(url: str) -> BucketpointError | None:
    """Open the store that a URL names; return why it is none."""
    try:
        store, _ = open_store(url)
    except (InvalidInputError, StoreConfigurationError) as error:
        return error
    assert SECRET not in store.url
    store.close()
    return None


@settings(max_examples=5 * settings().max_examples)  # they are quick
@given(URLS.filter(lambda url: not is_of_cloud(url)))
def test_a_url_opens_a_store_or_is_refused(url: str) -> None:
    refusal = refusal_of(url)
    assert SECRET not in str(refusal)
    if refusal is None:
        with bucketpoint.open(url) as checkpointer:
            assert repr(checkpointer)


@settings(max_examples=max(40, settings().max_examples // 2))  # SDKs take their time
@given(CLOUD_URLS | URLS.filter(is_of_cloud))
def test_a_url_of_a_cloud_opens_a_store_or_is_refused(url: str) -> None:
    assert SECRET not in str(refusal_of(url))


@given(st.none() | st.integers() | st.binary(max_size=4) | st.lists(st.text(), max_size=1))
def test_what_is_no_string_is_no_url(url: Any) -> None:
    with pytest.raises(InvalidURLError):
        bucketpoint.open(url)


# --- prefixes and execution IDs -------------------------------------------------------------------


@given(execution_ids())
def test_an_execution_id_is_kept_as_it_is(execution_id: str) -> None:
    key = execution_key("", execution_id)
    assert len(key.encode()) <= MAX_KEY_BYTES
    assert execution_id_of("", key) == execution_id


@given(st.text(max_size=400))
def test_a_text_is_an_execution_id_or_refused(execution_id: str) -> None:
    try:
        key = execution_key("p", execution_id)
    except InvalidExecutionIDError:
        return
    assert execution_id_of("p", key) == execution_id


CALLS: list[Callable[[BucketCheckpointer, str], object]] = [
    lambda checkpointer, name: checkpointer.load_checkpoint(name),
    lambda checkpointer, name: checkpointer.get(name),
    lambda checkpointer, name: checkpointer.delete_checkpoint(name),
    lambda checkpointer, name: checkpointer.atomic_update(name, lambda _: None),
    lambda checkpointer, name: checkpointer.purge(name),
    lambda checkpointer, name: checkpointer.claim(name, owner="a").acquire(),
]


@given(invalid_execution_ids(), st.sampled_from(CALLS))
def test_no_call_takes_what_is_no_execution_id(execution_id: Any, call: Any) -> None:
    with pytest.raises(InvalidExecutionIDError):
        call(BucketCheckpointer(MemoryStore()), execution_id)


@given(invalid_execution_ids().filter(lambda name: isinstance(name, str)))
def test_no_checkpoint_is_saved_under_what_is_no_execution_id(execution_id: str) -> None:
    def save() -> None:
        BucketCheckpointer(MemoryStore()).save_checkpoint(Checkpoint(execution_id=execution_id))

    with pytest.raises(InvalidInputError):
        save()


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_prefix_is_taken_or_refused(prefix: str, execution_id: str) -> None:
    with suppress(InvalidInputError):
        trimmed = trim_prefix(prefix)
        key = execution_key(trimmed, execution_id)
        assert execution_id_of(trimmed, key) == execution_id
