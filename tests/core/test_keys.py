"""Where an execution's checkpoint lies, and that no two share a place."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucketpoint import InvalidExecutionIDError, InvalidInputError
from bucketpoint.core.keys import MAX_KEY_BYTES, execution_id_of, execution_key, trim_prefix

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("execution_id", "encoded"),
    [
        ("run-42_A", "run-42_A"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("~", "%7E"),
        ("%41", "%2541"),
        ("\u00e4", "%C3%A4"),
        ("a\u0308", "a%CC%88"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("\x00", "%00"),
    ],
)
def test_everything_but_letters_digits_hyphen_and_underscore_is_percent_encoded(
    execution_id: str, encoded: str
) -> None:
    assert execution_key("a/b", execution_id) == f"a/b/executions/{encoded}.json"
    assert execution_key("", execution_id) == f"executions/{encoded}.json"


@given(NAMES)
def test_a_key_leads_back_to_its_execution(execution_id: str) -> None:
    key = execution_key("p", execution_id)
    assert execution_id_of("p", key) == execution_id
    assert unquote(key) == f"p/executions/{execution_id}.json"


@given(NAMES, NAMES)
def test_two_executions_never_share_a_key(one: str, other: str) -> None:
    assert (execution_key("", one) == execution_key("", other)) is (one == other)


@pytest.mark.parametrize(
    "key",
    [
        *("p/executions/run.txt", "other/executions/run.json", "p/run.json"),
        *("p/executions/.json", "p/executions/%FF.json", "p/executions/a.b.json"),
    ],
)
def test_a_key_of_something_else_is_of_no_execution(key: str) -> None:
    assert execution_id_of("p", key) is None


def test_a_key_may_have_900_bytes_and_no_more() -> None:
    room = MAX_KEY_BYTES - len("executions/.json")
    assert len(execution_key("", "x" * room)) == MAX_KEY_BYTES
    with pytest.raises(InvalidExecutionIDError, match="901 bytes, and stores take at most 900"):
        execution_key("", "x" * (room + 1))
    with pytest.raises(InvalidExecutionIDError, match="shorten the ID or the prefix"):
        execution_key("p" * MAX_KEY_BYTES, "x")


@pytest.mark.parametrize("execution_id", ["", None, 7, b"run", ["run"], "\ud800"])
def test_what_cannot_be_an_execution_id_is_refused(execution_id: Any) -> None:
    with pytest.raises(InvalidExecutionIDError, match="execution ID must"):
        execution_key("", execution_id)


def test_a_prefix_is_trimmed_of_slashes() -> None:
    assert trim_prefix("//a/b/") == "a/b"
    assert trim_prefix("/") == ""
    with pytest.raises(InvalidInputError):
        trim_prefix(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the test
