"""Documents made by hand are read or refused as by the original engine, but for one table."""

import pytest

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.core import codec
from bucketpoint.errors import CorruptCheckpointError, StoredDataError, UnsupportedSchemaError
from tests.format.documents import EDGES, Edge
from tests.format.exact import parse, rewritten, values_read
from tests.format.exceptions import DIFFERENCES, PAGE, Difference, page

DIFFERENTLY_JUDGED = {
    name
    for name, difference in DIFFERENCES.items()
    if name in EDGES and EDGES[name].accepted == (difference.error is not None)
}
DIFFERENTLY_READ = {"dup_map"}
NOT_COMPARABLE = {
    "wait_empty": "the original cannot read what it saves",
    "deep_900": "too deep for a comparison that recurses; the next test compares the JSON",
}
NOT_AS_IT_STANDS = {"case_both", "case_keys", "lone_surrogate", "num_tiny"}
"""Documents that mean something else than their JSON says: another key, character or number."""


def edges(*, accepted: bool) -> pytest.MarkDecorator:
    chosen = [
        edge
        for edge in EDGES.values()
        if edge.accepted == accepted and edge.name not in DIFFERENTLY_JUDGED
    ]
    return pytest.mark.parametrize("edge", chosen, ids=[edge.name for edge in chosen])


def load(body: bytes) -> Checkpoint:
    return Checkpoint.from_document(codec.decode(body))


@edges(accepted=True)
def test_what_the_original_accepts_is_read_with_the_same_values(edge: Edge) -> None:
    assert edge.canon is not None
    if edge.name in NOT_COMPARABLE:
        load(edge.body)
        return
    same = values_read(load(edge.body)) == values_read(load(edge.canon))
    assert same == (edge.name not in DIFFERENTLY_READ)


@edges(accepted=True)
def test_what_the_original_accepts_loses_nothing_in_loading_and_saving(edge: Edge) -> None:
    if edge.name in NOT_AS_IT_STANDS:
        assert edge.canon is not None
        assert values_read(load(rewritten(edge.body))) == values_read(load(edge.canon))
    else:
        assert parse(rewritten(edge.body)) == parse(edge.body)


@edges(accepted=False)
def test_what_the_original_refuses_is_refused(edge: Edge) -> None:
    with pytest.raises(StoredDataError) as caught:
        load(edge.body)
    is_version = edge.name.startswith("schema_") and edge.name not in {
        "schema_string",
        "schema_exp",
    }
    assert type(caught.value) is (UnsupportedSchemaError if is_version else CorruptCheckpointError)


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=list(DIFFERENCES))
def test_each_row_of_the_table_of_differences_holds(difference: Difference) -> None:
    if difference.error is None:
        assert rewritten(difference.document)
    else:
        with pytest.raises(difference.error):
            load(difference.document)


def test_the_page_of_differences_is_that_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.format.exceptions"


def test_a_map_that_occurs_twice_counts_as_its_last_one() -> None:
    assert load(EDGES["dup_map"].body).inputs == {"b": 2, "c": 3}


def test_a_branch_that_occurs_twice_is_the_last_one_whole() -> None:
    branch = load(EDGES["dup_branch"].body).branch_states["m"]
    assert (branch.id, branch.current_step) == ("", "s")


def test_members_in_another_letter_case_are_saved_as_the_format_spells_them() -> None:
    document = load(EDGES["case_keys"].body).to_document()
    assert (document["execution_id"], document["status"]) == ("upper", "paused")
    assert not {"Status", "EXECUTION_ID"} & document.keys()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("truncated", "ends too early, as if truncated (line 1, column "),
        ("empty", "it is empty"),
        ("top_list", "it is a list, not an object"),
        ("trailing_comma", "it is not JSON (line 1, column 20"),
        ("nan", "it holds NaN"),
        ("num_1e400", "it holds a number beyond the range of float64"),
        ("deep_3000", "nested too deeply"),
        ("timeout_string", "branch_states.main.wait.timeout is not an integer of 64 bits"),
        ("kind_unknown", "branch_states.main.wait.kind is not one of: signal, sleep"),
        ("time_space", "start_time is not an RFC 3339 time with a zone"),
        ("outputs_list", "branch_states.main.step_outputs is not an object"),
        ("branch_null", "branch_states.main: Input should be"),
        ("pause_string", "branch_states.main.pause_requested is not true or false"),
        ("id_number", "id is not a string"),
    ],
)
def test_a_refusal_says_where_and_why_and_what_to_do(name: str, reason: str) -> None:
    with pytest.raises(CorruptCheckpointError) as caught:
        load(EDGES[name].body)
    assert reason in str(caught.value)
    assert "delete_checkpoint" in str(caught.value)


def test_a_refusal_of_a_schema_version_says_what_is_supported() -> None:
    with pytest.raises(UnsupportedSchemaError) as caught:
        load(EDGES["schema_2"].body)
    assert str(caught.value) == "checkpoint schema version 2 is not supported (supported: 1..1)"
