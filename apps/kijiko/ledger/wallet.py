"""A wallet: an account of the ledger. Pure data, and what its entity says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

from apps.kijiko.ledger.lots import Lots
from broker.client import Entity, value

WALLET: Final = "Wallet"


class WalletKind(StrEnum):
    """Whose account it is. Only citizens' have lots; only the issuer's may be below zero."""

    CITIZEN = "citizen"
    MERCHANT = "merchant"
    ISSUER = "issuer"
    """発行: minus all that is in circulation."""
    CAMPAIGN = "campaign"
    """What is left of a campaign's budget."""
    SETTLEMENT = "settlement"
    """精算未払: what the town owes merchants since it settled."""
    FEE = "fee"
    EXPIRY = "expiry"
    """失効: what ended unspent."""
    SUSPENSE = "suspense"
    """仮受: what belongs to somebody who cannot be reached, such as a refund to a closed wallet."""


class WalletStatus(StrEnum):
    """Whether a wallet can be used."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a wallet may do at most, in yen; None is no limit of its own."""

    payment: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What was charged and paid on a day in Tokyo, and granted for what the holder declared."""

    on: date = date.min
    charged: int = 0
    paid: int = 0
    declared: int = 0


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet as read at one version. `holder` is a pseudonymous id, "" for the town's own."""

    id: str
    kind: WalletKind
    status: WalletStatus
    balance: int
    currency: str
    holder: str = ""
    lots: Lots = field(default_factory=dict)
    day: Day = Day()
    limits: Limits = Limits()
    version: str = ""

    def on(self, day: date) -> Day:
        """Return what was done on a day."""
        return self.day if self.day.on == day else Day(day)


def wallet_from(entity: Entity, version: str = "") -> Wallet:
    """Return the wallet an entity keeps. Raises ValueError where it keeps none."""
    limits = _mapping(value(entity, "limits"))
    return Wallet(
        id=entity["id"],
        kind=WalletKind(value(entity, "walletKind")),
        status=WalletStatus(value(entity, "status")),
        balance=int(value(entity, "balance", 0)),
        currency=str(value(entity, "refCurrency", "")),
        holder=str(value(entity, "refHolder", "")),
        lots={name: int(left) for name, left in _mapping(value(entity, "lots")).items()},
        day=_day(_mapping(value(entity, "day"))),
        limits=Limits(limits.get("payment"), limits.get("day")),
        version=version,
    )


def wallet_entity(wallet: Wallet) -> Entity:
    """Return the entity of a new wallet."""
    entity: Entity = {
        "id": wallet.id,
        "type": WALLET,
        "walletKind": _property(wallet.kind.value),
        "status": _property(wallet.status.value),
        "balance": _property(wallet.balance),
        "refCurrency": {"type": "Relationship", "object": wallet.currency},
    }
    if wallet.kind is WalletKind.CITIZEN:
        entity["lots"] = json_property(dict(wallet.lots))
        entity["day"] = json_property(day_plain(wallet.day))
        entity["limits"] = json_property(limits_plain(wallet.limits))
    if wallet.holder:
        entity["refHolder"] = {"type": "Relationship", "object": wallet.holder}
    return entity


def day_plain(day: Day) -> dict[str, Any]:
    """Return a day's sums as the entity keeps them."""
    told: dict[str, Any] = {"on": day.on.isoformat(), "charged": day.charged, "paid": day.paid}
    return told | ({"declared": day.declared} if day.declared else {})


def limits_plain(limits: Limits) -> dict[str, int]:
    """Return limits as the entity keeps them."""
    told = {"payment": limits.payment, "day": limits.day}
    return {name: limit for name, limit in told.items() if limit is not None}


def json_property(content: Any) -> dict[str, Any]:
    """Return an attribute whose content no @context touches."""
    return {"type": "JsonProperty", "json": content}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _mapping(told: Any) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {}


def _day(told: Mapping[str, Any]) -> Day:
    if not told:
        return Day()
    sums = (int(told.get(name, 0)) for name in ("charged", "paid", "declared"))
    return Day(date.fromisoformat(told["on"]), *sums)
