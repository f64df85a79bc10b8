"""Which addresses an adapter may call: the networks of the devices, and no others.

Addresses of devices are read from entities, so whoever can write an entity could make an adapter
call what only the adapter can reach. Names are resolved here and the connection goes to the
address that was judged.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from yarl import URL

from adapters.contract import CommandFailed

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Reach:
    """The device networks, in CIDR notation; the machine itself where none is named."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(network) for network in (tuple(networks) or LOOPBACK))

    async def address(self, host: str) -> str:
        """Return the numeric address of a host. Raises CommandFailed."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise CommandFailed(f"the device's host {host!r} cannot be resolved") from error
        for _, _, _, _, address in found:
            number = ip_address(str(address[0]).partition("%")[0])
            if any(number in network for network in self._networks):
                return str(number)
        raise CommandFailed(
            f"{host} is outside the device networks; name its network with --device-network"
        )

    async def request(self, url: str) -> tuple[URL, dict[str, Any]]:
        """Return the URL with its address judged, and the options to ask it with.

        Redirects are not followed. Raises CommandFailed.
        """
        try:
            parsed = URL(url)
            port = parsed.port
        except ValueError as error:
            raise CommandFailed("the device's endpoint is not a URL") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host or not port:
            raise CommandFailed("the device's endpoint is not an http(s) URL")
        address = await self.address(parsed.host)
        options: dict[str, Any] = {
            "allow_redirects": False,
            "headers": {"Host": parsed.authority},
        }
        if parsed.scheme == "https":
            options["server_hostname"] = parsed.host
        return parsed.with_host(address), options
