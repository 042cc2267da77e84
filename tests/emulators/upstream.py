"""A server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

ANSWER_WITHIN_S = 20.0


@dataclass
class Received:
    """One request as it reached the upstream."""

    method: str
    target: str
    headers: Message
    body: bytes
    client: tuple[str, int]


@dataclass
class Upstream:
    """Answers with `answer(number)`, the bytes for the request with that number, from 1.

    What arrives goes into a queue as well, and so does the end of each connection.
    """

    url: str
    answer: Callable[[int], bytes]
    keeps_connections: bool = True
    received: list[Received] = field(default_factory=list[Received])
    arrivals: Queue[Received] = field(default_factory=Queue[Received])
    goodbyes: Queue[None] = field(default_factory=Queue[None])

    def note(self, request: Received) -> bytes:
        """Remember the request and return its answer."""
        self.received.append(request)
        self.arrivals.put(request)
        return self.answer(len(self.received))


def numbered(number: int) -> bytes:
    """Return an answer that says which request it is for."""
    return answer_of(f"answer {number}".encode())


def answer_of(body: bytes, *headers: bytes) -> bytes:
    """Return an answer with that body."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, upstream: Upstream, *connection: Any) -> None:
        self._upstream = upstream
        super().__init__(*connection)  # which serves it

    def do_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        request = Received(self.command, self.path, self.headers, body, self.client_address)
        self.wfile.write(self._upstream.note(request))
        self.close_connection = not self._upstream.keeps_connections

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_any  # noqa: N815 - the names of http.server

    def _chunk(self) -> bytes:
        chunk = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return chunk

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


class _Server(ThreadingHTTPServer):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        super().__init__(("127.0.0.1", 0), partial(_Handler, upstream))

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._upstream.goodbyes.put(None)


@contextmanager
def running_upstream(answer: Callable[[int], bytes] = numbered) -> Generator[Upstream]:
    """Run an upstream."""
    upstream = Upstream("", answer)
    with _Server(upstream) as server:
        upstream.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connected(url: str, timeout: float = ANSWER_WITHIN_S) -> Generator[HTTPConnection]:
    """Connect to a server."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()
