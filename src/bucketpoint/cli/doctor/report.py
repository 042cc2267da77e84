"""How a report is told: to people and to programs."""

from __future__ import annotations

from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bucketpoint.cli.doctor.outcomes import Finding, Outcome, Report, Status
from bucketpoint.cli.records import CheckRecord, DoctorRecord

__all__ = ["record_of", "view"]

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.NOT_SEEN: "cyan",
}


def record_of(report: Report) -> DoctorRecord:
    """Return the report as JSON has it."""
    checks = tuple(
        CheckRecord(
            check=finding.check,
            essential=finding.essential,
            status=finding.outcome.status.value,
            found=finding.outcome.found,
            fix=finding.outcome.fix or None,
        )
        for finding in report.findings
    )
    return DoctorRecord(store=report.store, prefix=report.prefix, fit=report.is_fit, checks=checks)


def view(report: Report) -> RenderableType:
    """Return a line for each check, with what to do below it, and the sum of it all."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=32)
    table.add_column(overflow="fold")
    for outcome, alike in groupby(report.findings, _once):
        names = ", ".join(finding.check for finding in alike)
        told = Text(outcome.found)
        if outcome.fix:
            told.append(f"\nfix: {outcome.fix}", "bold")
        table.add_row(Text(outcome.status, _STYLES[outcome.status]), Text(names), told)
    return Group(table, _sum(report))


def _once(finding: Finding) -> Outcome:
    """Return what one line is for: what was not seen for one reason takes one."""
    return finding.outcome


def _sum(report: Report) -> Text:
    counts = {
        status: sum(finding.outcome.status is status for finding in report.findings)
        for status in Status
    }
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    if report.is_fit:
        return Text(f"\n{report.store} is fit for checkpoints ({told})", "bold green")
    against = ", ".join(finding.check for finding in report.findings if finding.is_against_use)
    return Text(f"\n{report.store} is not fit for checkpoints ({told}): {against}", "bold red")
