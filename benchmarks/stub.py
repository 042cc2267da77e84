"""The server of the benchmarks, in a process of its own: `with Stub() as stub`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from typing import Self

from benchmarks.services import END_OF_HEAD, LOG, Request, Service

__all__ = ["HOST", "Stub"]

HOST = "127.0.0.1"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Stub:
    """The server and its process, which ends with this one at the latest.

    Attributes:
        url: Where it is, on a free port of loopback.
    """

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stub"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout is not None
        self._port = int(self._server.stdout.readline())
        self.url = f"http://{HOST}:{self._port}"

    def requests(self) -> list[Request]:
        """Return the requests since the last time this was asked, without their bodies."""
        with closing(HTTPConnection(HOST, self._port)) as connection:
            connection.request("GET", LOG)
            return [Request(*entry) for entry in json.load(connection.getresponse())]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()


class Connection(asyncio.Protocol):
    """One connection of a client, kept open."""

    _transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        self._service = service
        self._received = bytearray()
        self._request: Request | None = None
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while request := self._request or self._begun():
            if len(self._received) < self._length:
                return
            request.body = self._taken(self._length)
            self._transport.write(self._service.answer(request).sent())
            self._request = None

    def _begun(self) -> Request | None:
        """Read the next head, if all of it is there, and say that the body may come."""
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return None
        self._request = Request.parse(self._taken(end + len(END_OF_HEAD))[:end])
        self._length = int(self._request.headers.get("content-length", "0"))
        if "expect" in self._request.headers:
            self._transport.write(_CONTINUE)
        return self._request

    def _taken(self, length: int) -> bytes:
        taken = bytes(memoryview(self._received)[:length])
        del self._received[:length]
        return taken


async def serve() -> None:
    """Print the port, and serve until standard input ends."""
    loop = asyncio.get_running_loop()
    service = Service()
    server = await loop.create_server(lambda: Connection(service), HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
