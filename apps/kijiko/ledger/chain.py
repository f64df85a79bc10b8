"""The chain over all transfers, in the order of the change feed. Pure.

Transfers never change, so their places are in links of their own, `LedgerSeal`: each names its
entries (id and digest of a transfer) and the digest of the link before. Who changes, adds or takes
away a transfer has to change every link after it, the newest too, whose digest others may have
noted down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from apps.kijiko.ledger.wallet import json_property
from broker.client import Entity, timestamp, value

SEAL: Final = "LedgerSeal"
FIRST: Final = "0" * 64
"""What the first link names as the digest before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer's place in the chain."""

    transfer: str
    digest: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A link, `number` from 1."""

    id: str
    number: int
    entries: tuple[Entry, ...]
    previous: str
    digest: str
    at: str
    currency: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of the chain."""

    number: int = 0
    digest: str = FIRST


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold: the link, the transfer if it is one's fault, and why."""

    seal: str
    transfer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying the chain found: `unsealed` are transfers that no link has.

    `digests` are those of its links, as far as it holds.
    """

    sealed: int
    tip: Tip
    unsealed: tuple[str, ...]
    broken: Broken | None = None
    digests: tuple[str, ...] = ()


def seal_id(currency: str, number: int) -> str:
    """Return the id of a link: each can be written once."""
    _, _, _, city, name = currency.split(":", 4)
    return f"urn:ngsi-ld:{SEAL}:{city}:{name}-{number:08d}"


def linked(tip: Tip, entries: Sequence[Entry], currency: str, at: datetime) -> Seal:
    """Return the link that follows."""
    number, told = tip.number + 1, timestamp(at)
    digest = _digest(number, tip.digest, entries, told, currency)
    return Seal(
        seal_id(currency, number), number, tuple(entries), tip.digest, digest, told, currency
    )


def verify(seals: Iterable[Seal], digests: Mapping[str, str]) -> Verdict:
    """Go through the links in order, with the digest of each transfer there is; stop at a fault.

    A link's entries are looked at before its own digest: a transfer that was changed is named, and
    not only its link.
    """
    tip, seen = Tip(), dict[str, str]()
    broken: Broken | None = None
    links = list[str]()
    for seal in sorted(seals, key=lambda one: one.number):
        broken = _fault(tip, seal, digests, seen)
        if broken is not None:
            break
        seen |= {one.transfer: seal.id for one in seal.entries}
        tip = Tip(seal.number, seal.digest)
        links.append(seal.digest)
    unsealed = tuple(sorted(one for one in digests if one not in seen))
    return Verdict(len(seen), tip, unsealed, broken, tuple(links))


def seal_entity(seal: Seal) -> Entity:
    """Return the entity of a link."""
    entries = [{"transfer": one.transfer, "digest": one.digest} for one in seal.entries]
    return {
        "id": seal.id,
        "type": SEAL,
        "number": _property(seal.number),
        "entries": json_property(entries),
        "previousDigest": _property(seal.previous),
        "digest": _property(seal.digest),
        "sealedAt": _property(seal.at),
        "refCurrency": {"type": "Relationship", "object": seal.currency},
    }


def seal_from(entity: Entity) -> Seal:
    """Return the link an entity keeps."""
    return Seal(
        id=entity["id"],
        number=int(value(entity, "number", 0)),
        entries=tuple(
            Entry(str(one["transfer"]), str(one["digest"])) for one in value(entity, "entries", [])
        ),
        previous=str(value(entity, "previousDigest", "")),
        digest=str(value(entity, "digest", "")),
        at=str(value(entity, "sealedAt", "")),
        currency=str(value(entity, "refCurrency", "")),
    )


def _fault(
    tip: Tip, seal: Seal, digests: Mapping[str, str], seen: Mapping[str, str]
) -> Broken | None:
    if seal.number != tip.number + 1:
        return Broken(seal_id(seal.currency, tip.number + 1), "", "missing_seal")
    if seal.previous != tip.digest:
        return Broken(seal.id, "", "other_before")
    for one in seal.entries:
        if one.transfer not in digests:
            return Broken(seal.id, one.transfer, "missing")
        if digests[one.transfer] != one.digest:
            return Broken(seal.id, one.transfer, "changed")
        if one.transfer in seen:
            return Broken(seal.id, one.transfer, "twice")
    if seal.digest != _digest(seal.number, seal.previous, seal.entries, seal.at, seal.currency):
        return Broken(seal.id, "", "changed_seal")
    return None


def _digest(number: int, previous: str, entries: Sequence[Entry], at: str, currency: str) -> str:
    told = [number, previous, [[one.transfer, one.digest] for one in entries], at, currency]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
