"""The figures of the town's money: all postings read, counted, and kept for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from apps.kijiko.ledger.transfer import TRANSFER, Transfer, transfer_from
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.reports import analysis
from apps.kijiko.reports.analysis import Month, Release
from apps.kijiko.reports.base_dates import TOKYO, base_date
from apps.kijiko.reports.flows import flows
from apps.kijiko.reports.unused import Unused, unused
from apps.kijiko.use.areas import kind_of
from apps.kijiko.use.shops import Shops
from apps.kijiko.use.town import Town
from broker.client import NotFound

FRESH: Final = timedelta(minutes=5)
"""How long figures are shown before the postings are read again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in circulation now, in yen: `people` have it, or `shops`; `owed` is to be paid."""

    people: int
    shops: int
    campaigns: int
    owed: int
    wallets: int


class Figures:
    """Reads and counts. `release` makes tables safe for groups of `k`. Raises ClientError."""

    def __init__(self, town: Town, release: Release, k: int) -> None:
        self._town = town
        self._release = release
        self._k = k
        self._kept: tuple[datetime, list[Month]] | None = None

    async def months(self) -> list[Month]:
        """Return the analysis of the months that are over. That there is none is not kept."""
        now = self._town.now()
        if self._kept is None or not timedelta() <= now - self._kept[0] < FRESH:
            counted = await self._counted(now)
            self._kept = (now, counted) if counted else None
            return counted
        return self._kept[1]

    async def transfers(self) -> list[Transfer]:
        """Return all transfers."""
        found: list[Transfer] = []
        try:
            async for page in self._town.client.pages(TRANSFER):
                found += [transfer_from(one) for one in page]
        except NotFound:
            return []
        return found

    async def reports(self, count: int = 2) -> list[Unused]:
        """Return the unused balance of the last base dates, the newest first."""
        transfers = await self.transfers()
        when = base_date(self._town.now().astimezone(TOKYO).date() - timedelta(days=1))
        found = []
        for _ in range(count):
            found.append(unused(transfers, when))
            when = when.before
        return found

    async def standing(self) -> Standing:
        """Return what is in circulation."""
        sums = dict.fromkeys(WalletKind, 0)
        number = 0
        for one in await self._town.wallets.all():
            sums[one.kind] += one.balance
            number += one.kind is WalletKind.CITIZEN
        return Standing(
            sums[WalletKind.CITIZEN],
            sums[WalletKind.MERCHANT],
            sums[WalletKind.CAMPAIGN],
            sums[WalletKind.SETTLEMENT],
            number,
        )

    async def _counted(self, now: datetime) -> list[Month]:
        citizens = await self._town.wallets.all(WalletKind.CITIZEN)
        holders = {one.id: one.holder or one.id for one in citizens}
        shops = {
            one.wallet: analysis.Shop(one.area, kind_of(one.category))
            for one in await Shops(self._town).all()
        }
        told = flows(await self.transfers(), holders)
        return await asyncio.to_thread(analysis.months, told, shops, now, self._release, self._k)
