"""The terminal that a command speaks to, or that there is none; and the time there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

import click

from bucketpoint.timestamps import Timestamp

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Terminal"]


class Terminal:
    """Tells which of the standard streams are a terminal, and gives consoles for them.

    Args:
        shows: Standard output is a terminal; None finds out.
        reports: Standard error is one.
        answers: Standard input is one, so that a question gets an answer.
        console: For standard output, instead of one made here.
        now: Returns the present time.
    """

    def __init__(
        self,
        *,
        shows: bool | None = None,
        reports: bool | None = None,
        answers: bool | None = None,
        console: Console | None = None,
        now: Callable[[], datetime] = Timestamp.now,
    ) -> None:
        self.shows = _is_terminal(sys.stdout) if shows is None else shows
        self.reports = _is_terminal(sys.stderr) if reports is None else reports
        self.answers = _is_terminal(sys.stdin) if answers is None else answers
        self.now = now
        self._console = console

    @classmethod
    def of(cls, ctx: click.Context | None) -> Terminal:
        """Return the terminal of the command that is being run."""
        found = ctx.find_object(cls) if ctx is not None else None
        if found is None:
            found = cls()
            if ctx is not None:
                ctx.find_root().obj = found
        return found

    @cached_property
    def console(self) -> Console:
        """Standard output."""
        from rich.console import Console

        return self._console or Console(highlight=False, force_terminal=self.shows or None)

    @cached_property
    def errors(self) -> Console:
        """Standard error."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, force_terminal=self.reports or None)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()
