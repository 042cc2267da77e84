"""What an operation may come to in one world: undisturbed, and when faults strike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bucketpoint.core import codec
from bucketpoint.core.waits import FINISHED
from bucketpoint.errors import ErrorKind
from bucketpoint.testing.model.documents import (
    begun,
    branch_of,
    built,
    marked,
    matches,
    pause_in,
    with_pause,
)
from bucketpoint.testing.model.operations import (
    BUILDING,
    DONE,
    NOTHING,
    READS,
    REFUSED,
    Document,
    Kind,
    OperationKind,
    Outcome,
)
from bucketpoint.testing.model.worlds import Held, Late, Place, Run, Worker, World

__all__ = ["explain"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an operation comes to in one world when nothing disturbs it.

    Attributes:
        result: As in `Outcome`.
        world: What the client knows afterwards.
        after: What is written; None for nothing.
        document: What is given back.
        in_doubt: What the client knows after an unknown outcome.
        in_vain: What the client knows after an attempt that came to nothing.
    """

    result: str
    world: World
    after: Run | None = None
    document: Document | None = None
    in_doubt: World | None = None
    in_vain: World | None = None


def explain(world: World, outcome: Outcome, *, disturbed: bool) -> Iterator[World]:
    """The worlds that this outcome may lead to; none where it is impossible."""
    explain_otherwise = _EXPLAIN.get(outcome.operation.kind)
    if explain_otherwise is not None:
        yield from explain_otherwise(world, outcome, disturbed=disturbed)
    else:
        yield from _explain_by(_predict(world, outcome), world, outcome, disturbed=disturbed)


def _explain_by(
    prediction: Prediction, world: World, outcome: Outcome, *, disturbed: bool
) -> Iterator[World]:
    operation = outcome.operation
    run = operation.execution_id
    if outcome.result == prediction.result and matches(prediction.document, outcome.document):
        after = prediction.after
        yield prediction.world if after is None else prediction.world.with_run(run, after)
    if not disturbed:
        return
    if outcome.result == ErrorKind.STORE_UNAVAILABLE:
        yield prediction.in_vain or world
    elif operation.kind in READS:
        return
    elif outcome.result == ErrorKind.CONFLICT:  # others were faster until attempts ran out
        yield prediction.in_vain or world
    elif outcome.result == ErrorKind.OUTCOME_UNKNOWN:
        doubtful = prediction.in_doubt or world
        yield doubtful  # it came to nothing, and never will
        if prediction.after is not None:
            yield from _landing(doubtful, run, prediction.after)


def _landing(world: World, execution_id: str, after: Run) -> Iterator[World]:
    """The worlds in which a write has landed, or may land later."""
    yield world.with_run(execution_id, after)
    late = Late(execution_id, world.run(execution_id).written_by, after)
    yield replace(world, late=(*world.late, late))


def _explain_fork(world: World, outcome: Outcome, *, disturbed: bool) -> Iterator[World]:
    """Where the new run is there, the note on its source may have failed, which nobody is told."""
    operation, prediction = outcome.operation, _predict(world, outcome)
    if outcome.result != DONE or prediction.after is None:
        yield from _explain_by(prediction, world, outcome, disturbed=disturbed)
        return
    if not matches(prediction.document, outcome.document):
        return
    world = prediction.world.with_run(operation.execution_id, prediction.after)
    source = world.run(operation.source)
    noted = _written(source, outcome.mark, source.document)
    if not disturbed:
        yield world.with_run(operation.source, noted)
        return
    yield world
    yield from _landing(world, operation.source, noted)


def _explain_collection(world: World, outcome: Outcome, *, disturbed: bool) -> Iterator[World]:
    """All that is over is deleted; where faults strike, nobody is told of what is in doubt."""
    due = [name for name, run in world.runs.items() if _is_over(run)]
    if not disturbed and (outcome.result != DONE or set(outcome.collected) != {*due}):
        return
    if outcome.result not in {DONE, ErrorKind.STORE_UNAVAILABLE}:
        return
    worlds = [world]
    for name in due:
        told = name in outcome.collected
        worlds = [
            after for each in worlds for after in _removals(each, name, outcome.mark, told=told)
        ]
    yield from worlds


def _removals(world: World, execution_id: str, mark: str, *, told: bool) -> Iterator[World]:
    removed = Run(mark)
    if told:
        yield world.with_run(execution_id, removed)
    else:
        yield world
        yield from _landing(world, execution_id, removed)


def _is_over(run: Run) -> bool:
    return run.expired and run.document is not None and run.document.get("status") in FINISHED


def _explain_settling(world: World, outcome: Outcome, *, disturbed: bool) -> Iterator[World]:
    assert outcome.about is not None
    if outcome.result == DONE:
        landed = outcome.about in world.landed
        if outcome.landed == landed and (landed or not world.may_land(outcome.about)):
            yield world
    elif outcome.result == ErrorKind.OUTCOME_UNKNOWN or (
        disturbed and outcome.result == ErrorKind.STORE_UNAVAILABLE
    ):
        yield world


def _predict(world: World, outcome: Outcome) -> Prediction:
    """What the operation comes to in this world when nothing disturbs it."""
    kind = outcome.operation.kind
    if kind in BUILDING:
        return _predict_save(world, outcome)
    return _PREDICT[kind](world, outcome)


def _place(outcome: Outcome) -> Place:
    return outcome.client, outcome.operation.execution_id


def _predict_save(world: World, outcome: Outcome) -> Prediction:
    operation, place, mark = outcome.operation, _place(outcome), outcome.mark
    run = world.run(operation.execution_id)
    document = built(operation, mark)
    prepared = world.holding(place, Held(document, None))
    refused = {
        Kind.SAVE_IF_ABSENT: run.document is not None,
        Kind.SAVE_IF_VERSION: run.written_by != world.given.get(place),
    }
    if refused.get(operation.kind):
        return Prediction(ErrorKind.VERSION_CONFLICT, prepared, in_doubt=prepared, in_vain=prepared)
    saved = world.holding(place, Held(document, frozenset({mark}))).giving(place, mark)
    return Prediction(
        DONE, saved, _written(run, mark, document), in_doubt=prepared, in_vain=prepared
    )


def _written(run: Run, mark: str, document: Document | None) -> Run:
    """The run after a plain write, which leaves the claim as it is."""
    return replace(run, written_by=mark, document=document, expired=False)


def _predict_save_again(world: World, outcome: Outcome) -> Prediction:
    place, mark = _place(outcome), outcome.mark
    run, held = world.run(place[1]), world.held[place]
    document = marked(held.document, mark)
    edited = world.holding(place, replace(held, document=document))
    tried = None if held.versions is None else held.versions | {mark}
    in_doubt = world.holding(place, Held(document, tried))
    if held.versions is not None and run.written_by not in held.versions:
        return Prediction(ErrorKind.CONFLICT, edited, in_doubt=in_doubt, in_vain=edited)
    saved = world.holding(place, Held(document, frozenset({mark}))).giving(place, mark)
    return Prediction(DONE, saved, _written(run, mark, document), in_doubt=in_doubt, in_vain=edited)


def _predict_load(world: World, outcome: Outcome) -> Prediction:
    place = _place(outcome)
    run = world.run(place[1])
    if run.document is None:
        is_load = outcome.operation.kind is Kind.LOAD
        return Prediction(ErrorKind.NO_CHECKPOINT if is_load else DONE, world)
    read = world.holding(place, Held(run.document, frozenset({run.written_by})))
    if outcome.operation.kind is Kind.GET:
        read = read.giving(place, run.written_by)
    return Prediction(DONE, read, document=run.document)


def _predict_update(world: World, outcome: Outcome) -> Prediction:
    place, mark = _place(outcome), outcome.mark
    run = world.run(place[1])
    if run.document is None:
        return Prediction(ErrorKind.NO_CHECKPOINT, world)
    if outcome.operation.kind is Kind.UPDATE_REFUSED:
        return Prediction(REFUSED, world)
    document = marked(run.document, mark)
    updated = world.holding(place, Held(document, frozenset({mark}))).giving(place, mark)
    return Prediction(DONE, updated, _written(run, mark, document), document)


def _predict_delete(world: World, outcome: Outcome) -> Prediction:
    return Prediction(DONE, world, Run(outcome.mark))


def _predict_pause(world: World, outcome: Outcome) -> Prediction:
    run = world.run(outcome.operation.execution_id)
    if run.document is None:
        return Prediction(ErrorKind.NO_CHECKPOINT, world)
    if branch_of(run.document) is None:
        return Prediction(ErrorKind.BRANCH_NOT_FOUND, world)
    is_pause = outcome.operation.kind is Kind.PAUSE
    pause = {"pause_requested": True, "pause_reason": outcome.mark} if is_pause else {}
    return Prediction(DONE, world, _written(run, outcome.mark, with_pause(run.document, pause)))


def _predict_claim(world: World, outcome: Outcome) -> Prediction:
    place, mark = _place(outcome), outcome.mark
    run = world.run(place[1])
    is_held = run.claim is not None and not run.expired
    if is_held and outcome.operation.kind is Kind.CLAIM:
        return Prediction(ErrorKind.CLAIM_HELD, world)
    document = begun(place[1]) if run.document is None else run.document
    worker = Worker(mark, document, mark, (document,))
    after = Run(mark, document, claim=mark)
    return Prediction(DONE, world.employing(place, worker), after, document)


def _predict_restore(world: World, outcome: Outcome) -> Prediction:
    if outcome.restored is None:  # there is no history, or it could not be read
        never = not world.run(outcome.operation.execution_id).written_by
        return Prediction(ErrorKind.NO_CHECKPOINT if never else NOTHING, world)
    place, mark = _place(outcome), outcome.mark
    restored = world.holding(place, Held(outcome.restored, frozenset({mark}))).giving(place, mark)
    return Prediction(DONE, restored, Run(mark, outcome.restored), outcome.restored)


def _predict_fork(world: World, outcome: Outcome) -> Prediction:
    place, mark = _place(outcome), outcome.mark
    source = world.run(outcome.operation.source).document
    if source is None:
        return Prediction(ErrorKind.NO_CHECKPOINT, world)
    if world.run(place[1]).document is not None:
        return Prediction(ErrorKind.VERSION_CONFLICT, world)
    document = {**source, "execution_id": place[1]}
    forked = world.holding(place, Held(document, frozenset({mark}))).giving(place, mark)
    return Prediction(DONE, forked, _written(world.run(place[1]), mark, document), document)


def _under_claim(
    predict: Callable[[World, Outcome, Worker, Run, Document], Prediction],
) -> Callable[[World, Outcome], Prediction]:
    """Predict for a worker whose claim holds; one whose claim does not is told so, for ever."""

    def prediction(world: World, outcome: Outcome) -> Prediction:
        place = _place(outcome)
        worker, run = world.workers[place], world.run(place[1])
        if worker.lost or run.claim != worker.claim or run.document is None:
            return _fenced(world, place)
        return predict(world, outcome, worker, run, run.document)

    return prediction


def _fenced(world: World, place: Place, snapshot: Document | None = None) -> Prediction:
    worker = world.workers[place]
    worker = replace(worker, snapshot=snapshot or worker.snapshot)
    lost = world.employing(place, replace(worker, lost=True))
    still = world.employing(place, worker)
    return Prediction(ErrorKind.FENCE_VIOLATION, lost, in_doubt=still, in_vain=still)


def _predict_claimed_save(
    world: World, outcome: Outcome, worker: Worker, run: Run, document: Document
) -> Prediction:
    place, mark = _place(outcome), outcome.mark
    snapshot = marked(worker.snapshot, mark)
    is_own = run.written_by == worker.version or any(
        codec.same(with_pause(document, {}), with_pause(known, {})) for known in worker.known
    )
    if not is_own:
        return _fenced(world, place, snapshot)
    merged = with_pause(snapshot, pause_in(document))
    # A snapshot that an operator's pause was merged into is still the version that it was.
    version = mark if codec.same(merged, snapshot) else worker.version
    saved = replace(worker, snapshot=snapshot, version=version, known=(merged,))
    doubtful = replace(worker, snapshot=snapshot, known=(*worker.known, merged))
    return Prediction(
        DONE,
        world.employing(place, saved).giving(place, mark),
        _written(run, mark, merged),
        in_doubt=world.employing(place, doubtful),
        in_vain=world.employing(place, replace(worker, snapshot=snapshot)),
    )


def _predict_claimed_load(
    world: World, outcome: Outcome, worker: Worker, run: Run, document: Document
) -> Prediction:
    loaded = replace(worker, snapshot=document, version=run.written_by, known=(document,))
    return Prediction(DONE, world.employing(_place(outcome), loaded), document=document)


def _predict_renew(
    world: World, outcome: Outcome, _worker: Worker, run: Run, document: Document
) -> Prediction:
    return Prediction(DONE, world, _written(run, outcome.mark, document))


def _predict_release(world: World, outcome: Outcome) -> Prediction:
    place = _place(outcome)
    worker, run = world.workers[place], world.run(place[1])
    over = world.employing(place, replace(worker, lost=True, released=True))
    if worker.released or run.claim != worker.claim or run.document is None:
        return Prediction(DONE, over, in_doubt=over)
    after = Run(outcome.mark, run.document)
    return Prediction(DONE, over, after, in_doubt=over)


_EXPLAIN: dict[OperationKind, Callable[..., Iterator[World]]] = {
    Kind.SETTLE: _explain_settling,
    Kind.COLLECT: _explain_collection,
    Kind.FORK: _explain_fork,
}

_PREDICT: dict[OperationKind, Callable[[World, Outcome], Prediction]] = {
    Kind.SAVE_AGAIN: _predict_save_again,
    **dict.fromkeys((Kind.LOAD, Kind.GET), _predict_load),
    **dict.fromkeys((Kind.UPDATE, Kind.UPDATE_REFUSED), _predict_update),
    Kind.DELETE: _predict_delete,
    **dict.fromkeys((Kind.PAUSE, Kind.UNPAUSE), _predict_pause),
    **dict.fromkeys((Kind.CLAIM, Kind.TAKE_OVER), _predict_claim),
    Kind.RESTORE: _predict_restore,
    Kind.FORK: _predict_fork,
    Kind.CLAIMED_SAVE: _under_claim(_predict_claimed_save),
    Kind.CLAIMED_LOAD: _under_claim(_predict_claimed_load),
    Kind.RENEW: _under_claim(_predict_renew),
    Kind.RELEASE: _predict_release,
}
