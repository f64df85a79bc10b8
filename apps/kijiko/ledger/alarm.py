"""The alarm: an `Alert` that is in force while the books do not balance. It names nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from broker.client import Client, NotFound, timestamp, value

TEXTS = {
    "ja": "きじこの帳簿に不一致があります。担当者が確認しています。",
    "ja-Hira": "きじこの ちょうぼが あいません。たんとうの ひとが しらべて います。",
    "en": "The books of Kijiko do not balance. The person in charge is looking into it.",
}
OVER = {
    "ja": "きじこの帳簿は一致しています。",
    "ja-Hira": "きじこの ちょうぼは あって います。",
    "en": "The books of Kijiko balance.",
}


class Alarm:
    """Raises and ends the alert of a currency, and writes only where that changes something."""

    def __init__(self, client: Client, currency: str, clock: Callable[[], datetime]) -> None:
        _, _, _, city, name = currency.split(":", 4)
        self.id = f"urn:ngsi-ld:Alert:{city}:{name}-ledger"
        self._client = client
        self._currency = currency
        self._clock = clock
        self._active: bool | None = None

    async def set(self, active: bool) -> None:
        """Raise the alarm, or end it. Raises ClientError."""
        if self._active is None:
            self._active = await self._known()
        if active == self._active:
            return
        if active:
            await self._client.upsert([self._entity()])
        else:
            now = timestamp(self._clock())
            told = {
                "alertState": _property("ended"),
                "validTo": _property(now),
                "headline": {"type": "LanguageProperty", "languageMap": OVER},
            }
            await self._client.append(self.id, told)
        self._active = active

    async def _known(self) -> bool:
        try:
            return bool(value(await self._client.retrieve(self.id), "alertState") == "active")
        except NotFound:
            return False

    def _entity(self) -> dict[str, Any]:
        now = timestamp(self._clock())
        return {
            "id": self.id,
            "type": "Alert",
            "category": _property("security"),
            "subCategory": _property("technical"),
            "severity": _property("high"),
            "faultKind": _property("unbalanced"),
            "alertState": _property("active"),
            "alertSource": {"type": "Relationship", "object": self._currency},
            "dateIssued": _property(now),
            "validFrom": _property(now),
            "headline": {"type": "LanguageProperty", "languageMap": TEXTS},
            "operationStatus": _property("normal"),
        }


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
