"""The page of what the tests have shown says no more than they have."""

from pathlib import Path

import pytest

from tests import proof

README = """
## What is guaranteed

| guarantee | by | the test that would fail |
| --- | --- | --- |
| nothing is lost | care | `tests/core/test_a.py::test_loss` |
| nothing is doubled | care | `tests/core/test_a.py::test_doubt` and `tests/core/test_b.py::test_b` |

## More
"""


def report(
    nodeid: str, outcome: str = "passed", when: str = "call", figure: str = "states"
) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid,
        ("", None, ""),
        {},
        outcome,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - one of three words
        None,
        when,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - one of three words
        user_properties=[(proof.FIGURE, [figure, 700])],
    )


def rows(*reports: pytest.TestReport) -> dict[str, list[str]]:
    lines = [line for line in proof.page(reports, README).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_what_passed_holds_with_what_it_counted() -> None:
    shown = rows(
        report("tests/core/test_a.py::test_loss[1]", when="setup"),
        report("tests/core/test_a.py::test_loss[1]"),
        report("tests/core/test_a.py::test_loss[2]"),
        report("tests/core/test_a.py::test_losses"),
    )
    assert shown["nothing is lost"] == ["2", "1,400 states", "holds"]


def test_the_order_of_the_reports_does_not_matter() -> None:
    both = [report("tests/core/test_a.py::test_loss", figure=each) for each in ("runs", "kills")]
    assert rows(*both) == rows(*reversed(both))
    assert rows(*both)["nothing is lost"][1] == "700 kills; 700 runs"


def test_what_did_not_run_does_not_hold() -> None:
    assert rows()["nothing is lost"] == ["0", "", "not run"]
    assert {verdict for *_, verdict in rows().values()} == {"verdict", "---", "not run"}


def test_one_of_several_tests_is_not_enough() -> None:
    assert rows(report("tests/core/test_b.py::test_b"))["nothing is doubled"][2] == (
        "not run: test_doubt"
    )


@pytest.mark.parametrize(
    ("outcome", "when"), [("failed", "call"), ("failed", "teardown"), ("skipped", "setup")]
)
def test_what_went_wrong_is_said(outcome: str, when: str) -> None:
    shown = rows(
        report("tests/core/test_a.py::test_loss[1]"),
        report("tests/core/test_a.py::test_loss[2]", outcome, when),
    )
    assert shown["nothing is lost"][2] == f"1 {outcome}"


def test_the_tests_that_the_page_is_about_are_there() -> None:
    assert [path for path in proof.files() if not Path(proof.ROOT, path).exists()] == []
