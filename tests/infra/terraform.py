"""Terraform on this machine: the program, the providers, and runs that nothing around disturbs.

The program is `$TERRAFORM`, or else `terraform` or `tofu` on the PATH. Providers come from a mirror
on disk alone: `$TF_PROVIDER_MIRROR`, or else the usual folders. Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

__all__ = [
    "INFRA",
    "REGISTRY",
    "Provider",
    "Run",
    "Terraform",
    "TerraformError",
    "Unavailable",
    "Workspace",
    "runs_written_for",
    "this_platform",
]

INFRA = Path(__file__).parents[2] / "infra"

REGISTRY = "registry.terraform.io"
OLDEST = (1, 9)
"""The first Terraform in which the validation of a variable may look at another one."""

_MIRRORS = (
    "~/.terraform.d/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/*",
    "/usr/*",
)


class Unavailable(Exception):  # noqa: N818 - a state of the machine, which skips tests
    """Something is missing on this machine; the message says what, and how to name it."""


class TerraformError(Exception):
    """Terraform ended in an error; the message is what it printed."""


@dataclass(frozen=True)
class Provider:
    """A provider and the oldest version of it that serves.

    Attributes:
        name: Such as `hashicorp/aws`.
        oldest: Such as `(5, 86, 0)`.
    """

    name: str
    oldest: tuple[int, ...] = (0,)

    def mirror(self) -> Path:
        """Return the mirror on this machine that has it.

        Raises:
            Unavailable: None has.
        """
        for mirror in _mirrors():
            if any(version >= self.oldest for version in self._versions(mirror)):
                return mirror
        oldest = ".".join(map(str, self.oldest))
        raise Unavailable(
            f"no {REGISTRY}/{self.name} >= {oldest} for {this_platform()} in a provider mirror: set "
            "TF_PROVIDER_MIRROR (see `terraform providers mirror`)"
        )

    def _versions(self, mirror: Path) -> Iterator[tuple[int, ...]]:
        folder = mirror / REGISTRY / self.name
        kind = self.name.rpartition("/")[2]
        unpacked = folder.glob(f"*/{this_platform()}/terraform-provider-{kind}*")
        packed = folder.glob(f"terraform-provider-{kind}_*_{this_platform()}.zip")
        for found in chain((path.parents[1].name for path in unpacked), map(_name, packed)):
            if match := re.search(r"\d+\.\d+\.\d+", found):
                yield tuple(map(int, match[0].split(".")))


def _name(path: Path) -> str:
    return path.name


def _mirrors() -> Iterator[Path]:
    if named := os.environ.get("TF_PROVIDER_MIRROR"):
        yield Path(named)
        return
    for pattern in _MIRRORS:
        path = Path(pattern).expanduser()
        candidates = path.parent.glob(path.name) if "*" in pattern else [path]
        yield from (folder for folder in sorted(candidates) if (folder / REGISTRY).is_dir())


def this_platform() -> str:
    """Return what mirrors call the system that this is."""
    machine = platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return f"{platform.system().lower()}_{architecture}"


def _program() -> str:
    if named := os.environ.get("TERRAFORM"):
        if found := shutil.which(named):
            return found
        raise Unavailable(f"TERRAFORM names {named}, which is no program")
    if found := shutil.which("terraform") or shutil.which("tofu"):
        return found
    raise Unavailable("no terraform: put it on PATH or name it in TERRAFORM")


class Terraform:
    """The program, and the mirrors that it may take providers from.

    Args:
        mirrors: The mirror of each provider, by the provider's name.
        home: An empty folder for its configuration.

    Raises:
        Unavailable: There is no program, or an old one.
    """

    def __init__(self, mirrors: Mapping[str, Path], home: Path) -> None:
        self.program = _program()
        self._settings = home / "terraform.rc"
        self._settings.write_text(_settings(mirrors), encoding="utf-8")
        self._check_version()

    def run(
        self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run it in a folder and return what it printed.

        Raises:
            TerraformError: It failed.
        """
        done = subprocess.run(
            [self.program, *arguments],
            cwd=folder,
            env=self._environment() | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        if done.returncode != 0:
            raise TerraformError(f"terraform {' '.join(arguments)}: {done.stdout}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        # What lies around in a shell would change the result: variables, endpoints, credentials.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TF_", "AWS_"))
        }
        return kept | {
            "TF_CLI_CONFIG_FILE": str(self._settings),
            "TF_IN_AUTOMATION": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _check_version(self) -> None:
        printed = self.run(self._settings.parent, "version", "-json")
        version: str = json.loads(printed)["terraform_version"]
        if tuple(map(int, version.split(".")[:2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Unavailable(f"{self.program} is {version}: {oldest} is the oldest that serves")


def _settings(mirrors: Mapping[str, Path]) -> str:
    # No `direct`: what no mirror has fails at once, and not after a search for the registry's host.
    methods = "".join(
        f'  filesystem_mirror {{\n    path    = "{path}"\n'
        f'    include = ["{REGISTRY}/{name}"]\n  }}\n'
        for name, path in mirrors.items()
    )
    return f"disable_checkpoint = true\nprovider_installation {{\n{methods}}}\n"


@dataclass
class Run:
    """One run of a folder's own tests.

    Attributes:
        plan: What it planned; empty where it only refused, or applied.
        status: How it ended, such as `pass`.
    """

    plan: dict[str, Any] = field(default_factory=dict[str, Any])
    status: str = ""

    def output(self, name: str) -> Any:
        """Return an output that was known when it was planned."""
        return self.plan["output_changes"][name]["after"]


class Workspace:
    """A copy of `infra/`, in one folder of which Terraform runs.

    Args:
        terraform: The program.
        folder: The folder below `infra/`, such as `modules/aws-checkpoint-bucket`.
        scratch: An empty folder for the copy.
        environment: Environment variables of each run.
    """

    def __init__(
        self,
        terraform: Terraform,
        folder: str,
        scratch: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        copy = scratch / "infra"
        shutil.copytree(INFRA, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        self.path = copy / folder
        self._terraform = terraform
        self._environment = environment

    def run(self, *arguments: str) -> str:
        """Run Terraform and return what it printed."""
        return self._terraform.run(self.path, *arguments, environment=self._environment)

    def init(self) -> None:
        """Take the providers from their mirrors."""
        self.run("init", "-no-color", "-input=false", "-backend=false")

    def validate(self) -> None:
        """Check names and types."""
        self.run("validate", "-no-color")

    def test(self) -> dict[str, Run]:
        """Run the tests of the folder, and return each of their runs by its name."""
        try:
            printed = self.run("test", "-json", "-verbose")
        except TerraformError as error:
            raise TerraformError(_diagnostics(str(error))) from None
        runs: dict[str, Run] = defaultdict(Run)
        for event in _events(printed):
            if event["type"] == "test_plan":
                runs[event["@testrun"]].plan = _without_schemas(event["test_plan"])
            elif event["type"] == "test_run" and "status" in event["test_run"]:
                runs[event["@testrun"]].status = event["test_run"]["status"]
        return runs

    def plan(self, **variables: Any) -> dict[str, Any]:
        """Plan, and return the plan as `terraform show -json` gives it."""
        self.run("plan", "-no-color", "-input=false", "-out=plan", *_options(variables))
        planned: dict[str, Any] = json.loads(self.run("show", "-json", "plan"))
        return planned

    def drifts(self, **variables: Any) -> bool:
        """Tell whether a plan would change what has been applied."""
        changes = self.plan(**variables).get("resource_changes", [])
        return any(change["change"]["actions"] not in (["no-op"], ["read"]) for change in changes)

    def apply(self, **variables: Any) -> dict[str, Any]:
        """Apply, and return the outputs."""
        self.run("apply", "-no-color", "-input=false", "-auto-approve", *_options(variables))
        outputs = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}

    def destroy(self, **variables: Any) -> None:
        """Remove what was applied."""
        self.run("destroy", "-no-color", "-input=false", "-auto-approve", *_options(variables))


def runs_written_for(folder: str) -> list[str]:
    """Return the names of the runs in the test files of a folder below `infra/`."""
    files = sorted((INFRA / folder / "tests").glob("*.tftest.hcl"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    return [name for text in texts for name in re.findall(r'^run "(\w+)"', text, re.MULTILINE)]


def _events(printed: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in printed.splitlines() if line.startswith("{"))


def _diagnostics(printed: str) -> str:
    """Return what went wrong, without the megabytes of plans and schemas around it."""
    return "\n".join(
        f"{event.get('@testrun', '')}: {event['diagnostic']['summary']}\n{event['diagnostic']['detail']}"
        for event in _events(printed)
        if event["type"] == "diagnostic"
    )


def _without_schemas(plan: dict[str, Any]) -> dict[str, Any]:
    """Spare the memory of the provider's whole schema, which comes with each plan."""
    return {name: value for name, value in plan.items() if name != "provider_schemas"}


def _options(variables: Mapping[str, Any]) -> list[str]:
    return [
        f"-var={name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in variables.items()
    ]
