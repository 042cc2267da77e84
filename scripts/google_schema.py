"""Writes tests/infra/google/schema.json: names and types of what infra/ uses of hashicorp/google.

The provider's own schema needs the provider. Its bindings for the Cloud Development Kit carry the
same names and types, and are on PyPI; one JavaScript module a resource tells all that is needed.

    pip download --no-deps cdktn-provider-google==21.1.0
    .venv/bin/python scripts/google_schema.py cdktn_provider_google-21.1.0-py3-none-any.whl
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tarfile import TarFile
from tarfile import open as open_tar
from typing import Any, TypeVar
from zipfile import ZipFile

SCHEMA = Path(__file__).parents[1] / "tests/infra/google/schema.json"
ADDRESS = "registry.terraform.io/hashicorp/google"

RESOURCES = (
    "google_cloud_run_v2_service",
    "google_cloud_run_v2_service_iam_member",
    "google_cloud_tasks_queue",
    "google_cloud_tasks_queue_iam_member",
    "google_kms_crypto_key_iam_member",
    "google_project_iam_custom_role",
    "google_project_service",
    "google_service_account",
    "google_service_account_iam_member",
    "google_storage_bucket",
    "google_storage_bucket_iam_member",
)
DATA_SOURCES = ("google_project", "google_storage_project_service_account")

TYPES: Mapping[str, Any] = {
    "string": "string",
    "boolean": "bool",
    "number": "number",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "booleanMap": ["map", "bool"],
    "numberMap": ["map", "number"],
}
"""Of arguments, by what the bindings call them."""

GETTERS: Mapping[str, Any] = {
    "getStringAttribute": "string",
    "getBooleanAttribute": "bool",
    "getNumberAttribute": "number",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
}
"""Types of what is computed alone, by the method that reads it."""

MAPS: Mapping[str, Any] = {"StringMap": ["map", "string"], "BooleanMap": ["map", "bool"]}

_ARGUMENT = re.compile(
    r"^ +(?P<name>\w+): \{\n"
    r" +value: (?P<value>.*),\n"
    r" +isBlock: (?P<block>true|false),\n"
    r' +type: "(?P<collection>\w+)",\n'
    r' +storageClassType: "(?P<type>\w+)",',
    re.MULTILINE,
)
_PROPERTY = re.compile(
    r"^ +// (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n"
    r"(.*?)(?=^ +// \w+ - computed|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PART = re.compile(r'new (?:\w+\.)?(\w+)\(this, "(\w+)"(?:, (true|false))?\)')
_FUNCTION = re.compile(
    r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL
)
_CLASS = re.compile(r"^class (\w+) extends [^{]*\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_SYNTHESIS = re.compile(r"synthesizeHclAttributes\(\) \{\n(.*?)^    \}", re.MULTILINE | re.DOTALL)
_CONVERTER = re.compile(r"(\w+)ToHclTerraform")


T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """What holds a block or a map: its class, and whether it is a set.

    Attributes:
        holder: The name of the class.
        is_set: Whether the order of blocks counts for nothing.
    """

    holder: str = ""
    is_set: bool = False

    @property
    def is_single(self) -> bool:
        """Whether there is one such block at most."""
        return self.holder.endswith("OutputReference")

    @property
    def element(self) -> str:
        """The class of one block."""
        return (
            self.holder if self.is_single else f"{self.holder.removesuffix('List')}OutputReference"
        )


@dataclass(frozen=True)
class Property:
    """What a class says of one attribute or block.

    Attributes:
        flags: Those of `computed`, `optional` and `required` that hold.
        code: The methods for it.
    """

    flags: Mapping[str, bool] = field(default_factory=lambda: {"optional": True})
    code: str = ""


class Module:
    """One JavaScript module: a resource, a data source or the provider.

    Args:
        script: Its text.
    """

    def __init__(self, script: str) -> None:
        self._functions = dict(_FUNCTION.findall(script))
        self._classes = dict(_CLASS.findall(script))

    def schema(self) -> dict[str, Any]:
        """Return its schema, as Terraform tells it."""
        main = next(code for code in self._classes.values() if "synthesizeHclAttributes" in code)
        block = self._block(_sure(_SYNTHESIS.search(main))[1], main)
        block["attributes"].setdefault("id", {"type": "string", "optional": True, "computed": True})
        return {"version": 0, "block": block}

    def _block(self, arguments: str, code: str) -> dict[str, Any]:
        """Return a block with these arguments, held by a class with this code."""
        properties, parts = _properties(code), _parts(code)
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for argument in _ARGUMENT.finditer(arguments):
            name = argument["name"]
            known = properties.pop(name, Property())
            if argument["block"] == "true":
                blocks[name] = self._nested(argument, known, parts.get(name, Part()))
            else:
                attributes[name] = {"type": _type_of(argument), **known.flags}
        for name, known in properties.items():
            if (told := _computed_type(known, parts.get(name, Part()))) is not None:
                attributes[name] = {"type": told, **known.flags}
        block = {"attributes": attributes, "block_types": blocks}
        return {kind: entries for kind, entries in block.items() if entries}

    def _nested(self, argument: re.Match[str], known: Property, part: Part) -> dict[str, Any]:
        function = self._functions[_sure(_CONVERTER.search(argument["value"]))[1]]
        block = self._block(function, self._classes.get(part.element, ""))
        if argument["name"] == "timeouts":
            return {"nesting_mode": "single", "block": block}
        is_set = part.is_set or argument["collection"] == "set"
        nested: dict[str, Any] = {"nesting_mode": "set" if is_set else "list", "block": block}
        if "required" in known.flags:
            nested["min_items"] = 1
        if part.is_single:
            nested["max_items"] = 1
        return nested


def _sure(found: T | None) -> T:
    """Return what is always there, unless the bindings are written in another way by now."""
    if found is None:
        raise LookupError("the bindings are not as this script knows them")
    return found


def _properties(code: str) -> dict[str, Property]:
    names = ("computed", "optional", "required")
    return {
        name: Property(
            {flag: True for flag, told in zip(names, flags, strict=True) if told == "true"}, body
        )
        for name, *flags, body in _PROPERTY.findall(code)
    }


def _parts(code: str) -> dict[str, Part]:
    return {name: Part(holder, is_set == "true") for holder, name, is_set in _PART.findall(code)}


def _type_of(argument: re.Match[str]) -> Any:
    told = TYPES[argument["type"]]
    return ["set", told[1]] if argument["collection"] == "set" else told


def _computed_type(known: Property, part: Part) -> Any:
    """Return the type of what nobody may set; None of what has no simple one."""
    if "computed" not in known.flags:
        return None
    if getter := re.search(r"this\.(get\w+Attribute)\(", known.code):
        return GETTERS.get(getter[1])
    return MAPS.get(part.holder)


class Bindings:
    """The bindings in their wheel.

    Args:
        wheel: `cdktn_provider_google-….whl`.
    """

    def __init__(self, wheel: Path) -> None:
        with ZipFile(wheel) as files:
            name = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
            self._files: TarFile = open_tar(fileobj=BytesIO(files.read(name)), mode="r:gz")  # noqa: SIM115 - it is read from until the end

    def module(self, folder: str) -> Module:
        """Return the module of a resource, by its folder."""
        return Module(self._read(f"lib/{folder}/index.js"))

    def version(self) -> str:
        """Return the version of the provider."""
        return _sure(re.search(r"provider version (\d+\.\d+\.\d+)", self._read("README.md")))[1]

    def _read(self, path: str) -> str:
        return _sure(self._files.extractfile(f"package/{path}")).read().decode()


def schemas(bindings: Bindings) -> dict[str, Any]:
    """Return what `terraform providers schema -json` says, of what is used."""

    def of(names: tuple[str, ...], start: str) -> Iterator[tuple[str, Any]]:
        for name in names:
            folder = start + name.removeprefix("google_").replace("_", "-")
            yield name, bindings.module(folder).schema()

    provider = {
        "provider": bindings.module("provider").schema(),
        "resource_schemas": dict(of(RESOURCES, "")),
        "data_source_schemas": dict(of(DATA_SOURCES, "data-google-")),
    }
    return {
        "format_version": "1.0",
        "provider_version": bindings.version(),
        "provider_schemas": {ADDRESS: provider},
    }


if __name__ == "__main__":
    told = schemas(Bindings(Path(sys.argv[1])))
    SCHEMA.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{SCHEMA}: hashicorp/google {told['provider_version']}")
