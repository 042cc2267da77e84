"""Which policies of a bucket the doctor believes to hold every program to conditional writes."""

import json
from typing import Any

import pytest

from bucketpoint.cli.doctor.enforcement import refuses_unconditional_writes

DENY: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::my-runs/checkpoints/*",
    "Condition": {
        "Null": {"s3:if-match": "true", "s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    },
}
NULL = DENY["Condition"]["Null"]
ROLE = "arn:aws:iam::123456789012:role"


def refuses(**changes: Any) -> bool:
    """Ask of a policy whose statement is changed so; a member that is None is left out."""
    statement = {key: value for key, value in (DENY | changes).items() if value is not None}
    return refuses_unconditional_writes(
        json.dumps({"Statement": [statement]}), "my-runs", "checkpoints/"
    )


def exempt(key: str, *arns: str) -> dict[str, Any]:
    return {"Condition": {"Null": NULL, "ArnNotLike": {key: list(arns)}}}


WHOLE: dict[str, dict[str, Any]] = {
    "the module's": {},
    "conditions in another case": {
        "Condition": {"Null": {"S3:If-Match": "true", "s3:IF-NONE-MATCH": ["true"]}}
    },
    "parts of uploads, too": {"Condition": {"Null": NULL}},
    "whatever it is": {"Action": "s3:*", "Resource": "*"},
    "one of several": {"Action": ["s3:GetObject", "s3:Put*"], "Resource": ["a", "*/checkpoints/*"]},
    "every AWS principal": {"Principal": {"AWS": "*"}},
    "every write": {"Condition": None},
    "creates with a condition, too": {"Condition": {"Null": {"s3:if-match": "true"}}},
    "but for a role": exempt("aws:PrincipalArn", f"{ROLE}/repair"),
    "but for a path": exempt("aws:PrincipalArn", f"{ROLE}/repair/*", f"{ROLE}/aws-reserved/a/b*"),
}
LESS: dict[str, dict[str, Any]] = {
    "allowed": {"Effect": "Allow"},
    "one principal": {"Principal": {"AWS": f"{ROLE}/worker"}},
    "nobody in particular": {"Principal": None},
    "reads": {"Action": "s3:GetObject"},
    "the bucket itself": {"Resource": "arn:aws:s3:::my-runs"},
    "another bucket": {"Resource": "arn:aws:s3:::my-run/checkpoints/*"},
    "one run": {"Resource": "arn:aws:s3:::my-runs/checkpoints/run-1*"},
    "writes with a condition": {"Condition": {"Null": {"s3:if-match": "false"}}},
    "some addresses": {"Condition": {"Null": NULL, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
    "large objects": {"Condition": {"Null": NULL, "Bool": {"s3:other": "true"}}},
    "but for all": exempt("aws:PrincipalArn", "*"),
    "but for an account's roles": exempt("aws:PrincipalArn", f"{ROLE}/*"),
    "but for nearly all roles": exempt("aws:PrincipalArn", f"{ROLE}/repair", f"{ROLE}/r*"),
    "but for a source": exempt("aws:SourceArn", f"{ROLE}/repair"),
}


@pytest.mark.parametrize("changes", WHOLE.values(), ids=WHOLE)
def test_it_holds_everybody(changes: dict[str, Any]) -> None:
    assert refuses(**changes)


@pytest.mark.parametrize("changes", LESS.values(), ids=LESS)
def test_it_lets_somebody_or_something_through(changes: dict[str, Any]) -> None:
    assert not refuses(**changes)


def test_one_statement_alone_counts() -> None:
    policy = json.dumps({"Statement": DENY})
    assert refuses_unconditional_writes(policy, "my-runs", "checkpoints/")
    assert not refuses_unconditional_writes('{"Version": "2012-10-17"}', "my-runs", "checkpoints/")
