"""Every state that the families of programs can get to keeps every promise."""

import gc
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from bucketpoint.core import document
from bucketpoint.testing.explore import Explorer
from tests.conftest import THOROUGH
from tests.core import programs
from tests.core.programs import Case, Family
from tests.proof import FIGURE

_CASES_PER_TEST = 30
_FEW_OPERATIONS = frozenset(
    {programs.pairs_on_a_document, programs.three_clients, programs.pairs_on_nothing}
)
"""Families whose programs are made of the same operations, in many orders."""


@cache
def explorer(table_size: int, *, content_versions: bool) -> Explorer:
    """The process's explorer: what it has learnt of one program helps with the next."""
    return Explorer(content_versions=content_versions)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Free the memory afterwards: the garbage collector would visit it in every later test.

    Until then it stays off: a sixth of the time went into looking, after each program, at what
    was still needed.
    """
    gc.disable()
    yield
    explorer.cache_clear()
    gc.enable()


def parts() -> Iterator[object]:
    families = programs.IN_CI + (programs.THOROUGH if THOROUGH else ())
    for family in families:
        cases = tuple(family())
        # Together in one process, they need to learn what clients do only once.
        group = pytest.mark.xdist_group("orders" if family in _FEW_OPERATIONS else "families")
        for first in range(0, len(cases), _CASES_PER_TEST):
            part = cases[first : first + _CASES_PER_TEST]
            yield pytest.param(family, part, marks=group, id=f"{family.__name__}-{first}")


@pytest.mark.parametrize(("family", "cases"), list(parts()))
def test_no_schedule_breaks_a_promise(
    family: Family,
    cases: tuple[Case, ...],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    states = transitions = 0
    seconds = 0.0
    for case in cases:
        monkeypatch.setattr(document, "TABLE_SIZE", case.table_size)
        found = case.explored_by(explorer(case.table_size, content_versions=case.content_versions))
        assert found.violation is None, f"{case}\n{found.violation.script}"
        states += found.states
        transitions += found.transitions
        seconds += found.seconds
    record_property("explored", [family.__name__, len(cases), states, transitions, seconds])
    record_property(FIGURE, ["programs", len(cases)])
    record_property(FIGURE, ["states", states])
