"""Callers without a key, told apart by their network address (pure)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from functools import lru_cache
from math import ceil
from typing import Final

from consent.identity.model import Client

MOST_FAILURES: Final = 20
"""Failures to sign in from one address within `SPAN` seconds, beyond which none is tried."""
SPAN: Final = 600.0
_ADDRESSES: Final = 10_000
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


class Failures:
    """Failures to sign in by address, whatever the names: of many addresses the oldest go first.

    Who comes from this machine or a private network is not counted: pages and proxies are there,
    whose own clients cannot be told apart, and one of them would shut everybody out.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, address: str, now: float) -> int:
        """Return the whole seconds for which no try is taken from an address; 0 for none."""
        count, since = self._known.get(_name(address), (0, now))
        left = since + SPAN - now
        return ceil(left) if count >= MOST_FAILURES and left > 0 else 0

    def add(self, address: str, now: float) -> None:
        """Count a failure."""
        name = _name(address)
        if not name:
            return
        count, since = self._known.pop(name, (0, now))
        self._known[name] = (1, now) if now - since >= SPAN else (count + 1, since)
        if len(self._known) > _ADDRESSES:
            self._known.popitem(last=False)


def _name(address: str) -> str:
    found = nameless(address, RATE)
    if found is None or not ipaddress.ip_address(found.name.partition(":")[2]).is_global:
        return ""
    return found.name
