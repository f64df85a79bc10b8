"""A transfer: postings that sum to zero. Pure data, its entity, and the digest the chain seals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from apps.kijiko.ledger.lots import Lots
from apps.kijiko.ledger.wallet import json_property
from broker.client import Entity, timestamp, value

TRANSFER: Final = "LedgerTransfer"
DECLARED: Final = "selfDeclared"
"""The reason of a grant for what nobody but the holder says."""
MEMBERS: Final = frozenset({"id", "type", "@context", "createdAt", "modifiedAt"})


class Kind(StrEnum):
    """What a transfer is, in the model's words."""

    CHARGE = "charge"
    PAY = "pay"
    REFUND = "refund"
    FUND = "fund"
    """A campaign's budget is set aside."""
    GRANT = "grant"
    EXPIRE = "expire"
    SETTLE = "settle"
    """A merchant's money becomes what the town owes it."""
    PAYOUT = "payout"
    """What the town owed was paid by bank, and leaves circulation."""
    MOVE = "move"
    """Everything in a wallet goes into another of the same holder."""
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Posting:
    """What a transfer does to a wallet; of a citizen's, to each lot: they sum to `amount`."""

    wallet: str
    amount: int
    lots: Lots = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as it is written, once and for all.

    `key` and `request` are digests: of who asked under which key, and of what was asked. `about` is
    what it was for (a booking, a campaign, a batch of settlement), `refers` the transfer it
    refunds or reverses. `approvals` are the pseudonymous handles of whoever agreed to it.
    """

    id: str
    kind: Kind
    postings: tuple[Posting, ...]
    currency: str
    at: datetime
    key: str
    request: str
    about: str = ""
    refers: str = ""
    reason: str = ""
    approvals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(one.amount for one in self.postings):
            raise ValueError(f"{self.id}: the postings do not sum to zero")
        if len({one.wallet for one in self.postings}) != len(self.postings):
            raise ValueError(f"{self.id}: a wallet has two postings")

    @property
    def amount(self) -> int:
        """Return what changed hands."""
        return sum(one.amount for one in self.postings if one.amount > 0)

    def posting(self, wallet: str) -> Posting:
        """Return what it does to a wallet."""
        return next((p for p in self.postings if p.wallet == wallet), Posting(wallet, 0))


def transfer_entity(transfer: Transfer) -> Entity:
    """Return the entity of a transfer."""
    entity: Entity = {
        "id": transfer.id,
        "type": TRANSFER,
        "transferKind": _property(transfer.kind.value),
        "postings": json_property([_posting_plain(one) for one in transfer.postings]),
        "refWallet": _relation([one.wallet for one in transfer.postings]),
        "refCurrency": _relation(transfer.currency),
        "idempotencyKey": _property(transfer.key),
        "requestDigest": _property(transfer.request),
        "initiatedAt": _property(timestamp(transfer.at)),
    }
    if transfer.about:
        entity["refFor"] = _relation(transfer.about)
    if transfer.refers:
        entity["refTransfer"] = _relation(transfer.refers)
    if transfer.reason:
        entity["reason"] = _property(transfer.reason)
    if transfer.approvals:
        entity["approvals"] = _property(list(transfer.approvals))
    return entity


def transfer_from(entity: Entity) -> Transfer:
    """Return the transfer an entity keeps. Raises ValueError, KeyError where it keeps none."""
    return Transfer(
        id=entity["id"],
        kind=Kind(value(entity, "transferKind")),
        postings=tuple(
            Posting(one["wallet"], one["amount"], one.get("lots", {}))
            for one in value(entity, "postings", [])
        ),
        currency=str(value(entity, "refCurrency", "")),
        at=datetime.fromisoformat(value(entity, "initiatedAt", "")),
        key=str(value(entity, "idempotencyKey", "")),
        request=str(value(entity, "requestDigest", "")),
        about=str(value(entity, "refFor", "")),
        refers=str(value(entity, "refTransfer", "")),
        reason=str(value(entity, "reason", "")),
        approvals=tuple(value(entity, "approvals", ())),
    )


def digest(entity: Entity) -> str:
    """Return the SHA-256 of all that a transfer's entity says, as the chain seals it."""
    told = {name: value(entity, name) for name in entity if name not in MEMBERS}
    told |= {"id": entity["id"], "type": TRANSFER}
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def fingerprint(*parts: str) -> str:
    """Return a short digest of texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _posting_plain(posting: Posting) -> Mapping[str, Any]:
    plain: dict[str, Any] = {"wallet": posting.wallet, "amount": posting.amount}
    return plain | {"lots": dict(posting.lots)} if posting.lots else plain


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _relation(target: str | list[str]) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}
