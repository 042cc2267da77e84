"""`diff` tells every place in which two checkpoints differ, as they are stored."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bucketpoint import ABSENT, BranchState, Checkpoint, Difference, InvalidInputError, diff

NOTHING: dict[str, Any] = {}
EMPTY: list[Any] = []


def checkpoint(**variables: Any) -> Checkpoint:
    return Checkpoint(
        execution_id="run-42", checkpoint_at=datetime(2026, 1, 1, tzinfo=UTC), variables=variables
    )


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    found = diff(checkpoint(**before), checkpoint(**after))
    return [(str(difference), difference.before, difference.after) for difference in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            {"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, [], id="same"
        ),
        pytest.param({"a": 1}, {"a": 2}, [("variables.a", 1, 2)], id="value"),
        pytest.param({"a": 1}, {"a": 1.0}, [("variables.a", 1, 1.0)], id="integer-float"),
        pytest.param({"a": 1}, {"a": True}, [("variables.a", 1, True)], id="integer-bool"),
        pytest.param({"a": 0.0}, {"a": -0.0}, [("variables.a", 0.0, -0.0)], id="minus-zero"),
        pytest.param({"a": None}, NOTHING, [("variables.a", None, ABSENT)], id="null-absent"),
        pytest.param(NOTHING, {"a": None}, [("variables.a", ABSENT, None)], id="absent-null"),
        pytest.param(
            {"a": EMPTY}, {"a": NOTHING}, [("variables.a", EMPTY, NOTHING)], id="list-object"
        ),
        pytest.param(
            {"a": [1, 2]},
            {"a": [1, 3, 4]},
            [("variables.a.1", 2, 3), ("variables.a.2", ABSENT, 4)],
            id="longer-list",
        ),
        pytest.param({"a": [1, 2]}, {"a": [1]}, [("variables.a.1", 2, ABSENT)], id="shorter-list"),
        pytest.param(
            {"a": 1, "b": {"c": 1}},
            {"d": 1, "b": {"c": 2}},
            [("variables.a", 1, ABSENT), ("variables.b.c", 1, 2), ("variables.d", ABSENT, 1)],
            id="order",
        ),
    ],
)
def test_differences_are_told_where_they_are(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, Any, Any]]
) -> None:
    found = differences(before, after)
    assert found == expected
    assert repr(found) == repr(expected)  # 1 == 1.0 == True


def test_a_path_leads_through_branches() -> None:
    before, after = checkpoint(), checkpoint()
    before.branch_states = {"main": BranchState(id="main")}
    after.branch_states = {"main": BranchState(id="main", status="failed", pause_requested=True)}
    paths = [difference.path for difference in diff(before, after)]
    assert ("branch_states", "main", "status") in paths
    assert ("branch_states", "main", "pause_requested") in paths


def test_values_as_deep_as_documents_go_are_compared() -> None:
    one: Any = 1
    other: Any = 2
    for _ in range(190):
        one, other = [one], [other]
    (found,) = diff(checkpoint(a=one), checkpoint(a=other))
    assert found == Difference(("variables", "a", *[0] * 190), 1, 2)


def test_only_checkpoints_are_compared() -> None:
    with pytest.raises(InvalidInputError, match="two checkpoints, not dict"):
        diff(checkpoint(), {})  # type: ignore[arg-type]  # what a user may try


def test_absent_says_its_name() -> None:
    assert repr(ABSENT) == "ABSENT"
