"""The checkout workflow on AWS Lambda, woken up by EventBridge Scheduler.

Environment: `BUCKETPOINT_URL`, such as `s3://my-bucket/checkpoints`, and `WAKE_UP_ROLE_ARN`, the
role under which the scheduler invokes this function.
"""

# pyright: basic
import json
import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import boto3  # type: ignore[import-untyped]  # it ships no types
from botocore.config import Config  # type: ignore[import-untyped]  # it ships no types

import bucketpoint
from examples.checkout import workflow

RESERVE_S = 5
"""What is left of an invocation's time for its last call, the wake-up and the answer."""

WAKE_UP_ROLE_ARN = os.environ["WAKE_UP_ROLE_ARN"]

checkpointer = bucketpoint.open()  # once per container, for all its invocations
scheduler: Any = boto3.client("scheduler", config=Config(connect_timeout=2, read_timeout=3))


class Context(Protocol):
    """What is used of the object that Lambda passes."""

    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int: ...  # noqa: D102 - as Lambda documents it


def handle(event: dict[str, Any], context: Context) -> dict[str, str]:
    """Deal with one event; when this raises or is killed, Lambda delivers the event again."""
    checked = workflow.Event.model_validate(event)
    status = workflow.handle(
        checkpointer,
        checked,
        worker=context.aws_request_id,
        seconds=context.get_remaining_time_in_millis() / 1000 - RESERVE_S,
        wake_up=partial(wake_up, context.invoked_function_arn),
    )
    return {"order_id": checked.order_id, "status": status}


def wake_up(function_arn: str, order_id: str, at: datetime) -> None:
    """Have the function invoked for the order at that time; asked for twice, it is done once."""
    # In whole seconds, never too early, and never in the past, which the scheduler refuses.
    moment = max(at, datetime.now(UTC) + timedelta(minutes=1)) + timedelta(seconds=1)
    with suppress(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(
            Name=workflow.wake_up_name(order_id, moment),
            ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": function_arn,
                "RoleArn": WAKE_UP_ROLE_ARN,
                "Input": json.dumps({"order_id": order_id}),
            },
        )
