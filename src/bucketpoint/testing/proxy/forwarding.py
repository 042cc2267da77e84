"""An HTTP/1.1 proxy on loopback that passes each request on to one upstream."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from threading import Event, Lock, Thread
from typing import BinaryIO
from urllib.parse import urlsplit

from bucketpoint.testing.proxy.closeable import Closeable
from bucketpoint.testing.proxy.messages import Request, Response, read_request, read_response
from bucketpoint.testing.proxy.sockets import HOST, listening_socket

__all__ = ["Forward", "ForwardingProxy"]

Forward = Callable[[Request], Response]
"""Sends a request to the upstream and returns its answer; an `OSError` when there is none."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ForwardingProxy(Closeable):
    """Passes requests on and answers back; subclasses override `respond`.

    Each connection of a client is served by a thread, with its own connection to the upstream.

    Args:
        upstream_url: Such as `http://127.0.0.1:8333`.
        port: Where to listen; any free port unless one is given.

    Attributes:
        url: Where clients find the proxy.
    """

    def __init__(self, upstream_url: str, *, port: int = 0) -> None:
        self._upstream = _address_of(upstream_url)
        self._listener = listening_socket(port)
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        self._thread_name = f"proxy at {self.url}"
        self._closed = Event()
        self._connections = _Connections()
        self._accepting = Thread(target=self._accept, name=self._thread_name, daemon=True)
        self._accepting.start()

    def respond(self, request: Request, forward: Forward) -> Response | None:
        """Return the answer to a request; None cuts the client's connection instead."""
        return forward(request)

    def close(self) -> None:
        """Cut all connections and stop listening."""
        self._closed.set()
        self._connections.shut_down()
        with suppress(OSError), socket.create_connection(self._listener.getsockname()):
            pass  # wakes the thread that accepts
        self._accepting.join()

    def send(self, request: Request) -> Response:
        """Send a request to the upstream on a connection of its own, and return the answer.

        Raises:
            OSError: There is no answer.
        """
        with closing(_Upstream(self._upstream, self._connections)) as upstream:
            return upstream.send(request)

    def pause(self, seconds: float | None) -> None:
        """Wait so long, without a number for ever; closing the proxy cuts the connection."""
        if self._closed.wait(seconds):
            msg = "the proxy is closed"
            raise ConnectionAbortedError(msg)

    def _accept(self) -> None:
        serving: list[Thread] = []
        with self._listener:
            while not self._closed.is_set():
                client, _ = self._listener.accept()
                thread = Thread(
                    target=self._serve, args=(client,), name=self._thread_name, daemon=True
                )
                thread.start()
                serving = [*(other for other in serving if other.is_alive()), thread]
        for thread in serving:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with (
            suppress(OSError),  # the client is gone, or there is no answer: cut the connection
            self._connections.opened(client),
            client.makefile("rb") as stream,
            closing(_Upstream(self._upstream, self._connections)) as upstream,
        ):
            goes_on = True
            while goes_on:
                request = read_request(stream, say_continue=lambda: client.sendall(_CONTINUE))
                if request is None:
                    return
                response = self.respond(request.without("Expect"), upstream.send)
                if response is None:
                    return
                client.sendall(response.encoded(to=request.method))
                goes_on = response.cut_after is None and not (request.closes or response.closes)


class _Connections:
    """The open connections of a proxy, so that closing it ends whatever waits for one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self._shut_down = False

    @contextmanager
    def opened(self, connection: socket.socket) -> Generator[None]:
        """Keep track of a connection, and close it in the end."""
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self._shut_down:
                    msg = "the proxy is closed"
                    raise ConnectionAbortedError(msg)
                self._open.add(connection)
            try:
                yield
            finally:
                with self._lock:
                    self._open.discard(connection)

    def shut_down(self) -> None:
        """Cut all connections, now and from now on."""
        with self._lock:
            self._shut_down = True
            for connection in self._open:
                with suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)


class _Upstream:
    """A connection to the upstream, opened when it is needed, and anew when it has ended."""

    def __init__(self, address: tuple[str, int], connections: _Connections) -> None:
        self._address = address
        self._connections = connections
        self._resources = ExitStack()
        self._connection: tuple[socket.socket, BinaryIO] | None = None

    def send(self, request: Request) -> Response:
        """Send a request and return its answer; an `OSError` when there is none.

        An upstream that refuses the connection counts as one that answers 502.
        """
        try:
            connection, stream = self._connected()
        except ConnectionRefusedError:
            return Response.make(502, b"the proxy cannot reach its upstream")
        try:
            connection.sendall(request.encoded())
            response = read_response(stream, method=request.method)
        except BaseException:
            self.close()
            raise
        if response.closes:
            self.close()
        return response

    def close(self) -> None:
        """End the connection, if there is one."""
        self._connection = None
        self._resources.close()

    def _connected(self) -> tuple[socket.socket, BinaryIO]:
        if self._connection is not None and _has_ended(self._connection[0]):
            self.close()
        if self._connection is None:
            connection = socket.create_connection(self._address)
            self._resources.enter_context(self._connections.opened(connection))
            stream = self._resources.enter_context(connection.makefile("rb"))
            self._connection = (connection, stream)
        return self._connection


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection on which nothing is under way."""
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(None)


def _address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None or parts.path not in {"", "/"}:
        msg = "the upstream of a proxy is named by a URL such as http://127.0.0.1:8333"
        raise ValueError(msg)
    return parts.hostname, parts.port or 80
