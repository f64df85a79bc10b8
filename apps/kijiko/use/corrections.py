"""Corrections: a transfer is taken back by two persons. One proposes, another agrees.

What was settled for a shop leaves its batch in the same transaction, and cannot be taken back once
the batch is in a file for the bank.

The ledger takes a reversal with two handles and in one step; what waits for the second person is in
the vault. Each proposal is there by itself, so that two instances of the app that write at the same
time lose none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import Final

import orjson

from apps.bookings.edge.holders import HOLDER
from apps.kijiko.ledger.accounts import reversal_id
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.errors import Busy, CompanionFailed
from apps.kijiko.ledger.transfer import Transfer
from apps.kijiko.use.settlement import Settlement
from apps.kijiko.use.town import Town
from broker.client import NotFound

REASONS: Final = ("amount", "wallet", "shop", "twice")
"""What was wrong: the amount, the wallet, the shop, or it was done twice. Free text is not taken,
for it would stand in the ledger for good."""
_KEEPER: Final = f"{HOLDER}kijiko-corrections"
_WAITING: Final = "waiting:"
TRIES: Final = 5


class CorrectionRefused(ValueError):
    """A correction that cannot be; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A transfer that somebody proposed to take back; `at` is when, in ISO 8601 and UTC."""

    transfer: str
    reason: str
    by: str
    at: str


class Corrections:
    """What waits for a second person.

    All raise CorrectionRefused, BatchRefused, LedgerError, ClientError.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self._settlement = Settlement(town)

    async def waiting(self) -> list[Correction]:
        """Return what waits, the oldest first."""
        kinds = await self._town.vault.kinds(_KEEPER)
        transfers = [kind.removeprefix(_WAITING) for kind in kinds if kind.startswith(_WAITING)]
        found = [await self._of(transfer_id) for transfer_id in transfers]
        return sorted((one for one in found if one is not None), key=lambda one: one.at)

    async def propose(self, transfer_id: str, reason: str, by: str) -> None:
        """Propose to take a transfer back; what was proposed before stands."""
        if reason not in REASONS:
            raise CorrectionRefused("bad_form")
        try:
            transfer = await self._town.book.transfer(transfer_id)
        except NotFound as error:
            raise CorrectionRefused("no_correction") from error
        await self._settlement.without(transfer)
        if await self._of(transfer.id) is None:
            at = self._town.now().astimezone(UTC).isoformat(timespec="microseconds")
            kept = orjson.dumps(Correction(transfer.id, reason, by, at)).decode()
            await self._town.vault.put(_KEEPER, _WAITING + transfer.id, kept)

    async def agree(self, transfer_id: str, by: str) -> Transfer:
        """Take back what somebody else proposed."""
        waits = await self._of(transfer_id)
        if waits is None:
            raise CorrectionRefused("no_correction")
        if waits.by == by:
            raise CorrectionRefused("four_eyes")
        made = await self._reversed(transfer_id, waits.reason, (waits.by, by))
        await self.discard(transfer_id)
        return made

    async def _reversed(
        self, transfer_id: str, reason: str, approvals: tuple[str, str]
    ) -> Transfer:
        book, asked = self._town.book, Asked("correction", transfer_id)
        for _ in range(TRIES):
            companions = []
            if not await self._is_reversed(transfer_id):
                companions = await self._settlement.without(await book.transfer(transfer_id))
            try:
                return await book.reverse(
                    transfer_id, reason, approvals, asked, companions=companions
                )
            except CompanionFailed:
                continue
        raise Busy(transfer_id)

    async def _is_reversed(self, transfer_id: str) -> bool:
        try:
            await self._town.book.transfer(reversal_id(transfer_id))
        except NotFound:
            return False
        return True

    async def discard(self, transfer_id: str) -> None:
        """Let a transfer stand."""
        await self._town.vault.forget(_KEEPER, _WAITING + transfer_id)

    async def _of(self, transfer_id: str) -> Correction | None:
        kept = await self._town.vault.get(_KEEPER, _WAITING + transfer_id)
        return Correction(**orjson.loads(kept)) if kept else None
