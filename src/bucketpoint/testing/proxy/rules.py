"""Which requests a fault happens to."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bucketpoint.testing.proxy.faults import WireFault
from bucketpoint.testing.proxy.messages import Request

__all__ = ["Rule"]


@dataclass(slots=True, kw_only=True)
class Rule:
    """Lets a fault happen to some requests; made by `FaultProxy.add`, which explains the rest.

    Attributes:
        matched: How many requests it was for, whether the fault happened or not.
        applied: How many requests the fault happened to.
    """

    fault: WireFault
    method: str | None
    path: re.Pattern[str] | None
    header: str | None
    when: Callable[[Request], bool] | None
    skip: int
    times: int | None
    probability: float
    chance: random.Random
    matched: int = field(default=0, init=False)
    applied: int = field(default=0, init=False)

    def fires(self, request: Request) -> bool:
        """Whether the fault happens to the request; counts it."""
        if self.applied == self.times or not self._is_for(request):
            return False
        self.matched += 1
        if self.matched <= self.skip or self.chance.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def _is_for(self, request: Request) -> bool:
        return (
            (self.method is None or self.method == request.method)
            and (self.path is None or self.path.search(request.target) is not None)
            and (self.header is None or request.header(self.header) is not None)
            and (self.when is None or self.when(request))
        )
