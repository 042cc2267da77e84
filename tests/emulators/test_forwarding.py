"""The proxies speak HTTP/1.1 as the SDKs and the stores speak it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from bucketpoint.testing.proxy.forwarding import ForwardingProxy
from bucketpoint.testing.proxy.sockets import HOST
from tests.emulators.upstream import (
    ANSWER_WITHIN_S,
    Upstream,
    answer_of,
    connected,
    running_upstream,
)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[ForwardingProxy]:
    with ForwardingProxy(upstream.url) as proxy:
        yield proxy


@pytest.fixture
def wire(proxy: ForwardingProxy) -> Iterator[socket.socket]:
    """A connection to the proxy, byte by byte."""
    address = urlsplit(proxy.url)
    with socket.create_connection((address.hostname, address.port), ANSWER_WITHIN_S) as wire:
        yield wire


def get(proxy: ForwardingProxy, method: str = "GET") -> tuple[int, bytes]:
    with connected(proxy.url) as client:
        client.request(method, "/")
        response = client.getresponse()
        return response.status, response.read()


def test_a_message_goes_through_unchanged(proxy: ForwardingProxy, upstream: Upstream) -> None:
    upstream.answer = lambda _: answer_of(b"\x00\xff", b'ETag: "a"', b"X-Two: 1", b"X-Two: 2")
    with connected(proxy.url) as client:
        client.putrequest("PUT", "/a%2Fb//c?q=%20&r", skip_accept_encoding=True)
        for name, value in (("X-Two", "a"), ("X-Two", "b"), ("Content-Length", "2")):
            client.putheader(name, value)
        client.endheaders(b"\xfe\x00")
        response = client.getresponse()
        assert response.read() == b"\x00\xff"
    received = upstream.received[0]
    assert (received.method, received.target, received.body) == (
        "PUT",
        "/a%2Fb//c?q=%20&r",
        b"\xfe\x00",
    )
    assert received.headers.get_all("X-Two") == ["a", "b"]
    assert received.headers["Host"] == urlsplit(proxy.url).netloc
    assert response.headers.get_all("X-Two") == ["1", "2"]
    assert response.headers["ETag"] == '"a"'


def test_connections_are_kept_on_both_sides(proxy: ForwardingProxy, upstream: Upstream) -> None:
    with connected(proxy.url) as client:
        for _ in range(3):
            client.request("GET", "/")
            client.getresponse().read()
    assert len({request.client for request in upstream.received}) == 1


def test_an_upstream_that_closed_an_idle_connection_is_connected_to_again(
    proxy: ForwardingProxy, upstream: Upstream
) -> None:
    upstream.keeps_connections = False
    with connected(proxy.url) as client:
        for _ in range(3):
            client.request("GET", "/")
            assert client.getresponse().read().startswith(b"answer")
            upstream.goodbyes.get(timeout=ANSWER_WITHIN_S)
    assert len(upstream.received) == 3


def test_an_upstream_that_reset_an_idle_connection_is_connected_to_again() -> None:
    at_once = struct.pack("ii", 1, 0)
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with ForwardingProxy(f"http://{HOST}:{port}") as proxy, connected(proxy.url) as client:
            for _ in range(2):
                client.request("GET", "/")
                upstream, _address = listener.accept()
                with upstream:
                    upstream.recv(1_000)
                    upstream.sendall(answer_of(b"1"))
                    assert client.getresponse().read() == b"1"
                    upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)


def test_a_client_that_waits_for_it_is_told_to_continue(
    wire: socket.socket, upstream: Upstream
) -> None:
    wire.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(b"body")
    assert wire.recv(100).startswith(b"HTTP/1.1 200")
    assert (upstream.received[0].body, upstream.received[0].headers["Expect"]) == (b"body", None)


def test_a_chunked_request_stays_chunked(wire: socket.socket, upstream: Upstream) -> None:
    head = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire.sendall(head + b"3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n")
    assert wire.recv(100).startswith(b"HTTP/1.1 200")
    assert upstream.received[0].body == b"abcde"


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x02 \x01\xfc", b"\x16\x03 a b", b"GET /"])
def test_what_is_no_http_is_cut_off(wire: socket.socket, upstream: Upstream, hello: bytes) -> None:
    wire.sendall(hello + b"\r\n\r\n")
    assert wire.recv(100) == b""
    assert upstream.received == []


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

ANSWERS = {
    "chunked": (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", (200, b"abcde")),
    "chunked and empty": (CHUNKED + b"0\r\n\r\n", (200, b"")),
    "without a reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n1", (200, b"1")),
    "after an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + answer_of(b"1"), (200, b"1")),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", (304, b"")),
}


@pytest.mark.parametrize(("answer", "told"), ANSWERS.values(), ids=ANSWERS)
def test_every_kind_of_answer_arrives(
    proxy: ForwardingProxy, upstream: Upstream, answer: bytes, told: tuple[int, bytes]
) -> None:
    upstream.answer = lambda _: answer
    with connected(proxy.url) as client:
        for _ in range(2):  # the connection stays usable
            client.request("GET", "/")
            response = client.getresponse()
            assert (response.status, response.read()) == told


def test_an_answer_that_ends_with_its_connection_arrives(
    proxy: ForwardingProxy, upstream: Upstream
) -> None:
    upstream.keeps_connections = False
    upstream.answer = lambda _: b"HTTP/1.1 200 OK\r\n\r\nto the end"
    assert get(proxy) == (200, b"to the end")


def test_the_answer_to_a_head_request_has_no_body(
    proxy: ForwardingProxy, upstream: Upstream
) -> None:
    upstream.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    with connected(proxy.url) as client:
        for _ in range(2):
            client.request("HEAD", "/")
            response = client.getresponse()
            assert (response.headers["Content-Length"], response.read()) == ("5", b"")


def test_a_client_that_asks_for_it_is_disconnected(wire: socket.socket) -> None:
    wire.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    with closing(wire.makefile("rb")) as stream:
        assert stream.read().endswith(b"answer 1")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"])
def test_a_client_is_cut_off_when_the_upstream_ends_within_its_answer(
    proxy: ForwardingProxy, upstream: Upstream, answer: bytes
) -> None:
    upstream.keeps_connections = False
    upstream.answer = lambda _: answer
    with pytest.raises(ConnectionResetError):
        get(proxy)


def test_a_request_that_ends_within_its_body_is_not_forwarded(
    wire: socket.socket, upstream: Upstream
) -> None:
    wire.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
    wire.shutdown(socket.SHUT_WR)
    assert wire.recv(1) == b""
    assert upstream.received == []


def test_an_upstream_that_is_down_is_answered_for() -> None:
    with running_upstream() as upstream:
        pass
    with ForwardingProxy(upstream.url) as proxy:
        assert get(proxy) == (502, b"the proxy cannot reach its upstream")


def test_closing_the_proxy_ends_what_waits_for_the_upstream(upstream: Upstream) -> None:
    with ForwardingProxy(upstream.url) as proxy, connected(proxy.url) as client:
        upstream.answer = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12"
        client.request("GET", "/")
        upstream.arrivals.get(timeout=ANSWER_WITHIN_S)
    with pytest.raises(OSError, match="refused"):
        get(proxy)


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "127.0.0.1:1", "http://", "http://a/b"])
def test_an_upstream_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"such as http://127\.0\.0\.1:8333"):
        ForwardingProxy(url)
