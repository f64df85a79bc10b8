"""Seals transfers in the order of the change feed: writes links of the chain, and its own place.

A link and the place behind its last transfer are one transaction, so that a transfer is sealed
once, wherever the sealer is stopped, and however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from apps.kijiko.ledger.chain import FIRST, Entry, Tip, linked, seal_entity, seal_from, seal_id
from apps.kijiko.ledger.transfer import digest
from broker.client import Client, Entity, NotFound, PreconditionFailed, value

CURSOR: Final = "urn:ngsi-ld:FeedCursor:kijiko"
LONGEST: Final = 500
"""Transfers in one link."""


class Overtaken(Exception):
    """Another sealer was here: look again where the chain ends."""


class Sealer:
    """The end of the chain. `place` is where the feed is sealed up to, None while that is open."""

    def __init__(self, client: Client, currency: str, clock: Callable[[], datetime]) -> None:
        self.tip = Tip()
        self.place: int | None = None
        self._version = ""
        self._client = client
        self._currency = currency
        self._clock = clock

    async def load(self) -> None:
        """Read where the chain ends. Raises ClientError."""
        self.tip, self.place, self._version = Tip(), None, ""
        try:
            cursor, self._version = await self._client.retrieve_with_version(CURSOR)
        except NotFound:
            return
        number = int(value(cursor, "seals", 0))
        if number:
            self.tip = Tip(number, await self._digest_of(number))
        self.place = int(value(cursor, "seq")) or None

    async def seal(self, transfers: Sequence[Entity], place: int) -> None:
        """Seal transfers, in their order, and move on to a place behind them.

        Until the last of them is sealed the place is open. Raises Overtaken, ClientError.
        """
        for first in range(0, max(len(transfers), 1), LONGEST):
            part = transfers[first : first + LONGEST]
            last = first + LONGEST >= len(transfers)
            await self._link(part, place if last else 0)

    async def _digest_of(self, number: int) -> str:
        """Return a link's digest; of one that is gone, what lets verifying name it."""
        try:
            return seal_from(await self._client.retrieve(seal_id(self._currency, number))).digest
        except NotFound:
            return FIRST

    async def _link(self, transfers: Sequence[Entity], place: int) -> None:
        operations: list[dict[str, Any]] = []
        tip = self.tip
        if transfers:
            entries = [Entry(one["id"], digest(one)) for one in transfers]
            seal = linked(tip, entries, self._currency, self._clock())
            operations.append({"op": "create", "entity": seal_entity(seal), "ifNoneMatch": "*"})
            tip = Tip(seal.number, seal.digest)
        operations.append(self._moved(place, tip.number))
        try:
            results = await self._client.transactions(operations)
        except PreconditionFailed as refusal:
            raise Overtaken from refusal
        self.tip, self.place = tip, place or None
        self._version = f"v{results[-1]['version']}"

    def _moved(self, place: int, seals: int) -> dict[str, Any]:
        told = {"seq": _property(place), "seals": _property(seals)}
        if self._version:
            return {"op": "append", "id": CURSOR, "attrs": told, "ifMatch": self._version}
        entity = {"id": CURSOR, "type": "FeedCursor", **told}
        return {"op": "create", "entity": entity, "ifNoneMatch": "*"}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
