"""The suites that every store and every checkpointer must pass, whoever wrote it.

**They delete and overwrite what is in the storage they are given.** Subclass the suite of your
interface in a pytest module, with a name that begins with `Test`, and say how to make what is to
be tested:

| what you have | its suite |
| --- | --- |
| a `Store` | `StoreSuite` |
| an `AsyncStore` | `AsyncStoreSuite` |
| a `Checkpointer` | `CheckpointerSuite` |
| an `AtomicCheckpointer` | `AtomicCheckpointerSuite` |
| an `AsyncCheckpointer` | `AsyncCheckpointerSuite` |
| an `AsyncAtomicCheckpointer` | `AsyncAtomicCheckpointerSuite` |

The tests are the same for both twins: what is asynchronous runs on a loop in a thread of its own.
To see the compared values of a failed assertion, put
`pytest.register_assert_rewrite("bucketpoint.testing.conformance")` into your `conftest.py`.

Example:
    class TestMyCheckpointer(AtomicCheckpointerSuite):
        def make_checkpointer(self, folder: Path) -> AtomicCheckpointer:
            return MyCheckpointer(empty_database())

        def make_another(self, checkpointer: MyCheckpointer) -> AtomicCheckpointer:
            return MyCheckpointer(checkpointer.database)
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("pytest") is None:
    msg = "the conformance suites need pytest: pip install 'bucketpoint[testing]'"
    raise ImportError(msg)

from bucketpoint.testing.conformance.asynchronous import (
    AsyncAtomicCheckpointerSuite,
    AsyncCheckpointerSuite,
    AsyncStoreSuite,
)
from bucketpoint.testing.conformance.checkpointers import AtomicCheckpointerSuite, CheckpointerSuite
from bucketpoint.testing.conformance.documents import DOCUMENTS, EXECUTION_IDS
from bucketpoint.testing.conformance.keys import ALL_KEYS, KEY
from bucketpoint.testing.conformance.requests import got, increment, keys_of, write_all
from bucketpoint.testing.conformance.stores import StoreSuite

__all__ = [
    "ALL_KEYS",
    "DOCUMENTS",
    "EXECUTION_IDS",
    "KEY",
    "AsyncAtomicCheckpointerSuite",
    "AsyncCheckpointerSuite",
    "AsyncStoreSuite",
    "AtomicCheckpointerSuite",
    "CheckpointerSuite",
    "StoreSuite",
    "got",
    "increment",
    "keys_of",
    "write_all",
]
