"""Deals with one event on this machine, and says when to call it again.

BUCKETPOINT_URL=file:checkpoints python -m examples.checkout '{"order_id": "A-1"}'
"""

import sys
from datetime import datetime

import bucketpoint
from examples.checkout import workflow


def wake_up(order_id: str, at: datetime) -> None:
    """Leave it to the person at the terminal."""
    print(f"call again for {order_id} at {at:%Y-%m-%d %H:%M:%S} UTC")


with bucketpoint.open() as checkpointer:
    event = workflow.Event.model_validate_json(sys.argv[1])
    print(workflow.handle(checkpointer, event, worker="laptop", seconds=60, wake_up=wake_up))
