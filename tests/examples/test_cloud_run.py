"""What the Cloud Run example asks of Cloud Tasks, and answers to those who call it."""

from tests.examples.stage import CloudRunStage


def test_a_task_calls_the_service_as_somebody_who_may(cloud_run_stage: CloudRunStage) -> None:
    cloud_run_stage.invoke(cloud_run_stage.start)
    (wake_up,) = cloud_run_stage.wake_ups()
    request = wake_up.details["httpRequest"]
    assert request["url"] == CloudRunStage.SERVICE_URL
    assert request["oidcToken"] == {"serviceAccountEmail": CloudRunStage.ACCOUNT}
    assert request["headers"] == {"Content-Type": "application/json"}


def test_an_event_whose_wake_up_is_refused_is_to_be_delivered_again(
    cloud_run_stage: CloudRunStage,
) -> None:
    stage = cloud_run_stage
    stage.cloud_tasks.failing = True
    assert stage.invoke(stage.start).error == "HTTPError"
    assert stage.wake_ups() == []
    stage.cloud_tasks.failing = False
    assert stage.invoke(stage.start).requests == []
    assert len(stage.wake_ups()) == 1


def test_what_cannot_be_dealt_with_is_answered_with_a_reason(
    cloud_run_stage: CloudRunStage,
) -> None:
    stage = cloud_run_stage
    assert stage.invoke(stage.go_on).answer == {
        "code": 404,
        "errors": ["there is no such order (yet)"],
    }
    answer = stage.invoke({**stage.start, "total_cents": -1}).answer
    assert answer["code"] == 400
    assert answer["errors"][0]["loc"] == ["total_cents"]
    assert answer["errors"][0]["msg"] == "Input should be greater than 0"
