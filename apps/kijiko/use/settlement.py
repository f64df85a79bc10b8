"""Paying shops out: drawn up by one, approved by another, a file for the bank, paid.

A batch holds what shops had when it was drawn up. Approval settles each line under a key of batch
and shop: stopped anywhere, it is repeated, and nothing is settled twice. What a shop refunded in
between is not paid: its line is left out, and waits for the next batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Final

from apps.kijiko.bank.zengin import Client as BankClient
from apps.kijiko.bank.zengin import Order, written
from apps.kijiko.bank.zengin import Transfer as BankTransfer
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.entities import Operation
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.use.shops import Shop, Shops
from apps.kijiko.use.town import Town
from apps.shell.disclosing import Shown, exported
from broker.client import Entity, NotFound, PreconditionFailed, value

BATCH: Final = "SettlementBatch"


class BatchStatus(StrEnum):
    """Where a batch stands, in the model's words."""

    DRAFT = "draft"
    APPROVED = "approved"
    EXPORTED = "exported"
    PAID = "paid"


class BatchRefused(Exception):
    """What is asked does not fit the batch; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one shop gets: `net` is `gross` less `fee`, in yen; `settled` once it is its due."""

    merchant: str
    code: str
    gross: int
    fee: int
    settled: bool = False

    @property
    def net(self) -> int:
        """Return what is paid out."""
        return self.gross - self.fee


@dataclass(frozen=True, slots=True)
class Batch:
    """A payout to shops for what they took up to, and with, a day."""

    id: str
    first: date
    last: date
    lines: tuple[Line, ...]
    status: BatchStatus
    drafted_by: str
    approved_by: str = ""
    version: str = ""

    @property
    def due(self) -> tuple[Line, ...]:
        """Return the lines that are paid: of a draft all, else those that were settled."""
        if self.status is BatchStatus.DRAFT:
            return self.lines
        return tuple(one for one in self.lines if one.settled)

    @property
    def total(self) -> int:
        """Return the sum that is paid out."""
        return sum(one.net for one in self.due)


def fee_of(gross: int, rate: float) -> int:
    """Return the fee in whole yen, what is less than one left to the shop."""
    return gross * round(rate * 10_000) // 10_000


class Settlement:
    """The batches of a town. All raise BatchRefused, LedgerError and ClientError."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._shops = Shops(town)

    async def all(self) -> list[Batch]:
        """Return the batches, the newest first."""
        try:
            found = await self._town.client.query(type=BATCH)
        except NotFound:
            return []
        return sorted(map(batch_from, found), key=lambda one: (one.last, one.id), reverse=True)

    async def batch(self, batch_id: str) -> Batch:
        """Return a batch."""
        try:
            return batch_from(*await self._town.client.retrieve_with_version(batch_id))
        except NotFound as error:
            raise BatchRefused("no_batch") from error

    async def draw_up(self, first: date, last: date, by: str) -> Batch:
        """Draw up a batch of what shops have now. One at a time waits for approval."""
        if last < first:
            raise BatchRefused("bad_period")
        if any(one.status is BatchStatus.DRAFT for one in await self.all()):
            raise BatchRefused("draft_waits")
        by_wallet = {one.wallet: one for one in await self._shops.all()}
        lines = [
            Line(shop.id, shop.code, wallet.balance, fee_of(wallet.balance, shop.fee_rate))
            for wallet in await self._town.wallets.all(WalletKind.MERCHANT)
            if wallet.balance > 0 and (shop := by_wallet.get(wallet.id)) is not None
        ]
        if not lines:
            raise BatchRefused("nothing_to_settle")
        local = f"{last:%Y%m%d}-{self._town.token(4).hex()}"
        batch = Batch(
            f"urn:ngsi-ld:{BATCH}:{self._town.city}:{local}",
            first,
            last,
            tuple(lines),
            BatchStatus.DRAFT,
            by,
        )
        await self._town.client.create(batch_entity(batch, self._town.book.currency))
        return batch

    async def discard(self, batch_id: str) -> None:
        """Throw a draft away."""
        batch = await self._in(batch_id, BatchStatus.DRAFT)
        if batch.approved_by:
            raise BatchRefused("batch_moved_on")
        gone = {"op": "delete", "id": batch.id, "ifMatch": batch.version}
        try:
            await self._town.client.transactions([gone])
        except PreconditionFailed as error:
            raise BatchRefused("batch_moved_on") from error

    async def approve(self, batch_id: str, by: str) -> Batch:
        """Settle a draft that somebody else drew up."""
        batch = await self._in(batch_id, BatchStatus.DRAFT)
        if by == batch.drafted_by:
            raise BatchRefused("four_eyes")
        if batch.approved_by not in ("", by):
            raise BatchRefused("batch_moved_on")
        # Marked first, so that nobody throws a draft away that is half settled.
        batch = await self._moved(replace(batch, approved_by=by))
        lines = [replace(line, settled=await self._settled(batch, line)) for line in batch.lines]
        approved = replace(batch, status=BatchStatus.APPROVED, lines=tuple(lines))
        return await self._moved(approved)

    async def export(
        self, batch_id: str, client: BankClient, day: date, by: str
    ) -> tuple[str, bytes]:
        """Return a batch's name and its file for the bank, the same each time it is asked for.

        That the shops' accounts are in it, and for whom, is noted before.
        """
        batch = await self.batch(batch_id)
        if batch.status is BatchStatus.DRAFT:
            raise BatchRefused("not_approved")
        shops = {one.id: one for one in await self._shops.all()}
        transfers = [await self._transfer(line, shops) for line in batch.due]
        holders = [shops[line.merchant].holder for line in batch.due]
        told = (Shown(holder, by, batch.id, ("account",)) for holder in holders)
        await exported(self._town.client, told)
        content = written(Order(client, day, tuple(transfers)))
        if batch.status is BatchStatus.APPROVED:
            await self._moved(replace(batch, status=BatchStatus.EXPORTED))
        return batch.id.rpartition(":")[2], content

    async def without(self, transfer: Transfer) -> list[Operation]:
        """Return what takes a settled line out of its batch, to be written with its reversal.

        Nothing for a transfer of another kind. Raises BatchRefused once there is a file for the
        bank, which pays the line whatever the ledger says, and while the batch is being settled.
        """
        if transfer.kind not in (Kind.SETTLE, Kind.PAYOUT) or not transfer.about:
            return []
        batch = await self.batch(transfer.about)
        if batch.status is BatchStatus.DRAFT:
            raise BatchRefused("batch_moved_on")
        if batch.status is not BatchStatus.APPROVED:
            raise BatchRefused("batch_out")
        lines = tuple(
            replace(one, settled=one.settled and _asked(batch, one).digest != transfer.key)
            for one in batch.lines
        )
        return [self._change(replace(batch, lines=lines))]

    async def paid(self, batch_id: str, by: str) -> Batch:
        """Note that the bank carried a batch out: the money leaves circulation."""
        batch = await self._in(batch_id, BatchStatus.EXPORTED)
        asked = Asked("settlement", f"{batch.id} paid")
        await self._town.book.pay_out(batch.total, asked, about=batch.id)
        return await self._moved(replace(batch, status=BatchStatus.PAID))

    async def _settled(self, batch: Batch, line: Line) -> bool:
        shop, asked = await self._shops.shop(line.merchant), _asked(batch, line)
        try:
            await self._town.book.settle(shop.wallet, line.gross, line.fee, asked, about=batch.id)
        except NotPossible as refusal:
            if refusal.reason == "account_short":
                return False
            raise
        return True

    async def _transfer(self, line: Line, shops: Mapping[str, Shop]) -> BankTransfer:
        account = await self._shops.account(shops[line.merchant])
        if account is None:
            raise BatchRefused("no_account")
        return BankTransfer(account, line.net, line.code.replace("-", "")[:10])

    async def _in(self, batch_id: str, status: BatchStatus) -> Batch:
        batch = await self.batch(batch_id)
        if batch.status is not status:
            raise BatchRefused("batch_moved_on")
        return batch

    def _change(self, batch: Batch) -> Operation:
        entity = batch_entity(batch, self._town.book.currency)
        told = {name: part for name, part in entity.items() if name not in ("id", "type")}
        return {"op": "append", "id": batch.id, "attrs": told, "ifMatch": batch.version}

    async def _moved(self, batch: Batch) -> Batch:
        try:
            await self._town.client.transactions([self._change(batch)])
        except PreconditionFailed as error:
            raise BatchRefused("batch_moved_on") from error
        return await self.batch(batch.id)


def _asked(batch: Batch, line: Line) -> Asked:
    """Return under which key a line of a batch is settled."""
    return Asked("settlement", f"{batch.id} {line.merchant}")


def batch_entity(batch: Batch, currency: str) -> Entity:
    """Return the entity of a batch."""
    entity: Entity = {
        "id": batch.id,
        "type": BATCH,
        "periodFrom": _property(batch.first.isoformat()),
        "periodTo": _property(batch.last.isoformat()),
        "lines": {"type": "JsonProperty", "json": [asdict(one) for one in batch.lines]},
        "totalNet": _property(batch.total),
        "status": _property(batch.status.value),
        "exportFormat": _property("zenginCsv"),
        "refCurrency": {"type": "Relationship", "object": currency},
        "draftedBy": {"type": "Relationship", "object": batch.drafted_by},
    }
    if batch.approved_by:
        entity["approvedBy"] = {"type": "Relationship", "object": batch.approved_by}
    return entity


def batch_from(entity: Entity, version: str = "") -> Batch:
    """Return the batch an entity keeps."""
    return Batch(
        entity["id"],
        date.fromisoformat(value(entity, "periodFrom")),
        date.fromisoformat(value(entity, "periodTo")),
        tuple(Line(**one) for one in value(entity, "lines", [])),
        BatchStatus(value(entity, "status")),
        str(value(entity, "draftedBy", "")),
        str(value(entity, "approvedBy", "")),
        version,
    )


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
