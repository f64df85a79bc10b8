"""TCP ports for servers under test: each is given once, to one test of all that run."""

import fcntl
import os
import secrets
import socket
import tempfile
from functools import cache
from pathlib import Path

FIRST, LAST = 10_000, 32_000
"""Below the ports that Linux lends to connections (net.ipv4.ip_local_port_range): a server that
takes some time to start must not find its port in use by a client."""

_given: set[int] = set()


def free_port() -> int:
    """Return a port on the loopback address that nobody uses and that is given to nobody else."""
    return free_ports_in_a_row(1)


def free_port_pair() -> int:
    """Return a port like that of `free_port`, as is the one after it."""
    return free_ports_in_a_row(2)


def free_ports_in_a_row(count: int) -> int:
    """Return the first of so many ports in a row like that of `free_port`."""
    while True:
        # Not from `random`, which begins anew for each test.
        first = FIRST + secrets.randbelow(LAST - FIRST - count)
        if all(_claimed(port) and _free(port) for port in range(first, first + count)):
            return first


def _claimed(port: int) -> bool:
    """Take a port for this process until it ends, and for one of its tests."""
    if port in _given:
        return False
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _given.add(port)
    return True


@cache
def _claims() -> int:
    """Open the file whose bytes stand for ports: workers and other runs lock theirs in it.

    It stays open: a process that closes a file gives up all its locks.
    """
    path = Path(tempfile.gettempdir()) / f"machi-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
