"""A table of what a service answers in each case, and what its emulators answer instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pytest

B = TypeVar("B")


@dataclass(frozen=True)
class Case(Generic[B]):
    """One thing to ask a bucket.

    Attributes:
        ask: Asks, and returns the answer in a few words.
        service: What the service answers, by its documentation.
        deviations: What each emulator answers that answers something else.
    """

    ask: Callable[[B], str]
    service: str
    deviations: dict[str, str]


@dataclass(frozen=True)
class Table(Generic[B]):
    """Cases, each added by the function that asks."""

    cases: list[Case[B]] = field(default_factory=list[Any])

    def case(
        self, service: str, **deviations: str
    ) -> Callable[[Callable[[B], str]], Callable[[B], str]]:
        """Add the function below as a case.

        Args:
            service: What the service answers.
            deviations: What an emulator answers instead, under its name.
        """

        def add(ask: Callable[[B], str]) -> Callable[[B], str]:
            self.cases.append(Case(ask, service, deviations))
            return ask

        return add

    def of(self, emulator: str) -> list[Any]:
        """Return each case and the answer that is to be expected of the emulator."""
        return [
            pytest.param(
                case.ask, case.deviations.get(emulator, case.service), id=case.ask.__name__
            )
            for case in self.cases
        ]

    def names(self) -> set[str]:
        """Return the emulators that deviate somewhere."""
        return {name for case in self.cases for name in case.deviations}
