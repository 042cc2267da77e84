"""Servers on loopback that behave as a test says, and a certificate that nobody vouches for."""

from __future__ import annotations

import importlib
import socket
import ssl
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Generator[str]:
    """Run a server on loopback that behaves so on every connection; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test is over
                with connection, suppress(OSError):
                    behave(connection)

        thread = Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def speak_plainly(connection: socket.socket) -> None:
    """Answer as a web server does that expects no TLS."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def offering(certificate: Path) -> Callable[[socket.socket], None]:
    """Return the behaviour of a server that begins TLS with this certificate, and no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True):
            pass

    return shake_hands


def own_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that is signed by itself, and its key."""
    x509: Any = importlib.import_module("cryptography.x509")
    primitives = "cryptography.hazmat.primitives"
    encoding: Any = importlib.import_module(f"{primitives}.serialization")
    curves: Any = importlib.import_module(f"{primitives}.asymmetric.ec")
    key = curves.generate_private_key(curves.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, importlib.import_module(f"{primitives}.hashes").SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(encoding.Encoding.PEM)
        + key.private_bytes(
            encoding.Encoding.PEM, encoding.PrivateFormat.PKCS8, encoding.NoEncryption()
        )
    )
    return path
