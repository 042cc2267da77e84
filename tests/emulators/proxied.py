"""A bucket behind a proxy: the way to it on which things go wrong, and the way past."""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, cast

from bucketpoint import BucketCheckpointer, Checkpoint
from bucketpoint.core.keys import execution_key
from bucketpoint.stores.contract import Store
from bucketpoint.testing.proxy import FaultProxy, StatusAfter, StatusBefore, WireFault
from tests.emulators.clouds import PREFIX, Cloud

OF_OBJECTS = "^[^?]+executions"
"""In the path of what reads an object, and only in the query of what lists."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class ProxiedBucket:
    """A bucket that no other test module uses.

    Attributes:
        cloud: Where it is.
        name: Its name.
        proxy: Before it.
        store: Through the proxy.
        direct: Past the proxy; another writer.
    """

    cloud: Cloud
    name: str
    proxy: FaultProxy
    store: Store
    direct: BucketCheckpointer

    @classmethod
    @contextmanager
    def new(cls, cloud: Cloud, *, versioned: bool = False) -> Generator[Self]:
        """Create a bucket, and put a proxy before it."""
        name = cloud.new_bucket(versioned=versioned)
        with (
            FaultProxy(cloud.endpoint_url) as proxy,
            cloud.checkpointer(name) as direct,
            cloud.checkpointer(name, proxy.url) as through,
        ):
            direct.get("none")  # a GCS store looks once whether the bucket is there
            through.get("none")
            yield cls(cloud, name, proxy, through.store, direct)

    def repair(self) -> None:
        """Let nothing go wrong any more, and forget what was sent."""
        self.proxy.clear()
        self.proxy.release()
        self.proxy.clear_log()

    def checkpointer(self, store: Store | None = None, **options: Any) -> BucketCheckpointer:
        """Return another writer through the proxy, on its store unless one is given."""
        return BucketCheckpointer(store or self.store, prefix=PREFIX, **options)

    def new_run(self) -> str:
        """Name a run that no other test has."""
        return f"run-{next(_numbers)}"

    def started(self, checkpointer: BucketCheckpointer, **variables: Any) -> Checkpoint:
        """Save a new run, and return its checkpoint, of which the checkpointer is the writer."""
        checkpoint = Checkpoint(execution_id=self.new_run(), variables=variables)
        checkpointer.save_checkpoint(checkpoint, if_absent=True)
        return checkpoint

    def break_writes(self, fault: WireFault, *, times: int | None = None) -> None:
        """Let the fault happen to so many uploads; without a number, to all."""
        self.proxy.add(fault, method=self.cloud.write_method, times=times)

    def break_reads(self, fault: WireFault, *, times: int | None = None) -> None:
        """Let the fault happen to so many reads; without a number, to all."""
        self.proxy.add(fault, method="GET", times=times)

    def answered(
        self, status: int, reason: str | None = None, *, is_applied: bool = False
    ) -> WireFault:
        """Return the fault that a request is answered with this status, in the cloud's words."""
        fault = StatusAfter if is_applied else StatusBefore
        return fault(status, self.cloud.error(status, reason or self.cloud.reasons[status]))

    @property
    def writes(self) -> int:
        """How many uploads have reached the proxy."""
        return self.proxy.count(self.cloud.write_method)

    @property
    def reads(self) -> int:
        """How many reads have reached the proxy."""
        return self.proxy.count("GET")

    def member(self, run: str) -> dict[str, Any]:
        """Return the reserved member of what is stored for a run, a tombstone too."""
        stored = self.direct.store.get(execution_key(PREFIX, run))
        return (
            {} if stored is None else cast("dict[str, Any]", json.loads(stored.body)["bucketpoint"])
        )

    def revision(self, run: str) -> int:
        """Return how many writes of a run have landed."""
        return int(self.member(run).get("revision", 0))
