"""A rule of the protocol that is switched off is missed at once, by a schedule that shows why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bucketpoint.core import document
from bucketpoint.testing.explore import Explorer, Result
from tests.core.mutants import MUTANTS
from tests.core.mutations import Mutant
from tests.proof import FIGURE

PAGE = Path(__file__).parents[2] / "docs" / "design" / "010-mutants.md"


def explored(mutant: Mutant, monkeypatch: pytest.MonkeyPatch, *, broken: bool) -> Result:
    """What an explorer of its own finds: others know what the true code does."""
    monkeypatch.setattr(document, "TABLE_SIZE", mutant.case.table_size)
    if not broken:
        return mutant.case.explored_by(Explorer(content_versions=mutant.case.content_versions))
    mutant.patch(monkeypatch)
    explorer = Explorer(content_versions=mutant.case.content_versions, **mutant.options)
    return mutant.case.explored_by(explorer, grace=mutant.grace)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_rule_that_is_switched_off_is_caught_or_is_covered_by_another(
    mutant: Mutant,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    violation = explored(mutant, monkeypatch, broken=True).violation
    record_property(FIGURE, ["covered by another rule" if violation is None else "caught", 1])
    steps = len(violation.schedule) if violation is not None else 0
    assert steps == mutant.steps, violation.script if violation is not None else "not caught"
    assert bool(mutant.why) == (mutant.steps == 0), "what is not caught needs a reason"


@pytest.mark.parametrize(
    "mutant", [mutant for mutant in MUTANTS if mutant.steps], ids=lambda mutant: mutant.name
)
def test_the_program_that_catches_it_is_clean_when_all_rules_hold(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    violation = explored(mutant, monkeypatch, broken=False).violation
    assert violation is None, violation.script


def test_the_page_lists_every_mutant_with_its_result() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [row for row in map(row_of, MUTANTS) if row not in page]
    assert not missing, "put these rows into the page:\n" + "\n".join(missing)


def row_of(mutant: Mutant) -> str:
    """The mutant's row in the table of the page."""
    programs = " ∥ ".join(" ".join(program) for program in mutant.case.programs)
    result = f"{mutant.steps} steps" if mutant.steps else f"not caught: {mutant.why}"
    return f"| `{mutant.name}` | {mutant.rule} | {programs} | {result} |"
