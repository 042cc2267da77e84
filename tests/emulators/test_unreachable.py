"""An endpoint that cannot be reached, or not safely: nothing was sent, and the error says so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bucketpoint import (
    RetryPolicy,
    StoreConfigurationError,
    StoreRequest,
    StoreUnavailableError,
)
from tests.emulators.calls import Call, every_call
from tests.emulators.clouds import Cloud
from tests.emulators.proxied import ProxiedBucket
from tests.loopback import offering, own_certificate, server, speak_plainly

ATTEMPTS = 3


def told(error: BaseException) -> str:
    """Return what the error and its cause say."""
    return f"{error}\n{error.__cause__}"


@every_call
def test_an_endpoint_where_nobody_listens(cloud: Cloud, call: Call) -> None:
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
def test_an_endpoint_without_tls(cloud: Cloud, call: Call) -> None:
    with server(speak_plainly) as address:
        check_insecure(cloud, address, call)


@every_call
def test_a_certificate_that_nobody_vouches_for(cloud: Cloud, call: Call, tmp_path: Path) -> None:
    with server(offering(own_certificate(tmp_path))) as address:
        check_insecure(cloud, address, call)


def check_insecure(cloud: Cloud, address: str, call: Call) -> None:
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
