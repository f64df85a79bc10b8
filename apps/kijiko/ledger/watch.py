"""Compares wallets with the postings, at intervals and at night, and raises the alarm.

The sums run along with the feed, a moment behind the wallets. So a difference is looked into only
where it is the same twice in a row; then the wallet is read by itself, with its postings.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from apps.kijiko.ledger.alarm import Alarm
from apps.kijiko.ledger.audit import Fault, Sums, own_fault
from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.lots import ended, today
from apps.kijiko.ledger.reading import Restless, examine, read_all, verify_ledger
from apps.kijiko.ledger.transfer import transfer_from
from apps.kijiko.ledger.wallet import WALLET, json_property, wallet_from
from broker.client import Entity, NotFound, value

log = logging.getLogger("apps.kijiko")

SUMS: Final = "urn:ngsi-ld:FeedCursor:kijiko-sums"


@dataclass(frozen=True, slots=True)
class Health:
    """How the books are: `faults` is empty where they balance, `checked` when that was seen."""

    checked: datetime | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def sound(self) -> bool:
        """Say whether the books balance, as far as is known."""
        return not self.faults


class Watch:
    """The watch over one currency's books. `place` is up to where the sums go, None if nowhere."""

    def __init__(self, book: Book) -> None:
        self.place: int | None = None
        self.health = Health()
        self._book = book
        self._client = book.client
        self._alarm = Alarm(book.client, book.currency, book.clock)
        self._sums = Sums()
        self._saved: int | None = None
        self._night: date | None = None
        self._lasting: dict[str, Fault] = {}
        """What only a night's reading can clear."""
        self._suspects: dict[str, int] = {}

    async def load(self) -> None:
        """Go on from the sums that were kept. Raises ClientError."""
        try:
            cursor = await self._client.retrieve(SUMS)
        except NotFound:
            return
        self._sums = Sums.from_plain(value(cursor, "sums", {}))
        self.place = self._saved = int(value(cursor, "seq"))
        self._night = date.fromisoformat(value(cursor, "night", date.min.isoformat()))

    def begin(self) -> None:
        """Forget the sums: all transfers are going to be told."""
        self._sums, self.place = Sums(), None

    def count(self, entity: Entity) -> None:
        """Take a transfer into the sums."""
        try:
            self._sums.add(transfer_from(entity))
        except (ValueError, KeyError, TypeError):
            self.touched(entity["id"], "unbalanced")

    def touched(self, transfer: str, reason: str = "changed") -> None:
        """Note that a transfer is not as it was written."""
        self._lasting[transfer] = Fault(transfer, reason)

    async def look(self) -> None:
        """Do what is due: at night everything, else compare. Raises ClientError."""
        day = today(self._book.clock())
        if day != self._night:
            await self.night()
            self._night = day
            self._saved = None
        await self.compare()

    async def compare(self) -> None:
        """Compare the sums with all wallets. Raises ClientError."""
        suspects, found = dict[str, int](), dict(self._lasting)
        for name, entity in (await self._wallets()).items():
            fault = own_fault(wallet_from(entity)) or self._sums.fault(wallet_from(entity))
            if fault is None:
                continue
            suspects[name] = fault.found - fault.expected
            if self._suspects.get(name) == suspects[name]:
                found |= await self._examined(name)
        self._suspects = suspects
        await self._judge(found)

    async def night(self) -> None:
        """Let expire what has ended, then read everything anew. Raises ClientError."""
        for name, entity in (await self._wallets()).items():
            if ended(wallet_from(entity).lots, self._book.clock()):
                await self._book.expire(name)
        report = await verify_ledger(self._client, self._book.currency)
        self._lasting = {one.id: one for one in report.faults}
        if (broken := report.chain.broken) is not None:
            named = broken.transfer or broken.seal
            self._lasting[named] = Fault(named, broken.reason)
        await self._judge(dict(self._lasting))

    async def _wallets(self) -> dict[str, Entity]:
        return await read_all(self._client, WALLET, self._book.currency)

    async def _examined(self, wallet: str) -> dict[str, Fault]:
        try:
            fault = await examine(self._client, wallet)
        except Restless:
            return {}
        return {} if fault is None else {fault.id: fault}

    async def _judge(self, found: dict[str, Fault]) -> None:
        faults = tuple(sorted(found.values()))
        for one in faults:
            if one not in self.health.faults:
                log.error("%s: %s, %d instead of %d", one.id, one.reason, one.found, one.expected)
        self.health = Health(self._book.clock(), faults)
        await self._alarm.set(bool(faults))
        if not faults:
            await self._save()

    async def _save(self) -> None:
        if self.place is None or self.place == self._saved:
            return
        place = self.place
        cursor: dict[str, Any] = {
            "id": SUMS,
            "type": "FeedCursor",
            "seq": _property(place),
            "sums": json_property(self._sums.plain()),
        }
        if self._night is not None:
            cursor["night"] = _property(self._night.isoformat())
        await self._client.upsert([cursor])
        self._saved = place


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
