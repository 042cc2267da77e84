"""A bucket of fake-gcs-server, and requests about it as Google's client makes them."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import quote, urlencode

from tests.emulators.upstream import connected

STALE = "1"
"""A generation that no object has."""

MULTIPART = 'multipart/related; boundary="edge"'

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An answer of the server."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def generation(self) -> str:
        return str(self.json["generation"])


@dataclass(frozen=True)
class GCSBucket:
    """A bucket, under the URL of the server or of a proxy."""

    url: str
    name: str

    def in_versioned(self) -> GCSBucket:
        return GCSBucket(self.url, f"{self.name}-versioned")

    def send(self, method: str, path: str, body: bytes = b"", **query: str) -> Answer:
        is_multipart = query.get("uploadType") == "multipart"
        headers = {"Content-Type": MULTIPART if is_multipart else "application/json"}
        with connected(self.url) as client:
            client.request(method, f"{path}?{urlencode(query)}", body, headers)
            response = client.getresponse()
            return Answer(response.status, response.headers, response.read())

    def upload(self, key: str, body: bytes = b"1", *, crc32c: str = "", **query: str) -> Answer:
        metadata = {"name": key} | ({"crc32c": crc32c} if crc32c else {})
        head = b"--edge\r\nContent-Type: application/json\r\n\r\n"
        whole = head + json.dumps(metadata).encode() + b"\r\n" + head + body + b"\r\n--edge--\r\n"
        path = f"/upload/storage/v1/b/{self.name}/o"
        return self.send("POST", path, whole, uploadType="multipart", **query)

    def object(self, method: str, key: str, body: bytes = b"", **query: str) -> Answer:
        return self.send(method, self.path_of(key), body, **query)

    def download(self, key: str, **query: str) -> Answer:
        return self.send("GET", f"/download{self.path_of(key)}", b"", alt="media", **query)

    def list(self, **query: str) -> Any:
        return self.send("GET", f"/storage/v1/b/{self.name}/o", b"", **query).json

    def path_of(self, key: str) -> str:
        return f"/storage/v1/b/{self.name}/o/{quote(key, safe='')}"

    def stored(self) -> tuple[str, str]:
        """Store an object and return its key and its generation."""
        key = new_key()
        return key, self.upload(key).generation


def new_key() -> str:
    return f"runs/{next(_numbers)}"


def told(answer: Answer) -> str:
    return str(answer.status)
