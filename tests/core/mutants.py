"""The rules of the protocol, each switched off, and a program that shows what then goes wrong."""

# pyright: basic
# What replaces functions of every type is typed by what it replaces.

from dataclasses import dataclass, field, replace
from typing import Any

from bucketpoint.core import claim, save, settle
from bucketpoint.core import write as loop
from bucketpoint.core.claim import ClaimState
from bucketpoint.errors import ConflictError, NoCheckpointError, OutcomeUnknownError
from bucketpoint.testing.explore import Start, clients, operations, world
from tests.core.mutations import (
    NO_CLONE_RULE,
    NO_EVICTION_RULE,
    Patch,
    WriteLoop,
    any_entry,
    any_lineage,
    believing,
    both,
    changing_child,
    changing_next,
    claim_keeps_epoch,
    comparing,
    constant_revision,
    decide_anew,
    delete_keeps_epoch,
    delete_writes_nothing_on,
    evicting,
    fence_first,
    foreign_base_is_dead,
    foreign_is_dead,
    forget_attempts_after,
    gone_is_dead,
    ids_of_writer,
    ids_since_start,
    in_head_only,
    in_odd_order,
    judged,
    live_is_dead,
    merge_by_memory,
    merging,
    naming_writers,
    new_id_per_attempt,
    newest,
    not_past_proof,
    nothing,
    on_conflict_only,
    once,
    only_own_entry,
    release_unchecked,
    restore_keeps_claim,
    save_drops_claim,
    save_whatever_is_there,
    setting,
    settle_creates,
    tombstone_begins_epochs,
    tombstone_forgets,
    tombstone_kills_creates,
    unconditional,
    version_of_look,
    without_pending,
)
from tests.core.programs import CLONES, DELIVERED_ONCE, REWRITES, Case, case

DOCUMENT = Start.DOCUMENT


@dataclass(frozen=True)
class Mutant:
    """One rule switched off.

    Attributes:
        name: Names it.
        rule: What is switched off.
        patch: Switches it off.
        case: The program that is run.
        steps: The length of the shortest schedule that breaks a promise; 0 for none.
        why: Why none does.
        options: What the explorer is made with.
        grace: A purge waits until nothing from before the tombstone goes on.
    """

    name: str
    rule: str
    patch: Patch
    case: Case
    steps: int
    why: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    grace: bool = True


UPDATES = case("update", "update", start=DOCUMENT)
MORE_UPDATES = case("update update", "update", start=DOCUMENT)
DELETES = case("save", "delete")
HOLDER = ("claim claimed_save", "claim claimed_save")
PAUSED = case("claim claimed_save claimed_save", "pause", start=DOCUMENT, table_size=2)

MUTANTS = (
    Mutant(
        "save_unconditional",
        "a save is a conditional write",
        unconditional("save"),
        case("load save", "update", start=DOCUMENT),
        3,
    ),
    Mutant(
        "delete_unconditional",
        "a delete is a conditional write",
        unconditional("delete"),
        case("load delete", "update", start=DOCUMENT),
        3,
    ),
    Mutant(
        "no_table",
        "a write is looked up in the table of writers",
        setting(loop, "has_landed", lambda *_: False),
        UPDATES,
        0,
        why="then every doubt is unknown, because the newer entry is taken for a clone's",
    ),
    Mutant(
        "no_table, no_clone_rule",
        "the same, and a newer entry of this writer proves nothing",
        both(setting(loop, "has_landed", lambda *_: False), NO_CLONE_RULE),
        UPDATES,
        4,
    ),
    Mutant(
        "only_head, no_clone_rule",
        "the same, and no clone rule",
        both(setting(loop, "has_landed", in_head_only), NO_CLONE_RULE),
        replace(UPDATES, table_size=2),
        6,
    ),
    Mutant(
        "only_head",
        "the table remembers writes that others have written over",
        setting(loop, "has_landed", in_head_only),
        replace(UPDATES, table_size=2),
        0,
        why="likewise: what is not found is unknown",
    ),
    Mutant(
        "unknown_is_refused",
        "an attempt without an answer may have landed",
        forget_attempts_after(OutcomeUnknownError),
        UPDATES,
        3,
    ),
    Mutant(
        "trust_412",
        "a 412 proves nothing where a request may be delivered twice",
        nothing,
        UPDATES,
        4,
        options={"single_delivery": True},
    ),
    Mutant(
        "resent_is_unsent",
        "after a second sending a store cannot say: not sent",
        setting(world, "answer_unsent", lambda _: "unavailable"),
        UPDATES,
        7,
    ),
    Mutant(
        "live_is_dead",
        "while its base is current, an attempt may still land",
        judged(live_is_dead),
        UPDATES,
        5,
    ),
    Mutant(
        "deadline_is_failure",
        "a call out of time with a live attempt is unknown",
        without_pending("_give_up"),
        UPDATES,
        3,
    ),
    Mutant(
        "refuse_with_live",
        "nothing is refused while an attempt may still land",
        both(judged(live_is_dead), without_pending("_ask")),
        case("update_or_raise", "update", start=DOCUMENT),
        5,
    ),
    Mutant(
        "fn_again_on_same_base",
        "on a base with a live attempt only the same bytes are sent",
        setting(WriteLoop, "_still_current", decide_anew),
        case("update_varying", "update", start=DOCUMENT),
        5,
    ),
    Mutant(
        "new_id_per_attempt",
        "all attempts of an operation carry one ID",
        setting(WriteLoop, "_still_current", new_id_per_attempt),
        replace(UPDATES, table_size=2),
        0,
        why="an attempt under another ID is taken for a clone's, so the outcome is unknown",
    ),
    Mutant(
        "new_id_per_attempt, no_clone_rule",
        "the same, and a newer entry of this writer proves nothing",
        both(setting(WriteLoop, "_still_current", new_id_per_attempt), NO_CLONE_RULE),
        replace(UPDATES, table_size=2),
        6,
    ),
    Mutant(
        "no_clone_rule",
        "a newer entry of this writer with another ID proves nothing",
        NO_CLONE_RULE,
        case("load update", "update", start=DOCUMENT, kinds=CLONES, table_size=2),
        7,
    ),
    Mutant(
        "ids_repeat",
        "operation IDs never repeat",
        setting(clients, "new_id", ids_of_writer),
        MORE_UPDATES,
        7,
    ),
    Mutant(
        "ids_counted, writer_kept",
        "a restarted process is another writer, or its IDs random",
        both(setting(clients, "new_id", ids_since_start), naming_writers(lambda name: name[:2])),
        MORE_UPDATES,
        6,
    ),
    Mutant(
        "writer_kept",
        "a restarted process is another writer",
        naming_writers(lambda name: name[:2]),
        MORE_UPDATES,
        0,
        why="random operation IDs tell the processes apart, and the clone rule does the rest",
    ),
    Mutant(
        "writer_shared",
        "two checkpointers are two writers",
        naming_writers(lambda _: "w"),
        replace(MORE_UPDATES, table_size=2),
        0,
        why="likewise",
    ),
    Mutant(
        "writer_shared, no_clone_rule",
        "the same, and no clone rule",
        both(naming_writers(lambda _: "w"), NO_CLONE_RULE),
        replace(MORE_UPDATES, table_size=2),
        6,
    ),
    Mutant(
        "no_eviction_rule",
        "an entry may have been pushed out of the table",
        NO_EVICTION_RULE,
        UPDATES,
        6,
    ),
    Mutant(
        "no_evicted_revision",
        "the table says up to where it forgot",
        changing_next(
            lambda before, after: replace(after, evicted_revision=before.evicted_revision)
        ),
        UPDATES,
        6,
    ),
    Mutant(
        "evict_newest",
        "the oldest entry goes first",
        evicting(newest),
        case("update", "update", "update", start=DOCUMENT, table_size=2, faults=1),
        0,
        why="any order is sound while evicted_revision is the highest pushed out",
    ),
    Mutant(
        "evict_any",
        "the oldest entry goes first",
        evicting(in_odd_order),
        case("update", "update", "update", start=DOCUMENT, table_size=2, faults=1),
        0,
        why="likewise",
    ),
    Mutant(
        "evict_any, last_evicted",
        "evicted_revision is the highest ever pushed out",
        evicting(in_odd_order, keep_highest=False),
        case("update", "update", "update", start=DOCUMENT, table_size=2, faults=1),
        8,
    ),
    Mutant(
        "table_not_carried",
        "each write carries the table of its base",
        changing_next(only_own_entry),
        replace(UPDATES, table_size=2),
        6,
    ),
    Mutant(
        "revision_constant",
        "each write has the next revision",
        changing_next(constant_revision),
        UPDATES,
        2,
    ),
    Mutant(
        "tombstone_drops_table",
        "a tombstone carries the table",
        changing_child(tombstone_forgets),
        case("update", "delete save", start=DOCUMENT, table_size=2),
        5,
    ),
    Mutant(
        "tombstone_drops_epoch",
        "a tombstone carries the epoch",
        changing_child(tombstone_begins_epochs),
        case("claim", "delete", start=DOCUMENT),
        4,
    ),
    Mutant(
        "delete_keeps_epoch",
        "a delete raises the epoch",
        changing_child(delete_keeps_epoch),
        case("claim claimed_save release", "delete save", start=DOCUMENT, faults=1),
        0,
        why="the tombstone itself ends the claim, and it has no owner",
    ),
    Mutant(
        "tombstone_is_no_fence",
        "a tombstone ends every claim",
        comparing("lineage", "epoch", "owner", tombstones=True),
        case("claim claimed_save release", "delete save", start=DOCUMENT, faults=1),
        0,
        why="the delete has raised the epoch and cleared the owner",
    ),
    Mutant(
        "delete_keeps_epoch, tombstone_is_no_fence, no_owner",
        "all three",
        both(changing_child(delete_keeps_epoch), comparing("lineage", "epoch", tombstones=True)),
        case("claim release", "delete", start=DOCUMENT, faults=1),
        7,
    ),
    Mutant(
        "delete_noop_absent",
        "a delete of nothing writes a tombstone",
        delete_writes_nothing_on(tombstone=False),
        DELETES,
        4,
    ),
    Mutant(
        "delete_noop_tombstone",
        "a delete of a tombstone writes another",
        delete_writes_nothing_on(tombstone=True),
        replace(DELETES, start=Start.TOMBSTONE),
        4,
    ),
    Mutant(
        "tombstone_kills_creates",
        "a tombstone is no proof that a create is dead",
        judged(tombstone_kills_creates),
        case("save_if_absent", "delete purge"),
        6,
    ),
    Mutant(
        "no_grace",
        "a purge waits until nothing from before the tombstone goes on",
        nothing,
        case("save", "delete purge"),
        6,
        grace=False,
    ),
    Mutant(
        "purge_unconditional",
        "a purge removes exactly the version it has seen",
        unconditional("purge"),
        case("save", "purge", start=Start.TOMBSTONE),
        3,
    ),
    Mutant(
        "gone_is_dead",
        "absence after presence proves nothing",
        judged(gone_is_dead),
        case("update update", "delete purge save", start=DOCUMENT),
        0,
        why="the grace keeps a purge from coming between an attempt and its look",
    ),
    Mutant(
        "gone_is_dead, no_grace",
        "absence after presence proves nothing",
        judged(gone_is_dead),
        case("update", "delete purge", start=DOCUMENT),
        7,
        grace=False,
    ),
    Mutant(
        "no_lineage",
        "no proof across lineages",
        judged(any_lineage),
        case("update", "update update", start=DOCUMENT, kinds=REWRITES, table_size=2),
        7,
    ),
    Mutant(
        "foreign_is_dead",
        "a document without the member proves nothing",
        judged(foreign_is_dead),
        case("update", "update", start=DOCUMENT, kinds=REWRITES),
        5,
    ),
    Mutant(
        "foreign_base_is_dead",
        "an attempt on a document without the member is never proved dead",
        judged(foreign_base_is_dead),
        case("update", "update update", start=Start.FOREIGN, kinds=REWRITES, table_size=2),
        5,
    ),
    Mutant(
        "foreign_resend",
        "on a document without the member one sending only, where versions derive from the bytes",
        setting(WriteLoop, "_is_past_proof", not_past_proof),
        case(
            "update",
            "update",
            start=Start.FOREIGN,
            kinds=DELIVERED_ONCE,
            constant_rewrites=True,
            content_versions=True,
        ),
        5,
    ),
    Mutant(
        "believe_fn",
        "an exception of fn on remembered state is not believed",
        believing(Exception, of_library=False),
        case("load update_or_raise", "update", "save", start=DOCUMENT, faults=0),
        3,
    ),
    Mutant(
        "believe_absence",
        "an absence that is remembered is not believed",
        believing(NoCheckpointError),
        case("delete update", "save", start=DOCUMENT, faults=0),
        2,
    ),
    Mutant(
        "believe_version",
        "a version that is remembered refuses nothing",
        believing(ConflictError),
        case("load save_if_absent", "delete", start=DOCUMENT, faults=0),
        1,
    ),
    Mutant(
        "version_of_look",
        "the version returned is the one this operation made",
        setting(WriteLoop, "_found", version_of_look),
        case("update", "update", start=DOCUMENT, table_size=2),
        5,
    ),
    Mutant(
        "saved_unseen",
        "a checkpoint replaces only what it was loaded from or saved to",
        setting(save, "_as_last_seen", save_whatever_is_there),
        case("load save_again", "update", start=DOCUMENT),
        6,
    ),
    Mutant(
        "own_attempt_unknown",
        "a checkpoint knows the versions that its own saves made",
        setting(save, "_is_own", lambda *_: False),
        case("load save_again save_again", start=DOCUMENT),
        4,
    ),
    Mutant(
        "settle_by_writer",
        "settling looks for the operation, not for its writer",
        setting(settle, "has_landed", any_entry),
        case("update update settle", "update", start=DOCUMENT, table_size=2),
        5,
    ),
    Mutant(
        "settle_creates",
        "a create is never settled as not applied",
        setting(operations, "settle", settle_creates),
        case("save settle", "delete purge save", table_size=2),
        10,
    ),
    Mutant(
        "claim_keeps_epoch",
        "a claim raises the epoch",
        changing_child(claim_keeps_epoch),
        case("claim", "claim", start=DOCUMENT, faults=0),
        4,
    ),
    Mutant(
        "no_epoch",
        "a claimed write compares the epoch",
        comparing("lineage", "owner"),
        case("claim renew", "claim", start=DOCUMENT),
        7,
    ),
    Mutant(
        "epoch_only",
        "a claimed write compares the lineage, too",
        comparing("epoch", "owner"),
        case("claim renew renew", "delete purge claim", faults=0),
        12,
    ),
    Mutant(
        "no_owner",
        "a claimed write compares the owner, too",
        comparing("lineage", "epoch"),
        case(*HOLDER, start=DOCUMENT),
        0,
        why="lineage and epoch name a claim; the owner is for people",
    ),
    Mutant(
        "edits_accepted",
        "more than a pause changed under a claim is a fence violation",
        setting(ClaimState, "accepts", lambda *_: True),
        case("claim claimed_save", "update", start=DOCUMENT),
        7,
    ),
    Mutant(
        "fence_before_landed",
        "a write that landed is acknowledged, though the claim is lost",
        fence_first,
        case("claim claimed_save", "take_over", start=DOCUMENT, table_size=2),
        4,
    ),
    Mutant(
        "release_unchecked",
        "a release ends only this very claim",
        setting(operations, "release", release_unchecked),
        case("claim release", "take_over", start=DOCUMENT),
        7,
    ),
    Mutant(
        "save_drops_claim",
        "every write carries the claim of its base",
        changing_child(save_drops_claim),
        case("claim", "save", start=DOCUMENT, faults=0),
        4,
    ),
    Mutant(
        "no_merge",
        "a claimed save merges the pauses",
        setting(claim, "merge_pauses", lambda mine, *_: mine),
        PAUSED,
        6,
    ),
    Mutant(
        "merge_on_conflict_only",
        "every claimed save merges the pauses",
        merging(on_conflict_only),
        PAUSED,
        6,
    ),
    Mutant(
        "merge_by_memory",
        "the base of the merge is what the engine was given",
        merge_by_memory,
        PAUSED,
        7,
    ),
    Mutant(
        "merge_once",
        "on a newer version the pauses are merged anew",
        merging(once),
        case("claim claimed_save", "pause unpause", start=DOCUMENT, table_size=2),
        7,
    ),
    Mutant(
        "restore_unconditional",
        "a restore is a conditional write",
        unconditional("restore"),
        case("restore", "update", start=DOCUMENT),
        3,
    ),
    Mutant(
        "restore_keeps_claim",
        "a restore ends the claim",
        changing_child(restore_keeps_claim),
        case("claim renew", "restore", start=DOCUMENT, faults=1),
        7,
    ),
)
