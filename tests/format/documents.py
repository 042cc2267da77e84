"""The golden documents and what is known of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["EDGES", "GOLDEN", "GOLDENS", "Edge", "Golden"]

GOLDEN = Path(__file__).parent / "golden" / "v1"


@dataclass(frozen=True)
class Golden:
    """A document that the original engine wrote."""

    name: str
    sha256: str
    body: bytes

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Edge:
    """A document made by hand, and what the original engine made of it.

    Attributes:
        canon: What it writes after reading the document; None where it refuses it.
    """

    name: str
    body: bytes
    accepted: bool
    canon: bytes | None

    def __repr__(self) -> str:
        return self.name


def _manifest(name: str) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = json.loads((GOLDEN / name).read_bytes())["documents"]
    return documents


GOLDENS = {
    entry["name"]: Golden(entry["name"], entry["sha256"], (GOLDEN / entry["file"]).read_bytes())
    for entry in _manifest("manifest.json")
}

EDGES = {
    entry["name"]: Edge(
        entry["name"],
        (GOLDEN / entry["file"]).read_bytes(),
        entry["accepted"],
        entry["canon"].encode() if entry["accepted"] else None,
    )
    for entry in _manifest("edge_manifest.json")
}
