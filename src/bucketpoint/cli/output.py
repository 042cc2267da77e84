"""What a command says: to people on a terminal, as JSON to programs; decided in one place."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bucketpoint.cli.exits import ExitCode
from bucketpoint.cli.terminal import Terminal
from bucketpoint.cli.times import as_text
from bucketpoint.core import codec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import RenderableType
    from rich.progress import Progress

R = TypeVar("R", bound="DataclassInstance")

__all__ = ["NotConfirmed", "Output", "Tally", "fields_of", "json_of", "record_as"]


class NotConfirmed(click.ClickException):
    """The question was answered with no, or could not be asked."""

    exit_code = ExitCode.NOT_CONFIRMED


class Output:
    """One command's way to speak.

    Args:
        terminal: Where it speaks to.
        as_json: JSON was asked for; it is spoken anyway where no terminal shows the output.
    """

    def __init__(self, terminal: Terminal, *, as_json: bool = False) -> None:
        self.terminal = terminal
        self.as_json = as_json or not terminal.shows
        self._tally: Tally | None = None

    def emit(
        self, record: DataclassInstance, view: Callable[[], RenderableType] | None = None
    ) -> None:
        """Say one record: as a line of JSON, or to people as the view shows it."""
        if self.as_json:
            click.echo(codec.encode(json_of(record)))
        elif view is not None:
            self.show(view())

    def show(self, view: RenderableType) -> None:
        """Show something to people only."""
        if self.as_json:
            return
        with self._tally.hidden() if self._tally is not None else nullcontext():
            self.terminal.console.print(view, soft_wrap=isinstance(view, str))

    def note(self, text: str) -> None:
        """Tell people something on standard error that is no result."""
        with self._tally.hidden() if self._tally is not None else nullcontext():
            click.echo(text, err=True)

    def confirm(self, what: str, *, yes: bool) -> None:
        """Ask before something that cannot simply be taken back.

        Args:
            what: What would be done, as a sentence.
            yes: It was confirmed on the command line.

        Raises:
            NotConfirmed: The answer was no, or nobody can answer.
        """
        if yes:
            return
        if not self.terminal.answers:
            message = (
                f"{what} Nobody can be asked here, so nothing was done: add --yes, or see with "
                "--dry-run what would be done"
            )
            raise NotConfirmed(message)
        if not click.confirm(f"{what} Go on?", err=True):
            raise NotConfirmed("Nothing was done.")

    @contextmanager
    def counting(self, what: str, total: int | None = None) -> Generator[Tally]:
        """Show on standard error how far long work is, where that is a terminal.

        Args:
            what: What is being done.
            total: How much there is to do; None where that is not known.
        """
        if not self.terminal.reports:
            yield Tally()
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        progress = Progress(
            *columns,
            TimeElapsedColumn(),
            console=self.terminal.errors,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        task = progress.add_task(what, total=total)
        with progress:
            self._tally = Tally(lambda done: progress.update(task, completed=done), progress)
            try:
                yield self._tally
            finally:
                self._tally = None


class Tally:
    """Counts what is done of long work, and shows it if there is somebody to see it."""

    def __init__(
        self, update: Callable[[int], None] | None = None, progress: Progress | None = None
    ) -> None:
        self._update = update
        self._progress = progress
        self._done = 0

    def add(self) -> None:
        """One more is done."""
        self.at(self._done + 1)

    def at(self, done: int) -> None:
        """So many are done."""
        self._done = done
        if self._update is not None:
            self._update(done)

    @contextmanager
    def hidden(self) -> Generator[None]:
        """Make room on the terminal for what is to stay there."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


# --- records as JSON ------------------------------------------------------------------------------


def json_of(value: Any) -> Any:
    """Return what stands in JSON for a record or a value in one: every field, null where unknown."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return as_text(value)
        case timedelta():
            return value.total_seconds()
        case tuple():
            return [json_of(part) for part in cast("Sequence[Any]", value)]
        case _ if dataclasses.is_dataclass(value):
            fields = dataclasses.fields(value)
            return {field.name: json_of(getattr(value, field.name)) for field in fields}
        case _:
            return value  # also of a document, which is JSON already


def record_as(kind: type[R], thing: Any) -> R:
    """Return a record of that kind, made of a thing's attributes of the same names."""
    return kind(**{field.name: getattr(thing, field.name) for field in dataclasses.fields(kind)})


def fields_of(record: type[DataclassInstance]) -> Mapping[str, str]:
    """Return the fields of a record's JSON, with what their docstring says of them."""
    _, _, section = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")
    described = re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in described}
