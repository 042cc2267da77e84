"""What the Lambda example asks of EventBridge Scheduler."""

from tests.examples.invocations import FUNCTION_ARN
from tests.examples.stage import LambdaStage


def test_a_schedule_invokes_the_very_function_once_and_removes_itself(
    lambda_stage: LambdaStage,
) -> None:
    lambda_stage.invoke(lambda_stage.start)
    (wake_up,) = lambda_stage.wake_ups()
    assert wake_up.details["Target"]["Arn"] == FUNCTION_ARN
    assert wake_up.details["Target"]["RoleArn"] == LambdaStage.ROLE
    assert wake_up.details["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert wake_up.details["ScheduleExpressionTimezone"] == "UTC"
    assert wake_up.details["ActionAfterCompletion"] == "DELETE"
    assert len(wake_up.details["Name"]) <= 64
