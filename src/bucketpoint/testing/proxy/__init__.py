"""HTTP proxies on loopback, between a real SDK and a server."""

from __future__ import annotations

from bucketpoint.testing.proxy.errors import gcs_error, s3_error
from bucketpoint.testing.proxy.fault_proxy import FaultProxy, LoggedExchange
from bucketpoint.testing.proxy.faults import (
    Duplicate,
    Exchange,
    HangAfter,
    HangBefore,
    Late,
    LostAnswer,
    LostRequest,
    StatusAfter,
    StatusBefore,
    StrippedHeaders,
    Truncated,
    WireFault,
)
from bucketpoint.testing.proxy.messages import Request, Response
from bucketpoint.testing.proxy.rules import Rule

__all__ = [
    "Duplicate",
    "Exchange",
    "FaultProxy",
    "HangAfter",
    "HangBefore",
    "Late",
    "LoggedExchange",
    "LostAnswer",
    "LostRequest",
    "Request",
    "Response",
    "Rule",
    "StatusAfter",
    "StatusBefore",
    "StrippedHeaders",
    "Truncated",
    "WireFault",
    "gcs_error",
    "s3_error",
]
