"""What can be read of how a bucket is set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from bucketpoint.cli.doctor.outcomes import Outcome

__all__ = ["Settings", "options_of", "scheme_of", "settings_of", "without_probe"]


class Settings(Protocol):
    """The settings of one bucket; each check raises `UnseenError` where it may not look."""

    def endpoint(self) -> Outcome:
        """See whether the endpoint is one that was known to ignore conditions."""
        ...

    def versioning(self) -> Outcome:
        """See whether overwritten checkpoints are kept."""
        ...

    def old_versions(self, folder: str) -> Outcome:
        """See whether something removes overwritten checkpoints in the end."""
        ...

    def live_objects(self, folder: str) -> Outcome:
        """See whether nothing removes or archives checkpoints that are in use."""
        ...

    def retention(self) -> Outcome:
        """See whether nothing forbids to replace a checkpoint."""
        ...

    def soft_delete(self) -> Outcome:
        """See whether overwritten checkpoints are billed that nobody can read."""
        ...

    def encryption(self) -> Outcome:
        """See how what is written is encrypted."""
        ...

    def public_access(self) -> Outcome:
        """See whether nobody else gets in."""
        ...

    def enforcement(self, folder: str) -> Outcome:
        """See whether other programs are held to conditions, too."""
        ...

    def close(self) -> None:
        """Release the clients."""
        ...


def settings_of(url: str) -> Settings | None:
    """Return the settings of the bucket that a URL names; None for what is no bucket.

    Args:
        url: One that `open_store` has taken.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        from bucketpoint.cli.doctor.s3 import S3Settings

        return S3Settings(unquote(parts.netloc), options_of(url))
    if parts.scheme == "gs":
        from bucketpoint.cli.doctor.gcs import GCSSettings

        return GCSSettings(unquote(parts.netloc), options_of(url))
    return None


def scheme_of(url: str) -> str:
    """Return the scheme of a URL, by which stores are told apart."""
    return urlsplit(url).scheme


def options_of(url: str) -> Mapping[str, Any]:
    """Return the options of a URL that `open_store` has taken, as texts."""
    return dict(parse_qsl(urlsplit(url).query))


def without_probe(url: str) -> str:
    """Return the URL of the store that is not probed before its first write.

    The doctor tries more, and removes all that it writes, versions too, which the probe does not.
    """
    if not url.lower().startswith("s3://"):
        return url
    place, _, query = url.partition("?")
    options = [each for each in query.split("&") if each and not each.startswith("probe=")]
    return f"{place}?{'&'.join([*options, 'probe=false'])}"
