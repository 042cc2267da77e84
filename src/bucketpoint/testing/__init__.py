"""For tests of stores and of code that uses them: faults at will, and the suite stores must pass.

`FaultProxy` does to a real SDK what `FaultyStore` does to a store; the faults that it knows are in
`bucketpoint.testing.proxy`, and servers to put behind it in `bucketpoint.testing.emulators`.
`bucketpoint.testing.conformance` needs pytest and is imported by itself.
"""

from __future__ import annotations

from bucketpoint.testing.faults import Fault, FaultyStore, LoggedRequest, Request, random_faults
from bucketpoint.testing.proxy import FaultProxy

__all__ = ["Fault", "FaultProxy", "FaultyStore", "LoggedRequest", "Request", "random_faults"]
