"""Keys become file names and are read back, and none leaves the folder."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bucketpoint.errors import InvalidInputError
from bucketpoint.stores.contract import IfAbsent
from bucketpoint.stores.file import FileStore
from bucketpoint.stores.file.names import SIDE_FOLDER, plain_path, portable_path, read_name
from bucketpoint.testing.conformance import ALL_KEYS

DIFFICULT = st.sampled_from([*"~/.aAfF0_\\\0 \n:", "~2e", "~7e", "..", "con", "é", "🙂", "x" * 248])
KEYS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(DIFFICULT, max_size=12).map("".join),
    st.sampled_from(list(ALL_KEYS.values())),
)


def key_of(path: str) -> str:
    """Return the key that a path stands for, read name by name as a listing does."""
    parts = [read_name(name) for name in path.split("/")]
    assert not parts[-1][1], "the last name of a path does not go on"
    key = b"".join(text + (b"" if continues else b"/") for text, continues in parts)
    return key.removesuffix(b"/").decode()


@given(KEYS)
@example("")
@example("~")
@example("x" * 254 + "..")
@example("x" * 250 + "/" + "y" * 600)
def test_every_name_is_read_back_as_its_key(key: str) -> None:
    assert key_of(plain_path(key)) == key
    assert key_of(portable_path(key)) == key


@given(KEYS)
def test_no_name_leaves_the_folder_or_is_too_long_for_a_disk(key: str) -> None:
    for path in (plain_path(key), portable_path(key)):
        names = path.split("/")
        assert not {"", ".", ".."} & set(names)
        assert not PurePosixPath(path).is_absolute()
        assert names[0] != SIDE_FOLDER
        assert "\0" not in path
        assert max(len(name.encode()) for name in names) <= 255


@given(KEYS, KEYS)
def test_portable_names_differ_even_where_case_is_folded(one: str, other: str) -> None:
    path = portable_path(one)
    assert path.isascii()
    assert path == path.lower()
    assert (path == portable_path(other)) is (one == other)


@given(KEYS)
def test_portable_names_mean_nothing_special_to_windows(key: str) -> None:
    devices = {"con", "prn", "aux", "nul", "com1", "lpt9"}
    for name in portable_path(key).split("/"):
        assert not name.endswith((".", " "))
        assert name.partition(".")[0] not in devices
        assert not set(name) & set('<>:"\\|?*')


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("prefix/executions/run-42.json", "prefix/executions/run-42.json"),
        ("Prefix/order%3A7.json", "Prefix/order%3A7.json"),
        ("with space/日本.json", "with space/日本.json"),
        ("draft~", "draft~"),
        ("a~52", "a~7e52"),
        ("../up", "~2e./up"),
        ("/top", "~_/top"),
        (".bucketpoint/lock", "~2ebucketpoint/lock"),
        ("below/.bucketpoint", "below/.bucketpoint"),
    ],
)
def test_a_plain_name_is_the_key_wherever_that_can_be(key: str, path: str) -> None:
    assert plain_path(key) == path


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("prefix/executions/run-42.json", "prefix/executions/run-42.json"),
        ("Run.json", "~52un.json"),
        ("é", "~c3~a9"),
        ("con.json", "~63on.json"),
        ("end.", "end~2e"),
    ],
)
def test_a_portable_name_leaves_ordinary_names_alone(key: str, path: str) -> None:
    assert portable_path(key) == path


def test_a_key_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="UTF-8"):
        FileStore(tmp_path).put("\ud800", b"", when=IfAbsent())
