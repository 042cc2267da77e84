"""A bucket whose policy is kept: what the library asks for, and what it is denied."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from unittest.mock import patch

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from tests.infra.google.iam import Asked, Policy, asked

__all__ = ["Log", "guarded"]


@dataclass
class Log:
    """What somebody has asked for.

    Attributes:
        allowed: What was let through.
        denied: What was not.
    """

    allowed: list[Asked] = field(default_factory=list[Asked])
    denied: list[Asked] = field(default_factory=list[Asked])


@contextmanager
def guarded(policy: Policy, member: str) -> Generator[Log]:
    """Let through what somebody may do, and deny the rest as Google does."""
    log = Log()
    send = HTTPAdapter.send

    def checked(adapter: HTTPAdapter, request: PreparedRequest, *args: Any, **kw: Any) -> Response:
        body = request.body if isinstance(request.body, bytes) else b""
        needed = asked(request.method or "", request.url or "", body)
        denied = [each for each in needed if not policy.allows(member, each)]
        log.denied += denied
        if denied:
            return _denial(request, denied[0])
        log.allowed += needed
        return send(adapter, request, *args, **kw)

    with patch.object(HTTPAdapter, "send", checked):
        yield log


def _denial(request: PreparedRequest, denied: Asked) -> Response:
    message = f"somebody does not have {denied.permission} access to {denied.resource}."
    told = {"code": 403, "message": message, "errors": [{"reason": "forbidden"}]}
    response = Response()
    response.status_code = HTTPStatus.FORBIDDEN
    response.request = request
    response.url = request.url or ""
    response._content = json.dumps({"error": told}).encode()
    return response
