"""A proxy through which real SDKs meet the faults of a real network."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import RLock

from bucketpoint.testing.proxy.faults import WireFault
from bucketpoint.testing.proxy.forwarding import Forward, ForwardingProxy
from bucketpoint.testing.proxy.messages import Request, Response
from bucketpoint.testing.proxy.rules import Rule

__all__ = ["FaultProxy", "LoggedExchange"]


@dataclass(frozen=True, slots=True)
class LoggedExchange:
    """One request, what was done to it, and what its client was told.

    Attributes:
        number: Counts the requests from 1, in the order in which they arrived.
        request: The request, without its body.
        size: How many bytes the body had.
        fault: What happened to it.
        forwarded: How often it was sent to the upstream.
        upstream_status: What the upstream answered last; None if it did not.
        status: What the client was answered; None if it was not.
    """

    number: int
    request: Request
    size: int
    fault: WireFault | None
    forwarded: int = 0
    upstream_status: int | None = None
    status: int | None = None


class FaultProxy(ForwardingProxy):
    """Passes HTTP requests on to a server, except where a rule says what goes wrong.

    Without rules it only counts. Requests and answers pass through memory, whole.

    Args:
        upstream_url: The server, such as `http://127.0.0.1:8333`. Where that names itself in its
            answers (a `Location`, Google's `mediaLink`), clients go past the proxy.
        port: Where to listen; any free port unless one is given.

    Attributes:
        url: The endpoint for the SDK.

    Example:
        >>> from http.client import HTTPConnection
        >>> from urllib.parse import urlsplit
        >>> from bucketpoint.testing.proxy import StatusBefore
        >>> with FaultProxy("http://127.0.0.1:8333") as proxy:
        ...     rule = proxy.add(StatusBefore(503), method="PUT", times=1)
        ...     client = HTTPConnection(urlsplit(proxy.url).netloc)
        ...     client.request("PUT", "/runs/run-42.json", b"{}")
        ...     client.getresponse().status
        ...     client.close()
        503
        >>> rule.applied, proxy.count("PUT"), proxy.log[0].forwarded
        (1, 1, 0)
    """

    def __init__(self, upstream_url: str, *, port: int = 0) -> None:
        self._state = RLock()  # a rule may read the log
        self._rules: list[Rule] = []
        self._arrived = 0
        self._log: dict[int, LoggedExchange] = {}
        self._held: list[_Exchange] = []
        super().__init__(upstream_url, port=port)

    def add(
        self,
        fault: WireFault,
        *,
        method: str | None = None,
        path: str | None = None,
        header: str | None = None,
        when: Callable[[Request], bool] | None = None,
        skip: int = 0,
        times: int | None = None,
        probability: float = 1.0,
        seed: int = 0,
    ) -> Rule:
        """Let a fault happen to the requests for which all that is given holds.

        The rules are asked in the order in which they were added; the first that fires decides.

        Args:
            fault: What happens to them.
            method: Only to requests with this method.
            path: Only where this regular expression is found in path and query, as they were
                sent (percent-encoded).
            header: Only to requests with a header of this name.
            when: Only where this function says so. It is called for one request at a time.
            skip: Not to the first so many of them.
            times: To so many of them at most.
            probability: To each of them by this chance, between 0 and 1.
            seed: Decides which ones, in the order in which they arrive.

        Returns:
            The rule, which counts; `remove` takes it.
        """
        rule = Rule(
            fault=fault,
            method=method,
            path=None if path is None else re.compile(path),
            header=header,
            when=when,
            skip=skip,
            times=times,
            probability=probability,
            chance=random.Random(seed),  # noqa: S311 - to be repeatable, not to be secret
        )
        with self._state:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Let the fault happen no more."""
        with self._state, suppress(ValueError):
            self._rules.remove(rule)

    def clear(self) -> None:
        """Remove all rules."""
        with self._state:
            self._rules.clear()

    @property
    def log(self) -> tuple[LoggedExchange, ...]:
        """The requests that have arrived, in that order, each as far as it has come."""
        with self._state:
            return tuple(self._log.values())

    def clear_log(self) -> None:
        """Forget the requests that have arrived."""
        with self._state:
            self._log.clear()

    def count(
        self, method: str | None = None, *, path: str | None = None, status: int | None = None
    ) -> int:
        """Return how many requests have arrived.

        Args:
            method: Only those with this method.
            path: Only those with this regular expression in path and query.
            status: Only those whose client was answered with this status.
        """
        return sum(
            (method is None or logged.request.method == method)
            and (path is None or re.search(path, logged.request.target) is not None)
            and (status is None or logged.status == status)
            for logged in self.log
        )

    @property
    def held(self) -> int:
        """How many late requests have not reached the upstream yet."""
        with self._state:
            return len(self._held)

    def release(self) -> list[int | None]:
        """Let the late requests reach the upstream now, in the order in which they arrived.

        Returns:
            What the upstream answers to each, which nobody else learns; None if it does not.
        """
        with self._state:
            held, self._held = self._held, []
        return [self._release(exchange) for exchange in held]

    def respond(self, request: Request, forward: Forward) -> Response | None:
        """See `ForwardingProxy.respond`."""
        return self._arrive(request, forward).carry_out()

    def _arrive(self, request: Request, forward: Forward) -> _Exchange:
        with self._state:
            self._arrived += 1
            exchange = _Exchange(
                number=self._arrived,
                request=request,
                fault=next((rule.fault for rule in self._rules if rule.fires(request)), None),
                send=forward,
                note=self._note,
                keep=self._keep,
                pause=self.pause,
            )
            self._log[exchange.number] = exchange.logged()
        return exchange

    def _keep(self, exchange: _Exchange) -> None:
        exchange.send = self.send  # the connection it came on is cut
        with self._state:
            self._held.append(exchange)

    def _release(self, exchange: _Exchange) -> int | None:
        with suppress(OSError):
            exchange.forward()
        return exchange.upstream_status

    def _note(self, exchange: _Exchange) -> None:
        with self._state:
            if exchange.number in self._log:  # else it was forgotten meanwhile
                self._log[exchange.number] = exchange.logged()


@dataclass(slots=True, kw_only=True)
class _Exchange:
    """An exchange under way, as its fault sees it; see `faults.Exchange`."""

    number: int
    request: Request
    fault: WireFault | None
    send: Forward
    note: Callable[[_Exchange], None]
    keep: Callable[[_Exchange], None]
    pause: Callable[[float | None], None]
    forwarded: int = 0
    upstream_status: int | None = None
    status: int | None = None

    def carry_out(self) -> Response | None:
        response = self.forward() if self.fault is None else self.fault.apply(self)
        self.status = None if response is None else response.status
        self.note(self)
        return response

    def forward(self, request: Request | None = None) -> Response:
        self.forwarded += 1
        try:
            response = self.send(request or self.request)
            self.upstream_status = response.status
        finally:
            self.note(self)
        return response

    def hold(self) -> None:
        self.keep(self)

    def wait(self, seconds: float | None) -> None:
        self.pause(seconds)

    def logged(self) -> LoggedExchange:
        return LoggedExchange(
            number=self.number,
            request=replace(self.request, body=b""),
            size=len(self.request.body),
            fault=self.fault,
            forwarded=self.forwarded,
            upstream_status=self.upstream_status,
            status=self.status,
        )
