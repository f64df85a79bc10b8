"""TCP ports for servers under test."""

import secrets
import socket

FIRST, LAST = 10_000, 32_000
"""Below the ports that Linux lends to connections (net.ipv4.ip_local_port_range): a server that
takes some time to start must not find its port in use by a client."""


def free_port() -> int:
    """Return a port on the loopback address that was free a moment ago."""
    while True:
        # Not from `random`, which begins anew for each test.
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if _free(port):
            return port


def free_port_pair() -> int:
    """Return a port that was free a moment ago, as was the one after it."""
    while True:
        first = free_port()
        if _free(first + 1):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
