"""What the commands show to people: tables, a timeline, a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bucketpoint.checkpoint import BranchState, Checkpoint, ExecutionStatus
from bucketpoint.cli.reasons import wait_text
from bucketpoint.cli.records import (
    DifferenceRecord,
    ExecutionRecord,
    ShowRecord,
    VersionRecord,
)
from bucketpoint.cli.times import ago, long
from bucketpoint.core import codec
from bucketpoint.core.summaries import UNREADABLE

__all__ = ["differences", "executions", "run", "status_text", "timeline"]

_STYLES = {
    ExecutionStatus.PENDING.value: "cyan",
    ExecutionStatus.RUNNING.value: "blue",
    ExecutionStatus.WAITING.value: "cyan",
    ExecutionStatus.SUSPENDED.value: "yellow",
    ExecutionStatus.PAUSED.value: "magenta",
    ExecutionStatus.COMPLETED.value: "green",
    ExecutionStatus.FAILED.value: "bold red",
    UNREADABLE: "bold red",
    "deleted": "dim",
}


_INDENT = (0, 0, 0, 2)


def status_text(status: str) -> Text:
    """Return a status in its colour."""
    return Text(status or "-", _STYLES.get(status, ""))


def executions(records: Iterable[ExecutionRecord], now: datetime) -> RenderableType:
    """Return a table of executions."""
    table = _table("EXECUTION", "STATUS", "WORKFLOW", "WRITTEN", "RAN FOR", "WAKES", "ERROR")
    for record in records:
        table.add_row(
            Text(record.execution_id, overflow="fold"),
            status_text(record.status),
            Text(record.workflow_name),
            Text(ago(record.modified_at, now) if record.modified_at is not None else ""),
            Text(_length(record)),
            Text(ago(record.next_wake_at, now) if record.next_wake_at is not None else ""),
            Text(_shortened(record.error, 60), "red"),
        )
    return table


def _length(record: ExecutionRecord) -> str:
    duration = record.duration
    return "" if duration is None or duration.total_seconds() < 0 else long(duration)


def run(record: ShowRecord, checkpoint: Checkpoint, now: datetime) -> RenderableType:
    """Return all that is known of one execution: why it stands where it is, and its branches."""
    head = Text.assemble((record.execution_id, "bold"), "  ", status_text(record.status))
    facts = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    for name, value in _facts(record, checkpoint, now):
        facts.add_row(Text(name, "dim"), Text(value, overflow="fold"))
    parts: list[RenderableType] = [head, facts, _tree(checkpoint, now)]
    if record.why:
        parts.append(Text("\nWhy it stands there", "bold"))
        parts += [Padding(Text(sentence), _INDENT) for sentence in record.why]
    if record.next:
        parts.append(Text("\nWhat to type next", "bold"))
        parts += [Padding(Text(command, "green"), _INDENT) for command in record.next]
    return Group(*parts)


def _facts(record: ShowRecord, checkpoint: Checkpoint, now: datetime) -> Iterable[tuple[str, str]]:
    if checkpoint.workflow_name:
        yield "workflow", checkpoint.workflow_name
    if record.modified_at is not None:
        yield (
            "written",
            f"{record.modified_at:%Y-%m-%d %H:%M:%S} UTC, {ago(record.modified_at, now)}",
        )
    yield (
        "revision",
        "none: another program wrote it" if record.revision is None else str(record.revision),
    )
    if record.owner is not None:
        yield "claimed by", f"{record.owner}{_until(record.claim_expires_at, now)}"
    if isinstance(record.forked_from, dict):
        yield "forked from", str(record.forked_from.get("execution_id", ""))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # whatever the document has
    if record.forks:
        yield "forks", ", ".join(str(fork.get("execution_id", "")) for fork in record.forks)


def _until(expires_at: datetime | None, now: datetime) -> str:
    if expires_at is None:
        return ""
    verb = "expired" if expires_at <= now else "expires"
    return f", {verb} {ago(expires_at, now)}"


def _tree(checkpoint: Checkpoint, now: datetime) -> RenderableType:
    tree = Tree(Text("branches", "bold"))
    for branch_id, branch in checkpoint.branch_states.items():
        tree.add(_branch(branch_id, branch, now))
    return tree if checkpoint.branch_states else Text("  no branches", "dim")


def _branch(branch_id: str, branch: BranchState, now: datetime) -> Text:
    text = Text.assemble((branch_id, "bold"), "  ", status_text(branch.status))
    if branch.current_step:
        text.append(f"  at {branch.current_step}")
    if branch.pause_requested:
        text.append(
            f"\npaused{': ' if branch.pause_reason else ''}{branch.pause_reason}", "magenta"
        )
    if branch.wait is not None:
        text.append(f"\n{wait_text(branch.wait, now)}", "yellow")
    if branch.error_message:
        text.append(f"\n{_shortened(branch.error_message, 200)}", "red")
    return text


def timeline(records: Sequence[VersionRecord], now: datetime) -> RenderableType:
    """Return the versions of one execution, the newest first, as a line through time."""
    table = _table("", "VERSION", "WRITTEN", "STATUS", "REVISION", "CLAIMED BY", "SIZE", "ID")
    for number, record in enumerate(records):
        table.add_row(
            Text("●" if record.is_current else "│", "green" if record.is_current else "dim"),
            Text(f"~{number}"),
            Text(ago(record.modified_at, now)),
            status_text(record.status),
            Text("" if record.revision is None else str(record.revision)),
            Text(record.owner or ""),
            Text(f"{record.size:,}", justify="right"),
            Text(record.version_id, "dim", no_wrap=True, overflow="ellipsis"),
        )
    return table


def differences(records: Iterable[DifferenceRecord]) -> RenderableType:
    """Return what differs, a line each, as changes are shown elsewhere."""
    lines: list[Text] = []
    for record in records:
        path = ".".join(map(str, record.path))
        if record.change == "added":
            lines.append(Text(f"+ {path}: {_value(record.after)}", "green"))
        elif record.change == "removed":
            lines.append(Text(f"- {path}: {_value(record.before)}", "red"))
        else:
            lines.append(
                Text(f"~ {path}: {_value(record.before)} → {_value(record.after)}", "yellow")
            )
    return Group(*lines) if lines else Text("They are the same.", "dim")


def _value(value: object) -> str:
    return _shortened(codec.encode({"": value})[4:-1].decode(), 200)


def _shortened(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    return table
