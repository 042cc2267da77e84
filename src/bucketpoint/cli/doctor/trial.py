"""The checks that ask and write: what a store must do, tried in this order on keys of its own."""

from __future__ import annotations

from datetime import timedelta

from bucketpoint.cli.doctor.outcomes import Outcome, Status, UnseenError, advice, happened
from bucketpoint.cli.doctor.patient import Patient
from bucketpoint.cli.doctor.rights import Step, is_of_credentials
from bucketpoint.errors import (
    AccessDeniedError,
    BucketpointError,
    UnsupportedError,
)
from bucketpoint.stores.contract import IfAbsent, IfVersion

__all__ = [
    "clean_up",
    "clock",
    "conditional_create",
    "conditional_delete",
    "credentials",
    "earlier_versions",
    "listing",
    "reachable",
    "read_after_write",
    "right_update",
    "stale_update",
    "update_of_nothing",
]

_TOLERABLE = timedelta(seconds=10)
_REFUSED_FROM = timedelta(minutes=15)
"""From here on S3 refuses the signature of a request."""

_WRONG_CLOCK = "this machine's clock is wrong"
"""How the stores begin their advice on a request that was refused for its time."""

_HONOUR = (
    "use a store, or a release of it, that honours conditional writes, and keep proxies from "
    "removing headers (docs/howto/s3-compatible.md)"
)
_CONSISTENT = "use a bucket whose reads are consistent, of one region, and no cache before it"
_SET_CLOCK = "set this machine's clock, best by NTP"
_SHOWN_KEYS = 3
_NOTHING_LEFT = {"file": "nothing is left behind but empty lock files below .bucketpoint"}


def reachable(patient: Patient) -> Outcome:
    """See whether the bucket is there and answers; if not, nothing more is asked of it."""
    try:
        patient.list_some(patient.folder, limit=1)
    except AccessDeniedError as denied:
        if is_of_credentials(denied):
            patient.stop, patient.refused_credentials = "the credentials are not accepted", denied
        return Outcome.ok("it answers")
    except BucketpointError as error:
        if _WRONG_CLOCK in error.message:
            patient.stop = "every request is refused for this machine's clock"
            patient.is_out_of_time = True
            raise UnseenError(patient.stop) from error
        patient.stop = "the bucket cannot be used"
        return Outcome.of_error(error)
    return Outcome.ok("it answers")


def credentials(patient: Patient) -> Outcome:
    """See whether the store accepts the credentials, whatever it lets them do."""
    if patient.refused_credentials is not None:
        return Outcome.of_error(patient.refused_credentials)
    if patient.stop:
        raise UnseenError(patient.stop)
    return Outcome.ok("accepted")


def conditional_create(patient: Patient) -> Outcome:
    """See whether an object is created where nothing is, and only there."""
    _write_nothing_that_would_stay(patient)
    created = patient.write(patient.key, IfAbsent())
    if created is None:
        return Outcome.failed("it refused to create an object that did not exist", _HONOUR)
    patient.first = created
    again = patient.write(patient.key, IfAbsent())
    if again is not None:
        patient.first = again
        return Outcome.failed(
            "it ignored If-None-Match, and created an object over another", _HONOUR
        )
    return Outcome.ok("created where nothing was, and refused where something was")


def read_after_write(patient: Patient) -> Outcome:
    """See whether a read returns what was written last, and its version."""
    written = patient.latest
    stored = patient.read(patient.key)
    if stored is None or stored.body != written.body:
        return Outcome.failed("a read did not return what had just been written", _CONSISTENT)
    if stored.version != written.version:
        return Outcome.failed(
            "a read returned another version than the write", "keep proxies from changing answers"
        )
    return Outcome.ok("what was written is read at once")


def right_update(patient: Patient) -> Outcome:
    """See whether the version that a write returned can be written over."""
    over = patient.write(patient.key, IfVersion(patient.first.version))
    if over is None:
        return Outcome.failed(
            "it refused to write over the version that it had just returned", _HONOUR
        )
    patient.second = over
    return Outcome.ok("written over the version that it had returned")


def stale_update(patient: Patient) -> Outcome:
    """See whether a write over an outdated version is refused, and changes nothing."""
    outdated, newest = patient.first, patient.second
    again = patient.write(patient.key, IfVersion(outdated.version))
    if again is not None:
        patient.second = again
        return Outcome.failed("it ignored If-Match, and wrote over a newer version", _HONOUR)
    stored = patient.read(patient.key)
    if stored is None or stored.body == outdated.body:
        return Outcome.failed("a read returned less than had been written before", _CONSISTENT)
    if stored.body != newest.body:
        return Outcome.failed("it refused the write over a newer version, and made it", _HONOUR)
    return Outcome.ok("refused, and nothing changed")


def update_of_nothing(patient: Patient) -> Outcome:
    """See whether a write over a version is refused where nothing is stored."""
    over = patient.second.version
    try:
        written = patient.write(patient.new_key(), IfVersion(over))
    except AccessDeniedError:
        if not patient.rights.is_allowed(Step.UPDATE):
            raise
        written = None  # S3 denies what is not there to whoever may not list the whole bucket
    if written is not None:
        return Outcome.failed(
            "it ignored If-Match where nothing was stored, and created an object", _HONOUR
        )
    return Outcome.ok("refused")


def listing(patient: Patient) -> Outcome:
    """See whether a listing shows what was written at once."""
    written = patient.latest
    found = patient.list_some(patient.key, limit=2)
    if [(info.key, info.version) for info in found] != [(patient.key, written.version)]:
        return Outcome.failed(
            "a listing did not show what had just been written, or another version of it",
            "use a bucket whose listings are consistent, of one region, and no cache before it",
        )
    return Outcome.ok("what was written is listed at once")


def earlier_versions(patient: Patient) -> Outcome:
    """See whether an overwritten object is found again."""
    overwritten = patient.first
    _ = patient.second
    if not patient.store.capabilities.versions:
        return _no_versions("the store keeps none")
    try:
        kept = patient.versions(patient.key)
    except UnsupportedError as error:
        return Outcome.warning(happened(error), advice(error))
    for version in kept:
        if version.version == overwritten.version and not version.is_current:
            stored = patient.read_version(patient.key, version.version_id)
            if stored is not None and stored.body == overwritten.body:
                return Outcome.ok("what was overwritten is found again")
    return _no_versions("what was overwritten is not found again")


def conditional_delete(patient: Patient) -> Outcome:
    """See whether only the version that is named is deleted, which purge needs."""
    outdated, newest = patient.first.version, patient.second.version
    fix = "nothing but purge needs it: tombstones, of about a kilobyte, stay"
    try:
        if patient.delete(patient.key, outdated) is not None:
            return Outcome.warning("it ignored If-Match, and deleted a newer version", fix)
        if patient.read(patient.key) is None:
            return Outcome.warning("it refused to delete a newer version, and did", fix)
        if not patient.delete(patient.key, newest) or patient.read(patient.key) is not None:
            return Outcome.warning("it did not delete the version that it had returned", fix)
    except UnsupportedError as error:
        return Outcome.warning(happened(error), fix)
    if patient.write(patient.key, IfAbsent()) is None:
        return Outcome.failed("it refused to create again what was deleted", _HONOUR)
    return Outcome.ok("an outdated version was not deleted, the right one was")


def clock(patient: Patient) -> Outcome:
    """See whether this machine's clock and the store's tell the same time."""
    if patient.is_out_of_time:
        return Outcome.failed("the store refuses every request for its time", _SET_CLOCK)
    if patient.skew is None:
        raise UnseenError("nothing could be read, and so no time of the store's was seen")
    by = abs(patient.skew)
    if by <= _TOLERABLE:
        return Outcome.ok("the store tells the same time")
    which = "behind" if patient.skew > timedelta() else "ahead of"
    found = f"this machine's clock is {by.total_seconds():.0f} s {which} the store's"
    make = Outcome.failed if by >= _REFUSED_FROM else Outcome.warning
    return make(found, _SET_CLOCK)


def clean_up(patient: Patient) -> Outcome:
    """Remove all that was written, versions too, and see whether anything stays."""
    left = patient.clean_up()
    stuck = left.objects | left.versions
    if not stuck:
        return Outcome.ok(_NOTHING_LEFT.get(patient.scheme, "nothing is left behind"))
    keys = sorted(stuck)
    named = ", ".join(keys[:_SHOWN_KEYS]) + (" …" if len(keys) > _SHOWN_KEYS else "")
    what = "objects" if left.objects else "old versions"
    step = Step.DELETE if left.objects else Step.DELETE_VERSION
    if not left.objects and patient.rights.is_denied(Step.LIST_VERSIONS):
        step = Step.LIST_VERSIONS
    why = patient.rights.fix(step) if patient.rights.is_denied(step) else advice(stuck[keys[0]])
    return Outcome.warning(
        f"{len(keys)} small {what} are left behind: {named}", f"remove them yourself; {why}"
    )


def _write_nothing_that_would_stay(patient: Patient) -> None:
    """Raise `UnseenError` where it is known that nothing could be replaced or removed."""
    try:
        retention = patient.settings.retention() if patient.settings else None
    except UnseenError:
        return  # then the trial finds out
    if retention is not None and retention.status is Status.FAILED:
        msg = f"nothing was written, since {retention.found}"
        raise UnseenError(msg)


def _no_versions(found: str) -> Outcome:
    return Outcome.warning(
        found, "turn the bucket's versioning on, or keep_versions= of a folder, for a history"
    )
