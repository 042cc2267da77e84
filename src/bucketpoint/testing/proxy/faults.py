"""What a network, or a store, does to one HTTP exchange on a bad day."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from bucketpoint.testing.proxy.messages import Request, Response

__all__ = [
    "Duplicate",
    "Exchange",
    "HangAfter",
    "HangBefore",
    "Late",
    "LostAnswer",
    "LostRequest",
    "StatusAfter",
    "StatusBefore",
    "StrippedHeaders",
    "Truncated",
    "WireFault",
]


class Exchange(Protocol):
    """One request on its way through the proxy, as a fault sees it."""

    @property
    def request(self) -> Request:
        """What the client sent."""
        ...

    def forward(self, request: Request | None = None) -> Response:
        """Send the request (or another in its place) to the upstream and return the answer."""
        ...

    def hold(self) -> None:
        """Keep the request until `FaultProxy.release`."""
        ...

    def wait(self, seconds: float | None) -> None:
        """Wait that long; without a number until the proxy closes, which cuts the connection."""
        ...


class WireFault(ABC):
    """What happens to an exchange; subclass it for a fault that is not among those here."""

    @abstractmethod
    def apply(self, exchange: Exchange) -> Response | None:
        """Return what the client is answered; None cuts its connection without an answer."""


@dataclass(frozen=True, slots=True)
class LostRequest(WireFault):
    """The connection is cut, and the request never reaches the upstream."""

    def apply(self, exchange: Exchange) -> Response | None:  # noqa: ARG002 - it goes no further
        """See `WireFault.apply`."""
        return None


@dataclass(frozen=True, slots=True)
class LostAnswer(WireFault):
    """The upstream carries the request out, and the connection is cut before the answer."""

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        exchange.forward()
        return None


@dataclass(frozen=True, slots=True)
class StatusBefore(WireFault):
    """The request is answered with this status, and never reaches the upstream.

    Attributes:
        status: The status code.
        body: What the answer says, such as `s3_error("SlowDown")`.
        headers: More headers, such as `{"Retry-After": "1"}`.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def apply(self, exchange: Exchange) -> Response | None:  # noqa: ARG002 - it goes no further
        """See `WireFault.apply`."""
        response = Response.make(self.status, self.body)
        return replace(response, headers=(*response.headers, *self.headers.items()))


@dataclass(frozen=True, slots=True)
class StatusAfter(StatusBefore):
    """The upstream carries the request out, and the client is answered with this status."""

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        exchange.forward()
        return StatusBefore.apply(self, exchange)


@dataclass(frozen=True, slots=True)
class HangBefore(WireFault):
    """Nothing happens for so long; then the request goes on, whether the client waits or not.

    Attributes:
        seconds: How long; without a number until the proxy closes, which drops the request.
    """

    seconds: float | None = None

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        exchange.wait(self.seconds)
        return exchange.forward()


@dataclass(frozen=True, slots=True)
class HangAfter(WireFault):
    """The upstream carries the request out, and its answer takes so long.

    Attributes:
        seconds: How long; without a number until the proxy closes, which drops the answer.
    """

    seconds: float | None = None

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        response = exchange.forward()
        exchange.wait(self.seconds)
        return response


@dataclass(frozen=True, slots=True)
class Truncated(WireFault):
    """The connection is cut within the body of the answer.

    Attributes:
        keep: How many bytes of the body arrive; without a number half of them.
    """

    keep: int | None = None

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        response = exchange.forward()
        keep = len(response.body) // 2 if self.keep is None else self.keep
        return replace(response, cut_after=keep)


@dataclass(frozen=True, slots=True)
class Late(WireFault):
    """The connection is cut; the request reaches the upstream at `FaultProxy.release`, or never."""

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        exchange.hold()
        return None


@dataclass(frozen=True, slots=True)
class Duplicate(WireFault):
    """The request reaches the upstream twice, and the second answer is the one that arrives."""

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        exchange.forward()
        return exchange.forward()


class StrippedHeaders(WireFault):
    """The request reaches the upstream without some headers, as if that ignored them.

    Args:
        names: Such as `"If-Match", "If-None-Match"`.
    """

    def __init__(self, *names: str) -> None:
        self._names = names

    def apply(self, exchange: Exchange) -> Response | None:
        """See `WireFault.apply`."""
        return exchange.forward(exchange.request.without(*self._names))
