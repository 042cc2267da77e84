"""Invocations of the examples' handlers, in processes that can be killed or held up.

A container imports a handler once, as its platform does, and invocations run in copies of it, like
the containers that AWS Lambda restores from one snapshot.

An invocation is killed or held up after a moment: a request to the store, to a service, or for a
wake-up, or the handler's answer. Whoever tries every moment has tried everything that a crash can leave behind.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, Protocol
from unittest import mock

import flask
import pytest
from google.auth.credentials import AnonymousCredentials

import bucketpoint
from examples.checkout import workflow

Event = Mapping[str, Any]


class Handler(Protocol):
    """Calls a handler as its platform does."""

    def __call__(self, event: Event, seconds: float) -> Any:
        """Return its answer to the event, for which it has so many seconds."""
        ...


FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:checkout:live"

_ENDS_WITHIN_S = 60

_context = multiprocessing.get_context("forkserver")  # forks of this process would lack its threads
_context.set_forkserver_preload([__name__, "boto3", "google.cloud.storage"])


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How an invocation is to go.

    A moment is given by its number, counted from 1, or its name: the service that was asked, or
    `answer 1`, `answer 2` …

    Attributes:
        seconds: How long the platform lets it run.
        service_takes_s: How long each service seems to take.
        kill_after: The moment after which it is killed.
        hold_after: The moment after which it is held up until it may go on.
    """

    seconds: float = 300
    service_takes_s: float = 0
    kill_after: int | str | None = None
    hold_after: int | str | None = None


NO_TERMS = Terms()


@dataclass
class Told:
    """What an invocation has told of itself.

    Attributes:
        requests: The idempotency keys of its requests to services, in order.
        answer: What the handler answered.
        error: The name of what it raised instead.
        killed: It was killed before it could do either.
    """

    requests: list[str] = field(default_factory=list[str])
    answer: Any = None
    error: str | None = None
    killed: bool = False


class Container:
    """A process that has imported a handler, and lets copies of itself run invocations of it.

    Args:
        load: Imports the handler, in the new process.
        environment: The environment variables that it has.
    """

    def __init__(self, load: "Callable[[Life], Handler]", environment: dict[str, str]) -> None:
        self._orders, theirs = _context.Pipe()
        self._process = _context.Process(target=_contain, args=(theirs, load, environment))
        self._process.start()
        theirs.close()

    def invoke(self, *events: Event, terms: Terms) -> "Invocation":
        """Begin an invocation, and with more events others after it in the same copy."""
        with Listener() as listener:
            self._orders.send((listener.address, events, terms))
            assert self._orders.recv() == "begun"  # EOFError: the handler could not be imported
            return Invocation(listener.accept())

    def close(self) -> None:
        """Let the process end."""
        self._orders.close()
        self._process.join()


class Invocation:
    """An invocation that has begun, seen from outside."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told = Told()

    def wait_until_held(self) -> None:
        """Wait until it is held up."""
        assert not self._listen(), "it has ended before the moment to hold it up"

    def go_on(self) -> Told:
        """Let it go on after it was held up, and wait for its end."""
        self._connection.send("go on")
        return self.end()

    def end(self) -> Told:
        """Wait for its end."""
        assert self._listen(), "it is held up"
        self._connection.close()
        return self._told

    def _listen(self) -> bool:
        """Take in what it tells until it has ended, or is held up; tell whether it has ended."""
        while self._connection.poll(_ENDS_WITHIN_S):
            try:
                word, value = self._connection.recv()
            except EOFError:
                self._told.killed = True
                return True
            match word:
                case "request":
                    self._told.requests.append(value)
                case "held":
                    return False
                case _:
                    setattr(self._told, word, value)
                    return True
        pytest.fail("the invocation neither ends nor is held up")


# --- in the other process -------------------------------------------------------------------------


def _contain(
    orders: Connection, load: "Callable[[Life], Handler]", environment: dict[str, str]
) -> None:
    os.environ.update(environment)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
    life = Life()
    life.follow_requests()
    handler = load(life)
    while True:
        try:
            address, events, terms = orders.recv()
        except EOFError:
            return
        if os.fork() == 0:
            with Client(address) as connection:
                life.run(handler, events, connection, terms)
            os._exit(0)
        orders.send("begun")


class Life:
    """An invocation, seen from inside."""

    _connection: Connection
    _terms: Terms

    def monotonic(self) -> float:
        """Return the time that the handler sees."""
        return time.monotonic() + self._passed_s

    def follow_requests(self) -> None:
        """Make a moment of each request to a store or service from now on."""

        def request(service: str, key: str, **details: Any) -> workflow.Output:
            output = original_request(service, key, **details)
            self._connection.send(("request", key))
            self._passed_s += self._terms.service_takes_s
            self.pass_moment(service)
            return output

        original_request = workflow.request
        mock.patch.object(workflow, "request", request).start()
        mock.patch.object(workflow, "time", self).start()
        observed = partial(bucketpoint.open, observer=lambda _: self.pass_moment())
        mock.patch.object(bucketpoint, "open", observed).start()

    def run(
        self,
        handler: Handler,
        events: Sequence[Event],
        connection: Connection,
        terms: Terms,
    ) -> None:
        """Call the handler for each event, and tell what came of the last one."""
        self._connection = connection
        self._terms = terms
        self._moment = 0
        self._passed_s = 0.0
        answer = None
        with redirect_stdout(StringIO()):
            try:
                for number, event in enumerate(events, start=1):
                    answer = handler(event, terms.seconds)
                    self.pass_moment(f"answer {number}")
                connection.send(("answer", answer))
            except Exception as error:  # noqa: BLE001 - the platform notes any failure
                connection.send(("error", type(error).__name__))

    def pass_moment(self, name: str | None = None) -> None:
        """Die or wait if this is the moment to."""
        self._moment += 1
        if self._terms.kill_after in {self._moment, name} - {None}:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._terms.hold_after in {self._moment, name} - {None}:
            self._connection.send(("held", None))
            self._connection.recv()


# --- the platforms --------------------------------------------------------------------------------


@dataclass
class LambdaContext:
    """What Lambda passes beside the event."""

    aws_request_id: str
    invoked_function_arn: str
    remaining_s: float

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation's time."""
        return int(self.remaining_s * 1000)


def on_lambda(life: Life) -> Handler:
    """Import the handler, and return how AWS Lambda calls it."""
    # What a session has read of the services takes a copy longer to read again than all its work.
    mock.patch("boto3.session.Session", cache(import_module("boto3.session").Session)).start()
    from examples.aws_lambda import handler

    def call(event: Event, seconds: float) -> Any:
        return handler.handle(
            dict(event), LambdaContext(f"request-{os.getpid()}", FUNCTION_ARN, seconds)
        )

    def pass_moment(**_: Any) -> None:
        life.pass_moment()

    handler.scheduler.meta.events.register("after-call", pass_moment)
    return call


def on_cloud_run(life: Life) -> Handler:
    """Import the handler, and return how the functions framework calls it: with Flask's request."""
    from examples.cloud_run import main

    app = flask.Flask("cloud_run")
    app.config["PROPAGATE_EXCEPTIONS"] = True  # instead of an answer of 500
    app.post("/")(lambda: main.handle(flask.request))

    def wake_up(order_id: str, at: datetime) -> None:
        original_wake_up(order_id, at)
        life.pass_moment()

    original_wake_up = main.wake_up
    mock.patch.object(main, "wake_up", wake_up).start()
    mock.patch.object(main, "TASKS_API", os.environ["TEST_TASKS_API"]).start()
    mock.patch.object(main, "credentials", AnonymousCredentials).start()

    def call(event: Event, seconds: float) -> Any:
        with mock.patch.object(main, "REQUEST_TIMEOUT_S", seconds):
            answer = app.test_client().post("/", json=event)
        return {"code": answer.status_code, **answer.get_json()}

    return call
