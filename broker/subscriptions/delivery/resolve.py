"""From a receiver's name to the addresses a connection may go to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from broker.egress import Egress
from broker.subscriptions.delivery.policy import Fate
from broker.subscriptions.endpoint import Address


class NoConnection(Exception):
    """There is no connection to be had."""

    def __init__(self, fate: Fate, words: str) -> None:
        super().__init__(words)
        self.fate = fate


async def resolve(egress: Egress, address: Address) -> Sequence[str]:
    """Return the permitted numeric addresses of a receiver; raises NoConnection."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        raise NoConnection(Fate.NO_ANSWER, "The receiver's name cannot be resolved.") from None
    numeric = list(dict.fromkeys(str(one[4][0]) for one in found))
    permitted = [one for one in numeric if egress.permits(one)]
    if not permitted:
        raise NoConnection(
            Fate.REFUSED,
            "The egress rule forbids the receiver's address; "
            "the operator can allow it with --allow-egress CIDR.",
        )
    return permitted
