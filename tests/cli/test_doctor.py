"""The doctor on stores that break one promise each, and on what is on this machine."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from bucketpoint import MemoryStore
from bucketpoint.cli.doctor.checks import examine
from bucketpoint.cli.doctor.endpoints import known_host
from bucketpoint.cli.doctor.outcomes import Status
from bucketpoint.cli.doctor.patient import Patient
from bucketpoint.cli.doctor.racing import Race
from bucketpoint.cli.doctor.terraform import module_call
from bucketpoint.errors import AccessDeniedError, InvalidInputError, PreconditionFailedError
from bucketpoint.stores.contract import Condition, StoredObject, Version
from tests.cli.conftest import Shell
from tests.testing import known_bad_stores as bad


class ChecksBeforeItWrites(bad.BadStore):
    """Looks whether the condition holds, and writes later over what is there by then."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        if self.condition(key) != when:
            return super().put(key, body, when=when)
        bad.pause()
        with suppress(PreconditionFailedError):
            return self.past(key, body)
        return super().put(key, body, when=self.condition(key))


class ForgetsWrites(MemoryStore):
    """Says that it has written, and has not."""

    def get(
        self, key: str, *, version_id: str | None = None, timeout: float | None = None
    ) -> StoredObject | None:
        return None


class MayNotBeWritten(MemoryStore):
    """What may be read, and no more."""

    def put(
        self, key: str, body: bytes, *, when: Condition, timeout: float | None = None
    ) -> Version:
        message = "could not write: take the folder's write protection off"
        raise AccessDeniedError(message, key=key)


WRONG: dict[type[MemoryStore], tuple[str, Status]] = {
    bad.IgnoresConditions: ("conditional create", Status.FAILED),
    bad.IgnoresIfAbsent: ("conditional create", Status.FAILED),
    bad.ReadsStaleObjects: ("stale update", Status.FAILED),
    ForgetsWrites: ("read after write", Status.FAILED),
    bad.DeletesAnyVersion: ("conditional delete", Status.WARNING),
    ChecksBeforeItWrites: ("racing", Status.FAILED),
}


@pytest.mark.parametrize("kind", WRONG, ids=lambda kind: kind.__name__)
def test_the_line_of_the_broken_promise_says_so(kind: type[MemoryStore]) -> None:
    check, status = WRONG[kind]
    report = examine(Patient(kind(), scheme="memory"), race=Race(writers=8, rounds=3))
    first = next(each for each in report.findings if each.outcome.status is not Status.OK)
    assert (first.check, first.outcome.status) == (check, status)
    assert first.outcome.fix
    assert report.is_fit is (status is Status.WARNING)


def test_a_right_that_is_missing_has_a_line_of_its_own() -> None:
    report = examine(Patient(MayNotBeWritten(), scheme="file"))
    wrong = [each for each in report.findings if each.outcome.status is Status.FAILED]
    assert [each.check for each in wrong] == ["permission to write"]
    assert wrong[0].outcome.fix == "take the folder's write protection off"
    assert not report.is_fit


def test_nothing_is_left_of_the_trial() -> None:
    store = MemoryStore()
    report = examine(Patient(store, scheme="memory"), race=Race(writers=8, rounds=3))
    assert report.is_fit
    assert {each.outcome.status for each in report.findings} == {Status.OK}
    assert [*store.list("")] == []


def test_what_is_interrupted_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Patient, "versions", interrupt)
    with pytest.raises(KeyboardInterrupt):
        examine(Patient(store, scheme="memory"))
    assert [*store.list("")] == []


def test_a_folder_is_told_to_people(shell: Shell, tmp_path: Path) -> None:
    said = shell.run("doctor", tmp_path.as_uri(), "--racing", "--rounds", "1")
    assert (said.code, said.err) == (0, "")
    assert "ok  reachable" in said.out
    assert "one winner in each of 2 races of 16 writers" in said.out
    assert f"{tmp_path.as_uri()} is fit for checkpoints" in " ".join(said.out.split())


def test_a_folder_that_is_a_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    said = shell.json("doctor", path.as_uri())
    assert said.code == 12
    checks = json.loads(said.out)["checks"]
    assert [each["check"] for each in checks if each["status"] == "failed"] == ["reachable"]


def test_the_url_may_come_from_the_environment(shell: Shell) -> None:
    assert shell.run("doctor").code == 0


@pytest.mark.parametrize("url", ["", "ftp://a/b", "no-url"])
def test_what_is_no_url_is_refused(shell: Shell, url: str) -> None:
    said = shell.run("doctor", url)
    assert said.code == 2
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("host", "status", "known"),
    [
        ("s3.eu-central-003.backblazeb2.com", Status.WARNING, "did not honour"),
        ("storage.googleapis.com", Status.WARNING, "gs://"),
        ("abc.r2.cloudflarestorage.com", Status.OK, "one write a second"),
        ("notbackblazeb2.com", Status.OK, "nothing is known against notbackblazeb2.com"),
        ("127.0.0.1", Status.OK, "on this machine"),
    ],
)
def test_what_is_known_of_a_host(host: str, status: Status, known: str) -> None:
    outcome = known_host(host, is_aws=False)
    assert outcome.status is status
    assert known in outcome.found + outcome.fix
    assert known_host(host, is_aws=True).status is Status.OK


class TestTerraform:
    """What `--terraform` prints; that a module takes it, tests/infra shows."""

    def test_it_calls_the_module_for_the_bucket(self, shell: Shell) -> None:
        printed = shell.run("doctor", "s3://my-runs/team/runs?region=eu-west-1", "--terraform")
        first, source, *rest = printed.out.splitlines()
        assert first == 'module "checkpoints" {'
        assert source.startswith(
            '  source      = "./bucketpoint/infra/modules/aws-checkpoint-bucket"'
        )
        assert rest[:3] == ['  bucket_name = "my-runs"', '  prefix      = "team/runs"', "}"]

    def test_what_the_url_does_not_tell_is_left_to_be_filled_in(self, shell: Shell) -> None:
        printed = shell.run("doctor", "gs://my-runs/runs?kms_key=projects/p/k", "--terraform")
        assert 'project     = "MY-PROJECT"' in printed.out
        assert 'location    = "MY-REGION"' in printed.out
        assert 'kms_key     = "projects/p/k"' in printed.out

    def test_nothing_in_a_url_becomes_an_expression(self) -> None:
        call = module_call('s3://my-runs/${var.a}%{if}"x')
        assert r'prefix      = "$${var.a}%%{if}\"x"' in call

    @pytest.mark.parametrize(
        ("url", "says"), [("file:///tmp/runs", "URL of one"), ("s3://my-runs", "my-runs/checkp")]
    )
    def test_another_url_is_refused(self, url: str, says: str) -> None:
        with pytest.raises(InvalidInputError, match=says):
            module_call(url)
