"""A server on loopback that answers a GCS store as a test says, and remembers what it was asked."""

import importlib
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bucketpoint.testing.proxy.forwarding import Forward, ForwardingProxy
from bucketpoint.testing.proxy.messages import Request, Response

Answer = Response | Callable[[Request], Response | None] | None
"""A whole answer, what makes it of the request, or None to cut the connection."""

google_crc32c: Any = importlib.import_module("google_crc32c")

DATE = "Mon, 23 Nov 2026 01:37:50 GMT"


class Stub(ForwardingProxy):
    """Gives the answers in their order, and the last one again and again.

    Attributes:
        requests: What was asked, in that order.
    """

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        super().__init__("http://127.0.0.1:1")

    def respond(self, request: Request, forward: Forward) -> Response | None:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer(request) if callable(answer) else answer


def told(value: Any, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response.make(status, json.dumps(value).encode(), "application/json; charset=UTF-8")


def refusal(status: int, message: str = "", reason: str = "", **details: Any) -> Response:
    """An error as Google's JSON API tells it."""
    errors = [{"domain": "global", "reason": reason, "message": message}] if reason else []
    return told(
        {"error": {"code": status, "message": message, "errors": errors, **details}}, status
    )


def media(body: bytes, **headers: str | None) -> Response:
    """The answer to a download; headers with underscores for dashes, None to leave one out."""
    usual: dict[str, str | None] = {
        "Date": DATE,
        "Last_Modified": DATE,
        "X_Goog_Generation": "17",
        "X_Goog_Hash": f"crc32c={checksum(body)},md5=rD70jKoI+j7V4CXaae3GRQ==",
        "X_Goog_Stored_Content_Encoding": "identity",
        "Content_Length": str(len(body)),
    }
    given = {name: value for name, value in (usual | headers).items() if value is not None}
    pairs = tuple((name.replace("_", "-"), value) for name, value in given.items())
    return replace(Response.make(200, body), headers=pairs)


def written(request: Request) -> Response:
    """The answer to an upload: the checksum is that of what arrived."""
    _, _, body = parts_of(request)
    return told({"generation": "18", "crc32c": checksum(body)})


def parts_of(request: Request) -> tuple[str, dict[str, Any], bytes]:
    """Take an upload apart: the type of what it carries, its metadata, its body."""
    content_type = request.header("Content-Type") or ""
    boundary = content_type.partition("boundary=")[2].encode()
    empty, first, second, end = request.body.split(b"--" + boundary)
    assert (empty, end) == (b"", b"--")
    metadata_head, _, metadata = first.strip(b"\r\n").partition(b"\r\n\r\n")
    assert metadata_head == b"Content-Type: application/json; charset=utf-8"
    head, _, body = second.partition(b"\r\n\r\n")
    return head.strip().decode(), json.loads(metadata), body.removesuffix(b"\r\n")


def checksum(body: bytes) -> str:
    """The CRC32C of a body as Google writes it."""
    return b64encode(google_crc32c.value(body).to_bytes(4, "big")).decode()
