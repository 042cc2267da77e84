"""The reserved member: what a write carries forward, and what is refused."""

import json
from typing import Any

import pytest

from bucketpoint import CorruptCheckpointError, UnsupportedFormatError
from bucketpoint.core.document import TABLE_SIZE, Document, Entry, Member, assemble

MEMBER: dict[str, Any] = {
    "format": 1,
    "lineage": "l",
    "revision": 17,
    "writers": {"p": ["op-1", 16], "w": ["op-2", 17]},
    "evicted_revision": 3,
    "epoch": 2,
    "owner": "lambda-7f",
    "ttl_s": 60,
}


def test_a_member_survives_reading_and_writing() -> None:
    extras: list[dict[str, Any]] = [
        {},
        {"adopted": True},
        {"deleted": True},
        {"unheard of": [1, {}]},
    ]
    for extra in extras:
        assert Member.from_json(MEMBER | extra).to_json() == MEMBER | extra


def test_a_write_carries_everything_forward_and_counts() -> None:
    before = Member.from_json(MEMBER | {"adopted": True, "unheard of": 1})
    after = before.next("w", "op-3")
    assert after.to_json() == before.to_json() | {
        "revision": 18,
        "writers": {"p": ["op-1", 16], "w": ["op-3", 18]},
    }
    assert before.revision == 17


def test_a_new_lineage_begins_with_revision_1() -> None:
    member = Member.first("l", adopted=False).next("w", "op")
    assert (member.revision, member.writers, member.evicted_revision) == (
        1,
        {"w": Entry("op", 1)},
        0,
    )


def test_the_oldest_writer_is_pushed_out_and_the_highest_revision_pushed_out_is_kept() -> None:
    member = Member.first("l", adopted=False)
    for n in range(TABLE_SIZE + 3):
        member = member.next(f"w{n}", f"op{n}")
    assert len(member.writers) == TABLE_SIZE
    assert member.evicted_revision == 3
    assert set(member.writers) == {f"w{n}" for n in range(3, TABLE_SIZE + 3)}
    again = member.next("w3", "again")  # its own entry is replaced, nobody is pushed out
    assert again.evicted_revision == 3
    assert again.next("new", "op").evicted_revision == 5  # w4 is the oldest now


@pytest.mark.parametrize(
    "change",
    [
        {"lineage": 5},
        {"lineage": None},
        {"revision": "17"},
        {"revision": -1},
        {"revision": True},
        {"revision": 1.0},
        {"writers": []},
        {"writers": {"w": ["op"]}},
        {"writers": {"w": ["op", "17"]}},
        {"writers": {"w": ["op", True]}},
        {"writers": {"w": [1, 17]}},
        {"evicted_revision": None},
        {"epoch": -1},
        {"owner": 7},
        {"ttl_s": "60"},
        {"ttl_s": True},
        {"deleted": 1},
        {"adopted": "yes"},
        {"format": 0},
        {"format": "1"},
        {"format": 1.0},
        {"format": True},
        {"format": None},
    ],
)
def test_a_malformed_member_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CorruptCheckpointError, match="bucketpoint member is malformed"):
        Member.from_json(MEMBER | change)


@pytest.mark.parametrize("name", ["lineage", "revision", "writers", "evicted_revision", "format"])
def test_a_member_without_what_the_proofs_need_is_refused(name: str) -> None:
    with pytest.raises(CorruptCheckpointError):
        Member.from_json({key: value for key, value in MEMBER.items() if key != name})


@pytest.mark.parametrize("value", [None, [], 1, "member"])
def test_a_member_that_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(CorruptCheckpointError, match="not an object"):
        Member.from_json(value)


@pytest.mark.parametrize("change", [{"format": 2}, {"codec": "zstd"}])
def test_a_member_of_a_newer_format_may_be_read_but_not_written_over(
    change: dict[str, Any],
) -> None:
    body = json.dumps({"schema_version": 1, "bucketpoint": MEMBER | change}).encode()
    document = Document.parse(body)
    assert isinstance(document.unwritable, UnsupportedFormatError)
    assert document.problem is None
    assert document.take_data() == {"schema_version": 1}


def test_the_member_is_put_behind_the_data() -> None:
    member = Member.from_json(MEMBER)
    for data in (b"{}", b'{"a":1}'):
        body = assemble(data, member)
        assert json.loads(body) == json.loads(data) | {"bucketpoint": MEMBER}
        assert Document.parse(body).member == member


def test_data_taken_twice_is_two_copies() -> None:
    document = Document.parse(b'{"a": {"b": 1}}')
    first = document.take_data()
    first["a"]["b"] = 2
    assert document.take_data() == {"a": {"b": 1}}
