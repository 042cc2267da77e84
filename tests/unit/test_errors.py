"""The tree of errors: its shape, its kinds, and its way through a pickle."""

import builtins
import inspect
import pickle
import re
from typing import Any

import pytest

from bucketpoint import errors
from bucketpoint.errors import BucketpointError, ErrorKind, OutcomeUnknownError


def every_error(root: type[BucketpointError] = BucketpointError) -> list[type[BucketpointError]]:
    """Return the root and all below it, depth first."""
    return [root, *(found for child in root.__subclasses__() for found in every_error(child))]


ALL_ERRORS = [cls for cls in every_error() if cls.__module__ == errors.__name__]

SAMPLES: dict[str, Any] = {
    "message": "it broke: mend it",
    "execution_id": "run-42",
    "key": "p/executions/run-42.json",
    "owner": "lambda-7f",
    "remaining_s": 12.5,
    "throttled": True,
    "evidence": ("w4k2", 17),
    "path": "branch_states.main.variables.due",
}

BUILTINS = {
    "AccessDeniedError": PermissionError,
    "BranchNotFoundError": LookupError,
    "BucketNotFoundError": LookupError,
    "DeadlineExceededError": TimeoutError,
    "InvalidInputError": ValueError,
    "NoCheckpointError": LookupError,
    "ReentrantCallError": RuntimeError,
    "StoreFullError": OSError,
    "StoreUnavailableError": ConnectionError,
    "StoredDataError": ValueError,
    "UnserializableValueError": TypeError,
    "UnsupportedError": NotImplementedError,
}


def sample(cls: type[BucketpointError]) -> BucketpointError:
    """Return an error of the class with every argument given."""
    parameters = list(inspect.signature(cls).parameters.values())
    given = {p.name: SAMPLES[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
    return cls(SAMPLES["message"], **given)


def drawn_tree() -> dict[str, tuple[str, str | None]]:
    """Return each error of the drawing in the docstring: its parent, and its builtin if any."""
    tree: dict[str, tuple[str, str | None]] = {}
    ancestors: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^    ([│├└─ ]*)([A-Z]\w+Error)(?: \((\w+)\))?(?:  |$)", line)
        if match:
            depth = len(match[1]) // 4
            ancestors[depth:] = [match[2]]
            tree[match[2]] = (ancestors[depth - 1] if depth else "Exception", match[3])
    return tree


def test_the_tree_is_as_drawn() -> None:
    def builtin_of(cls: type[BucketpointError]) -> str | None:
        extra = [base.__name__ for base in cls.__bases__ if base.__module__ == "builtins"]
        return extra[0] if extra and cls is not BucketpointError else None

    assert drawn_tree() == {
        cls.__name__: (cls.__bases__[0].__name__, builtin_of(cls)) for cls in ALL_ERRORS
    }


def test_every_error_is_exported_and_ends_in_error() -> None:
    names = {cls.__name__ for cls in ALL_ERRORS}
    assert names == set(errors.__all__) - {"ErrorKind"}
    assert all(name.endswith("Error") for name in names)


def test_every_class_has_its_own_kind_and_every_kind_its_class() -> None:
    kinds = [vars(cls).get("kind") for cls in ALL_ERRORS]
    assert sorted(str(kind) for kind in kinds) == sorted(ErrorKind)


def test_a_kind_is_the_name_of_its_class_in_words() -> None:
    for cls in ALL_ERRORS:
        words = re.findall(r"URL|ID|[A-Z][a-z]+", cls.__name__.removesuffix("Error"))
        assert cls.kind == "_".join(words).lower()


@pytest.mark.parametrize(("name", "builtin"), BUILTINS.items())
def test_an_error_is_also_the_builtin_it_resembles(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)


def test_no_other_error_is_a_builtin_by_itself() -> None:
    own = {
        cls.__name__
        for cls in ALL_ERRORS
        if cls is not BucketpointError
        and any(hasattr(builtins, base.__name__) for base in cls.__bases__)
    }
    assert own == set(BUILTINS)


@pytest.mark.parametrize("cls", ALL_ERRORS, ids=lambda cls: cls.__name__)
def test_an_error_pickles_with_all_it_knows(cls: type[BucketpointError]) -> None:
    error = sample(cls)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is cls
    assert str(copy) == str(error) == SAMPLES["message"]
    assert vars(copy) == vars(error)
    assert {name for name in vars(error) if not name.startswith("_")} >= {
        "execution_id",
        "key",
        "message",
    }


def test_notes_survive_the_pickle() -> None:
    error = sample(BucketpointError)
    error.add_note("seen in the nightly run")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["seen in the nightly run"]  # noqa: S301 - our own


def test_an_unknown_outcome_leaves_its_checkpointer_behind_when_pickled() -> None:
    error = OutcomeUnknownError("lost answer", evidence="e").attach(lambda _: True)
    assert error.settle() is True
    copy: OutcomeUnknownError = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert copy.evidence == "e"
    with pytest.raises(RuntimeError, match=r"checkpointer\.settle\(error\)"):
        copy.settle()


def test_about_fills_in_only_what_the_raiser_did_not_know() -> None:
    error = BucketpointError("it broke", key="mine")
    assert error.about(execution_id="run-42", key="theirs") is error
    assert (error.execution_id, error.key) == ("run-42", "mine")
