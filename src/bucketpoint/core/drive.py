"""The drivers: they run a procedure and know nothing of what its effects do.

`perform` carries out one effect: it returns the result or raises, and what it raises is raised
inside the procedure at its `yield`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, TypeVar

from bucketpoint.core.effects import Effect, Emit, Procedure, Stream

__all__ = ["drive", "drive_async", "drive_each", "drive_each_async"]

T = TypeVar("T")


def drive(procedure: Procedure[T], perform: Callable[[Effect], Any]) -> T:
    """Run the procedure to its end and return what it returns, or raise what it raises."""
    try:
        effect = next(procedure)
        while True:
            try:
                result = perform(effect)
            except Exception as error:  # noqa: BLE001 - the procedure handles it
                effect = procedure.throw(error)
            else:
                effect = procedure.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    except RuntimeError as error:
        # Python makes this of a StopIteration that leaves a generator (PEP 479): the user's own.
        if isinstance(error.__cause__, StopIteration):
            raise error.__cause__ from None
        raise
    finally:
        procedure.close()


async def drive_async(procedure: Procedure[T], perform: Callable[[Effect], Awaitable[Any]]) -> T:
    """Run the procedure as `drive` does, awaiting each effect."""
    try:
        effect = next(procedure)
        while True:
            try:
                result = await perform(effect)
            except Exception as error:  # noqa: BLE001 - the procedure handles it
                effect = procedure.throw(error)
            else:
                effect = procedure.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        procedure.close()


def drive_each(stream: Stream, perform: Callable[[Effect], Any]) -> Generator[Any, None, None]:
    """Run the stream only as far as its next value is wanted, and yield what it emits."""
    try:
        effect = next(stream)
        while True:
            if isinstance(effect, Emit):
                yield from effect.values
                effect = next(stream)
                continue
            try:
                result = perform(effect)
            except Exception as error:  # noqa: BLE001 - the stream handles it
                effect = stream.throw(error)
            else:
                effect = stream.send(result)
    except StopIteration:
        return
    finally:
        stream.close()


async def drive_each_async(
    stream: Stream, perform: Callable[[Effect], Awaitable[Any]]
) -> AsyncGenerator[Any, None]:
    """Run the stream as `drive_each` does, awaiting each effect."""
    try:
        effect = next(stream)
        while True:
            if isinstance(effect, Emit):
                for value in effect.values:
                    yield value
                effect = next(stream)
                continue
            try:
                result = await perform(effect)
            except Exception as error:  # noqa: BLE001 - the stream handles it
                effect = stream.throw(error)
            else:
                effect = stream.send(result)
    except StopIteration:
        return
    finally:
        stream.close()
