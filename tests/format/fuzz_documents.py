"""A program that lets atheris look for bytes that break the reader, guided by what they reach.

`test_atheris.py` runs it with libFuzzer's arguments. The first byte of an input chooses what the
others are: a document, an execution ID, or a URL.
"""

import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

atheris: Any = import_module("atheris")  # without types, and not on every machine

with atheris.instrument_imports(include=["bucketpoint"]):
    from bucketpoint import BucketCheckpointer, MemoryStore, StoredDataError
    from bucketpoint.core.keys import execution_id_of, execution_key
    from bucketpoint.errors import InvalidExecutionIDError, InvalidURLError
    from bucketpoint.stores.contract import IfAbsent
    from bucketpoint.stores.urls import open_store

KEY = execution_key("", "run")


def fuzz_document(data: bytes) -> None:
    """Load it, and save it again if it is a checkpoint."""
    store = MemoryStore()
    store.put(KEY, data, when=IfAbsent())
    checkpointer = BucketCheckpointer(store)
    with suppress(StoredDataError):
        stored = checkpointer.get("run")
        if stored is not None and stored.checkpoint.execution_id == "run":
            checkpointer.save_checkpoint(stored.checkpoint)
            again = checkpointer.get("run")
            assert again is not None
            assert again.checkpoint == stored.checkpoint
    checkpointer.delete_checkpoint("run")


def fuzz_execution_id(data: bytes) -> None:
    """An ID and its key are one and the same, or it is refused."""
    execution_id = data.decode(errors="surrogateescape")
    with suppress(InvalidExecutionIDError):
        assert execution_id_of("", execution_key("", execution_id)) == execution_id


def fuzz_url(data: bytes) -> None:
    """A URL opens a store or is refused; those of the clouds would load their SDKs."""
    with suppress(InvalidURLError):
        open_store("memory:" + data.decode(errors="surrogateescape"))


def fuzz(data: bytes) -> None:
    """Give the bytes to what the first one chooses."""
    target = (fuzz_execution_id, fuzz_url)[data[0] % 2] if data[:1] < b"\x10" and data else None
    if target is None:
        fuzz_document(data)
    else:
        target(data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
