"""For tests of stores and of code that uses them.

| | |
| --- | --- |
| `crash_everywhere` | kills a handler at each request and effect, restarts it, and checks the result |
| `FaultyStore` | a store whose requests go wrong as you say |
| `FaultProxy` | the same on the wire, for real SDKs; its faults are in `bucketpoint.testing.proxy` |
| `bucketpoint.testing.conformance` | the suites that any store and any checkpointer must pass |
| `bucketpoint.testing.fixtures` | fixtures for pytest: stores, a frozen clock, seeded IDs, emulators |
| `bucketpoint.testing.explore` | every interleaving of two or three clients, with faults anywhere |
| `bucketpoint.testing.simulate` | many clients in virtual time, by a seed |
| `bucketpoint.testing.linearizability` | a checker for what concurrent clients have recorded |
| `bucketpoint.testing.model`, `.strategies` | a plain model of a checkpointer, and strategies for hypothesis |
| `bucketpoint.testing.emulators` | SeaweedFS, moto and fake-gcs-server as servers on loopback |

The suites, the fixtures and the strategies need the extra `testing`.
"""

from __future__ import annotations

from bucketpoint.testing.crashes import (
    CrashReport,
    CrashTestError,
    Times,
    World,
    at_least_once,
    at_most,
    crash_everywhere,
    exactly_once,
)
from bucketpoint.testing.faults import Fault, FaultyStore, LoggedRequest, Request, random_faults
from bucketpoint.testing.proxy import FaultProxy

__all__ = [
    "CrashReport",
    "CrashTestError",
    "Fault",
    "FaultProxy",
    "FaultyStore",
    "LoggedRequest",
    "Request",
    "Times",
    "World",
    "at_least_once",
    "at_most",
    "crash_everywhere",
    "exactly_once",
    "random_faults",
]
