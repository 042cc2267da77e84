"""Both checkpointers behind one synchronous face, so that one test covers both."""

import asyncio
import inspect
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from bucketpoint import AsyncBucketCheckpointer, BucketCheckpointer


class Blocking:
    """An asynchronous object whose methods are run to their end on a loop of its own."""

    def __init__(self, inner: Any, runner: asyncio.Runner) -> None:
        self.inner = inner
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if not callable(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            result = attribute(*args, **kwargs)
            return self._run(result) if inspect.isawaitable(result) else result

        return call

    @contextmanager
    def claim(self, *args: Any, **kwargs: Any) -> Generator[Any]:
        claim = self.inner.claim(*args, **kwargs)
        self._run(claim.__aenter__())
        try:
            yield Blocking(claim, self._runner)
        finally:
            self._run(claim.__aexit__(None, None, None))

    def _run(self, waiting: Any) -> Any:
        return self._runner.run(_awaited(waiting), context=copy_context())


async def _awaited(value: Any) -> Any:
    return await value


@contextmanager
def twin(kind: str) -> Generator[Any]:
    """Yield a constructor of checkpointers of the kind `sync` or `async`."""
    if kind == "sync":
        yield BucketCheckpointer
        return
    with asyncio.Runner() as runner:

        def make(*args: Any, **kwargs: Any) -> Blocking:
            return Blocking(AsyncBucketCheckpointer(*args, **kwargs), runner)

        yield make
