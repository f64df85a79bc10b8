"""What callers may ask is kept to: clients by what they were given, addresses without a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.errors import TooManyRequests
from consent.identity.addresses import nameless
from consent.identity.meter import Meter, day_of
from consent.identity.model import Client
from consent.identity.usage import Usage

_MOST: Final = 4096


class Limits:
    """Counts each request, and refuses what is over a limit.

    `free` are addresses that were met and have no limit: of these nothing is counted.
    """

    def __init__(self, usage: Usage, seconds: Callable[[], float], rate: float | None) -> None:
        """`rate` is how often an address may ask without a key, in requests a second."""
        self.free: set[str] = set()
        self._usage = usage
        self._seconds = seconds
        self._rate = rate
        self._meter = Meter(usage.asked)

    def address(self, address: str) -> None:
        """Count a request without a key that opens something. Raises TooManyRequests."""
        client = nameless(address, self._rate)
        if client is not None:
            self._refuse(client, self._meter.wait(client, self._seconds()))
            return
        if len(self.free) >= _MOST:
            self.free.clear()
        self.free.add(address)

    def client(self, client: Client, key: str) -> None:
        """Count a request of a client with the key of an id. Raises TooManyRequests."""
        now = self._seconds()
        wait = self._meter.wait(client, now)
        if key:
            self._usage.note(day_of(now), client.name, key, refused=wait > 0)
        self._refuse(client, wait)

    def _refuse(self, client: Client, wait: int) -> None:
        if wait:
            raise _too_many(client, wait)


def _too_many(client: Client, wait: int) -> TooManyRequests:
    who = f"The client {client.name}"
    if client.name.startswith("address:"):
        who = "An address without a key"
    limits = [
        f"{client.rate:g} requests a second" if client.rate is not None else "",
        f"{client.quota} requests a day" if client.quota is not None else "",
    ]
    return TooManyRequests(
        f"{who} may make {' and '.join(filter(None, limits))}.",
        place="header:Authorization",
        remedy=f"Ask again after {wait} s, or ask the administrator for more.",
        retry_after=[str(wait)],
    )
