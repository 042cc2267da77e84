"""What concurrent clients see of a run, while every fourth answer to a write is lost.

Whatever they saw must be what they could have seen one after another, in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import Barrier

import pytest

from bucketpoint.testing.linearizability import Recorder, check, check_appends, register
from bucketpoint.testing.proxy import FaultProxy, LostAnswer
from bucketpoint.testing.proxy.rules import Rule
from tests.conftest import THOROUGH
from tests.emulators.clouds import Cloud
from tests.emulators.histories import RecordedClient, outcomes, perform
from tests.proof import FIGURE

LOST = 0.25
RUNS = ["run-1", "run-2"]
CLIENTS = [4, 6, 8, 16]
HISTORIES = 50 if THOROUGH else 5
"""Of each cloud; four are mixed, the fifth is long."""

MIXED = [seed for seed in range(1, HISTORIES + 1) if seed % 5 < len(CLIENTS)]
LONG = [seed for seed in range(1, HISTORIES + 1) if seed not in MIXED]

OPERATIONS = 64
APPENDS = 120
APPENDING_CLIENTS = 8

PATIENCE_S = 60.0
IMPATIENCE_S = 0.3
"""So short that a call may have to give up while its write is in doubt."""

NewClients = Callable[..., list[RecordedClient]]


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A bucket of its own for each history."""
    return cloud.new_bucket()


@pytest.fixture
def proxy(cloud: Cloud) -> Iterator[FaultProxy]:
    """The way to the cloud."""
    with FaultProxy(cloud.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def recorder() -> Recorder:
    """What the clients saw."""
    return Recorder()


@pytest.fixture
def new_clients(
    cloud: Cloud, bucket: str, proxy: FaultProxy, recorder: Recorder
) -> Iterator[NewClients]:
    """Makes clients, each with a checkpointer of its own and every fourth one in a hurry."""
    with ExitStack() as stack:

        def make(count: int, seed: int) -> list[RecordedClient]:
            return [
                RecordedClient(
                    recorder,
                    f"client-{number}",
                    stack.enter_context(
                        cloud.checkpointer(
                            bucket,
                            proxy.url,
                            timeout=IMPATIENCE_S if number % 4 == 3 else PATIENCE_S,
                        )
                    ),
                    seed=1_000 * seed + number,
                )
                for number in range(count)
            ]

        yield make


def lose_answers(cloud: Cloud, proxy: FaultProxy, seed: int) -> Rule:
    """Lose every fourth answer to a write, by chance."""
    return proxy.add(LostAnswer(), method=cloud.write_method, probability=LOST, seed=seed)


def do_anything(client: RecordedClient, operations: int) -> None:
    """What workers, supervisors and operators do to two runs, in any order."""
    calls: Sequence[Callable[[str], object]] = [
        *[client.append] * 8,
        *[client.load] * 5,
        *[client.save_if_version] * 4,
        client.save,
        client.delete,
    ]
    for _ in range(operations):
        client.chance.choice(calls)(client.chance.choice(RUNS))


def do_appends(client: RecordedClient, appends: int) -> None:
    """Append, and look now and then."""
    for _ in range(appends):
        client.append(RUNS[0])
        if client.chance.random() < 0.2:
            client.load(RUNS[0])


@pytest.mark.parametrize("seed", MIXED)
def test_loads_updates_saves_and_deletes_are_linearizable(
    cloud: Cloud,
    proxy: FaultProxy,
    recorder: Recorder,
    new_clients: NewClients,
    seed: int,
    *,
    record_property: Callable[[str, object], None],
) -> None:
    count = CLIENTS[seed % 5]
    clients = new_clients(count, seed)
    lost = lose_answers(cloud, proxy, seed)
    perform(clients, lambda client: do_anything(client, OPERATIONS // count))
    result = check(recorder.history, register())
    assert result.is_linearizable, result.violation
    record_property(FIGURE, ["histories", 1])
    assert lost.applied > 0, "the network lost nothing"
    assert outcomes(recorder.history)["ok"] > OPERATIONS / 2, "the clients saw nothing"


@pytest.mark.parametrize("seed", LONG)
def test_many_appends_are_linearizable(
    cloud: Cloud,
    proxy: FaultProxy,
    recorder: Recorder,
    new_clients: NewClients,
    seed: int,
    *,
    record_property: Callable[[str, object], None],
) -> None:
    clients = new_clients(APPENDING_CLIENTS, seed)
    clients[0].save_if_version(RUNS[0])
    begun = len(recorder.history)
    lost = lose_answers(cloud, proxy, seed)
    perform(clients, lambda client: do_appends(client, APPENDS // APPENDING_CLIENTS))
    clients[0].load(RUNS[0])
    history = recorder.history[begun:]
    result = check_appends(history, initial=["client-0.1"])
    assert result.is_linearizable, result.violation
    record_property(FIGURE, ["histories", 1])
    assert lost.applied > APPENDS * LOST / 4, "the network lost nothing"
    assert outcomes(history)["ok"] > APPENDS / 2, "the clients saw nothing"


def test_a_client_that_saves_over_what_it_has_not_seen_is_found_out(
    recorder: Recorder, new_clients: NewClients
) -> None:
    clients = new_clients(2, seed=0)
    clients[0].save(RUNS[0])
    both_have_loaded = Barrier(2, timeout=PATIENCE_S)
    perform(clients, lambda client: client.append_unguarded(RUNS[0], both_have_loaded.wait))
    clients[0].load(RUNS[0])
    violation = check(recorder.history, register()).violation
    assert violation is not None
    assert "append" in str(violation)
