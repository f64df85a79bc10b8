"""From a receiver's name to the addresses a connection may go to.

Names are looked up in threads of our own: the event loop has four for all, which a few names with
a slow server would keep from everybody else. A name is looked up once at a time, whoever waits.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from broker.egress import Egress
from broker.subscriptions.delivery.policy import Fate
from broker.subscriptions.endpoint import Address

MOST: Final = 64
"""Names looked up at a time."""
STRANGERS: Final = 48
"""Of these, names that were not found the last time, or are new."""
REMEMBERED: Final = 4096

Lookup: TypeAlias = Callable[..., Sequence[Any]]


class NoConnection(Exception):
    """There is no connection to be had."""

    def __init__(self, fate: Fate, words: str) -> None:
        super().__init__(words)
        self.fate = fate


class Resolver:
    """Looks up receivers under the egress rule. Bound to its event loop."""

    def __init__(self, egress: Egress, lookup: Lookup = socket.getaddrinfo) -> None:
        self._egress = egress
        self._lookup = lookup
        self._under_way: dict[str, asyncio.Future[list[str]]] = {}
        self._found: dict[str, None] = {}
        """Names that were found the last time."""

    async def addresses(self, address: Address) -> Sequence[str]:
        """Return the permitted numeric addresses of a receiver; raises NoConnection."""
        numeric = [address.host] if _is_numeric(address.host) else await self._named(address.host)
        permitted = [one for one in numeric if self._egress.permits(one)]
        if not permitted:
            raise NoConnection(
                Fate.REFUSED,
                "The egress rule forbids the receiver's address; "
                "the operator can allow it with --allow-egress CIDR.",
            )
        return permitted

    async def _named(self, name: str) -> list[str]:
        waiting = self._under_way.get(name)
        if waiting is None:
            if len(self._under_way) >= (MOST if name in self._found else STRANGERS):
                raise NoConnection(Fate.NO_ANSWER, "Too many receivers' names are being resolved.")
            waiting = self._begin(name)
        try:
            return await asyncio.shield(waiting)
        except OSError:
            raise NoConnection(Fate.NO_ANSWER, "The receiver's name cannot be resolved.") from None

    def _begin(self, name: str) -> asyncio.Future[list[str]]:
        """Look a name up in a thread that nothing waits for at the end of the process."""
        loop = asyncio.get_running_loop()
        future = self._under_way[name] = loop.create_future()
        future.add_done_callback(lambda done: self._done(name, done))

        def settle(found: list[str] | OSError) -> None:
            if not future.done():
                if isinstance(found, OSError):
                    future.set_exception(found)
                else:
                    future.set_result(found)

        def look() -> None:
            try:
                infos = self._lookup(name, None, type=socket.SOCK_STREAM)
                found: list[str] | OSError = list(dict.fromkeys(str(one[4][0]) for one in infos))
            except (OSError, UnicodeError) as error:
                found = error if isinstance(error, OSError) else OSError(str(error))
            with suppress(RuntimeError):
                # The loop may be closed by now.
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=look, name="machi-names", daemon=True).start()
        return future

    def _done(self, name: str, future: asyncio.Future[list[str]]) -> None:
        del self._under_way[name]
        self._found.pop(name, None)
        if not future.cancelled() and future.exception() is None:
            self._found[name] = None
            if len(self._found) > REMEMBERED:
                del self._found[next(iter(self._found))]


def _is_numeric(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
