"""What was known of providers' endpoints in November 2026; the trial decides, not this table."""

from __future__ import annotations

from ipaddress import ip_address

from bucketpoint.cli.doctor.outcomes import Outcome

__all__ = ["known_host"]

_PAGE = "docs/howto/s3-compatible.md"

_IGNORES = {
    "backblazeb2.com": (
        "Backblaze B2 did not honour conditional writes",
        f"use another store for checkpoints ({_PAGE})",
    ),
    "storage.googleapis.com": (
        "Google Cloud Storage ignores the conditions of S3's protocol",
        "name the bucket by Google's own: gs://bucket/prefix",
    ),
}
_TO_KNOW = {
    "digitaloceanspaces.com": "DigitalOcean makes no statement on conditions",
    "r2.cloudflarestorage.com": "R2 takes one write a second to one object",
    "storage.dev": "in a Global bucket of Tigris reads of other regions lag: take a regional one",
    "tigris.dev": "in a Global bucket of Tigris reads of other regions lag: take a regional one",
    "wasabisys.com": "Wasabi bills an overwritten object for its minimum age",
    "your-objectstorage.com": "Hetzner makes no statement on conditions",
}


def known_host(host: str, *, is_aws: bool) -> Outcome:
    """Return what is known of a host.

    Args:
        host: Its name or address.
        is_aws: It is one of S3's own.
    """
    if is_aws:
        return Outcome.ok("S3 itself, which honours conditions")
    for name, (known, fix) in _IGNORES.items():
        if _is_below(host, name):
            return Outcome.warning(known, fix)
    for name, known in _TO_KNOW.items():
        if _is_below(host, name):
            return Outcome.ok(known)
    return Outcome.ok(f"nothing is known against {host}" + _where(host))


def _is_below(host: str, name: str) -> bool:
    return host == name or host.endswith(f".{name}")


def _where(host: str) -> str:
    try:
        return ", a server on this machine" if ip_address(host).is_loopback else ""
    except ValueError:
        return ""
