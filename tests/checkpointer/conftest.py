"""Both twins, each on memory and on a folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bucketpoint import (
    FileStore,
    MemoryStore,
    StoreRequest,
)
from bucketpoint.stores.contract import Store
from tests.checkpointer.twins import twin


@pytest.fixture(params=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    with twin(request.param) as constructor:
        yield constructor


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


@pytest.fixture
def requests() -> list[StoreRequest]:
    return []


@pytest.fixture
def checkpointer(make: Callable[..., Any], store: Store, requests: list[StoreRequest]) -> Any:
    return make(store, observer=requests.append)
