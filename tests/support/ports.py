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
    return free_ports_in_a_row(2)


def free_ports_in_a_row(count: int) -> int:
    """Return the first of so many ports in a row that were free a moment ago."""
    while True:
        first = free_port()
        if all(_free(first + n) for n in range(1, count)):
            return first


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
