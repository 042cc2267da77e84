"""What only the asynchronous checkpointer does: awaiting, cancelling, running side by side."""

import asyncio
import threading

import pytest

from bucketpoint import (
    AsyncBucketCheckpointer,
    BucketCheckpointer,
    Checkpoint,
    DeadlineExceededError,
    InvalidInputError,
    MemoryStore,
    ReentrantCallError,
    Version,
    open_async,
)
from bucketpoint.stores.contract import Condition
from tests.testing.dict_checkpointers import AsyncMemoryStore


class HeldStore(MemoryStore):
    """A store whose puts wait until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.put_began = threading.Event()
        self.let_go = threading.Event()

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        self.put_began.set()
        assert self.let_go.wait(60)
        return super().put(key, body, when=when, timeout=timeout)


def run() -> Checkpoint:
    return Checkpoint(execution_id="run-42", variables={"n": 0})


async def add_one(checkpoint: Checkpoint) -> None:
    await asyncio.sleep(0)
    checkpoint.variables["n"] += 1


def test_fn_may_be_a_coroutine_function() -> None:
    async def main() -> Checkpoint:
        async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
            await checkpointer.save_checkpoint(run())
            return (await checkpointer.atomic_update("run-42", add_one)).checkpoint

    assert asyncio.run(main()).variables == {"n": 1}


def test_a_coroutine_function_given_to_the_synchronous_twin_is_refused() -> None:
    checkpointer = BucketCheckpointer(MemoryStore())
    checkpointer.save_checkpoint(run())
    with pytest.raises(InvalidInputError, match="use the Async one"):
        checkpointer.atomic_update("run-42", add_one)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - that is the test
    assert checkpointer.load_checkpoint("run-42").variables == {"n": 0}


def test_a_cancelled_caller_waits_for_the_write_that_is_under_way() -> None:
    store = HeldStore()

    async def main() -> None:
        checkpointer = AsyncBucketCheckpointer(store)
        saving = asyncio.create_task(checkpointer.save_checkpoint(run()))
        await asyncio.to_thread(store.put_began.wait, 60)
        saving.cancel()
        for _ in range(5):  # however often it is cancelled
            await asyncio.sleep(0)
            saving.cancel()
        assert not saving.done()
        store.let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert store.get("executions/run-42.json") is not None

    asyncio.run(main())


def test_a_caller_that_waits_for_another_call_gives_up_at_its_deadline() -> None:
    store = HeldStore()

    async def main() -> None:
        checkpointer = AsyncBucketCheckpointer(store)
        saving = asyncio.create_task(checkpointer.save_checkpoint(run()))
        await asyncio.to_thread(store.put_began.wait, 60)
        with pytest.raises(DeadlineExceededError):
            await checkpointer.load_checkpoint("run-42", timeout=0.01)
        store.let_go.set()
        await saving

    asyncio.run(main())


def test_a_thread_that_waits_for_another_call_gives_up_at_its_deadline() -> None:
    store = HeldStore()
    checkpointer = BucketCheckpointer(store)
    saving = threading.Thread(target=checkpointer.save_checkpoint, args=(run(),))
    saving.start()
    assert store.put_began.wait(60)
    with pytest.raises(DeadlineExceededError):
        checkpointer.load_checkpoint("run-42", timeout=0.01)
    store.let_go.set()
    saving.join()


def test_a_task_that_waits_for_another_call_gives_up_at_its_deadline() -> None:
    store = HeldStore()

    async def main() -> None:
        async with AsyncBucketCheckpointer(store) as checkpointer:
            saving = asyncio.ensure_future(checkpointer.save_checkpoint(run()))
            await asyncio.to_thread(store.put_began.wait, 60)
            with pytest.raises(DeadlineExceededError):
                await checkpointer.load_checkpoint("run-42", timeout=0.01)
            store.let_go.set()
            await saving

    asyncio.run(main())


def test_updates_of_one_execution_run_one_after_another_and_none_is_lost() -> None:
    async def main() -> Checkpoint:
        async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
            await checkpointer.save_checkpoint(run())
            await asyncio.gather(
                *(checkpointer.atomic_update("run-42", add_one) for _ in range(50))
            )
            return await checkpointer.load_checkpoint("run-42")

    assert asyncio.run(main()).variables == {"n": 50}


def test_an_asynchronous_store_is_awaited_and_no_thread_is_started() -> None:
    store = AsyncMemoryStore(MemoryStore())

    async def main() -> None:
        before = threading.active_count()
        async with AsyncBucketCheckpointer(store, close_store=True) as checkpointer:
            await checkpointer.save_checkpoint(run())
            await checkpointer.atomic_update("run-42", add_one)
            assert (await checkpointer.load_checkpoint("run-42")).variables == {"n": 1}
            async with checkpointer.claim("run-42", owner="worker-1") as claim:
                await claim.update(add_one)
            await checkpointer.delete_checkpoint("run-42")
            assert await checkpointer.get("run-42") is None
        assert threading.active_count() == before

    asyncio.run(main())
    assert store.closed


def test_calling_the_checkpointer_from_inside_fn_raises_at_once() -> None:
    async def main() -> None:
        async with AsyncBucketCheckpointer(MemoryStore()) as checkpointer:
            await checkpointer.save_checkpoint(run())

            async def recurse(checkpoint: Checkpoint) -> None:
                await checkpointer.load_checkpoint(checkpoint.execution_id)

            with pytest.raises(ReentrantCallError):
                await checkpointer.atomic_update("run-42", recurse)

    asyncio.run(main())


def test_one_checkpointer_serves_several_loops() -> None:
    checkpointer = open_async("memory://several-loops")
    asyncio.run(checkpointer.save_checkpoint(run()))
    assert asyncio.run(checkpointer.load_checkpoint("run-42")).variables == {"n": 0}
    asyncio.run(checkpointer.close())
