"""A plugin that stands in for the provider of Google: it knows names and types, and nothing else.

Terraform starts it, and speaks protocol 6 with it. It serves what `terraform providers schema -json`
would say, so that `init`, `validate`, `plan` and `test` with a mocked provider work. It creates
nothing: `apply` is refused. Messages are put together by hand, so that no code is generated.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

__all__ = ["REFUSAL", "Provider", "field", "fields"]

grpc: Any = import_module("grpc")  # neither has types
msgpack: Any = import_module("msgpack")

ADDRESS = "registry.terraform.io/hashicorp/google"
REFUSAL = "this stand-in for the provider of Google creates nothing"

_ERROR = 1
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
_SILENT = (
    "ConfigureProvider",
    "GetFunctions",
    "GetMetadata",
    "StopProvider",
    "ValidateDataResourceConfig",
    "ValidateProviderConfig",
    "ValidateResourceConfig",
)
"""What is asked, and answered with nothing."""
_VARINT, _BYTES = 0, 2
_POLL_S = 0.5

Schema = Mapping[str, Any]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """Encode one field of a message; an integer of 0 is left out, as everywhere."""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value) if value else b""
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def fields(message: bytes) -> dict[int, Any]:
    """Decode a message of integers and bytes; of a field that is repeated, the last one."""
    found: dict[int, Any] = {}
    rest = iter(message)
    for first in rest:
        key = _read_varint(first, rest)
        value: Any = _read_varint(next(rest), rest)
        if key & 7 == _BYTES:
            value = bytes(next(rest) for _ in range(value))
        elif key & 7 != _VARINT:
            raise ValueError(f"no field of wire type {key & 7} is expected")
        found[key >> 3] = value
    return found


def _read_varint(first: int, rest: Iterator[int]) -> int:
    number, shift = first & 0x7F, 7
    while first > 0x7F:
        first = next(rest)
        number |= (first & 0x7F) << shift
        shift += 7
    return number


def _packed(value: Any) -> bytes:
    """Encode a `DynamicValue`."""
    return field(1, msgpack.packb(value))


def _unpacked(dynamic: bytes) -> Any:
    told = fields(dynamic)
    if 1 in told:
        return msgpack.unpackb(told[1], ext_hook=msgpack.ExtType, strict_map_key=False)
    return json.loads(told.get(2, b"null"))


def _attribute(name: str, told: Schema) -> bytes:
    flags = ("required", "optional", "computed")
    return (
        field(1, name)
        + field(2, json.dumps(told["type"]))
        + b"".join(field(number, int(flag in told)) for number, flag in enumerate(flags, 4))
    )


def _nested(name: str, told: Schema) -> bytes:
    return (
        field(1, name)
        + field(2, _block(told["block"]))
        + field(3, _NESTING[told["nesting_mode"]])
        + field(4, told.get("min_items", 0))
        + field(5, told.get("max_items", 0))
    )


def _block(told: Schema) -> bytes:
    attributes = told.get("attributes", {}).items()
    blocks = told.get("block_types", {}).items()
    return b"".join(
        [
            *(field(2, _attribute(name, each)) for name, each in attributes),
            *(field(3, _nested(name, each)) for name, each in blocks),
        ]
    )


def _schema(told: Schema) -> bytes:
    return field(1, told["version"]) + field(2, _block(told["block"]))


class Provider:
    """The answers to Terraform's requests, by a document of schemas.

    Args:
        document: As `terraform providers schema -json` prints it.
    """

    def __init__(self, document: Schema) -> None:
        told = document["provider_schemas"][ADDRESS]
        self._provider: Schema = told["provider"]
        self._resources: Schema = told["resource_schemas"]
        self._data_sources: Schema = told["data_source_schemas"]

    def methods(self) -> Mapping[str, Callable[[bytes], bytes]]:
        """Return what answers each request."""
        silent: dict[str, Callable[[bytes], bytes]] = dict.fromkeys(_SILENT, _nothing)
        return silent | {
            "GetProviderSchema": self.schemas,
            "PlanResourceChange": self.plan,
            "ReadDataSource": self.read,
            "ApplyResourceChange": self.refuse,
        }

    def schemas(self, request: bytes) -> bytes:
        """Return the schemas of all."""
        kinds = ((2, self._resources), (3, self._data_sources))
        return field(1, _schema(self._provider)) + b"".join(
            field(number, field(1, name) + field(2, _schema(told)))
            for number, schemas in kinds
            for name, told in schemas.items()
        )

    def plan(self, request: bytes) -> bytes:
        """Plan what is proposed; what Google would compute is unknown."""
        asked = fields(request)
        before, proposed = _unpacked(asked[2]), _unpacked(asked[3])
        if before is None and proposed is not None:
            schema = self._resources[asked[1].decode()]
            proposed = _completed(proposed, schema, _unknown)
        return field(1, _packed(proposed))

    def read(self, request: bytes) -> bytes:
        """Make up what a data source tells: texts by their names, and nothing else."""
        asked = fields(request)
        schema = self._data_sources[asked[1].decode()]
        return field(1, _packed(_completed(_unpacked(asked[2]), schema, _made_up)))

    def refuse(self, request: bytes) -> bytes:
        """Refuse to change anything."""
        return field(3, field(1, _ERROR) + field(2, REFUSAL))


def _nothing(request: bytes) -> bytes:
    return b""


def _unknown(name: str, told: Schema) -> Any:
    return msgpack.ExtType(0, b"\0")


def _made_up(name: str, told: Schema) -> str | None:
    return f"any-{name}" if told["type"] == "string" else None


def _completed(
    value: Mapping[str, Any], schema: Schema, make: Callable[[str, Schema], Any]
) -> dict[str, Any]:
    """Return the value with what is computed and was not given."""
    attributes = schema["block"]["attributes"]
    return {
        **value,
        **{
            name: make(name, told)
            for name, told in attributes.items()
            if "computed" in told and value[name] is None
        },
    }


def _no_output(_request: bytes, _context: Any) -> Iterator[bytes]:
    return iter(())


def _handlers(provider: Provider, stop: Callable[[], None]) -> list[Any]:
    """Return what serves the provider, and what each plugin of Terraform must have."""

    def shut_down(_request: bytes, context: Any) -> bytes:
        context.add_callback(stop)  # after the answer
        return b""

    def unary(answer: Callable[[bytes, Any], bytes]) -> Any:
        return grpc.unary_unary_rpc_method_handler(answer)

    def answering(method: Callable[[bytes], bytes]) -> Any:
        return unary(lambda request, _context: method(request))

    methods = {name: answering(method) for name, method in provider.methods().items()}
    no_output = grpc.unary_stream_rpc_method_handler(_no_output)
    return [
        grpc.method_handlers_generic_handler("tfplugin6.Provider", methods),
        grpc.method_handlers_generic_handler(
            "plugin.GRPCController", {"Shutdown": unary(shut_down)}
        ),
        grpc.method_handlers_generic_handler("plugin.GRPCStdio", {"StreamStdio": no_output}),
    ]


def serve(provider: Provider) -> None:
    """Serve until Terraform says so, or is there no more."""
    terraform = os.getppid()
    stopped = Event()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(_handlers(provider, stopped.set))
    with TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        server.add_insecure_port(f"unix:{address}")
        server.start()
        print(f"1|6|unix|{address}|grpc", flush=True)  # noqa: T201 - the handshake
        while not stopped.wait(_POLL_S) and os.getppid() == terraform:
            pass  # a Terraform that was killed says nothing
        server.stop(grace=None).wait()


if __name__ == "__main__":
    if "TF_PLUGIN_MAGIC_COOKIE" not in os.environ:
        sys.exit("this is a plugin, which Terraform starts")
    serve(Provider(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
