"""What fake-gcs-server gets wrong and the stores rely on, put right in front of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from bucketpoint.testing.emulators.shared_lock import SharedLock
from bucketpoint.testing.proxy.forwarding import Forward, ForwardingProxy
from bucketpoint.testing.proxy.messages import Request, Response

__all__ = ["CorrectingProxy"]

_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/[^/]+/o/[^/]+")

_CONDITION = re.compile(r"if(Generation|Metageneration)(Not)?Match")

_READS = frozenset({"GET", "HEAD"})

_ONLY_METAGENERATION = "1"  # the server never counts further, and says so in metadata alone


class CorrectingProxy(ForwardingProxy):
    """Checks the preconditions of reads and deletes, and understands `versions=True`.

    A conditional delete is checked and carried out while no other write is under way, so that no
    upload comes between.
    """

    def __init__(self, upstream_url: str, *, port: int = 0) -> None:
        self._writing = SharedLock()
        super().__init__(upstream_url, port=port)

    def respond(self, request: Request, forward: Forward) -> Response | None:
        """See `ForwardingProxy.respond`."""
        if request.method in _READS:
            response = forward(_with_lower_case_truth(request))
            return _refusal(request, response) or response
        if request.method == "DELETE" and _is_conditional(request):
            with self._writing.exclusive():
                return _refusal(request, forward(_metadata_request(request))) or forward(request)
        with self._writing.shared():
            return forward(request)


def _with_lower_case_truth(request: Request) -> Request:
    """Return the request as the server reads it; Google's client writes Python's `True`."""
    return replace(request, target=request.target.replace("versions=True", "versions=true"))


def _is_conditional(request: Request) -> bool:
    return bool(_OBJECT.fullmatch(request.path)) and any(map(_CONDITION.fullmatch, request.query))


def _metadata_request(request: Request) -> Request:
    """Return the request for the metadata of what the request is about."""
    named = {name: value for name, value in request.query.items() if name == "generation"}
    return replace(request, method="GET", target=f"{request.path}?{urlencode(named)}")


def _refusal(request: Request, found: Response) -> Response | None:
    """Return the answer to a request whose conditions do not hold for what was found."""
    if found.status != 200 or not _is_conditional(request):  # noqa: PLR2004 - HTTP's OK
        return None
    versions = _versions(found)
    for name, wanted in request.query.items():
        if condition := _CONDITION.fullmatch(name):
            field, negated = condition.groups()
            if (versions[field] == wanted) == bool(negated):
                return _not_modified(found) if negated else _precondition_failed()
    return None


def _versions(found: Response) -> Mapping[str, str]:
    """Return the numbers of the object: a download has them in a header, metadata in JSON."""
    generation = found.header("X-Goog-Generation") or json.loads(found.body)["generation"]
    return {"Generation": generation, "Metageneration": _ONLY_METAGENERATION}


def _not_modified(found: Response) -> Response:
    return replace(found.without("Content-Length"), status=304, reason="Not Modified", body=b"")


def _precondition_failed() -> Response:
    message = "At least one of the pre-conditions you specified did not hold."
    error = {"reason": "conditionNotMet", "message": message, "domain": "global"}
    body = {"error": {"code": 412, "message": message, "errors": [error]}}
    return Response.make(412, json.dumps(body).encode(), "application/json")
