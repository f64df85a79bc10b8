"""Tickets: the identity of a reader that can set no headers, for one stream, for a minute.

A browser's EventSource and WebSocket send no headers of the page's choice, and a token in a URL
ends up in logs and histories. So a caller who is known by its headers takes a ticket, and the
stream that shows it is the caller's. It opens one stream and is worthless afterwards.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.errors import Forbidden
from broker.guard import Caller

SECONDS: Final = 60.0
"""How long a ticket may wait to be used."""

MOST: Final = 10_000
"""Tickets out at a time; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a ticket stands for, and where it is good."""

    caller: Caller
    tenant: str


class Tickets:
    """The tickets that are out, known by their hash only.

    `clock` gives seconds that never go back, `draw` a random text nobody can guess.
    """

    def __init__(self, clock: Callable[[], float], draw: Callable[[], str]) -> None:
        self._clock = clock
        self._draw = draw
        self._out: OrderedDict[bytes, tuple[float, Holder]] = OrderedDict()

    def issue(self, caller: Caller, tenant: str) -> str:
        """Return a new ticket for a caller and a tenant."""
        self._drop_old()
        ticket = self._draw()
        self._out[_digest(ticket)] = (self._clock() + SECONDS, Holder(caller, tenant))
        if len(self._out) > MOST:
            self._out.popitem(last=False)
        return ticket

    def use(self, ticket: str, tenant: str | None) -> Holder:
        """Return whom a ticket stands for, and end it.

        `tenant` is what was asked for beside it, None where nothing was. Raises Forbidden, with
        the same words whether it was used, is too old or never was.
        """
        self._drop_old()
        _, holder = self._out.pop(_digest(ticket), (0.0, None))
        if holder is None or (tenant is not None and tenant != holder.tenant):
            raise Forbidden(
                f"This ticket is not good here: it was used, is older than {SECONDS:.0f} s, or "
                "is for another tenant.",
                place="query:ticket",
                remedy="Take a new one: POST /ngsi-ld/ex/v1/tickets. Each opens one stream.",
            )
        return holder

    def _drop_old(self) -> None:
        now = self._clock()
        while self._out:
            until, _ = next(iter(self._out.values()))
            if until > now:
                return
            self._out.popitem(last=False)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
