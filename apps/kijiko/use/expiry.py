"""Lets what has ended expire: looks at every wallet after midnight in Tokyo, and at the start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

from apps.kijiko.ledger.errors import LedgerError
from apps.kijiko.ledger.lots import ended, today
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.use.town import Town
from broker.client import ClientError

log = logging.getLogger("apps.kijiko")

TICK: Final = 60.0


class Expiry:
    """The worker of one town. What has ended cannot be spent, whenever this looks."""

    def __init__(
        self, town: Town, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._town = town
        self._sleep = sleep
        self._looked: date | None = None

    async def run(self) -> None:
        """Look once a day until cancelled; again soon where the broker was away."""
        while True:
            await self._sleep(TICK)
            try:
                await self.look()
            except ClientError as error:
                log.warning("expiry waits: %s", error)

    async def look(self) -> int:
        """Let expire what has ended, once a day; return in how many wallets. Raises ClientError."""
        now = self._town.now()
        if self._looked == today(now):
            return 0
        found = [
            one.id
            for one in await self._town.wallets.all(WalletKind.CITIZEN)
            if ended(one.lots, now)
        ]
        for wallet in found:
            try:
                await self._town.book.expire(wallet)
            except LedgerError as refusal:
                log.warning("%s does not expire: %s", wallet, refusal)
        self._looked = today(now)
        return len(found)
