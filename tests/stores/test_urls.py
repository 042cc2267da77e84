"""URLs name stores, and a URL that does not says why without repeating a secret."""

import inspect
from pathlib import Path

import pytest

from bucketpoint.errors import InvalidURLError
from bucketpoint.stores import urls
from bucketpoint.stores.contract import IfAbsent
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.gcs import GCSStore
from bucketpoint.stores.memory import MemoryStore
from bucketpoint.stores.s3 import S3Store
from bucketpoint.stores.urls import open_store
from bucketpoint.testing.conformance import got


def test_a_memory_url_names_a_store_and_a_prefix() -> None:
    store, prefix = open_store("memory://of%20a%20test/some/prefix/")
    assert isinstance(store, MemoryStore)
    assert (store.url, prefix) == ("memory://of%20a%20test", "some/prefix")


def test_the_same_memory_url_opens_the_same_store() -> None:
    open_store("memory://opened-twice")[0].put("a", b"1", when=IfAbsent())
    assert got(open_store("memory://opened-twice/prefix")[0], "a").body == b"1"


def test_a_file_url_names_a_folder(tmp_path: Path) -> None:
    store, prefix = open_store(f"{tmp_path.as_uri()}/with%20space?prefix=a%2Fb")
    assert isinstance(store, FileStore)
    assert prefix == "a/b"
    store.put("a", b"1", when=IfAbsent())
    assert (tmp_path / "with space" / "a").read_bytes() == b"1"
    assert store.url == f"{tmp_path.as_uri()}/with%20space"


@pytest.mark.parametrize("url", ["file:folder/below", "FILE:folder/below", "file:./folder/below"])
def test_a_file_url_without_slashes_starts_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store(url)[0].url == f"{tmp_path.as_uri()}/folder/below"


def test_an_s3_url_names_a_bucket_a_prefix_and_what_the_store_takes() -> None:
    store, prefix = open_store("s3://my-bucket/a/b%20c/?region=eu-west-1&sse=aws:kms&kms_key=k")
    assert isinstance(store, S3Store)
    assert (store.url, prefix) == ("s3://my-bucket", "a/b c")
    store.close()


def test_a_url_of_a_store_away_from_the_cloud_names_its_endpoint_too() -> None:
    store, _ = open_store("s3://my-bucket?endpoint_url=http://127.0.0.1:9000&probe=false")
    assert store.url == "s3://my-bucket?endpoint_url=http://127.0.0.1:9000"
    store.close()
    store, prefix = open_store("gs://my-bucket/a?endpoint_url=http://127.0.0.1:9000&project=p")
    assert isinstance(store, GCSStore)
    assert (store.url, prefix) == ("gs://my-bucket?endpoint_url=http://127.0.0.1:9000", "a")
    store.close()


@pytest.mark.parametrize(
    ("opened", "of_url"),
    [(S3Store, urls._S3_OPTIONS), (GCSStore, urls._GS_OPTIONS)],
)
def test_a_url_takes_all_that_its_store_takes_but_a_client(
    opened: type, of_url: dict[str, object]
) -> None:
    parameters = set(inspect.signature(opened).parameters) - {"bucket", "client"}
    assert set(of_url) == parameters


def test_localhost_is_this_host(tmp_path: Path) -> None:
    assert open_store(f"file://localhost{tmp_path}")[0].url == tmp_path.as_uri()


@pytest.mark.parametrize("url", ["file:///tmp/x?keep_versions=0", "memory://x?keep_versions=0"])
def test_versions_are_turned_off_in_the_url(url: str) -> None:
    assert open_store(url)[0].capabilities.versions is False


def test_without_a_url_the_environment_names_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKETPOINT_URL", "memory://from-the-environment/prefix")
    store, prefix = open_store()
    assert (store.url, prefix) == ("memory://from-the-environment", "prefix")


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_without_a_url_anywhere_the_error_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("BUCKETPOINT_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("BUCKETPOINT_URL", value)
    with pytest.raises(InvalidURLError, match="BUCKETPOINT_URL is not set"):
        open_store()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("az://bucket/prefix", r"az:// is not supported by this version .*file, gs, memory, s3"),
        ("s3:///prefix", r"needs a bucket: s3://bucket/prefix"),
        ("gs://", r"needs a bucket: gs://bucket/prefix"),
        ("s3://bucket?project=p", r"unknown option 'project': s3 URLs take .*region"),
        ("gs://bucket?region=eu", r"unknown option 'region': gs URLs take .*project"),
        ("s3://bucket?region=", "'region' is empty"),
        ("s3://bucket?probe=no", "'probe' is true or false"),
        ("", "begins with its scheme"),
        ("/var/lib/checkpoints", r"file:///the/folder"),
        ("C:\\checkpoints", "begins with its scheme"),
        ("file://folder/below", "write three"),
        ("file://", "needs a folder"),
        ("file:", "needs a folder"),
        ("file:///folder?prefx=a", r"unknown option 'prefx': .* take keep_versions, prefix"),
        ("file:///folder?region=eu", "unknown option 'region'"),
        ("memory://name?prefix=a", r"unknown option 'prefix': .* take keep_versions"),
        ("file:///folder?prefix=a&prefix=b", "'prefix' is given twice"),
        ("file:///folder?keep_versions=many", "keep_versions must be a whole number"),
        ("file:///folder?keep_versions=-1", "keep_versions must be a whole number"),
        ("file:///folder?keep_versions=", "keep_versions must be a whole number"),
        ("file:///folder#1", "%23"),
        ("file:///%ff", "not UTF-8"),
        ("file:///folder?prefix=%ff", "not UTF-8"),
        ("memory:///prefix", "needs a name"),
        ("memory://", "needs a name"),
        ("memory://[name", "cannot be parsed"),
    ],
)
def test_a_url_that_cannot_be_understood_says_what_to_write(url: str, problem: str) -> None:
    with pytest.raises(InvalidURLError, match=problem):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAEXAMPLE:hunter2@bucket/prefix",
        "memory://hunter2@name",
        "file://user:hunter2@host/folder",
        "memory://name?hunter2",
        "file:///folder?aws_secret=hunter2",
        "file:///folder?hunter2=1",
        "hunter2:hunter2@bucket",
        "memory://name#hunter2",
        "memory://[hunter2",
        "file:///folder?keep_versions=hunter2",
    ],
)
def test_no_error_repeats_what_might_be_a_secret(url: str) -> None:
    with pytest.raises(InvalidURLError) as refused:
        open_store(url)
    assert "hunter2" not in str(refused.value)


def test_what_is_no_text_is_no_url() -> None:
    with pytest.raises(InvalidURLError, match="must be a string, not PosixPath"):
        open_store(Path("/folder"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the test
