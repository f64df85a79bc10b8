"""Callers without a key, told apart by their network address (pure)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from consent.identity.model import Client

RATE: Final = 50.0
"""Requests a second from one address without a key, averaged over bursts of twice as many."""


@lru_cache(maxsize=4096)
def nameless(address: str, rate: float | None) -> Client | None:
    """Return whom the limits of an address are counted for; None where there are none.

    An IPv6 network of 64 bits is one household's, so it counts as one. Who is on this machine is
    not limited: a proxy before the broker, whose own clients it cannot tell apart, is there too.
    """
    if rate is None:
        return None
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    if found.is_loopback:
        return None
    width = 64 if found.version == 6 else 32
    network = ipaddress.ip_network(f"{found}/{width}", strict=False)
    return Client(f"address:{network.network_address}", rate=rate)
