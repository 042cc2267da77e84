"""What fake-gcs-server gets wrong and the stores rely on, put right in front of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote

from bucketpoint.testing.emulators.shared_lock import SharedLock
from bucketpoint.testing.proxy.errors import gcs_error
from bucketpoint.testing.proxy.forwarding import Forward, ForwardingProxy
from bucketpoint.testing.proxy.messages import Request, Response

__all__ = ["CorrectingProxy"]

_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")

_LISTING = re.compile(r"/storage/v1/b/([^/]+)/o")

_CONDITION = re.compile(r"if(Generation|Metageneration)(Not)?Match")

_ONLY_METAGENERATION = "1"  # the server never counts further, and says so in metadata alone


class _StoredVersion(NamedTuple):
    bucket: str
    name: str
    generation: str


class CorrectingProxy(ForwardingProxy):
    """Checks the preconditions of reads and deletes, and deletes the version that was named.

    The server itself ignores both, and deletes the current version whatever was named. A version
    that is deleted here stays in the server, and is hidden. A delete that has to look first does
    so while no other write is under way, so that no upload comes between.
    """

    def __init__(self, upstream_url: str, *, port: int = 0) -> None:
        self._writing = SharedLock()
        self._deleted: set[_StoredVersion] = set()
        super().__init__(upstream_url, port=port)

    def respond(self, request: Request, forward: Forward) -> Response | None:
        """See `ForwardingProxy.respond`."""
        if request.method in {"GET", "HEAD"}:
            return self._read(_with_lower_case_truth(request), forward)
        if request.method == "DELETE" and (_named(request) or _is_conditional(request)):
            with self._writing.exclusive():
                return self._delete(request, forward)
        with self._writing.shared():
            return forward(request)

    def _read(self, request: Request, forward: Forward) -> Response:
        if _named(request) in self._deleted:
            return _answer(404, "notFound")
        response = forward(request)
        if _LISTING.fullmatch(request.path) and request.query.get("versions") == "true":
            return self._without_deleted(response)
        return _refusal(request, response) or response

    def _delete(self, request: Request, forward: Forward) -> Response:
        found = self._read(replace(request, method="GET"), forward)
        if not _is_ok(found):
            return found
        named = _named(request)
        if named is None:
            return forward(request)
        current = forward(replace(request, method="GET", target=request.path))
        if _is_ok(current) and _generation(current) == named.generation:
            forward(replace(request, target=request.path))
        self._deleted.add(named)
        return _answer(204)

    def _without_deleted(self, listing: Response) -> Response:
        if not _is_ok(listing):
            return listing
        page = json.loads(listing.body)
        page["items"] = [item for item in page.get("items", ()) if not self._is_deleted(item)]
        return Response.make(200, json.dumps(page).encode(), "application/json")

    def _is_deleted(self, item: Mapping[str, Any]) -> bool:
        return _StoredVersion(item["bucket"], item["name"], item["generation"]) in self._deleted


def _with_lower_case_truth(request: Request) -> Request:
    """Return the request as the server reads it; Google's client writes Python's `True`."""
    return replace(request, target=request.target.replace("versions=True", "versions=true"))


def _named(request: Request) -> _StoredVersion | None:
    """Return the version of an object that a request is about, if it names one."""
    path = _OBJECT.fullmatch(request.path)
    generation = request.query.get("generation")
    if path is None or generation is None:
        return None
    return _StoredVersion(unquote(path[1]), unquote(path[2]), generation)


def _is_conditional(request: Request) -> bool:
    return bool(_OBJECT.fullmatch(request.path)) and any(map(_CONDITION.fullmatch, request.query))


def _refusal(request: Request, found: Response) -> Response | None:
    """Return the answer to a request whose conditions do not hold for what was found."""
    if not (_is_ok(found) and _is_conditional(request)):
        return None
    versions = {"Generation": _generation(found), "Metageneration": _ONLY_METAGENERATION}
    for name, wanted in request.query.items():
        if condition := _CONDITION.fullmatch(name):
            field, negated = condition.groups()
            if (versions[field] == wanted) == bool(negated):
                return _answer(304) if negated else _answer(412, "conditionNotMet")
    return None


def _generation(found: Response) -> str:
    """Return the generation in an answer: a download has it in a header, metadata in JSON."""
    return found.header("X-Goog-Generation") or str(json.loads(found.body)["generation"])


def _is_ok(response: Response) -> bool:
    return response.status == 200  # noqa: PLR2004 - HTTP's OK


def _answer(status: int, reason: str | None = None) -> Response:
    body = gcs_error(status, reason, "refused in front of the server") if reason else b""
    return Response.make(status, body, "application/json")
