"""A platform, a store and a scheduler, on which an example's handler is invoked."""

import base64
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib import import_module
from typing import Any

import bucketpoint
from bucketpoint import BranchState, Checkpoint, Timestamp
from bucketpoint.testing.emulators import Moto
from examples.checkout.workflow import wake_up_name
from tests.examples.cloud_tasks import QUEUE, FakeCloudTasks
from tests.examples.invocations import (
    NO_TERMS,
    Container,
    Event,
    Invocation,
    Terms,
    Told,
    on_cloud_run,
    on_lambda,
)

TOTAL_CENTS = 10_000
TEST_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class WakeUp:
    """An invocation that has been asked for.

    Attributes:
        at: When it is to come.
        event: What the handler will be told.
        details: All that the service was told.
    """

    at: datetime
    event: dict[str, Any]
    details: Mapping[str, Any] = field(compare=False)


class Stage(ABC):
    """One order after another on one platform.

    Attributes:
        order_id: The present order.
        checkpointer: Where the handler keeps its runs.
    """

    order_id: str

    def __init__(self, url: str, container: Container) -> None:
        self.checkpointer = bucketpoint.open(url)
        self._container = container

    def close(self) -> None:
        """Let go of the container and the store."""
        self._container.close()
        self.checkpointer.close()

    def take_new_order(self) -> None:
        """Go on with an order that nobody knows yet."""
        self.order_id = f"Ørder/{secrets.token_hex(4)}"

    @property
    def start(self) -> Event:
        """The event that begins the order."""
        return {"order_id": self.order_id, "total_cents": TOTAL_CENTS}

    @property
    def go_on(self) -> Event:
        """The event that has nothing to tell."""
        return {"order_id": self.order_id}

    def payment(self, payment_id: str = "full", cents: int = TOTAL_CENTS) -> Event:
        """Return the event of a payment."""
        return {"order_id": self.order_id, "payment": {"id": payment_id, "cents": cents}}

    def begin(self, *events: Event, terms: Terms = NO_TERMS) -> Invocation:
        """Begin an invocation, and with more events others after it in the same process."""
        return self._container.invoke(*events, terms=terms)

    def invoke(self, event: Event, terms: Terms = NO_TERMS) -> Told:
        """Invoke the handler, and wait for its end."""
        return self.begin(event, terms=terms).end()

    def status(self, told: Told) -> str:
        """Return the status in the handler's answer, which must be a success."""
        assert self.is_dealt_with(told), told
        assert told.answer["order_id"] == self.order_id
        return str(told.answer["status"])

    @staticmethod
    def is_dealt_with(told: Told) -> bool:
        """Whether the platform takes this for a success, and does not deliver the event again."""
        return told.answer is not None and told.answer.get("code", HTTPStatus.OK) == HTTPStatus.OK

    # --- what is stored ---

    @property
    def run(self) -> Checkpoint:
        """The order's checkpoint."""
        return self.checkpointer.load_checkpoint(self.order_id)

    @property
    def branch(self) -> BranchState:
        """The order's branch."""
        return self.run.branch_states["main"]

    def let_payment_term_pass(self) -> None:
        """Move the deadline of the wait to now."""

        def pass_term(run: Checkpoint) -> None:
            wait = run.branch_states["main"].wait
            assert wait is not None
            wait.wake_at = Timestamp.now()

        self.checkpointer.atomic_update(self.order_id, pass_term)

    def let_claim_expire(self) -> None:
        """Free the order from a worker that died, as its time to live would."""
        with self.checkpointer.claim(self.order_id, owner="time", takeover=True):
            pass

    # --- what was asked for ---

    def wake_ups(self) -> list[WakeUp]:
        """Return what was asked for this order, the earliest first."""
        wake_ups = self.wake_ups_named(wake_up_name(self.order_id, Timestamp.now())[:40])
        assert all(wake_up.event == self.go_on for wake_up in wake_ups)
        return sorted(wake_ups, key=lambda wake_up: wake_up.at)

    def wake_ups_for(self, moment: datetime) -> list[WakeUp]:
        """Return those for a moment: they come after it, within a second."""
        return [
            wake_up
            for wake_up in self.wake_ups()
            if timedelta(0) < wake_up.at - moment <= timedelta(seconds=1)
        ]

    @abstractmethod
    def wake_ups_named(self, prefix: str) -> list[WakeUp]:
        """Return what was asked for under names that begin so."""


class LambdaStage(Stage):
    """AWS Lambda with EventBridge Scheduler."""

    ROLE = "arn:aws:iam::123456789012:role/wake-up"

    def __init__(self, url: str, moto: Moto) -> None:
        environment = {
            "AWS_ENDPOINT_URL_SCHEDULER": moto.endpoint_url,
            "BUCKETPOINT_URL": url,
            "WAKE_UP_ROLE_ARN": self.ROLE,
        }
        super().__init__(url, Container(on_lambda, TEST_CREDENTIALS | environment))
        self._scheduler = import_module("boto3").client("scheduler", endpoint_url=moto.endpoint_url)

    def close(self) -> None:
        """See `Stage.close`."""
        self._scheduler.close()
        super().close()

    def wake_ups_named(self, prefix: str) -> list[WakeUp]:
        """See `Stage.wake_ups_named`."""
        listed = self._scheduler.list_schedules(NamePrefix=prefix)["Schedules"]
        schedules = [self._scheduler.get_schedule(Name=schedule["Name"]) for schedule in listed]
        return [
            WakeUp(
                datetime.strptime(each["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(
                    tzinfo=UTC
                ),
                json.loads(each["Target"]["Input"]),
                each,
            )
            for each in schedules
        ]


class CloudRunStage(Stage):
    """Cloud Run with Cloud Tasks."""

    SERVICE_URL = "https://checkout.example.run.app/"
    ACCOUNT = "wake-ups@test.iam.gserviceaccount.com"

    def __init__(self, url: str, cloud_tasks: FakeCloudTasks) -> None:
        environment = {
            "BUCKETPOINT_URL": url,
            "REQUEST_TIMEOUT_S": "300",
            "SERVICE_URL": self.SERVICE_URL,
            "TASK_ACCOUNT": self.ACCOUNT,
            "TASK_QUEUE": QUEUE,
            "TEST_TASKS_API": cloud_tasks.url,
        }
        super().__init__(url, Container(on_cloud_run, environment))
        self.cloud_tasks = cloud_tasks

    def wake_ups_named(self, prefix: str) -> list[WakeUp]:
        """See `Stage.wake_ups_named`."""
        return [
            WakeUp(
                datetime.fromisoformat(task["scheduleTime"]),
                json.loads(base64.b64decode(task["httpRequest"]["body"])),
                task,
            )
            for task in self.cloud_tasks.tasks
            if task["name"].startswith(f"{QUEUE}/tasks/{prefix}")
        ]
