"""Ports for servers that cannot be told to take any free one."""

from __future__ import annotations

import random
from contextlib import ExitStack, suppress

from bucketpoint.testing.proxy.sockets import HOST, listening_socket

__all__ = ["PortBlock"]

_BLOCK = 16
_BLOCKS = range(20_000, 32_000, _BLOCK)  # below the ports that outgoing connections are given
_TRIES = 200


class PortBlock:
    """A block of free ports that no other `PortBlock` on this machine holds.

    The first port of the block is bound for as long as the block is held, which keeps others
    away from the rest while a server is not up yet, or is down for a moment.

    Attributes:
        ports: The ports to use.
    """

    def __init__(self, count: int) -> None:
        chance = random.SystemRandom()  # processes that start together must not try the same
        for _ in range(_TRIES):
            first = chance.choice(_BLOCKS)
            with suppress(OSError):
                self._guard = listening_socket(first)
                self.ports = list(range(first + 1, first + 1 + count))
                if _are_free(self.ports):
                    return
                self._guard.close()
        msg = f"found no {count} free ports on {HOST}"
        raise OSError(msg)

    def close(self) -> None:
        """Give the block back."""
        self._guard.close()


def _are_free(ports: list[int]) -> bool:
    with ExitStack() as sockets:
        try:
            for port in ports:
                sockets.enter_context(listening_socket(port))
        except OSError:
            return False
    return True
