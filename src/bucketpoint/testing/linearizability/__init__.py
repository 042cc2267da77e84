"""Check that what concurrent clients saw is what they could have seen one after another.

A `Recorder` notes each operation with its beginning, its end and its result. `check` then looks
for one order of the operations that agrees with every result and with real time, against any
sequential `Model`. `check_appends` does the same for long histories of appends and reads of a list.

An operation whose outcome is unknown may have taken effect at any moment after it began, also
long after its caller gave up, or never.

Example:
    >>> recorder = Recorder()
    >>> for worker, value in [("worker-1", "a"), ("worker-2", "b")]:
    ...     with recorder.record(worker, Write(value)):
    ...         pass  # the call of the system under test
    >>> with recorder.record("worker-1", Read()) as call:
    ...     call.ok("a")
    >>> print(check(recorder.history, register()).violation)
    no order of these 3 operations agrees with their results:
    <BLANKLINE>
      worker-1  |-|          write 'a' -> ok
      worker-2      |-|      write 'b' -> ok
      worker-1          |-|  read -> 'a'
    <BLANKLINE>
    an order goes as far as this:
      write 'a' -> ok
      write 'b' -> ok
    then the state is 'b', and none of these fits:
      read -> 'a'
"""

from __future__ import annotations

from bucketpoint.testing.linearizability.appends import check_appends
from bucketpoint.testing.linearizability.checking import check
from bucketpoint.testing.linearizability.history import (
    Operation,
    Outcome,
    Recorder,
    RunningOperation,
)
from bucketpoint.testing.linearizability.models import (
    ABSENT,
    REJECTED,
    UNKNOWN,
    Append,
    CompareAndSet,
    Delete,
    Model,
    Read,
    Special,
    Write,
    register,
)
from bucketpoint.testing.linearizability.report import Result, Violation
from bucketpoint.testing.linearizability.search import SearchLimitError

__all__ = [
    "ABSENT",
    "REJECTED",
    "UNKNOWN",
    "Append",
    "CompareAndSet",
    "Delete",
    "Model",
    "Operation",
    "Outcome",
    "Read",
    "Recorder",
    "Result",
    "RunningOperation",
    "SearchLimitError",
    "Special",
    "Violation",
    "Write",
    "check",
    "check_appends",
    "register",
]
