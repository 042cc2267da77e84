"""The example workflow computes the right totals, however often it is interrupted."""

from pathlib import Path

import pytest

import bucketpoint
from bucketpoint import Checkpoint, ExecutionStatus, pause_branch, unpause_branch
from bucketpoint.cli.demo.worker import Line, Worker
from tests.cli.programs import run_orders

# Worked out by hand from examples/orders/*.csv.
DUE = {
    "Aster Bookshop": 156_64,
    "Birch & Sons": 27_97,
    "Cedar School": 331_91,
    "Dogwood Studio": 16_80,
    "Elm Library": 96_04,
    "Fir Pharmacy": 96_96,
    "Hazel Hotel": 59_28,
}
TOTALS = {
    "net_cents": 736_00,
    "vat_cents": 145_10,
    "credit_cents": 95_50,
    "due_cents": 785_60,
    "accepted": 12,
    "rejected": 5,
    "backordered": 20,
}
REJECTED = {
    "A-1007": "sent twice",
    "A-1008": "unknown article PEN-GOLD",
    "A-1010": "quantity 0 is no positive number",
    "A-1012": "unknown customer Gorse Garage",
    "A-1014": "quantity two is no positive number",
}
STEPS = ["validate", "price", "reserve", "settle", "report"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store that worker processes share."""
    return tmp_path.as_uri()


def stored(url: str) -> Checkpoint:
    """Return the checkpoint that lies in the store."""
    with bucketpoint.open(url) as checkpointer:
        return checkpointer.load_checkpoint("monday")


def finish(url: str) -> list[Line]:
    """Run the workflow in a new process until it ends, and return what it said."""
    with Worker("finisher", url, "monday", wait_s=60) as worker:
        return list(worker.finish())


def advance(worker: Worker, pieces: int) -> list[Line]:
    """Let the worker do so many pieces of work, and return what it said."""
    return [line for _ in range(pieces) for line in worker.advance()]


def test_a_run_comes_to_the_totals_and_its_checkpoint_says_why(url: str, tmp_path: Path) -> None:
    result = run_orders("--url", url, "--execution", "monday", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    checkpoint = stored(url)
    assert checkpoint.status == ExecutionStatus.COMPLETED
    assert checkpoint.outputs == TOTALS
    outputs = checkpoint.branch_states["main"].step_outputs
    assert set(outputs) == set(STEPS)
    rejected = {each["order_id"]: each["reason"] for each in outputs["validate"]["rejected"]}
    assert rejected == REJECTED
    assert outputs["reserve"]["backordered"] == {"A-1009": 5, "A-1015": 14, "A-1016": 1}
    invoices = outputs["settle"]["invoices"]
    assert {name: invoice["due_cents"] for name, invoice in invoices.items()} == DUE


@pytest.mark.parametrize("pieces", [0, 1, 3, 6, 10, 11])
def test_a_killed_run_is_resumed_where_it_was_and_comes_to_the_same(url: str, pieces: int) -> None:
    with Worker("victim", url, "monday", ttl_s=0.1) as victim:
        before = advance(victim, pieces)
        victim.kill()
    after = finish(url)
    done = [line.step for line in before if line.what == "done"]
    assert [line.step for line in after if line.what == "skipped"] == done
    assert done + [line.step for line in after if line.what == "done"] == STEPS
    billed = [line.detail.split(" owes ")[0] for line in before + after if line.what == "saved"]
    assert billed == list(DUE)
    assert stored(url).outputs == TOTALS


def test_a_finished_run_is_not_run_again(url: str) -> None:
    finish(url)
    assert {line.what for line in finish(url)} == {"skipped"}
    assert stored(url).outputs == TOTALS


def test_a_second_worker_leaves_the_run_to_the_first(url: str, tmp_path: Path) -> None:
    with Worker("first", url, "monday") as first:
        advance(first, 1)
        result = run_orders("--url", url, "--execution", "monday", "--owner", "b", cwd=tmp_path)
        assert result.returncode == 1
        assert result.stdout == ""
        assert result.stderr.startswith("ClaimHeldError: execution 'monday' is claimed by 'first'")
        assert list(first.finish())[-1].what == "done"


def test_a_paused_run_stops_between_two_steps_and_goes_on_when_unpaused(url: str) -> None:
    with bucketpoint.open(url) as operator, Worker("worker", url, "monday") as worker:
        advance(worker, 4)
        pause_branch(operator, "monday", "main", reason="stock count")
        said = list(worker.finish())
        assert (said[-1].step, said[-1].what) == ("report", "paused")
        assert "stock count" in said[-1].detail
        assert operator.load_checkpoint("monday").status == ExecutionStatus.PAUSED
        unpause_branch(operator, "monday", "main")
    assert [line.step for line in finish(url) if line.what == "done"] == ["report"]
    assert stored(url).outputs == TOTALS
