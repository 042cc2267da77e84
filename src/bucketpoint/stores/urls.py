"""From a URL to a store and the prefix in it.

| URL | store |
| --- | --- |
| `file:///abs/folder` | the folder; options `prefix`, `keep_versions` |
| `file:folder` | a folder relative to the current one; the same options |
| `memory://name/prefix` | the store of this name in this process; option `keep_versions` |
| `s3://bucket/prefix` | a bucket of S3; options as `S3Store` takes them, but `client` |
| `gs://bucket/prefix` | a bucket of Google Cloud Storage; options as `GCSStore` takes them, but `client` |

Names, folders and prefixes are percent-decoded. A scheme is supported by an entry in `_OPENERS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from bucketpoint.errors import InvalidURLError
from bucketpoint.stores.contract import Store
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.local import DEFAULT_KEEP_VERSIONS
from bucketpoint.stores.memory import MemoryStore

__all__ = ["URL_VARIABLE", "open_store"]

URL_VARIABLE = "BUCKETPOINT_URL"
"""The environment variable that is read when no URL is given."""

_HAS_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|file:", re.IGNORECASE)
_WHOLE_NUMBER = re.compile("[0-9]{1,9}")
_OPTION_NAME = re.compile(r"[a-z_]{1,30}")
_WINDOWS_DRIVE = re.compile(r"/[A-Za-z]:")


def open_store(url: str | None = None) -> tuple[Store, str]:
    """Return the store that a URL names, and the prefix in it.

    No error repeats the URL, since it might hold a credential.

    Args:
        url: Such as `s3://bucket/prefix`, `gs://bucket/prefix`, `file:///abs/folder` or
            `memory://name/prefix`; None reads the environment variable `BUCKETPOINT_URL`.

    Raises:
        InvalidURLError: There is no URL, or it cannot be understood; the message says why.
        ImportError: The extra that its scheme needs is not installed.
        StoreConfigurationError: The cloud's SDK cannot use its own settings.

    Example:
        >>> store, prefix = open_store("memory://docs/checkpoints")
        >>> store.url, prefix
        ('memory://docs', 'checkpoints')
    """
    if url is None:
        url = os.environ.get(URL_VARIABLE, "")
        if not url:
            _refuse(f"no URL was given and {URL_VARIABLE} is not set: set it to s3://bucket/prefix")
    parts = _split(url)
    if parts.scheme not in _OPENERS:
        _refuse(
            f"{parts.scheme}:// is not supported by this version of bucketpoint "
            f"(supported: {', '.join(sorted(_OPENERS))})"
        )
    try:
        return _OPENERS[parts.scheme](parts)
    except UnicodeDecodeError:
        _refuse("the percent-encoded bytes in the store's URL are not UTF-8")


def _split(url: str) -> SplitResult:
    if not isinstance(url, str):
        _refuse(f"a store's URL must be a string, not {type(url).__name__}")
    if _HAS_SCHEME.match(url) is None:
        _refuse("a store's URL begins with its scheme: for a folder, file:///the/folder")
    try:
        parts = urlsplit(url)
    except ValueError:
        _refuse("the store's URL cannot be parsed")
    if "@" in parts.netloc:
        _refuse(
            "a store's URL must not hold a user name or password: leave credentials to the "
            "environment, as the store's own tools do"
        )
    if any("\ud800" <= character <= "\udfff" for character in url):
        _refuse("a store's URL must be encodable as UTF-8; it holds half of a surrogate pair")
    if "%00" in url or "\0" in url:
        _refuse("a store's URL must not hold a NUL: no folder or name can")
    if parts.fragment:
        _refuse("a store's URL has no #fragment: write %23 for a # that belongs to a name")
    return parts


def _open_file(parts: SplitResult) -> tuple[Store, str]:
    options = _options(parts, known=("keep_versions", "prefix"))
    if parts.netloc not in {"", "localhost"}:
        _refuse("a file URL with two slashes names a host: for a folder write three")
    folder = unquote(parts.path, errors="strict")
    if not folder:
        _refuse("a file URL needs a folder")
    if _WINDOWS_DRIVE.match(folder) and os.name == "nt":  # pragma: no cover - Windows only
        folder = folder[1:]
    store = FileStore(folder, keep_versions=_keep_versions(options))
    return store, options.get("prefix", "")


def _open_memory(parts: SplitResult) -> tuple[Store, str]:
    options = _options(parts, known=("keep_versions",))
    name = unquote(parts.netloc, errors="strict")
    if not name:
        _refuse("a memory URL needs a name, by which it is found again: memory://name")
    store = MemoryStore(name, keep_versions=_keep_versions(options))
    return store, _prefix(parts)


def _open_s3(parts: SplitResult) -> tuple[Store, str]:
    from bucketpoint.stores.s3 import S3Store

    return S3Store(_bucket(parts), **_typed(parts, _S3_OPTIONS)), _prefix(parts)


def _open_gs(parts: SplitResult) -> tuple[Store, str]:
    from bucketpoint.stores.gcs import GCSStore

    return GCSStore(_bucket(parts), **_typed(parts, _GS_OPTIONS)), _prefix(parts)


def _bucket(parts: SplitResult) -> str:
    bucket = unquote(parts.netloc, errors="strict")
    if not bucket:
        _refuse(f"the URL needs a bucket: {parts.scheme}://bucket/prefix")
    return bucket


def _prefix(parts: SplitResult) -> str:
    return unquote(parts.path, errors="strict").strip("/")


def _typed(parts: SplitResult, known: Mapping[str, Callable[[str, str], Any]]) -> dict[str, Any]:
    """Return the URL's options as the store takes them."""
    given = _options(parts, known=tuple(known))
    return {name: known[name](name, text) for name, text in given.items()}


def _text(name: str, text: str) -> str:
    if not text:
        _refuse(f"the option {name!r} is empty: leave it out, or give it a value")
    return text


def _boolean(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        _refuse(f"the option {name!r} is true or false")
    return text == "true"


def _options(parts: SplitResult, *, known: tuple[str, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True, errors="strict"):
        if name not in known:
            shown = f" {name!r}" if _OPTION_NAME.fullmatch(name) else ""
            _refuse(f"unknown option{shown}: {parts.scheme} URLs take {', '.join(known)}")
        if name in options:
            _refuse(f"the option {name!r} is given twice")
        options[name] = value
    return options


def _keep_versions(options: Mapping[str, str]) -> int:
    text = options.get("keep_versions", str(DEFAULT_KEEP_VERSIONS))
    if _WHOLE_NUMBER.fullmatch(text) is None:
        _refuse("keep_versions must be a whole number of at most nine digits")
    return int(text)


def _refuse(problem: str) -> NoReturn:
    raise InvalidURLError(problem)


_S3_OPTIONS: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(
        ("addressing_style", "endpoint_url", "kms_key", "profile", "region", "sse"), _text
    ),
    **dict.fromkeys(("bucket_key", "probe"), _boolean),
}
_GS_OPTIONS: dict[str, Callable[[str, str], Any]] = dict.fromkeys(
    ("endpoint_url", "kms_key", "project", "user_project"), _text
)

_OPENERS: dict[str, Callable[[SplitResult], tuple[Store, str]]] = {
    "file": _open_file,
    "gs": _open_gs,
    "memory": _open_memory,
    "s3": _open_s3,
}
