"""A day's orders: validated, priced, reserved, settled and reported, in a run that may be killed.

    python workflow.py --url file:///tmp/orders --execution monday

Kill it at any moment and start it again with the same words: what is done is skipped, what is not
is done, and nobody is billed twice. Two of them cannot work on one execution at the same time.
"""

import argparse
import csv
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import bucketpoint
from bucketpoint import BranchState, Claim, ClaimHeldError, ExecutionStatus

INPUT = Path(__file__).parent
BRANCH = "main"
DISCOUNT_FROM = 10
DISCOUNT_PERCENT = 5

Output = dict[str, Any]


class Run:
    """One process's work on one execution, under its claim.

    What the run has come to lives in the checkpoint alone: the output of a finished step in the
    branch's `step_outputs`, what there is of an unfinished one in its `variables`.
    """

    def __init__(self, claim: Claim, *, step_by_step: bool = False) -> None:
        self._claim = claim
        self._checkpoint = claim.checkpoint
        self._step_by_step = step_by_step

    @property
    def outputs(self) -> dict[str, Output]:
        """The outputs of the finished steps."""
        return self._branch.step_outputs

    def execute(self) -> None:
        """Do the steps that are not done yet; stop between two of them when paused."""
        for name, step in STEPS.items():
            self._checkpoint = self._claim.load()  # an operator may have asked for a pause
            if name in self.outputs:
                self._say(name, "skipped", "done before: its output is in the checkpoint")
            elif self._branch.pause_requested:
                self._save(ExecutionStatus.PAUSED)
                self._say(name, "paused", f"not begun: {self._branch.pause_reason}")
                return
            else:
                self._do(name, step)
        self._checkpoint.outputs = self.outputs["report"]
        self._save(ExecutionStatus.COMPLETED)

    def progress(self, detail: str) -> None:
        """Save what the present step has come to so far."""
        self._save(ExecutionStatus.RUNNING)
        self._say(self._branch.current_step, "saved", detail)
        self._await_go()

    def _do(self, name: str, step: "Step") -> None:
        branch = self._branch
        if branch.variables:
            self._say(name, "resumed", "half done before: goes on after the last save")
        branch.current_step = name
        self._await_go()
        detail = step(self, branch.variables)
        branch.step_outputs[name] = branch.variables
        branch.variables = {}
        self._save(ExecutionStatus.RUNNING)
        self._say(name, "done", detail)

    @property
    def _branch(self) -> BranchState:
        return self._checkpoint.branch_states.setdefault(BRANCH, BranchState(id=BRANCH))

    def _save(self, status: ExecutionStatus) -> None:
        self._checkpoint.workflow_name = "orders"
        self._checkpoint.status = self._branch.status = status
        self._checkpoint.checkpoint_at = datetime.now(UTC)
        self._claim.save(self._checkpoint)

    def _say(self, step: str, what: str, detail: str) -> None:
        print(f"{step:<9} {what:<8} {detail}", flush=True)

    def _await_go(self) -> None:
        if self._step_by_step:
            sys.stdin.readline()


Step = Callable[[Run, Output], str]


def validate(_: Run, output: Output) -> str:
    """Keep the orders that can be carried out, and say of the others why not."""
    articles = {row["sku"] for row in rows("prices.csv")}
    customers = {row["customer"] for row in rows("customers.csv")}
    orders: dict[str, Output] = {}
    rejected: list[dict[str, str]] = []
    for row in rows("orders.csv"):
        order_id, quantity = row["order_id"], row["quantity"]
        if order_id in orders:
            reason = "sent twice"
        elif row["customer"] not in customers:
            reason = f"unknown customer {row['customer']}"
        elif row["sku"] not in articles:
            reason = f"unknown article {row['sku']}"
        elif not quantity.isdecimal() or int(quantity) == 0:
            reason = f"quantity {quantity} is no positive number"
        else:
            orders[order_id] = {
                "customer": row["customer"],
                "sku": row["sku"],
                "quantity": int(quantity),
            }
            continue
        rejected.append({"order_id": order_id, "reason": reason})
    output.update(orders=orders, rejected=rejected)
    return f"{len(orders)} orders accepted, {len(rejected)} rejected"


def price(run: Run, output: Output) -> str:
    """Find the price of one piece, and the discount on large quantities."""
    prices = {row["sku"]: cents(row["unit_price"]) for row in rows("prices.csv")}
    for order_id, order in run.outputs["validate"]["orders"].items():
        discount = DISCOUNT_PERCENT if order["quantity"] >= DISCOUNT_FROM else 0
        output[order_id] = {"unit_cents": prices[order["sku"]], "discount_percent": discount}
    discounted = sum(1 for line in output.values() if line["discount_percent"])
    return f"{len(output)} orders priced, {discounted} with {DISCOUNT_PERCENT} % discount"


def reserve(run: Run, output: Output) -> str:
    """Give out the stock in the order in which the orders came in; the rest waits."""
    on_hand = {row["sku"]: int(row["on_hand"]) for row in rows("stock.csv")}
    shipped: dict[str, int] = {}
    backordered: dict[str, int] = {}
    for order_id, order in run.outputs["validate"]["orders"].items():
        shipped[order_id] = min(order["quantity"], on_hand[order["sku"]])
        on_hand[order["sku"]] -= shipped[order_id]
        if missing := order["quantity"] - shipped[order_id]:
            backordered[order_id] = missing
    output.update(shipped=shipped, backordered=backordered)
    return f"{sum(shipped.values())} pieces reserved, {sum(backordered.values())} on backorder"


def settle(run: Run, output: Output) -> str:
    """Bill each customer for what is shipped; saved customer by customer, so never twice."""
    invoices = output.setdefault("invoices", {})
    for customer in rows("customers.csv"):
        name = customer["customer"]
        if name in invoices:
            continue
        net = sum(
            line_cents(run, order_id)
            for order_id, order in run.outputs["validate"]["orders"].items()
            if order["customer"] == name
        )
        vat = percent(net, int(customer["vat_percent"]))
        credit = min(net + vat, cents(customer["credit"]))
        invoices[name] = {
            "net_cents": net,
            "vat_cents": vat,
            "credit_cents": credit,
            "due_cents": net + vat - credit,
        }
        run.progress(f"{name} owes {euros(net + vat - credit)}")
    return f"{len(invoices)} customers billed"


def report(run: Run, output: Output) -> str:
    """Add everything up."""
    invoices = run.outputs["settle"]["invoices"].values()
    for amount in ("net_cents", "vat_cents", "credit_cents", "due_cents"):
        output[amount] = sum(invoice[amount] for invoice in invoices)
    output["accepted"] = len(run.outputs["validate"]["orders"])
    output["rejected"] = len(run.outputs["validate"]["rejected"])
    output["backordered"] = sum(run.outputs["reserve"]["backordered"].values())
    return f"{euros(output['due_cents'])} to come in"


STEPS: dict[str, Step] = {
    "validate": validate,
    "price": price,
    "reserve": reserve,
    "settle": settle,
    "report": report,
}


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one input file."""
    with (INPUT / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cents(amount: str) -> int:
    """Return `12.90` as 1290."""
    return int(Decimal(amount) * 100)


def percent(amount: int, rate: int) -> int:
    """Return so many per cent of an amount in cents, half a cent rounded up."""
    return (amount * rate + 50) // 100


def line_cents(run: Run, order_id: str) -> int:
    """Return what the shipped part of an order costs before tax."""
    line = run.outputs["price"][order_id]
    gross: int = run.outputs["reserve"]["shipped"][order_id] * line["unit_cents"]
    return gross - percent(gross, line["discount_percent"])


def euros(amount: int) -> str:
    """Return 1290 as `12.90 EUR`."""
    return f"{amount // 100}.{amount % 100:02} EUR"


def main() -> None:
    """Run the workflow, or go on with it."""
    parser = argparse.ArgumentParser(description="A day's orders, in a run that may be killed.")
    parser.add_argument("--url", required=True, help="where checkpoints lie: file:///folder")
    parser.add_argument("--execution", required=True, help="the name of the run")
    parser.add_argument("--owner", default="worker", help="the name of this worker")
    parser.add_argument("--ttl", type=float, default=60, help="seconds until a dead claim expires")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for the claim")
    parser.add_argument("--step-by-step", action="store_true", help="wait for Enter each time")
    options = parser.parse_args()

    with bucketpoint.open(options.url) as checkpointer:
        try:
            with checkpointer.claim(
                options.execution,
                owner=options.owner,
                ttl=timedelta(seconds=options.ttl),
                wait=timedelta(seconds=options.wait),
            ) as claim:
                Run(claim, step_by_step=options.step_by_step).execute()
        except ClaimHeldError as error:
            sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
