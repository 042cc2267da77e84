"""Fencing for people who keep their lease elsewhere; those who do not take a claim instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, overload

from bucketpoint.checkpoint import Checkpoint
from bucketpoint.errors import FenceViolationError, InvalidInputError
from bucketpoint.protocols import (
    AsyncAtomicCheckpointer,
    AsyncCheckpointer,
    AtomicCheckpointer,
    Checkpointer,
)

__all__ = ["with_fencing"]

FenceCheck = Callable[[], Any]


@overload
def with_fencing(
    checkpointer: AtomicCheckpointer, fence_check: FenceCheck
) -> AtomicCheckpointer: ...
@overload
def with_fencing(checkpointer: Checkpointer, fence_check: FenceCheck) -> Checkpointer: ...
@overload
def with_fencing(
    checkpointer: AsyncAtomicCheckpointer, fence_check: FenceCheck
) -> AsyncAtomicCheckpointer: ...
@overload
def with_fencing(checkpointer: AsyncCheckpointer, fence_check: FenceCheck) -> AsyncCheckpointer: ...
def with_fencing(checkpointer: Any, fence_check: FenceCheck) -> Any:
    """Nothing is saved through the result unless `fence_check` has just said that it may be.

    The check runs before each save, and inside `atomic_update` after each run of its function.
    Between the check and the write the lease can still be lost: a claim has no such gap.

    Args:
        checkpointer: Any checkpointer; the result has `atomic_update` when it has.
        fence_check: Raises when the lease is lost; what it returns is ignored. For an
            asynchronous checkpointer it may be a coroutine function.

    Returns:
        A checkpointer of the same kind.

    Raises:
        FenceViolationError: From the result's saves; the exception of `fence_check` is its cause.
        InvalidInputError: A coroutine function was given for a synchronous checkpointer.

    Example:
        >>> from bucketpoint import BucketCheckpointer, Checkpoint, MemoryStore, with_fencing
        >>> lease_is_mine = True
        >>> def check() -> None:
        ...     if not lease_is_mine:
        ...         raise RuntimeError("lease lost")
        >>> fenced = with_fencing(BucketCheckpointer(MemoryStore()), check)
        >>> version = fenced.save_checkpoint(Checkpoint(execution_id="run-42"))
    """
    is_async = inspect.iscoroutinefunction(checkpointer.save_checkpoint)
    if not is_async and inspect.iscoroutinefunction(fence_check):
        raise InvalidInputError(_NEVER_AWAITED)
    is_atomic = hasattr(checkpointer, "atomic_update")
    kind: Any = {
        (False, False): _Fenced,
        (False, True): _FencedAtomic,
        (True, False): _AsyncFenced,
        (True, True): _AsyncFencedAtomic,
    }[is_async, is_atomic]
    return kind(checkpointer, fence_check)


_NEVER_AWAITED = (
    "the fence check of a synchronous checkpointer must not be a coroutine function: nothing would "
    "await it, so nothing would be checked"
)


def _violation(error: Exception) -> FenceViolationError:
    """Return the error as a fence violation, caused by itself where it is none."""
    if isinstance(error, FenceViolationError):
        return error
    violation = FenceViolationError(
        "the fence check says that this worker's lease is lost; nothing was saved: stop, and let "
        "the present holder go on"
    )
    violation.__cause__ = error
    return violation


class _Fenced:
    def __init__(self, checkpointer: Any, fence_check: FenceCheck) -> None:
        self._checkpointer = checkpointer
        self._fence_check = fence_check

    def save_checkpoint(self, checkpoint: Checkpoint, **options: Any) -> Any:
        self._check()
        return self._checkpointer.save_checkpoint(checkpoint, **options)

    def load_checkpoint(self, execution_id: str, **options: Any) -> Checkpoint:
        loaded: Checkpoint = self._checkpointer.load_checkpoint(execution_id, **options)
        return loaded

    def delete_checkpoint(self, execution_id: str, **options: Any) -> None:
        self._checkpointer.delete_checkpoint(execution_id, **options)

    def _check(self) -> None:
        try:
            result = self._fence_check()
        except Exception as error:  # noqa: BLE001 - however the user's check says no
            raise _violation(error)  # noqa: B904 - the cause is set where there is one
        if inspect.iscoroutine(result):
            result.close()
            raise InvalidInputError(_NEVER_AWAITED)


class _FencedAtomic(_Fenced):
    def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Checkpoint | None], **options: Any
    ) -> Any:
        def checked(checkpoint: Checkpoint) -> Checkpoint | None:
            result = fn(checkpoint)
            self._check()
            return result

        return self._checkpointer.atomic_update(execution_id, checked, **options)


class _AsyncFenced:
    def __init__(self, checkpointer: Any, fence_check: FenceCheck) -> None:
        self._checkpointer = checkpointer
        self._fence_check = fence_check

    async def save_checkpoint(self, checkpoint: Checkpoint, **options: Any) -> Any:
        await self._check()
        return await self._checkpointer.save_checkpoint(checkpoint, **options)

    async def load_checkpoint(self, execution_id: str, **options: Any) -> Checkpoint:
        loaded: Checkpoint = await self._checkpointer.load_checkpoint(execution_id, **options)
        return loaded

    async def delete_checkpoint(self, execution_id: str, **options: Any) -> None:
        await self._checkpointer.delete_checkpoint(execution_id, **options)

    async def _check(self) -> None:
        try:
            await _awaited(self._fence_check())
        except Exception as error:  # noqa: BLE001 - however the user's check says no
            raise _violation(error)  # noqa: B904 - the cause is set where there is one


class _AsyncFencedAtomic(_AsyncFenced):
    async def atomic_update(
        self, execution_id: str, fn: Callable[[Checkpoint], Any], **options: Any
    ) -> Any:
        async def checked(checkpoint: Checkpoint) -> Checkpoint | None:
            result: Checkpoint | None = await _awaited(fn(checkpoint))
            await self._check()
            return result

        return await self._checkpointer.atomic_update(execution_id, checked, **options)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
