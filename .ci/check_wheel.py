"""Checks the installed package in an environment that holds it and what it declares, no more."""

import sys
from pathlib import Path

import bucketpoint
from bucketpoint import BucketCheckpointer, Checkpoint
from bucketpoint.stores.memory import MemoryStore

unwanted = {"asyncio", "boto3", "click", "google.cloud.storage", "rich"} & set(sys.modules)
if unwanted:
    sys.exit(f"`import bucketpoint` loads {sorted(unwanted)}")
if not Path(bucketpoint.__file__).is_relative_to(sys.prefix):
    sys.exit(f"{bucketpoint.__file__} is not the installed package")
if not Path(bucketpoint.__file__).with_name("py.typed").exists():
    sys.exit("the wheel lacks py.typed")

checkpointer = BucketCheckpointer(MemoryStore(), prefix="wheel")
checkpointer.save_checkpoint(Checkpoint(execution_id="run-1", variables={"total": 3}))
if checkpointer.load_checkpoint("run-1").variables != {"total": 3}:
    sys.exit("what was saved did not come back")
print("the wheel imports, saves and loads")
