"""What the demo shows, act by act; each act checks that what it shows is true."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from bucketpoint import BucketCheckpointer, pause_branch, unpause_branch
from bucketpoint.cli.demo.worker import Line, Worker

__all__ = ["Story"]

BRANCH = "main"
PAUSE_REASON = "stock count"
STYLES = {
    "done": "green",
    "saved": "green",
    "skipped": "blue",
    "resumed": "cyan",
    "paused": "yellow",
}


class Story:
    """One run of the demo on one store.

    Args:
        console: Where it is told.
        url: The store that the worker processes share.
        checkpointer: This process's own way to that store.
    """

    def __init__(self, console: Console, url: str, checkpointer: BucketCheckpointer) -> None:
        self._console = console
        self._url = url
        self._checkpointer = checkpointer
        name = secrets.token_hex(2)  # so that a store may see the demo more than once
        self.morning = f"orders-{name}-morning"
        self.evening = f"orders-{name}-evening"
        self._workers = 0

    def tell(self) -> None:
        """Show all acts, and raise when one of them shows anything but what it should."""
        with ExitStack() as self._children:
            self._killed_half_way()
            self._resumed_by_another_process()
            self._paused(self._race())

    def _killed_half_way(self) -> None:
        self._title("A worker runs the morning's orders, and is killed in the middle of billing")
        worker = self._worker(self.morning, ttl_s=2)
        for _ in ("validate", "price", "reserve", "customer 1", "customer 2", "customer 3"):
            self._show(worker, worker.advance())
        code = worker.kill()
        self._note(f"SIGKILL to process {worker.pid}: exit code {code}, nothing cleaned up", "red")

    def _resumed_by_another_process(self) -> None:
        self._title("A new process resumes it from the checkpoint")
        self._note("it waits until the dead worker's claim of 2 s expires, then goes on")
        worker = self._worker(self.morning, wait_s=60)
        said = self._show(worker, worker.finish())
        skipped = [line.step for line in said if line.what == "skipped"]
        billed = sum(line.what == "saved" for line in said)
        _check(skipped == ["validate", "price", "reserve"], "the finished steps are skipped")
        _check(billed == len(self._invoices()) - 3, "nobody is billed twice")
        self._note(f"skipped: {', '.join(skipped)}; billed: only the {billed} who were left")

    def _race(self) -> Worker:
        self._title("Two workers race for the evening's orders")
        racers = [self._worker(self.evening), self._worker(self.evening)]
        while not any(racer.has_ended() for racer in racers):
            time.sleep(0.01)
        winner, loser = sorted(racers, key=Worker.has_ended)
        words = loser.last_words()
        refused = "ClaimHeldError" in words and winner.name in words
        _check(refused, f"the loser is refused. It said: {words}")
        self._note(f"{winner.name} holds the claim, and {loser.name} is told:")
        self._note(words, "red")
        return winner

    def _paused(self, worker: Worker) -> None:
        self._title("An operator pauses that run while its worker goes on saving")
        for _ in ("validate", "price", "reserve", "customer 1"):
            self._show(worker, worker.advance())
        pause_branch(self._checkpointer, self.evening, BRANCH, reason=PAUSE_REASON)
        self._note(f"operator: pause_branch({self.evening!r}, {BRANCH!r})", "yellow")
        for _ in ("customer 2", "customer 3"):
            self._show(worker, worker.advance())
            _check(self._is_paused(), "the pause holds through the worker's save")
            self._note("the stored checkpoint still says: pause_requested = true", "yellow")
        said = self._show(worker, worker.finish())
        _check(said[-1].what == "paused", "the worker stops at the next step")

        unpause_branch(self._checkpointer, self.evening, BRANCH)
        self._note("operator: unpause_branch(...), and a new process does the rest", "yellow")
        last = self._worker(self.evening)
        self._show(last, last.finish())
        _check(self._invoices(self.evening) == self._invoices(), "both runs come to the same")

    def _worker(self, execution: str, *, ttl_s: float = 60, wait_s: float = 0) -> Worker:
        self._workers += 1
        name = f"worker-{self._workers}"
        worker = Worker(name, self._url, execution, ttl_s=ttl_s, wait_s=wait_s)
        return self._children.enter_context(worker)

    def _invoices(self, execution: str | None = None) -> dict[str, Any]:
        checkpoint = self._checkpointer.load_checkpoint(execution or self.morning)
        invoices: dict[str, Any] = checkpoint.branch_states[BRANCH].step_outputs["settle"][
            "invoices"
        ]
        return invoices

    def _is_paused(self) -> bool:
        checkpoint = self._checkpointer.load_checkpoint(self.evening)
        return checkpoint.branch_states[BRANCH].pause_requested

    def _title(self, title: str) -> None:
        self._console.print()
        self._console.print(Rule(Text(title, "bold"), align="left"))

    def _note(self, text: str, style: str = "dim") -> None:
        self._console.print(Padding(Text(text, style), (0, 0, 0, 2)))
        self._breathe()

    def _show(self, worker: Worker, lines: Iterable[Line]) -> list[Line]:
        shown: list[Line] = []
        for line in lines:
            if line.what not in STYLES:
                words = f"{line.step} {line.what} {line.detail}\n{worker.last_words()}"
                raise click.ClickException(f"{worker.name} failed: {words}")
            style = STYLES[line.what]
            what = (f"{line.what:<8}", style)
            text = Text.assemble(f"  {worker.name}  {line.step:<9} ", what, f" {line.detail}")
            self._console.print(text)
            self._breathe()
            shown.append(line)
        return shown

    def _breathe(self) -> None:
        if self._console.is_terminal:
            time.sleep(0.15)  # so that a person can follow


def _check(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise click.ClickException(f"the demo failed; this does not hold: {what}")
