"""What all emulators are: a server in a process of its own, on ports of its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar

from bucketpoint.testing.emulators import supervisor
from bucketpoint.testing.emulators.ports import PortBlock
from bucketpoint.testing.proxy.closeable import Closeable
from bucketpoint.testing.proxy.sockets import HOST

__all__ = ["Emulator", "ServerNotUpError", "ask", "required", "started", "url_of"]

_ATTEMPTS = 3
_UP_WITHIN_S = 60.0
_ASK_EVERY_S = 0.05
_ANSWER_WITHIN_S = 10.0
_LOG_TAIL = 2_000
_SUPERVISE = f"from {supervisor.__name__} import main; main()"

E = TypeVar("E")


def started(make: Callable[[], E]) -> E:
    """Make an emulator; on other ports when it does not come up on the first ones."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ServerNotUpError):
            return make()
    return make()


class Emulator(Closeable):
    """A server on loopback that lives no longer than this process, however that ends.

    Attributes:
        endpoint_url: Where clients find it.
    """

    _port_count = 1

    def __init__(self) -> None:
        with ExitStack() as resources:
            self._ports = resources.enter_context(closing(PortBlock(self._port_count))).ports
            self.endpoint_url = url_of(self._ports[0])
            self._folder = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
            self._open(resources)
            self._resources = resources.pop_all()

    def _open(self, resources: ExitStack) -> None:
        """Start what the emulator consists of; in the end it is closed in reverse order."""
        self._server = _Server(
            command=self._command(),
            log=self._folder / "server.log",
            remove=[self._folder, *self._leftovers],
        )
        resources.enter_context(closing(self._server))
        self.restart()

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that runs the server."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the server does its work; no answer means no."""

    @property
    def _leftovers(self) -> list[Path]:
        """What the server leaves behind outside its folder."""
        return []

    def kill(self) -> None:
        """Kill the server (SIGKILL) in the middle of whatever it does; `restart` brings it back.

        What it had handed to the operating system stays: a power cut would take that, too.
        """
        self._server.order("kill")

    def restart(self) -> None:
        """Start the server anew on the same ports, and wait until it answers."""
        self.kill()
        self._server.order("start")
        deadline = time.monotonic() + _UP_WITHIN_S
        while (state := self._server.order("report")) != "running" or not self._answers():
            if state != "running" or time.monotonic() > deadline:
                msg = (
                    f"{type(self).__name__} did not come up ({state}); its log ends:\n"
                    f"{self._server.log_tail()}"
                )
                raise ServerNotUpError(msg)
            time.sleep(_ASK_EVERY_S)

    def _answers(self) -> bool:
        try:
            return self._is_ready()
        except (OSError, HTTPException):
            return False

    def close(self) -> None:
        """Kill the server and remove its files."""
        self._resources.close()


class ServerNotUpError(RuntimeError):
    """The server ended or did not answer in time; the end of its log is in the message."""


class _Server:
    """A server process under its supervisor, which outlives this process if need be."""

    def __init__(self, *, command: list[str], log: Path, remove: Sequence[Path]) -> None:
        self._log = log
        job = supervisor.Job(command=command, log=str(log), remove=[str(path) for path in remove])
        self._supervisor = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", _SUPERVISE, json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A server that finds credentials there admits nobody without them.
            env={name: value for name, value in os.environ.items() if "AWS_" not in name},
            start_new_session=True,  # an interrupt from the keyboard is for the tests alone
        )

    def order(self, order: str) -> str:
        """Give the supervisor an order, and return the state of the server after it."""
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        self._supervisor.stdin.write(f"{order}\n")
        self._supervisor.stdin.flush()
        return self._supervisor.stdout.readline().strip()

    def log_tail(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]

    def close(self) -> None:
        self._supervisor.communicate("end\n")


def ask(port: int, path: str, *, method: str = "GET", body: bytes = b"") -> int:
    """Make one request to a server on loopback and return the status of its answer."""
    with closing(HTTPConnection(HOST, port, timeout=_ANSWER_WITHIN_S)) as connection:
        connection.request(method, path, body)
        return connection.getresponse().status


def url_of(port: int) -> str:
    """Return the URL of a server on loopback."""
    return f"http://{HOST}:{port}"


def required(module: str, requirement: str) -> Any:
    """Import what an emulator needs, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"this emulator needs {module}: pip install {requirement}"
        raise ImportError(msg) from error
