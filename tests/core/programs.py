"""The programs that the explorer runs, in families; each is a case with its start and its faults.

A client's program is written as one string of operations. The families follow the promises: every
pair of ordinary programs, three clients at once, claims, purges, other programs, later looks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

from bucketpoint.testing.explore import NETWORK, Event, Explorer, Result, Start

ALPHABET = ("update", "update_or_raise", "save", "save_if_absent", "save_if_version", "delete")


@dataclass(frozen=True)
class Case:
    """One exploration."""

    programs: tuple[tuple[str, ...], ...]
    start: Start = Start.ABSENT
    faults: int = 2
    kinds: frozenset[Event] = NETWORK
    constant_rewrites: bool = False
    content_versions: bool = False
    table_size: int = 1

    def explored_by(self, explorer: Explorer, *, grace: bool = True) -> Result:
        """What an explorer finds."""
        return explorer.explore(
            self.programs,
            faults=self.faults,
            kinds=self.kinds,
            start=self.start,
            constant_rewrites=self.constant_rewrites,
            grace=grace,
        )


Family = Callable[[], Iterator[Case]]


def case(*programs: str, **options: object) -> Case:
    """A case of programs that are written as words."""
    return Case(tuple(tuple(program.split()) for program in programs), **options)  # type: ignore[arg-type]  # passed on


def _with_version(program: tuple[str, ...]) -> tuple[str, ...]:
    """A save on a version needs one to begin with, which a load gives."""
    return ("load", *program) if program[0] == "save_if_version" else program


def _pairs(start: Start, **options: object) -> Iterator[Case]:
    programs = [_with_version(program) for program in product(ALPHABET, repeat=2)]
    for pair in combinations_with_replacement(programs, 2):
        yield Case(pair, start, **options)  # type: ignore[arg-type]  # passed on


def pairs_on_a_document() -> Iterator[Case]:
    return _pairs(Start.DOCUMENT)


def pairs_on_nothing() -> Iterator[Case]:
    return _pairs(Start.ABSENT)


def pairs_on_a_tombstone() -> Iterator[Case]:
    return _pairs(Start.TOMBSTONE, table_size=2)


def pairs_with_content_versions() -> Iterator[Case]:
    return _pairs(Start.DOCUMENT, content_versions=True)


def three_clients() -> Iterator[Case]:
    programs = [_with_version((name,)) for name in ALPHABET]
    for triple in combinations_with_replacement(programs, 3):
        yield Case(triple, Start.DOCUMENT, table_size=2)


def three_clients_on_nothing() -> Iterator[Case]:
    for triple in combinations_with_replacement([(name,) for name in ALPHABET], 3):
        yield Case(triple, Start.ABSENT, table_size=1)


def three_clients_of_two() -> Iterator[Case]:
    """With two faults where that ends in seconds; the last one with two is in THOROUGH."""
    yield case("load delete", "load delete", "update update", start=Start.DOCUMENT, table_size=2)
    for programs in (
        ("update update", "delete update", "pause unpause"),
        ("claim claimed_save", "claim claimed_save", "pause unpause"),
        ("update update", "update update", "update update"),
    ):
        yield case(*programs, start=Start.DOCUMENT, faults=1, table_size=2)


def more_three_clients_of_two() -> Iterator[Case]:
    """Half a million states and more, each."""
    for programs in (
        ("delete delete", "delete delete", "update update"),
        ("update update", "update update", "delete save"),
        ("update update", "update update", "update update"),
    ):
        yield case(*programs, start=Start.DOCUMENT, table_size=2)
    yield case("update delete", "save save", "delete save", faults=1, table_size=2)


HISTORIES = (
    ("restore", "update update"),
    ("restore", "save delete"),
    ("load save_again", "restore"),
    ("restore update", "restore"),
    ("restore", "claim claimed_save claimed_save"),
    ("restore claim claimed_save", "claim claimed_save"),
    ("restore", "claim claimed_load release"),
    ("restore", "delete purge"),
    ("note_fork", "update delete"),
    ("note_fork", "load save_again"),
    ("note_fork", "claim claimed_save claimed_save"),
    ("note_fork note_fork", "claim claimed_update"),
    ("note_fork", "pause unpause"),
    ("note_fork", "restore"),
)


def histories() -> Iterator[Case]:
    """Restores and forks, beside writers and claimed workers."""
    for first, second in HISTORIES:
        faults = 1 if len(second.split()) > 2 else 2
        yield case(first, second, start=Start.DOCUMENT, faults=faults, table_size=2)
    yield case("restore", "update update", start=Start.TOMBSTONE, table_size=2)
    yield case("restore", "update", "claim claimed_save", start=Start.DOCUMENT, faults=1)
    yield case("note_fork", "update", "claim claimed_save", start=Start.DOCUMENT, faults=1)


COLLECTIONS = (
    ("collect", "update update"),
    ("collect", "save delete"),
    ("collect", "load save_again"),
    ("collect", "save_if_absent save_if_absent"),
    ("collect", "claim claimed_save claimed_save"),
    ("collect", "claim claimed_load release"),
    ("collect", "claim claimed_save claim"),
    ("collect", "pause unpause"),
    ("collect", "restore update"),
    ("collect", "note_fork"),
    ("collect", "purge save"),
    ("collect collect", "update"),
    ("collect collect", "collect save"),
)


def collections() -> Iterator[Case]:
    """Garbage is collected, beside writers and claimed workers."""
    for first, second in COLLECTIONS:
        faults = 1 if len(second.split()) > 2 else 2
        yield case(first, second, start=Start.DOCUMENT, faults=faults, table_size=2)
    yield case("collect", "update update", start=Start.TOMBSTONE, table_size=2)
    yield case("collect", "save_if_absent", start=Start.TOMBSTONE, table_size=2)
    yield case("collect", "update", "claim claimed_save", start=Start.DOCUMENT, faults=1)


HOLDERS = (
    "claim claimed_save",
    "claim claimed_save claimed_save",
    "claim claimed_save release",
    "claim release claimed_save",
    "claim claimed_update claimed_save",
    "claim claimed_patch claimed_save",
    "claim claimed_rebuild claimed_rebuild",
    "claim renew claimed_save",
    "claim claimed_load claimed_save",
)
RIVALS = (
    "claim claimed_save",
    "take_over claimed_save",
    "claim release",
    "pause",
    "pause unpause",
    "pause pause",
    "delete",
    "save",
    "update",
    "pause claim",
    "delete save",
    "delete claim claimed_save",
)


def claims() -> Iterator[Case]:
    for holder, rival, start in product(HOLDERS, RIVALS, (Start.DOCUMENT, Start.ABSENT)):
        length = len(holder.split()) + len(rival.split())
        yield case(holder, rival, start=start, faults=1 if length > 4 else 2, table_size=2)


def claims_on_a_tombstone() -> Iterator[Case]:
    for holder, rival in product(HOLDERS, RIVALS):
        length = len(holder.split()) + len(rival.split())
        yield case(holder, rival, start=Start.TOMBSTONE, faults=1 if length > 4 else 2)


def claims_with_content_versions() -> Iterator[Case]:
    for holder, rival in product(HOLDERS, RIVALS):
        length = len(holder.split()) + len(rival.split())
        faults = 1 if length > 4 else 2
        yield case(holder, rival, start=Start.DOCUMENT, faults=faults, content_versions=True)


def claims_of_three() -> Iterator[Case]:
    for programs in (
        ("claim claimed_save", "claim claimed_save", "pause"),
        ("claim claimed_save", "claim claimed_save", "delete"),
        ("claim claimed_save claimed_save", "pause", "unpause"),
        ("claim claimed_save release", "claim claimed_save", "pause"),
        ("claim claimed_save", "claim release", "claim claimed_save"),
    ):
        for start in (Start.DOCUMENT, Start.ABSENT):
            yield case(*programs, start=start, faults=1, table_size=3)


PURGES = (
    ("save update", "delete purge"),
    ("save save", "delete purge save"),
    ("update update", "delete purge save"),
    ("save_if_absent save", "delete purge save_if_absent"),
    ("save delete save", "delete purge"),
    ("delete update", "purge save"),
    ("load save_if_version", "delete purge save"),
    ("load save_again", "delete purge save"),
    ("save", "purge", "delete save"),
    ("save", "purge purge", "delete"),
    ("claim claimed_save claimed_save", "delete purge claim claimed_save"),
    ("claim claimed_save release", "delete purge claim claimed_save"),
)


def purges() -> Iterator[Case]:
    for programs, start in product(PURGES, (Start.ABSENT, Start.DOCUMENT, Start.TOMBSTONE)):
        long = len(programs) > 2 or sum(len(program.split()) for program in programs) > 6
        yield case(*programs, start=start, faults=1 if long else 2)


def purges_with_content_versions() -> Iterator[Case]:
    for programs, start in product(PURGES, (Start.ABSENT, Start.DOCUMENT)):
        long = len(programs) > 2 or sum(len(program.split()) for program in programs) > 6
        yield case(*programs, start=start, faults=1 if long else 2, content_versions=True)


REWRITES = NETWORK | {Event.REWRITTEN}
DELIVERED_ONCE = REWRITES - {Event.DUPLICATED, Event.DUPLICATED_LATE}
"""Where another program restores identical bytes on a store whose versions derive from them,
no rule closes what a hidden second delivery opens."""


def _rewrites(*starts: Start) -> Iterator[Case]:
    names = ("update", "save", "delete", "save_if_absent")
    for one, two, start in product(names, product(names, repeat=2), starts):
        yield case(one, " ".join(two), start=start, kinds=REWRITES, table_size=2)


def rewrites() -> Iterator[Case]:
    return _rewrites(Start.FOREIGN, Start.DOCUMENT)


def rewrites_on_nothing() -> Iterator[Case]:
    return _rewrites(Start.ABSENT)


def rewrites_with_the_same_bytes() -> Iterator[Case]:
    names = ("update", "save", "save_if_absent")
    for one, two in product(names, product(names, repeat=2)):
        for start in (Start.FOREIGN, Start.DOCUMENT):
            yield case(
                one,
                " ".join(two),
                start=start,
                kinds=DELIVERED_ONCE,
                constant_rewrites=True,
                content_versions=True,
                table_size=2,
            )


def rewrites_under_claims() -> Iterator[Case]:
    holders = HOLDERS[:3]
    rivals = ("claim claimed_save", "pause", "delete", "save", "pause claim")
    for holder, rival in product(holders, rivals):
        for start in (Start.DOCUMENT, Start.FOREIGN):
            yield case(holder, rival, start=start, faults=2, kinds=REWRITES, table_size=2)


SETTLES = (
    ("update settle", "update update"),
    ("update update settle", "update update"),
    ("save settle", "delete save"),
    ("update save settle", "save delete"),
    ("delete settle", "save update"),
    ("update load settle update settle", "update"),
    ("save settle settle", "delete purge save"),
)


def settles() -> Iterator[Case]:
    for programs, start in product(SETTLES, (Start.ABSENT, Start.DOCUMENT)):
        yield case(*programs, start=start, table_size=1)


CLONES = NETWORK | {Event.CLONED}


def _clones(*programs: tuple[str, str]) -> Iterator[Case]:
    for pair in programs:
        yield case(*pair, start=Start.DOCUMENT, kinds=CLONES, table_size=2)


def clones() -> Iterator[Case]:
    return _clones(
        ("update update", "save"),
        ("save update", "delete"),
        ("load save_again save_again", "update"),
        ("load save_if_version", "save"),
        ("claim claimed_save", "pause"),
    )


def clones_that_go_on() -> Iterator[Case]:
    return _clones(
        ("load update update", "update"),
        ("claim claimed_save claimed_save", "update"),
    )


def _saved_again(start: Start) -> Iterator[Case]:
    for one, two in product(
        ("load save_again save_again", "save save_again", "save save_again save_again"),
        ("update", "save", "delete save", "load save_again", "save save_again", "pause unpause"),
    ):
        yield case(one, two, start=start, table_size=2)


def checkpoints_saved_again() -> Iterator[Case]:
    return _saved_again(Start.DOCUMENT)


def checkpoints_saved_again_on_nothing() -> Iterator[Case]:
    return _saved_again(Start.ABSENT)


def varying_functions() -> Iterator[Case]:
    names = ("update_varying", "save", "delete")
    for one, two in product(names, product(names, repeat=2)):
        yield case(one, " ".join(two), start=Start.DOCUMENT)


IN_CI: tuple[Family, ...] = (
    pairs_on_a_document,
    three_clients,
    three_clients_of_two,
    claims,
    claims_of_three,
    purges,
    histories,
    collections,
    rewrites,
    rewrites_with_the_same_bytes,
    settles,
    clones,
    checkpoints_saved_again,
)
"""What every run of the tests explores."""

THOROUGH: tuple[Family, ...] = (
    more_three_clients_of_two,
    rewrites_on_nothing,
    varying_functions,
    clones_that_go_on,
    checkpoints_saved_again_on_nothing,
    rewrites_under_claims,
    pairs_on_nothing,
    pairs_on_a_tombstone,
    pairs_with_content_versions,
    three_clients_on_nothing,
    claims_on_a_tombstone,
    claims_with_content_versions,
    purges_with_content_versions,
)
"""What `./scripts/test --thorough` explores as well."""
