"""Which right each request needs, and which the trial has found missing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from bucketpoint.cli.doctor.outcomes import Outcome, UnseenError, advice
from bucketpoint.errors import AccessDeniedError

__all__ = ["Need", "Rights", "Step", "is_of_credentials"]


class Step(Enum):
    """A kind of request; each needs one right."""

    LIST = auto()
    READ = auto()
    CREATE = auto()
    UPDATE = auto()
    DELETE = auto()
    LIST_VERSIONS = auto()
    READ_VERSION = auto()
    DELETE_VERSION = auto()


class Need(Enum):
    """What somebody wants to do, and the requests that it takes.

    Attributes:
        steps: The requests.
        essential: No checkpointer works without it.
        otherwise: What does not work without it.
    """

    READ = ((Step.READ, Step.LIST), True, "checkpoints cannot be loaded and listed")
    WRITE = ((Step.CREATE, Step.UPDATE), True, "no checkpoint can be saved")
    PURGE = ((Step.DELETE,), False, "purge does not work, and tombstones stay")
    HISTORY = (
        (Step.LIST_VERSIONS, Step.READ_VERSION),
        False,
        "earlier versions can be neither listed nor read",
    )
    REMOVE_VERSIONS = ((Step.DELETE_VERSION,), False, "earlier versions cannot be removed")

    def __init__(self, steps: tuple[Step, ...], essential: bool, otherwise: str) -> None:  # noqa: FBT001 - members are written as tuples
        self.steps = steps
        self.essential = essential
        self.otherwise = otherwise


_S3 = {
    Step.LIST: "s3:ListBucket",
    Step.READ: "s3:GetObject",
    Step.CREATE: "s3:PutObject",
    Step.UPDATE: "s3:PutObject with If-Match",
    Step.DELETE: "s3:DeleteObject",
    Step.LIST_VERSIONS: "s3:ListBucketVersions",
    Step.READ_VERSION: "s3:GetObjectVersion",
    Step.DELETE_VERSION: "s3:DeleteObjectVersion",
}
_GS = {
    Step.LIST: "storage.objects.list",
    Step.READ: "storage.objects.get",
    Step.CREATE: "storage.objects.create",
    Step.UPDATE: "storage.objects.delete",  # which Google asks for to replace an object
    Step.DELETE: "storage.objects.delete",
    Step.LIST_VERSIONS: "storage.objects.list",
    Step.READ_VERSION: "storage.objects.get",
    Step.DELETE_VERSION: "storage.objects.delete",
}
_READS = frozenset({Step.LIST, Step.READ, Step.LIST_VERSIONS, Step.READ_VERSION})
_LOCAL = {step: f"{'read' if step in _READS else 'write'} permission" for step in Step}

_BY_SCHEME: Mapping[str, Mapping[Step, str]] = {"s3": _S3, "gs": _GS}
_GENERIC = ("grant s3:", "grant storage.")
"""How the advice of a denial begins that names no more than the right."""


class Rights:
    """What was allowed and what was denied, in the words of one kind of store.

    Args:
        scheme: Of the store's URL.
    """

    def __init__(self, scheme: str) -> None:
        self._names = _BY_SCHEME.get(scheme, _LOCAL)
        self._allowed: set[Step] = set()
        self._denied: dict[Step, AccessDeniedError] = {}

    def allow(self, step: Step) -> None:
        """Note that a request got as far as to be carried out, or refused for its condition."""
        self._allowed.add(step)

    def deny(self, step: Step, error: AccessDeniedError) -> None:
        """Note that a request was denied; one that was allowed before shows that it is no right."""
        if step not in self._allowed:
            self._denied[step] = error

    def is_allowed(self, step: Step) -> bool:
        """Tell whether such a request was let through."""
        return step in self._allowed

    def is_denied(self, step: Step) -> bool:
        """Tell whether such a request was denied."""
        return step in self._denied

    def name(self, step: Step) -> str:
        """Return what the right is called."""
        return self._names[step]

    def fix(self, step: Step) -> str:
        """Return what to do about a denial."""
        told = advice(self._denied[step])
        if not told.startswith(_GENERIC):  # a KMS key, a scope, a folder: it knows better
            return told
        return (
            f"grant {self.name(step)} to the credentials in use, and look for a policy that denies "
            "it"
        )

    def outcome(self, need: Need) -> Outcome:
        """Return whether all is allowed that somebody needs.

        Raises:
            UnseenError: Not all of it was tried.
        """
        for step in need.steps:
            if step in self._denied:
                make = Outcome.failed if need.essential else Outcome.warning
                return make(f"{self.name(step)} is missing, so {need.otherwise}", self.fix(step))
        untried = [step for step in need.steps if step not in self._allowed]
        if untried:
            raise UnseenError(f"{self._listed(untried)} could not be tried")
        return Outcome.ok(f"allowed: {self._listed(need.steps)}")

    def _listed(self, steps: tuple[Step, ...] | list[Step]) -> str:
        return ", ".join(dict.fromkeys(map(self.name, steps)))


def is_of_credentials(error: AccessDeniedError) -> bool:
    """Tell whether it is the credentials that are wrong, and not a right that they lack."""
    return not advice(error).startswith("grant ") and "permissions" not in advice(error)
