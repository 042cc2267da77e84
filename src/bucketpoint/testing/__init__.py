"""For tests of stores and of code that uses them: faults at will, and the suite stores must pass.

`bucketpoint.testing.conformance` needs pytest and is imported by itself.
"""

from __future__ import annotations

from bucketpoint.testing.faults import Fault, FaultyStore, LoggedRequest, Request, random_faults

__all__ = ["Fault", "FaultyStore", "LoggedRequest", "Request", "random_faults"]
