"""All checks of the doctor, in the order in which they are made and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from bucketpoint.cli.doctor import trial
from bucketpoint.cli.doctor.outcomes import Finding, Outcome, Report, Status, UnseenError
from bucketpoint.cli.doctor.patient import Patient
from bucketpoint.cli.doctor.racing import Race
from bucketpoint.cli.doctor.rights import Need
from bucketpoint.cli.doctor.settings import Settings, scheme_of, settings_of, without_probe
from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from bucketpoint.stores.urls import open_store

__all__ = ["CHECKS", "RACE", "Check", "diagnose", "examine"]

_LOCAL = frozenset({"file", "memory"})
_S3 = frozenset({"s3"})
_GS = frozenset({"gs"})
_CLOUDS = _S3 | _GS
_ALL = _LOCAL | _CLOUDS


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: What it is called in reports; it stays.
        shows: What is so when it is ok.
        examine: Looks; raises `UnseenError` where it cannot.
        essential: Without it nothing can be said for the store.
        schemes: Of the URLs of the stores that it is for.
    """

    name: str
    shows: str
    examine: Callable[[Patient], Outcome]
    essential: bool = False
    schemes: frozenset[str] = _ALL


def _permission(need: Need, patient: Patient) -> Outcome:
    return patient.rights.outcome(need)


def _retention(patient: Patient) -> Outcome:
    """What the trial has met counts more than what the settings tell."""
    if patient.locked is not None:
        return Outcome.of_error(patient.locked)
    return _settings(patient).retention()


def _settings(patient: Patient) -> Settings:
    if patient.stop:
        raise UnseenError(patient.stop)
    if patient.settings is None:
        msg = "the settings of the bucket were not asked for"
        raise UnseenError(msg)
    return patient.settings


RACE = "racing"

CHECKS: tuple[Check, ...] = (
    Check("reachable", "the bucket is there and answers", trial.reachable, essential=True),
    Check(
        "credentials",
        "they are complete, known and not expired",
        trial.credentials,
        essential=True,
        schemes=_CLOUDS,
    ),
    Check(
        "endpoint",
        "it is none that was known to ignore conditions; the checks below decide",
        lambda patient: _settings(patient).endpoint(),
        schemes=_S3,
    ),
    Check(
        "conditional create",
        "an object is created where nothing is stored, and refused where something is",
        trial.conditional_create,
        essential=True,
    ),
    Check(
        "read after write",
        "what was written is read at once, with the version that the write returned",
        trial.read_after_write,
        essential=True,
    ),
    Check(
        "right update",
        "the version that a write returned can be written over",
        trial.right_update,
        essential=True,
    ),
    Check(
        "stale update",
        "a write over an outdated version is refused, and changes nothing",
        trial.stale_update,
        essential=True,
    ),
    Check(
        "update of nothing",
        "a write over a version is refused where nothing is stored",
        trial.update_of_nothing,
        essential=True,
    ),
    Check("listing", "what was written is listed at once", trial.listing, essential=True),
    Check("earlier versions", "what was overwritten is found again", trial.earlier_versions),
    Check(
        "conditional delete",
        "only the version that is named is deleted, which `purge` needs",
        trial.conditional_delete,
    ),
    Check(
        RACE,
        "of many writers at a time exactly one wins; only with `--racing`",
        Race(writers=16, rounds=5),
        essential=True,
    ),
    Check(
        "clock",
        "this machine and the store tell the same time, to ten seconds",
        trial.clock,
        schemes=_CLOUDS,
    ),
    Check("left behind", "nothing of the trial, versions neither", trial.clean_up),
    Check(
        "permission to read",
        "checkpoints can be loaded and listed",
        partial(_permission, Need.READ),
        essential=True,
    ),
    Check(
        "permission to write",
        "checkpoints can be saved",
        partial(_permission, Need.WRITE),
        essential=True,
    ),
    Check("permission to purge", "tombstones can be removed", partial(_permission, Need.PURGE)),
    Check(
        "permission for history",
        "earlier versions can be listed and read",
        partial(_permission, Need.HISTORY),
        schemes=_CLOUDS,
    ),
    Check(
        "permission to remove versions",
        "earlier versions can be removed",
        partial(_permission, Need.REMOVE_VERSIONS),
        schemes=_CLOUDS,
    ),
    Check(
        "versioning",
        "the bucket keeps what is overwritten",
        lambda patient: _settings(patient).versioning(),
        schemes=_CLOUDS,
    ),
    Check(
        "lifecycle of old versions",
        "a rule removes old versions in the end",
        lambda patient: _settings(patient).old_versions(patient.folder),
        schemes=_CLOUDS,
    ),
    Check(
        "lifecycle of checkpoints",
        "no rule removes or archives checkpoints in use",
        lambda patient: _settings(patient).live_objects(patient.folder),
        schemes=_CLOUDS,
    ),
    Check(
        "retention",
        "no retention policy or hold forbids to replace a checkpoint, or keeps each version",
        _retention,
        schemes=_CLOUDS,
    ),
    Check(
        "soft delete",
        "off: else each overwritten checkpoint is billed, and nobody can read it",
        lambda patient: _settings(patient).soft_delete(),
        schemes=_GS,
    ),
    Check(
        "encryption",
        "what is written is encrypted",
        lambda patient: _settings(patient).encryption(),
        schemes=_CLOUDS,
    ),
    Check(
        "other programs",
        "the bucket's policy refuses what they write without a condition",
        lambda patient: _settings(patient).enforcement(patient.folder),
        schemes=_S3,
    ),
    Check(
        "public access",
        "nobody else gets in",
        lambda patient: _settings(patient).public_access(),
        schemes=_CLOUDS,
    ),
)


def diagnose(
    url: str, *, race: Race | None = None, progress: Callable[[], None] = lambda: None
) -> Report:
    """Return what all checks say of the store that a URL names.

    Args:
        url: The store's URL.
        race: How to let writers race; None leaves that out.
        progress: Called after each check.

    Raises:
        InvalidURLError: The URL cannot be understood.
        ImportError: The extra that its scheme needs is not installed.
        StoreConfigurationError: The cloud's SDK cannot use its settings.
    """
    try:
        store, prefix = open_store(without_probe(url))
    except AccessDeniedError as error:  # no credentials, of which a client cannot be made
        return Report(url.partition("?")[0], "", (_no_credentials(error),))
    with closing(store):
        settings = settings_of(url)
        patient = Patient(store, scheme=scheme_of(url), prefix=prefix, settings=settings)
        try:
            return examine(patient, race=race, progress=progress)
        finally:
            if settings is not None:
                settings.close()


def _no_credentials(error: AccessDeniedError) -> Finding:
    return Finding("credentials", essential=True, outcome=Outcome.of_error(error))


def examine(
    patient: Patient, *, race: Race | None = None, progress: Callable[[], None] = lambda: None
) -> Report:
    """Return what all checks say of a store, of which nothing is left but what the report names."""
    findings: list[Finding] = []
    try:
        for finding in _findings(patient, race):
            findings.append(finding)
            progress()
    finally:
        patient.clean_up()  # had a check been interrupted; else that is done
    return Report(patient.store.url, patient.prefix, tuple(findings))


def _findings(patient: Patient, race: Race | None) -> Iterator[Finding]:
    for check in CHECKS:
        if patient.scheme not in check.schemes:
            continue
        look = check.examine
        if check.name == RACE:
            if race is None:
                continue
            look = race
        yield Finding(check.name, check.essential, _outcome(look, patient))


def _outcome(look: Callable[[Patient], Outcome], patient: Patient) -> Outcome:
    try:
        return look(patient)
    except UnseenError as unseen:
        return Outcome(Status.NOT_SEEN, patient.stop) if patient.stop else unseen.outcome
    except AccessDeniedError:
        # The right that is missing has a line of its own.
        return Outcome(Status.NOT_SEEN, "a permission is missing, see below")
    except (OutcomeUnknownError, StoreUnavailableError) as error:
        return Outcome(Status.NOT_SEEN, f"the store did not answer: {error.message}")
    except BucketpointError as error:
        return Outcome.of_error(error)
