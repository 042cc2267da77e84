"""The command `bucketpoint`; it needs the extra `cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or name the extra that is missing."""
    try:
        from bucketpoint.cli.app import app

        app(prog_name="bucketpoint")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        sys.exit("the command line needs an extra: pip install 'bucketpoint[cli]'")
