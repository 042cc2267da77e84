"""Writes docs/howto/doctor.md from the checks themselves."""

from bucketpoint.cli.doctor.checks import CHECKS, Check
from bucketpoint.cli.doctor.s3 import READING_RIGHTS

__all__ = ["doctor_page"]

PAGE = """\
# Is this bucket fit?

<!-- Generated from src/bucketpoint/cli/doctor by scripts/generate_docs.py: change it there. -->

```sh
bucketpoint doctor s3://my-bucket/checkpoints
bucketpoint doctor gs://my-bucket/checkpoints --racing
```

It tries what a checkpointer needs of a store, with the credentials that you run it with, and tells a line
for each thing: what was seen, and what to do where something is wrong. Run it as the role that the workers
have. It ends in 0 when the bucket is fit, and in 12 when it is not: a check **failed**, or an essential one
could **not be seen**. A **warning** is something to change in a bucket that can be used.

It writes small objects under random keys below `executions/` in the prefix, which no listing takes for a
run's, and removes them in the end, their versions too. What it may not remove it names. Where a retention
policy would keep them it writes nothing. On Google Cloud Storage with soft delete on, what it has removed
is kept there as everything else is.

| check | when it is well | essential |
| --- | --- | --- |
{checks}

`--racing` lets 16 writers at a time create one object, and write over one version, five times each
(`--writers`, `--rounds`). Conditions that are checked first and written later pass every other check.

## What it reads of the settings

The trial alone decides whether conditions hold. The settings are read as far as the credentials may; a
check that may not look says which right is missing, and counts for nothing. None of these rights is needed
for checkpoints:

- on S3 {s3};
- on Google Cloud Storage `storage.buckets.get`.

The account's own block of public access, service control policies and the organisation's constraints are not
looked at. Nor are the rights of a KMS key by themselves: a key that may not be used denies the first write.

`--json`, or a pipe, gives the same as one JSON object: see [the command line](../cli.md#doctor).
"""


def doctor_page() -> str:
    """Return the text of docs/howto/doctor.md."""
    rights = ", ".join(f"`{right}`" for right in READING_RIGHTS)
    return PAGE.format(checks="\n".join(map(row, CHECKS)), s3=rights)


def row(check: Check) -> str:
    """Return the row about one check."""
    clouds = {"s3": "S3", "gs": "Google Cloud Storage"}
    only = [cloud for scheme, cloud in clouds.items() if check.schemes == frozenset({scheme})]
    name = f"{check.name} ({only[0]})" if only else check.name
    return f"| {name} | {check.shows} | {'yes' if check.essential else ''} |"
