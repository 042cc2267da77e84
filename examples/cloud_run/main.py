"""The checkout workflow on Cloud Run or as a Cloud Run function, woken up by Cloud Tasks.

Environment: `BUCKETPOINT_URL`, such as `gs://my-bucket/checkpoints`; `REQUEST_TIMEOUT_S`, as the
service is configured; `TASK_QUEUE`, as `projects/P/locations/L/queues/Q`; `SERVICE_URL`, where
tasks are delivered; `TASK_ACCOUNT`, the service account that they are delivered by.
"""

# pyright: basic
import base64
import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any, Protocol

import google.auth
from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
from pydantic import ValidationError

import bucketpoint
from examples.checkout import workflow

RESERVE_S = 5
"""What is left of a request's time for its last call, the wake-up and the answer."""

REQUEST_TIMEOUT_S = float(os.environ["REQUEST_TIMEOUT_S"])
TASK_QUEUE = os.environ["TASK_QUEUE"]
SERVICE_URL = os.environ["SERVICE_URL"]
TASK_ACCOUNT = os.environ["TASK_ACCOUNT"]

TASKS_API = "https://cloudtasks.googleapis.com/v2"
TASKS_SCOPE = "https://www.googleapis.com/auth/cloud-tasks"

checkpointer = bucketpoint.open()  # once per instance, for all requests that it serves


class Request(Protocol):
    """What is used of the `flask.Request` that the functions framework passes."""

    def get_json(self) -> Any: ...  # noqa: D102 - Flask's


def handle(request: Request) -> tuple[dict[str, Any], HTTPStatus]:
    """Deal with one event; without an answer of 2xx it is to be delivered again."""
    try:
        event = workflow.Event.model_validate(request.get_json())
        status = workflow.handle(
            checkpointer,
            event,
            worker=f"{os.environ.get('K_REVISION', 'local')}-{secrets.token_hex(4)}",
            seconds=REQUEST_TIMEOUT_S - RESERVE_S,
            wake_up=wake_up,
        )
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        return {"errors": problems}, HTTPStatus.BAD_REQUEST
    except bucketpoint.NoCheckpointError:
        return {"errors": ["there is no such order (yet)"]}, HTTPStatus.NOT_FOUND
    return {"order_id": event.order_id, "status": status}, HTTPStatus.OK


def wake_up(order_id: str, at: datetime) -> None:
    """Have the service called for the order at that time; asked for twice, it is done once."""
    # In whole seconds, never too early, and never under the name of a task that is already done.
    moment = max(at, datetime.now(UTC)) + timedelta(seconds=1)
    event = json.dumps({"order_id": order_id}).encode()
    task: dict[str, Any] = {
        "name": f"{TASK_QUEUE}/tasks/{workflow.wake_up_name(order_id, moment)}",
        "scheduleTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "httpRequest": {
            "url": SERVICE_URL,
            "headers": {"Content-Type": "application/json"},
            "body": base64.b64encode(event).decode(),
            "oidcToken": {"serviceAccountEmail": TASK_ACCOUNT},
        },
    }
    with AuthorizedSession(credentials()) as session:  # type: ignore[no-untyped-call]  # Google's
        answer = session.post(f"{TASKS_API}/{TASK_QUEUE}/tasks", json={"task": task}, timeout=3)
    if answer.status_code != HTTPStatus.CONFLICT:
        answer.raise_for_status()


@cache
def credentials() -> Credentials:
    """Return the service's own credentials."""
    return google.auth.default(scopes=[TASKS_SCOPE])[0]
