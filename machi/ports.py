"""TCP ports: free or busy, and what to say about it."""

from __future__ import annotations

import socket

from machi.errors import PortBusy


def require_free(host: str, port: int, who: str, option: str) -> None:
    """Raise PortBusy where nobody could listen on the port now.

    `who` cannot start then; `option` is the command-line option that chooses another port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = port + 10_000 if port < 50_000 else port - 10_000
            raise PortBusy(
                f"{who} cannot start: port {port} on {host} cannot be used ({error.strerror}).",
                remedy=f"Stop what listens there, or choose another port: {option} {other}",
            ) from error
