"""A stand-in for the one request of Cloud Tasks that the example makes."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

QUEUE = "projects/test/locations/europe-west1/queues/wake-ups"

_TASK_NAME = re.compile(rf"{QUEUE}/tasks/[A-Za-z0-9_-]{{1,500}}")


class FakeCloudTasks(ThreadingHTTPServer):
    """Creates tasks in one queue, each name once, and never delivers them.

    Attributes:
        url: What stands for `https://cloudtasks.googleapis.com/v2`.
        tasks: What was created, in order.
        failing: Refuse all requests for now.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v2"
        self.tasks: list[dict[str, Any]] = []
        self.failing = False

    @classmethod
    @contextmanager
    def running(cls) -> "Generator[FakeCloudTasks]":
        """Serve until the end of the block."""
        with cls() as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield server
            server.shutdown()
            thread.join()

    def create(self, path: str, body: Any) -> HTTPStatus:
        """Create a task as the service would; other members than these it would refuse."""
        if self.failing:
            return HTTPStatus.SERVICE_UNAVAILABLE
        task = body["task"]
        if path != f"/v2/{QUEUE}/tasks" or not _TASK_NAME.fullmatch(task["name"]):
            return HTTPStatus.BAD_REQUEST
        if any(task["name"] == other["name"] for other in self.tasks):
            return HTTPStatus.CONFLICT
        self.tasks.append(task)
        return HTTPStatus.OK


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = cast("FakeCloudTasks", self.server).create(self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as in the base
        """Say nothing."""
