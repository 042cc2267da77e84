"""A plain model of checkpointers: what each operation must come to, whatever the network does.

`Client` performs an `Operation` on a real checkpointer and says what came of it. `Model` holds
plain documents in a plain dict and says whether it may. Where an outcome is unknown, the model goes
on with every state that is possible, until something that was read tells them apart.

The model knows what users are promised, and nothing of how it is kept: no revisions, no table of
writers, no retries. It is for clients that take turns; `explore` is for those that do not.
"""

from __future__ import annotations

from bucketpoint.testing.model.checking import Model, ModelViolationError
from bucketpoint.testing.model.clients import Client
from bucketpoint.testing.model.documents import marks_of
from bucketpoint.testing.model.operations import (
    BRANCH,
    BUILDING,
    CLAIM_TTL,
    MARKS,
    Operation,
    OperationKind,
    Outcome,
)

__all__ = [
    "BRANCH",
    "BUILDING",
    "CLAIM_TTL",
    "MARKS",
    "Client",
    "Model",
    "ModelViolationError",
    "Operation",
    "OperationKind",
    "Outcome",
    "marks_of",
]
