"""`bucketpoint doctor`."""

from __future__ import annotations

import click

from bucketpoint.cli.command import cli_command
from bucketpoint.cli.doctor import report
from bucketpoint.cli.doctor.checks import diagnose
from bucketpoint.cli.doctor.racing import Race
from bucketpoint.cli.doctor.terraform import module_call
from bucketpoint.cli.exits import RUNNING, ExitCode
from bucketpoint.cli.output import Output
from bucketpoint.cli.records import DoctorRecord
from bucketpoint.stores.urls import URL_VARIABLE

__all__ = ["command"]

_RACE = Race(writers=16, rounds=5)


@cli_command(record=DoctorRecord, exits=(*RUNNING, ExitCode.CONFIGURATION, ExitCode.NOT_FIT))
@click.argument("url", required=False, envvar=URL_VARIABLE)
@click.option("--racing", is_flag=True, help="Let writers race, too; takes longer.")
@click.option(
    "--terraform",
    is_flag=True,
    help="Ask nobody; print the Terraform that would make such a bucket.",
)
@click.option(
    "--writers",
    type=click.IntRange(2, 64),
    default=_RACE.writers,
    show_default=True,
    help="How many race at a time.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    default=_RACE.rounds,
    show_default=True,
    help="How often they race to create an object, and to write over it.",
)
def command(
    output: Output, *, url: str | None, racing: bool, terraform: bool, writers: int, rounds: int
) -> ExitCode:
    r"""Prove that checkpoints can be entrusted to the bucket at URL.

    It asks, reads the bucket's settings as far as it may, and writes under random keys that it
    removes in the end. Each line says what to do where something is wrong. Without URL it takes
    BUCKETPOINT_URL.

    \b
    Example:
        bucketpoint doctor s3://my-bucket/checkpoints
        bucketpoint doctor gs://my-bucket/checkpoints --racing --json
        bucketpoint doctor s3://my-bucket/checkpoints --terraform > main.tf
    """
    if not url:
        message = f"give the URL of the store, such as s3://bucket/prefix, or set {URL_VARIABLE}"
        raise click.UsageError(message)
    if terraform:
        click.echo(module_call(url))
        return ExitCode.OK
    race = Race(writers, rounds) if racing else None
    with output.counting("examining") as tally:
        found = diagnose(url, race=race, progress=tally.add)
    output.emit(report.record_of(found), lambda: report.view(found))
    return ExitCode.OK if found.is_fit else ExitCode.NOT_FIT
