"""Where an object lies in a folder: keys to file names and back.

A key is its own path below the folder wherever that can be, so `cat` finds it and a folder synced
from a bucket reads as it is. What no file can be called is escaped, with `~` as the sign:

- `~xx`   one byte, in lower-case hex
- `~_`    an empty component (the key `a//b`)
- a name of 240 bytes or more that ends in `~` goes on in the folder below: file systems stop at
  255 bytes a name

There are two ways to name a key. The *plain* one escapes only what cannot stand: NUL, `.`, `..`,
this store's own folder, and whatever would be read back as something else. The *portable* one
leaves only lower-case letters, digits and a few marks, so that `Run` and `run` stay apart on a
disk that folds case, and nothing is changed by Unicode normalisation or refused by Windows. New
files get the plain name, or the portable one on a disk that folds case; both are always read, the
portable one first. Either way reading a name back gives its key, so no two keys share a file.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bucketpoint.stores.local import key_bytes

__all__ = ["SIDE_FOLDER", "plain_path", "portable_path", "read_name"]

SIDE_FOLDER = ".bucketpoint"
"""Holds what is not an object: locks, staging files, earlier versions."""

_MAX_NAME = 255
_LONG_NAME = 240
_CHUNK = 250
_EMPTY = "~_"
_CONTINUES = "~"
_ESCAPE = re.compile(rb"~([0-9a-f]{2})")
_POSSIBLE_NAME = re.compile(r"[^\0]+")
_PORTABLE_NAME = re.compile(r"[a-z0-9._%+=@,-]+")
_PLAIN_CHARACTER = re.compile(r"[^\0~]")
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def plain_path(key: str) -> str:
    """Return the path of the key below the folder, escaped only where it must be."""
    return _path(key, portable=False)


def portable_path(key: str) -> str:
    """Return a path of the key below the folder that any disk keeps apart from every other."""
    return _path(key, portable=True)


def read_name(name: str) -> tuple[bytes, bool]:
    """Return what a file or folder name stands for, and whether the folder below goes on with it.

    A name that is no escape stands for itself.
    """
    if name == _EMPTY:
        return b"", False
    raw = name.encode(errors="surrogateescape")
    continues = len(raw) >= _LONG_NAME and name.endswith(_CONTINUES)
    text = raw.removesuffix(_CONTINUES.encode()) if continues else raw
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), text), continues


@lru_cache(maxsize=1024)
def _path(key: str, *, portable: bool) -> str:
    key_bytes(key)
    top, *below = key.split("/")
    names = [_escaped(top[0]) + top[1:]] if top == SIDE_FOLDER else _names(top, portable=portable)
    names += [name for component in below for name in _names(component, portable=portable)]
    return "/".join(names)


def _names(component: str, *, portable: bool) -> list[str]:
    """Return the component's file name, or for a long one the names of nested folders."""
    if not component:
        return [_EMPTY]
    if _stands_for_itself(component, portable=portable):
        return [component]
    safe = _PORTABLE_NAME if portable else _PLAIN_CHARACTER
    tokens = [char if safe.fullmatch(char) else _escaped(char) for char in component]
    chunks = [_guarded(chunk, portable=portable) for chunk in _chunks(tokens)]
    return [*(chunk + _CONTINUES for chunk in chunks[:-1]), chunks[-1]]


def _stands_for_itself(component: str, *, portable: bool) -> bool:
    raw = component.encode()
    allowed = _PORTABLE_NAME if portable else _POSSIBLE_NAME
    return (
        len(raw) <= _MAX_NAME
        and allowed.fullmatch(component) is not None
        and _guarded([*component], portable=portable) == component
        and read_name(component) == (raw, False)
    )


def _chunks(tokens: list[str]) -> list[list[str]]:
    """Split so that every chunk but the last is long enough to be known as one that goes on."""
    chunks: list[list[str]] = [[]]
    size = 0
    for token in tokens:
        length = len(token.encode())
        if size + length > _CHUNK:
            chunks.append([])
            size = 0
        chunks[-1].append(token)
        size += length
    return chunks


def _guarded(tokens: list[str], *, portable: bool) -> str:
    """Join the tokens, escaping the end that would give the name another meaning to a disk."""
    name = "".join(tokens)
    if name in {".", ".."} or (portable and _WINDOWS_DEVICE.fullmatch(name)):
        tokens = [_escaped(tokens[0]), *tokens[1:]]
    if portable and tokens[-1] == ".":
        tokens = [*tokens[:-1], _escaped(".")]
    return "".join(tokens)


def _escaped(character: str) -> str:
    return "".join(f"~{byte:02x}" for byte in character.encode())
