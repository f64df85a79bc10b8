"""Corrections: a transfer is taken back by two persons. One proposes, another agrees.

The ledger takes a reversal with two handles and in one step; what waits for the second person is a
short list in the vault.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from apps.bookings.edge.holders import HOLDER
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.transfer import Transfer
from apps.kijiko.use.town import Town
from broker.client import NotFound

REASONS: Final = ("amount", "wallet", "shop", "twice")
"""What was wrong: the amount, the wallet, the shop, or it was done twice. Free text is not taken,
for it would stand in the ledger for good."""
_KEEPER: Final = f"{HOLDER}kijiko-corrections"
_KIND: Final = "waiting"


class CorrectionRefused(ValueError):
    """A correction that cannot be; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A transfer that somebody proposed to take back."""

    transfer: str
    reason: str
    by: str


class Corrections:
    """What waits for a second person. All raise CorrectionRefused, LedgerError, ClientError."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._turn = asyncio.Lock()

    async def waiting(self) -> list[Correction]:
        """Return what waits, the oldest first."""
        kept = await self._town.vault.get(_KEEPER, _KIND)
        return [Correction(**one) for one in orjson.loads(kept)] if kept else []

    async def propose(self, transfer_id: str, reason: str, by: str) -> None:
        """Propose to take a transfer back; what was proposed before stands."""
        if reason not in REASONS:
            raise CorrectionRefused("bad_form")
        try:
            transfer = await self._town.book.transfer(transfer_id)
        except NotFound as error:
            raise CorrectionRefused("no_correction") from error
        async with self._turn:
            waiting = await self.waiting()
            if all(one.transfer != transfer.id for one in waiting):
                await self._keep([*waiting, Correction(transfer.id, reason, by)])

    async def agree(self, transfer_id: str, by: str) -> Transfer:
        """Take back what somebody else proposed."""
        waits = await self._of(transfer_id)
        if waits.by == by:
            raise CorrectionRefused("four_eyes")
        asked = Asked("correction", transfer_id)
        made = await self._town.book.reverse(transfer_id, waits.reason, (waits.by, by), asked)
        await self.discard(transfer_id)
        return made

    async def discard(self, transfer_id: str) -> None:
        """Let a transfer stand."""
        async with self._turn:
            await self._keep([one for one in await self.waiting() if one.transfer != transfer_id])

    async def _of(self, transfer_id: str) -> Correction:
        for one in await self.waiting():
            if one.transfer == transfer_id:
                return one
        raise CorrectionRefused("no_correction")

    async def _keep(self, waiting: list[Correction]) -> None:
        kept = orjson.dumps([asdict(one) for one in waiting]).decode()
        await self._town.vault.put(_KEEPER, _KIND, kept)
