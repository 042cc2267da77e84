"""An endpoint that cannot be reached, or not safely: nothing was sent, and the error says so."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    BucketCheckpointer,
    Checkpoint,
    RetryPolicy,
    StoreConfigurationError,
    StoreRequest,
    StoreUnavailableError,
)
from tests.emulators.clouds import Cloud
from tests.emulators.proxied import ProxiedBucket
from tests.loopback import own_certificate, server

ATTEMPTS = 3

CALLS: dict[str, Callable[[BucketCheckpointer], Any]] = {
    "load": lambda checkpointer: checkpointer.load_checkpoint("run-42"),
    "save": lambda checkpointer: checkpointer.save_checkpoint(Checkpoint(execution_id="run-42")),
    "delete": lambda checkpointer: checkpointer.delete_checkpoint("run-42"),
    "claim": lambda checkpointer: checkpointer.claim("run-42", owner="worker-1").acquire(),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def told(error: BaseException) -> str:
    """Return what the error and its cause say."""
    return f"{error}\n{error.__cause__}"


@every_call
def test_an_endpoint_where_nobody_listens(
    cloud: Cloud, call: Callable[[BucketCheckpointer], Any]
) -> None:
    requests: list[StoreRequest] = []
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with (
            cloud.checkpointer(
                "my-bucket",
                f"http://127.0.0.1:{bound.getsockname()[1]}",
                retry=RetryPolicy(attempts=ATTEMPTS, outage_s=0.01),
                observer=requests.append,
            ) as checkpointer,
            pytest.raises(StoreUnavailableError, match="call again") as caught,
        ):
            call(checkpointer)
    assert type(caught.value) is StoreUnavailableError
    assert "nothing was sent: check the endpoint, name resolution, proxies" in told(caught.value)
    assert len(requests) == ATTEMPTS


def test_an_endpoint_that_goes_away_before_a_write(cloud: Cloud) -> None:
    """Nothing was sent, so that the outcome of the write is known."""
    with ProxiedBucket.new(cloud) as bucket:
        checkpointer = bucket.checkpointer(retry=RetryPolicy(attempts=ATTEMPTS, outage_s=0.01))
        seen = bucket.started(checkpointer)
        bucket.proxy.close()
        with pytest.raises(StoreUnavailableError, match="nothing was applied") as caught:
            checkpointer.save_checkpoint(seen)
        assert type(caught.value) is StoreUnavailableError
        assert bucket.revision(seen.execution_id) == 1


@every_call
def test_an_endpoint_without_tls(cloud: Cloud, call: Callable[[BucketCheckpointer], Any]) -> None:
    with server(speak_plainly) as address:
        check_insecure(cloud, address, call)


@every_call
def test_a_certificate_that_nobody_vouches_for(
    cloud: Cloud, call: Callable[[BucketCheckpointer], Any], tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(tmp_path))

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True):
            pass

    with server(shake_hands) as address:
        check_insecure(cloud, address, call)


def speak_plainly(connection: socket.socket) -> None:
    """Answer as a web server does that expects no TLS."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def check_insecure(cloud: Cloud, address: str, call: Callable[[BucketCheckpointer], Any]) -> None:
    """The call is not repeated, and says where to look."""
    requests: list[StoreRequest] = []
    with (
        cloud.checkpointer(
            "my-bucket", f"https://{address}", observer=requests.append
        ) as checkpointer,
        pytest.raises(StoreConfigurationError) as caught,
    ):
        call(checkpointer)
    assert type(caught.value) is StoreConfigurationError
    assert "nothing was sent. Check its scheme, its host name and its certificate" in str(
        caught.value
    )
    assert len(requests) == 1
