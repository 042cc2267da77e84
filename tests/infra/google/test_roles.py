"""Each role allows what the library asks for, no more, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bucketpoint import AccessDeniedError, Checkpoint, GCSCheckpointer
from bucketpoint.cli.doctor.checks import diagnose
from bucketpoint.cli.doctor.outcomes import Status
from bucketpoint.stores.gcs_errors import Operation
from bucketpoint.testing.emulators import FakeGCS
from tests.infra.google.guarded import Log, guarded
from tests.infra.google.iam import Asked, Binding, Policy, holds

pytestmark = pytest.mark.xdist_group("google-roles")  # its fixtures take seconds

BUCKET, PREFIX = "checkpoint-bucket", "checkpoints"
RUNNER, OPERATOR, VIEWER = (
    "serviceAccount:worker@example.org",
    "user:ann@example.org",
    "user:bob@example.org",
)
MEMBERS = {"runner": [RUNNER], "operator": [OPERATOR], "viewer": [VIEWER]}


@pytest.fixture(scope="module")
def policy(plan: Callable[..., dict[str, Any]]) -> Policy:
    """The bindings of one member a role."""
    return Policy.of(plan(bucket_name=BUCKET, prefix=PREFIX, role_members=MEMBERS))


# --- what the library asks for --------------------------------------------------------------------


def work(checkpointer: GCSCheckpointer) -> None:
    """Do what workers do."""
    checkpointer.save_checkpoint(Checkpoint(execution_id="run-1"), if_absent=True)
    checkpointer.save_checkpoint(checkpointer.load_checkpoint("run-1"))
    checkpointer.atomic_update("run-1", lambda checkpoint: checkpoint)
    with checkpointer.claim("run-1", owner="worker-1") as claim:
        claim.renew()
        claim.save(claim.load())
    assert [each.execution_id for each in checkpointer.list_executions()] == ["run-1"]
    checkpointer.save_checkpoint(Checkpoint(execution_id="run-2"))
    checkpointer.delete_checkpoint("run-2")


def operate(checkpointer: GCSCheckpointer) -> None:
    """Do what people do with the command line."""
    versions = checkpointer.history("run-1")
    checkpointer.restore("run-1", versions[-1])
    checkpointer.fork("run-1", "run-3", version=versions[0])
    checkpointer.history("run-3")
    checkpointer.purge("run-2")
    checkpointer.gc(older_than=timedelta(days=1), finished=True)


def look(checkpointer: GCSCheckpointer) -> None:
    """Do what dashboards do."""
    for each in list(checkpointer.list_executions()):
        checkpointer.load_checkpoint(each.execution_id)
    checkpointer.load_version("run-1", checkpointer.history("run-1")[-1])


def examine(url: str) -> None:
    """Let the doctor look, who finds all that it looks for."""
    findings = diagnose(url).findings
    assert [each for each in findings if each.outcome.status is Status.NOT_SEEN] == []


Scene = dict[str, Log]


@pytest.fixture(scope="module")
def endpoint(fake_gcs: FakeGCS) -> str:
    """A server with the bucket."""
    fake_gcs.create_bucket(BUCKET, versioned=True)
    return fake_gcs.endpoint_url


@pytest.fixture(scope="module")
def scene(policy: Policy, endpoint: str) -> Scene:
    """What each has asked for, under the policy."""
    with GCSCheckpointer(BUCKET, prefix=PREFIX, endpoint_url=endpoint) as checkpointer:
        with guarded(policy, RUNNER) as runner:
            work(checkpointer)
        with guarded(policy, OPERATOR) as operator:
            operate(checkpointer)
            examine(f"gs://{BUCKET}/{PREFIX}?endpoint_url={endpoint}")
        with guarded(policy, VIEWER) as viewer:
            look(checkpointer)
    return {RUNNER: runner, OPERATOR: operator, VIEWER: viewer}


def faults(policy: Policy, scene: Scene) -> list[str]:
    """Say what a policy denies that is needed, and grants that is not."""
    found: list[str] = []
    for member, log in scene.items():
        lacking = {each for each in log.allowed if not policy.allows(member, each)}
        found += [f"{member} lacks {each.permission} on {each.resource}" for each in lacking]
        used = {each.permission for each in log.allowed}
        found += [f"{member} never uses {each}" for each in policy.granted(member) - used]
        found += [f"{member} may reach {where}" for where in reached(policy, member)]
    return found


DENIED = {
    # Where a 404 does not say what is missing. Being denied is answer enough: the bucket is there.
    Asked("storage.objects.list", f"projects/_/buckets/{BUCKET}", ""),
}
"""What the library asks for, and does without."""


# --- both ways ------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", [RUNNER, OPERATOR, VIEWER])
def test_nothing_is_denied_that_a_role_is_for(scene: Scene, member: str) -> None:
    assert scene[member].allowed
    assert [each for each in scene[member].denied if each not in DENIED] == []


def test_each_permission_is_used_and_reaches_the_prefix_alone(policy: Policy, scene: Scene) -> None:
    assert faults(policy, scene) == []


def test_each_right_that_the_library_names_is_granted_to_operators(policy: Policy) -> None:
    named = {right for each in Operation for right in each.right.split(" and ")}

    assert named == policy.granted(OPERATOR)


def test_workers_are_not_told_of_the_settings(policy: Policy) -> None:
    assert policy.granted(OPERATOR) - policy.granted(RUNNER) == {"storage.buckets.get"}


def test_viewers_write_nothing(policy: Policy, endpoint: str) -> None:
    with (
        GCSCheckpointer(BUCKET, prefix=PREFIX, endpoint_url=endpoint) as checkpointer,
        guarded(policy, VIEWER) as log,
        pytest.raises(AccessDeniedError, match=r"storage\.objects\.create"),
    ):
        checkpointer.save_checkpoint(Checkpoint(execution_id="of-a-viewer"))

    denied = {each.permission for each in log.denied if each not in DENIED}
    assert denied == {"storage.objects.create"}


@pytest.mark.parametrize("prefix", ["checkpoints2", "others", ""])
def test_workers_reach_no_other_prefix(policy: Policy, endpoint: str, prefix: str) -> None:
    with (
        GCSCheckpointer(BUCKET, prefix=prefix, endpoint_url=endpoint) as checkpointer,
        guarded(policy, RUNNER) as log,
        pytest.raises(AccessDeniedError),
    ):
        checkpointer.load_checkpoint("run-1")

    assert log.allowed == []


def test_strangers_reach_nothing(policy: Policy) -> None:
    assert not policy.allows("user:eve@example.org", INSIDE)


# --- the condition --------------------------------------------------------------------------------


def at(key: str, bucket: str = BUCKET) -> str:
    """Name an object as conditions do."""
    return f"projects/_/buckets/{bucket}/objects/{key}"


WHOLE = f"projects/_/buckets/{BUCKET}"
INSIDE = Asked("storage.objects.get", at("checkpoints/executions/run-1.json"))
OUTSIDE = {
    "another prefix": (at("other/run-1.json"), None),
    "a prefix that looks alike": (at("checkpoints2/run-1.json"), None),
    "the prefix without its slash": (at("checkpoints"), None),
    "the prefix further behind": (at("other/checkpoints/run-1.json"), None),
    "another bucket": (at("checkpoints/run-1.json", f"{BUCKET}-2"), None),
    "a listing of another prefix": (WHOLE, "other/"),
    "a listing of a prefix that looks alike": (WHOLE, "checkpoints2/"),
    "a listing that begins before the prefix": (WHOLE, "check"),
    "a listing of all": (WHOLE, ""),
}


def reached(policy: Policy, member: str) -> Iterator[str]:
    """Yield what somebody can reach that is not for them."""
    for name, (resource, listed) in OUTSIDE.items():
        verb = "get" if listed is None else "list"
        if policy.allows(member, Asked(f"storage.objects.{verb}", resource, listed)):
            yield name


@pytest.fixture(scope="module")
def condition(policy: Policy) -> str:
    """The condition of whatever is bound with one."""
    (condition,) = {each.condition for each in policy.bindings if each.condition}
    return condition


@pytest.mark.parametrize("key", ["checkpoints/a", "checkpoints/executions/run-1.json"])
def test_the_condition_holds_for_what_is_below_the_prefix(condition: str, key: str) -> None:
    assert holds(condition, at(key))
    assert holds(condition, WHOLE, key)


@pytest.mark.parametrize(("resource", "listed"), OUTSIDE.values(), ids=OUTSIDE)
def test_the_condition_holds_for_nothing_else(
    condition: str, resource: str, listed: str | None
) -> None:
    assert not holds(condition, resource, listed)


# --- mutants --------------------------------------------------------------------------------------

Mutation = Callable[[Binding], Binding]


def without(permission: str) -> Mutation:
    return lambda binding: replace(binding, permissions=binding.permissions - {permission})


def plus(permission: str) -> Mutation:
    return lambda binding: replace(binding, permissions=binding.permissions | {permission})


def edited(old: str, new: str) -> Mutation:
    return lambda binding: replace(binding, condition=binding.condition.replace(old, new))


def half(number: int) -> Mutation:
    def keep(binding: Binding) -> Binding:
        return replace(binding, condition=binding.condition.split(" || ")[number])

    return keep


MUTATIONS: dict[str, Mutation] = {
    "nothing is read": without("storage.objects.get"),
    "nothing is listed": without("storage.objects.list"),
    "nothing is created": without("storage.objects.create"),
    "nothing is replaced": without("storage.objects.delete"),
    "policies are changed": plus("storage.objects.setIamPolicy"),
    "metadata are changed": plus("storage.objects.update"),
    "no condition": lambda binding: replace(binding, condition=""),
    "objects alone": half(0),
    "listings alone": half(1),
    "prefix without its slash": edited("checkpoints/", "checkpoints"),
    "both halves at once": edited("||", "&&"),
    "another bucket": edited(BUCKET, "another-bucket"),
    "another attribute": edited("objectListPrefix", "objectListDelimiter"),
    "ends with": edited("startsWith", "endsWith"),
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutant_of_roles_or_condition_is_caught(
    policy: Policy, scene: Scene, mutate: Mutation
) -> None:
    mutant = Policy(tuple(mutate(each) if each.condition else each for each in policy.bindings))

    assert faults(mutant, scene) != []


def test_a_binding_of_the_settings_under_the_condition_is_caught(
    policy: Policy, scene: Scene, condition: str
) -> None:
    mutant = Policy(tuple(replace(each, condition=condition) for each in policy.bindings))

    assert faults(mutant, scene) == [f"{OPERATOR} lacks storage.buckets.get on {WHOLE}"]
