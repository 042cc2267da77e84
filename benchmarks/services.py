"""As much of S3 and of Google Cloud Storage as saves and loads need, in memory.

Conditions are honoured, and nothing else is done, so that what is measured is the client.
"""

from __future__ import annotations

import importlib
import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["END_OF_HEAD", "LOG", "Answer", "Request", "Service"]

LOG = "/requests"
"""Where the requests are told that came since this was last asked."""

END_OF_HEAD = b"\r\n\r\n"
_LOGGED = 1_000
_GOOGLE = ("/storage/", "/upload/", "/download/")

Headers = dict[str, str]

_crc32c: Callable[[bytes], int] = importlib.import_module("google_crc32c").value


@dataclass(slots=True)
class Request:
    """One request; names of headers are in lower case.

    Attributes:
        method: Of HTTP.
        target: Path and query, perhaps of a whole URL.
        headers: All that came with it.
        body: Its body.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    @classmethod
    def parse(cls, head: bytes) -> Self:
        """Read everything before the body."""
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        lines = (line.partition(":") for line in rest)
        return cls(method, target, {name.lower(): value.strip() for name, _, value in lines})

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: HTTPStatus = HTTPStatus.OK
    headers: Headers = field(default_factory=dict[str, str])
    body: bytes = b""

    @classmethod
    def of_json(
        cls, told: Any, status: HTTPStatus = HTTPStatus.OK, headers: Headers | None = None
    ) -> Self:
        named = {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}
        return cls(status, named, json.dumps(told).encode())

    def sent(self) -> bytes:
        """Return the bytes of it."""
        head = [f"HTTP/1.1 {self.status} {self.status.phrase}", f"Date: {_now()}"]
        head += (f"{name}: {value}" for name, value in self.headers.items())
        head.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(head).encode() + END_OF_HEAD + self.body


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is stored under one key."""

    body: bytes
    version: int
    modified_at: str
    checksum: str | None


class Service:
    """Answers requests as both clouds do; which one is meant, the path tells."""

    def __init__(self) -> None:
        self._objects: dict[str, StoredObject] = {}
        self._versions = 0
        self._sessions: list[Request] = []
        self._log: deque[Request] = deque(maxlen=_LOGGED)

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        path = request.path
        if path == LOG:
            return self._logged()
        self._log.append(Request(request.method, request.target, request.headers))
        if path.startswith(_GOOGLE):
            return self._answer_as_google(request, path)
        return self._answer_as_s3(request, path)

    def _logged(self) -> Answer:
        entries = [[entry.method, entry.target, entry.headers] for entry in self._log]
        self._log.clear()
        return Answer.of_json(entries)

    def _store(self, key: str, body: bytes, checksum: str | None) -> StoredObject:
        self._versions += 1
        self._objects[key] = StoredObject(body, self._versions, _now(), checksum)
        return self._objects[key]

    # --- S3 ---------------------------------------------------------------------------------

    def _answer_as_s3(self, request: Request, path: str) -> Answer:
        key = request.headers["host"] + path
        found = self._objects.get(key)
        match request.method:
            case "PUT":
                refusal = _s3_refusal(request.headers, found)
                if refusal is not None:
                    return refusal
                checksum = request.headers.get("x-amz-checksum-crc32")
                return Answer(headers=_s3_headers(self._store(key, request.body, checksum)))
            case "GET" if found is not None:
                more = {"Last-Modified": found.modified_at, "Content-Type": "application/json"}
                return Answer(headers=_s3_headers(found) | more, body=found.body)
            case "GET":
                return _s3_error(HTTPStatus.NOT_FOUND, "NoSuchKey")
            case _:
                return _s3_error(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented")

    # --- Google Cloud Storage ---------------------------------------------------------------

    def _answer_as_google(self, request: Request, path: str) -> Answer:
        if path.startswith("/upload/"):
            return self._upload(request)
        if path.endswith("/o"):
            return Answer.of_json({"kind": "storage#objects"})
        if "/o/" not in path:
            # The SDK asks in the background, and again and again where there is no such bucket.
            return Answer.of_json(
                {"kind": "storage#bucket", "projectNumber": "1", "location": "EU"}
            )
        found = self._objects.get(unquote(path.rpartition("/")[2]))
        if found is None:
            return _google_error(HTTPStatus.NOT_FOUND)
        return Answer(headers=_google_headers(found), body=found.body)

    def _upload(self, request: Request) -> Answer:
        query = request.query
        if query["uploadType"] == "multipart":
            metadata, body = _parts(request)
            return self._finish_upload(query, metadata, body)
        if "upload_id" in query:
            begun = self._sessions[int(query["upload_id"])]
            return self._finish_upload(begun.query, json.loads(begun.body), request.body)
        self._sessions.append(request)
        session = f"http://{request.headers['host']}{request.target}"
        return Answer(headers={"Location": f"{session}&upload_id={len(self._sessions) - 1}"})

    def _finish_upload(self, query: dict[str, str], metadata: Any, body: bytes) -> Answer:
        key = metadata["name"]
        found = self._objects.get(key)
        current = str(found.version) if found is not None else "0"
        if query.get("ifGenerationMatch", current) != current:
            return _google_error(HTTPStatus.PRECONDITION_FAILED)
        checksum = b64encode(_crc32c(body).to_bytes(4, "big")).decode()
        stored = self._store(key, body, checksum)
        told = {
            "kind": "storage#object",
            "name": key,
            "generation": str(stored.version),
            "metageneration": "1",
            "size": str(len(body)),
            "contentType": "application/json",
            "cacheControl": "no-store",
            "crc32c": checksum,
            "storageClass": "STANDARD",
        }
        asked = query.get("fields")
        return Answer.of_json({name: told[name] for name in asked.split(",")} if asked else told)


def _now() -> str:
    return formatdate(usegmt=True)


def _s3_refusal(headers: Headers, found: StoredObject | None) -> Answer | None:
    expected = headers.get("if-match")
    if expected is not None and found is None:
        return _s3_error(HTTPStatus.NOT_FOUND, "NoSuchKey")
    is_other = expected is not None and found is not None and expected != _etag(found)
    if is_other or ("if-none-match" in headers and found is not None):
        return _s3_error(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed")
    return None


def _etag(stored: StoredObject) -> str:
    return f'"{stored.version:032x}"'


def _s3_headers(stored: StoredObject) -> Headers:
    headers = {
        "ETag": _etag(stored),
        "Server": "AmazonS3",
        "x-amz-id-2": "A" * 76,
        "x-amz-request-id": "0123456789ABCDEF",
        "x-amz-server-side-encryption": "AES256",
    }
    if stored.checksum is not None:
        headers |= {
            "x-amz-checksum-crc32": stored.checksum,
            "x-amz-checksum-type": "FULL_OBJECT",
        }
    return headers


def _s3_error(status: HTTPStatus, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>{status.phrase}</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def _parts(request: Request) -> tuple[Any, bytes]:
    """Return the metadata and the body of an upload in one request."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    _, metadata, media = request.body.split(b"--" + boundary, 2)
    body = media.partition(END_OF_HEAD)[2].removesuffix(b"\r\n--" + boundary + b"--")
    return json.loads(metadata.partition(END_OF_HEAD)[2]), body


def _google_headers(stored: StoredObject) -> Headers:
    return {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "ETag": f'"{stored.version}"',
        "Last-Modified": stored.modified_at,
        "X-Goog-Generation": str(stored.version),
        "X-Goog-Metageneration": "1",
        "X-Goog-Hash": f"crc32c={stored.checksum}",
        "X-Goog-Storage-Class": "STANDARD",
        "X-Goog-Stored-Content-Encoding": "identity",
        "X-Goog-Stored-Content-Length": str(len(stored.body)),
    }


def _google_error(status: HTTPStatus) -> Answer:
    told = {"error": {"code": status, "message": status.phrase}}
    return Answer.of_json(told, status)
