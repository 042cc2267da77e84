"""The bodies with which stores explain a refusal, for `StatusBefore` and `StatusAfter`."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

__all__ = ["gcs_error", "s3_error"]


def s3_error(code: str, message: str = "on purpose") -> bytes:
    """Return the body of an error answer of S3.

    Args:
        code: The error code, such as `SlowDown`.
        message: The words for people.

    Example:
        >>> s3_error("SlowDown").decode()
        '<Error><Code>SlowDown</Code><Message>on purpose</Message></Error>'
    """
    content = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    return f"<Error>{content}</Error>".encode()


def gcs_error(status: int, reason: str, message: str = "on purpose") -> bytes:
    """Return the body of an error answer of Google Cloud Storage.

    Args:
        status: The status code, which the body repeats.
        reason: The reason, such as `rateLimitExceeded`.
        message: The words for people.

    Example:
        >>> json.loads(gcs_error(429, "rateLimitExceeded"))["error"]["code"]
        429
    """
    error = {"domain": "global", "reason": reason, "message": message}
    body = {"error": {"code": status, "message": message, "errors": [error]}}
    return json.dumps(body).encode()
