"""Each fault of the proxy, the rules that choose it, and the log that counts requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any

import pytest

from bucketpoint.testing import FaultProxy
from bucketpoint.testing.proxy import (
    Duplicate,
    Exchange,
    HangAfter,
    HangBefore,
    Late,
    LostAnswer,
    LostRequest,
    Request,
    Response,
    StatusAfter,
    StatusBefore,
    StrippedHeaders,
    Truncated,
    WireFault,
    gcs_error,
    s3_error,
)
from tests.emulators.upstream import ANSWER_WITHIN_S, Upstream, connected, running_upstream

A_MOMENT_S = 0.05


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    with FaultProxy(upstream.url) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[HTTPConnection]:
    with connected(proxy.url) as client:
        yield client


def send(
    client: HTTPConnection,
    method: str = "PUT",
    target: str = "/bucket/key",
    body: bytes = b"body",
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    """Make a request and return the status and the body of its answer."""
    client.request(method, target, body, headers or {})
    response = client.getresponse()
    return response.status, response.read()


def cut_off(client: HTTPConnection, **request: Any) -> None:
    """Make a request whose connection is to be cut before an answer."""
    with pytest.raises(RemoteDisconnected):
        send(client, **request)


def abandon(proxy: FaultProxy, fault: WireFault) -> None:
    """Make a request to which the fault happens, and leave before an answer."""
    arrived = threading.Event()

    def arrive(_: Request) -> bool:
        arrived.set()
        return True

    proxy.add(fault, when=arrive)
    with connected(proxy.url) as client:
        client.request("PUT", "/bucket/key", b"body")
        assert arrived.wait(ANSWER_WITHIN_S)


def seen(proxy: FaultProxy) -> list[tuple[int, int | None, int | None]]:
    """Return how often each request was forwarded, the upstream's status, and the client's."""
    return [(one.forwarded, one.upstream_status, one.status) for one in proxy.log]


# --- the faults -----------------------------------------------------------------------------------


def test_without_a_rule_the_proxy_only_counts(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    assert send(client) == (200, b"answer 1")
    assert send(client, "GET", body=b"") == (200, b"answer 2")
    assert [request.method for request in upstream.received] == ["PUT", "GET"]
    assert seen(proxy) == [(1, 200, 200), (1, 200, 200)]


def test_a_lost_request_never_reaches_the_upstream(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(LostRequest())
    cut_off(client)
    assert upstream.received == []
    assert seen(proxy) == [(0, None, None)]


def test_a_lost_answer_is_that_of_a_request_that_was_carried_out(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(LostAnswer())
    cut_off(client)
    assert len(upstream.received) == 1
    assert seen(proxy) == [(1, 200, None)]


def test_a_status_before_is_answered_in_place_of_the_upstream(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(StatusBefore(503, s3_error("SlowDown"), headers={"Retry-After": "1"}))
    client.request("PUT", "/bucket/key", b"body")
    response = client.getresponse()
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert b"<Code>SlowDown</Code>" in response.read()
    assert upstream.received == []
    assert seen(proxy) == [(0, None, 503)]


def test_a_status_after_hides_that_the_request_was_carried_out(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(StatusAfter(500, gcs_error(500, "backendError")))
    status, body = send(client)
    assert status == 500
    assert b"backendError" in body
    assert len(upstream.received) == 1
    assert seen(proxy) == [(1, 200, 500)]


def test_a_hanging_request_reaches_the_upstream_although_its_client_is_gone(
    proxy: FaultProxy, upstream: Upstream
) -> None:
    abandon(proxy, HangBefore(A_MOMENT_S))
    assert upstream.arrivals.get(timeout=ANSWER_WITHIN_S).body == b"body"


def test_a_request_that_hangs_for_ever_is_dropped_when_the_proxy_closes(
    upstream: Upstream,
) -> None:
    with FaultProxy(upstream.url) as proxy:
        abandon(proxy, HangBefore())
    assert upstream.received == []
    assert seen(proxy) == [(0, None, None)]


def test_an_answer_that_hangs_for_ever_is_that_of_a_request_that_was_carried_out(
    upstream: Upstream,
) -> None:
    with FaultProxy(upstream.url) as proxy:
        abandon(proxy, HangAfter())
        assert upstream.arrivals.get(timeout=ANSWER_WITHIN_S).body == b"body"
    assert [(logged.forwarded, logged.status) for logged in proxy.log] == [(1, None)]


def test_a_client_of_a_hanging_exchange_times_out(proxy: FaultProxy) -> None:
    proxy.add(HangAfter())
    with connected(proxy.url, timeout=A_MOMENT_S) as client, pytest.raises(TimeoutError):
        send(client)


def test_an_answer_that_hangs_for_some_time_arrives(
    proxy: FaultProxy, client: HTTPConnection
) -> None:
    proxy.add(HangAfter(A_MOMENT_S))
    assert send(client) == (200, b"answer 1")


@pytest.mark.parametrize(("keep", "kept"), [(None, b"answ"), (1, b"a"), (0, b"")])
def test_a_truncated_answer_ends_within_its_body(
    proxy: FaultProxy, client: HTTPConnection, keep: int | None, kept: bytes
) -> None:
    proxy.add(Truncated(keep))
    with pytest.raises(IncompleteRead) as caught:
        send(client)
    assert caught.value.partial == kept


def test_a_late_request_reaches_the_upstream_when_it_is_released(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(Late(), times=1)
    cut_off(client, body=b"late")
    assert send(client, body=b"in time") == (200, b"answer 1")
    assert (proxy.held, seen(proxy)[0]) == (1, (0, None, None))
    assert proxy.release() == [200]
    assert [request.body for request in upstream.received] == [b"in time", b"late"]
    assert (proxy.held, seen(proxy)[0]) == (0, (1, 200, None))
    assert proxy.release() == []


def test_a_late_request_is_never_sent_unless_it_is_released(upstream: Upstream) -> None:
    with FaultProxy(upstream.url) as proxy, connected(proxy.url) as client:
        proxy.add(Late())
        cut_off(client)
    assert upstream.received == []


def test_the_release_of_a_request_tells_when_the_upstream_does_not_answer(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    upstream.answer = lambda _: b""
    upstream.keeps_connections = False
    proxy.add(Late())
    cut_off(client)
    assert proxy.release() == [None]


def test_a_duplicate_arrives_twice_and_the_second_answer_is_the_one_that_is_told(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(Duplicate())
    assert send(client) == (200, b"answer 2")
    assert [request.body for request in upstream.received] == [b"body", b"body"]
    assert seen(proxy) == [(2, 200, 200)]


def test_stripped_headers_do_not_reach_the_upstream(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    proxy.add(StrippedHeaders("If-Match", "If-None-Match"))
    send(client, headers={"if-match": '"a"', "If-None-Match": "*", "X-Kept": "yes"})
    headers = upstream.received[0].headers
    assert (headers["If-Match"], headers["If-None-Match"], headers["X-Kept"]) == (None, None, "yes")
    assert proxy.log[0].request.header("If-Match") == '"a"'


def test_a_fault_of_ones_own_does_what_it_likes(
    proxy: FaultProxy, client: HTTPConnection, upstream: Upstream
) -> None:
    class Upgraded(WireFault):
        def apply(self, exchange: Exchange) -> Response:
            return Response.make(exchange.forward().status + 1, exchange.request.body.upper())

    proxy.add(Upgraded())
    assert send(client) == (201, b"BODY")
    assert len(upstream.received) == 1


# --- the rules ------------------------------------------------------------------------------------


def has_a_body(request: Request) -> bool:
    return request.body == b"body"


def is_about_another(request: Request) -> bool:
    return request.query["name"] == "other"


MATCHING: dict[str, dict[str, Any]] = {
    "the method": {"method": "PUT"},
    "a part of the path": {"path": r"executions/run-\d+"},
    "a part of the query": {"path": r"ifGenerationMatch=0$"},
    "a header in another case": {"header": "if-match"},
    "a function": {"when": has_a_body},
    "all of them": {"method": "PUT", "path": "executions", "header": "If-Match"},
}

NOT_MATCHING: dict[str, dict[str, Any]] = {
    "another method": {"method": "GET"},
    "another path": {"path": r"^/executions"},
    "another header": {"header": "If-None-Match"},
    "a function that says no": {"when": is_about_another},
    "one of several": {"method": "PUT", "path": "executions", "header": "If-None-Match"},
}


@pytest.mark.parametrize("chosen", MATCHING.values(), ids=MATCHING)
def test_a_fault_happens_to_the_requests_that_a_rule_is_for(
    proxy: FaultProxy, client: HTTPConnection, chosen: dict[str, Any]
) -> None:
    rule = proxy.add(StatusBefore(500), **chosen)
    assert to_an_execution(client) == 500
    assert (rule.matched, rule.applied) == (1, 1)


@pytest.mark.parametrize("chosen", NOT_MATCHING.values(), ids=NOT_MATCHING)
def test_a_fault_does_not_happen_to_other_requests(
    proxy: FaultProxy, client: HTTPConnection, chosen: dict[str, Any]
) -> None:
    rule = proxy.add(StatusBefore(500), **chosen)
    assert to_an_execution(client) == 200
    assert (rule.matched, rule.applied) == (0, 0)


def to_an_execution(client: HTTPConnection) -> int:
    target = "/bucket/executions/run-42.json?name=a%2Fb&ifGenerationMatch=0"
    return send(client, "PUT", target, headers={"If-Match": '"a"'})[0]


def test_a_fault_happens_so_many_times_after_so_many_requests(
    proxy: FaultProxy, client: HTTPConnection
) -> None:
    rule = proxy.add(StatusBefore(500), method="PUT", skip=1, times=2)
    statuses = [send(client, method)[0] for method in ("PUT", "GET", "PUT", "PUT", "PUT")]
    assert statuses == [200, 200, 500, 500, 200]
    assert rule.applied == 2


def test_the_first_rule_that_fires_decides(proxy: FaultProxy, client: HTTPConnection) -> None:
    proxy.add(StatusBefore(500), times=1)
    second = proxy.add(StatusBefore(503))
    assert [send(client)[0] for _ in range(3)] == [500, 503, 503]
    assert second.matched == 2


def test_chance_chooses_the_same_requests_for_the_same_seed(
    proxy: FaultProxy, client: HTTPConnection
) -> None:
    def chosen(seed: int) -> list[int]:
        proxy.clear()
        proxy.add(StatusBefore(500), probability=0.5, seed=seed)
        return [send(client)[0] for _ in range(40)]

    once = chosen(seed=1)
    assert {200, 500} == set(once)
    assert chosen(seed=1) == once
    assert chosen(seed=2) != once


def test_a_rule_that_was_removed_does_nothing_more(
    proxy: FaultProxy, client: HTTPConnection
) -> None:
    rule = proxy.add(StatusBefore(500))
    proxy.add(StatusBefore(503))
    proxy.remove(rule)
    assert send(client)[0] == 503
    proxy.remove(rule)
    proxy.clear()
    assert send(client)[0] == 200


def test_a_rule_may_look_at_the_log(proxy: FaultProxy, client: HTTPConnection) -> None:
    proxy.add(StatusBefore(500), when=lambda _: proxy.count("PUT") == 1)
    assert [send(client)[0] for _ in range(3)] == [200, 500, 200]


# --- the log --------------------------------------------------------------------------------------


def test_the_log_tells_requests_apart(proxy: FaultProxy, client: HTTPConnection) -> None:
    fault = StatusBefore(404)
    proxy.add(fault, method="GET")
    send(
        client,
        "PUT",
        "/bucket/a%2Fb?x=1&y=%20",
        b"12345",
        {"X-Odd": "é".encode().decode("latin-1")},
    )
    send(client, "GET", "/bucket/c", b"")
    put, get = proxy.log
    assert (put.number, put.request.method, put.request.path) == (1, "PUT", "/bucket/a%2Fb")
    assert put.request.query == {"x": "1", "y": " "}
    assert put.request.header("x-odd") == "Ã©"
    assert (put.size, put.fault, put.request.body) == (5, None, b"")
    assert (get.number, get.fault, get.status) == (2, fault, 404)
    assert (proxy.count(), proxy.count("PUT"), proxy.count(path="/a%2F")) == (2, 1, 1)
    assert (proxy.count(status=404), proxy.count("PUT", status=404)) == (1, 0)


def test_a_log_that_was_cleared_counts_anew(proxy: FaultProxy, client: HTTPConnection) -> None:
    send(client)
    proxy.clear_log()
    assert proxy.count() == 0
    send(client)
    assert [logged.number for logged in proxy.log] == [2]


def test_a_late_request_that_was_forgotten_is_still_sent(
    proxy: FaultProxy, client: HTTPConnection
) -> None:
    proxy.add(Late())
    cut_off(client)
    proxy.clear_log()
    assert proxy.release() == [200]
    assert proxy.count() == 0


def test_the_log_misses_nothing_when_many_clients_send_at_once(
    proxy: FaultProxy, upstream: Upstream
) -> None:
    clients, requests = 8, 20
    rule = proxy.add(LostAnswer(), probability=0.25)

    def send_some(number: int) -> int:
        lost = 0
        with connected(proxy.url) as client:
            for _ in range(requests):
                try:
                    send(client, target=f"/{number}")
                except RemoteDisconnected:
                    lost += 1
                    client.close()
        return lost

    with ThreadPoolExecutor(clients) as pool:
        lost = list(pool.map(send_some, range(clients)))
    assert sum(lost) == rule.applied == proxy.count() - proxy.count(status=200)
    assert [logged.number for logged in proxy.log] == list(range(1, clients * requests + 1))
    assert [proxy.count(path=f"^/{number}$") for number in range(clients)] == [requests] * clients
    assert len(upstream.received) == clients * requests


def test_no_thread_outlives_the_proxy(upstream: Upstream) -> None:
    with FaultProxy(upstream.url) as proxy, connected(proxy.url) as client:
        assert send(client)[0] == 200
        assert threads_of(proxy) == 2  # one accepts, one serves
    assert threads_of(proxy) == 0


def threads_of(proxy: FaultProxy) -> int:
    return sum(proxy.url in thread.name for thread in threading.enumerate())
