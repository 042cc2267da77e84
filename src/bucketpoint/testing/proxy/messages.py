"""HTTP/1.1 messages: read whole from a connection, and written to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import BinaryIO, Self
from urllib.parse import parse_qsl

__all__ = ["Headers", "Request", "Response", "read_request", "read_response"]

Headers = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they were sent."""

_FIRST_FINAL_STATUS = 200
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What requests and answers share.

    Attributes:
        headers: Names and values, in the order in which they were sent.
        body: Its bytes, without the framing of a chunked transfer.
    """

    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of the first header of this name, in any case; None without one."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def without(self, *names: str) -> Self:
        """Return the message without the headers of these names, in any case."""
        unwanted = {name.lower() for name in names}
        kept = tuple(header for header in self.headers if header[0].lower() not in unwanted)
        return replace(self, headers=kept)

    @property
    def closes(self) -> bool:
        """Whether its sender sends nothing more on the connection."""
        return (self.header("Connection") or "").lower() == "close"

    @property
    def is_chunked(self) -> bool:
        """Whether its body has the framing of a chunked transfer on the wire."""
        return (self.header("Transfer-Encoding") or "").lower() == "chunked"

    def _encoded(self, start_line: str, body: bytes, cut_after: int | None = None) -> bytes:
        lines = [start_line, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        opening = closing = b""
        if self.is_chunked:
            opening = b"%x\r\n" % len(body) if body else b""
            closing = b"\r\n0\r\n\r\n" if body else b"0\r\n\r\n"
        if cut_after is not None:
            return head + opening + body[:cut_after]
        return head + opening + body + closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """One request, as its client sent it.

    Attributes:
        method: `GET`, `PUT` and so on.
        target: Path and query, still percent-encoded.
    """

    method: str
    target: str

    @property
    def path(self) -> str:
        """The target up to the question mark, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The decoded parameters behind the question mark; the last of each name."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def encoded(self) -> bytes:
        """Return the bytes that go over the wire."""
        return self._encoded(f"{self.method} {self.target} HTTP/1.1", self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(Message):
    """One answer, of the upstream or of a proxy in its place.

    Attributes:
        status: The status code.
        reason: The words behind it.
        cut_after: How many bytes of the body are sent before the connection is cut; None sends
            all of it and goes on.
    """

    status: int
    reason: str = ""
    cut_after: int | None = None

    @classmethod
    def make(cls, status: int, body: bytes = b"", content_type: str = "text/plain") -> Self:
        """Return an answer with the headers that it needs."""
        headers = (
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
        )
        return cls(headers=headers, body=body, status=status)

    def encoded(self, *, to: str) -> bytes:
        """Return the bytes that go over the wire, as the answer to a request of this method."""
        body = b"" if _is_bodiless(to, self.status) else self.body
        return self._encoded(f"HTTP/1.1 {self.status} {self.reason}", body, self.cut_after)


def read_request(stream: BinaryIO, *, say_continue: Callable[[], None]) -> Request | None:
    """Read the next request; None when the client sends no more.

    Args:
        stream: What the client sends.
        say_continue: Tells a client that waits for it to go on and send the body.

    Raises:
        ConnectionError: What the client sends is no HTTP.
    """
    head = _read_head(stream)
    if head is None:
        return None
    start_line, headers = head
    match start_line.split(" "):
        case [method, target, _] if method.isalpha():
            request = Request(method=method, target=target, headers=headers)
        case _:
            msg = "what the client sends is no HTTP; TLS, perhaps"
            raise ConnectionAbortedError(msg)
    if (request.header("Expect") or "").lower() == "100-continue":
        say_continue()
    return replace(request, body=_read_body(stream, request))


def read_response(stream: BinaryIO, *, method: str) -> Response:
    """Read the answer to a request of this method.

    Raises:
        ConnectionError: The connection ended before the answer did.
    """
    while True:
        head = _read_head(stream)
        if head is None:
            msg = "the upstream closed the connection without an answer"
            raise ConnectionResetError(msg)
        start_line, headers = head
        _, status, reason = [*start_line.split(" ", 2), ""][:3]
        if int(status) >= _FIRST_FINAL_STATUS:
            break
    response = Response(status=int(status), reason=reason, headers=headers)
    if _is_bodiless(method, response.status):
        return response
    if response.is_chunked or response.header("Content-Length") is not None:
        return replace(response, body=_read_body(stream, response))
    headers = (*response.without("Connection").headers, ("Connection", "close"))
    return replace(response, headers=headers, body=stream.read())


def _is_bodiless(method: str, status: int) -> bool:
    return method == "HEAD" or status in _BODILESS


def _read_head(stream: BinaryIO) -> tuple[str, Headers] | None:
    start_line = stream.readline()
    if not start_line:
        return None
    headers: list[tuple[str, str]] = []
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name, value.strip()))
    return start_line.decode("latin-1").strip(), tuple(headers)


def _read_body(stream: BinaryIO, message: Message) -> bytes:
    if message.is_chunked:
        return b"".join(iter(lambda: _read_chunk(stream), b""))
    return _read_exactly(stream, int(message.header("Content-Length") or 0))


def _read_chunk(stream: BinaryIO) -> bytes:
    size = int(stream.readline().partition(b";")[0], 16)
    chunk = _read_exactly(stream, size)
    stream.readline()
    return chunk


def _read_exactly(stream: BinaryIO, length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        msg = "the connection ended within a message"
        raise ConnectionResetError(msg)
    return body
