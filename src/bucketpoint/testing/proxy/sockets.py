"""Sockets on the loopback interface."""

from __future__ import annotations

import socket

__all__ = ["HOST", "listening_socket"]

HOST = "127.0.0.1"


def listening_socket(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback, at any free port unless one is given."""
    return socket.create_server((HOST, port), backlog=128)
