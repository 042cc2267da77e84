"""What to type next after an error: by the kind of error, and by the command where that matters."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from bucketpoint.errors import BucketpointError, ErrorKind
from bucketpoint.stores.urls import URL_VARIABLE

__all__ = ["next_command", "shell_word"]

_LOOK = "bucketpoint show {id}"
_VERSIONS = "bucketpoint history {id}"
_LIST = "bucketpoint list"
_HELP = "bucketpoint {command} --help"
_DOCTOR = "bucketpoint doctor {store}"
_UPGRADE = "pip install --upgrade bucketpoint"

_NEXT: Mapping[ErrorKind, str] = {
    ErrorKind.BUCKETPOINT: _DOCTOR,
    ErrorKind.NO_CHECKPOINT: _LIST,
    ErrorKind.CONFLICT: _LOOK,
    ErrorKind.VERSION_CONFLICT: _LOOK,
    ErrorKind.PRECONDITION_FAILED: _LOOK,
    ErrorKind.CLAIM_HELD: _LOOK,
    ErrorKind.FENCE_VIOLATION: _LOOK,
    ErrorKind.STORE_UNAVAILABLE: _DOCTOR,
    ErrorKind.DEADLINE_EXCEEDED: "bucketpoint {command} --timeout 120 ...",
    ErrorKind.OUTCOME_UNKNOWN: _LOOK,
    ErrorKind.INVALID_INPUT: _HELP,
    ErrorKind.INVALID_EXECUTION_ID: _HELP,
    ErrorKind.INVALID_URL: f"export {URL_VARIABLE}=file:///the/folder",
    ErrorKind.UNSERIALIZABLE_VALUE: _HELP,
    ErrorKind.CHECKPOINT_TOO_LARGE: _HELP,
    ErrorKind.BRANCH_NOT_FOUND: _LOOK,
    ErrorKind.REENTRANT_CALL: _HELP,
    ErrorKind.STORED_DATA: _VERSIONS,
    ErrorKind.CORRUPT_CHECKPOINT: _VERSIONS,
    ErrorKind.UNSUPPORTED_SCHEMA: _UPGRADE,
    ErrorKind.UNSUPPORTED_FORMAT: _UPGRADE,
    ErrorKind.STORE_CONFIGURATION: _DOCTOR,
    ErrorKind.ACCESS_DENIED: _DOCTOR,
    ErrorKind.BUCKET_NOT_FOUND: _DOCTOR,
    ErrorKind.RETENTION_POLICY: _DOCTOR,
    ErrorKind.STORE_FULL: "bucketpoint gc --older-than 7d --dry-run",
    ErrorKind.UNSUPPORTED_STORE: _DOCTOR,
    ErrorKind.UNSUPPORTED: _DOCTOR,
}

_OF_COMMAND: Mapping[tuple[ErrorKind, str], str] = {
    (ErrorKind.NO_CHECKPOINT, "diff"): _VERSIONS,
    (ErrorKind.NO_CHECKPOINT, "fork"): _VERSIONS,
    (ErrorKind.NO_CHECKPOINT, "restore"): _VERSIONS,
    (ErrorKind.CORRUPT_CHECKPOINT, "import"): _HELP,
    (ErrorKind.VERSION_CONFLICT, "copy"): "bucketpoint copy --overwrite ...",
    (ErrorKind.VERSION_CONFLICT, "fork"): "bucketpoint fork {argument} ANOTHER_ID",
    (ErrorKind.VERSION_CONFLICT, "import"): "bucketpoint import --overwrite ...",
    (ErrorKind.VERSION_CONFLICT, "restore"): _VERSIONS,
}
"""What some commands advise instead."""


def next_command(error: BucketpointError, ctx: click.Context) -> str:
    """Return the command that helps on from an error of this command."""
    command = ctx.info_name or ""
    kind = error.kind
    advice = getattr(error, "next_command", None)  # the command itself knows better
    template: str = advice or _OF_COMMAND.get((kind, command)) or _NEXT[kind]
    if template == _DOCTOR and command == "doctor":
        template = _HELP
    argument = _argument(ctx.params)
    text = template.format(
        id=shell_word(error.execution_id or argument),
        argument=shell_word(argument),
        command=command,
        store=f'"${URL_VARIABLE}"' if _from_environment(ctx) else "URL",
    )
    if text.startswith("bucketpoint") and "doctor" not in text and _from_command_line(ctx):
        return f"{text} --url URL"
    return text


def shell_word(execution_id: str | None) -> str:
    """Return an execution ID as it is typed in a shell, or a stand-in for what cannot be typed."""
    if not execution_id or not execution_id.isprintable():
        return "EXECUTION_ID"
    quoted = shlex.quote(execution_id)
    return f"-- {quoted}" if execution_id.startswith("-") else quoted


def _argument(parameters: Mapping[str, Any]) -> str | None:
    """Return the execution that the command is about, if it is about one."""
    one = parameters.get("execution_id")
    if one is not None:
        return str(one)
    many: Sequence[str] = parameters.get("execution_ids", [])
    return many[0] if len(many) == 1 else None


def _from_environment(ctx: click.Context) -> bool:
    return ctx.get_parameter_source("url") is ParameterSource.ENVIRONMENT


def _from_command_line(ctx: click.Context) -> bool:
    return ctx.get_parameter_source("url") is ParameterSource.COMMANDLINE
