"""Spaces that can be booked, alone or as parts of larger ones, and the claims on them. Pure.

A claim is an entity whose id says space and base slot. Whoever creates it has the slot; that two
cannot create it is the broker's promise, so that nothing is asked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from apps.bookings.core.hours import Hours, read_hours
from apps.bookings.core.prices import Prices, read_prices
from apps.bookings.core.rules import Rules, read_rules
from apps.bookings.core.when import BASE, Span
from broker.client import Entity, value

TYPE: Final = "BookableSpace"
CLAIM: Final = "SlotClaim"


class BadSpace(ValueError):
    """A space that cannot be booked as it is described; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Space:
    """A space as it is described now. `parts` are the spaces it is made of; `locks` open it."""

    id: str
    name: Mapping[str, str]
    kind: str
    building: str
    slot: timedelta
    hours: Hours
    rules: Rules
    prices: Prices
    parts: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    capacity: int | None = None
    ledger_id: str | None = None

    @property
    def city(self) -> str:
        """Return the code of its municipality, a part of all ids made for it."""
        return self.id.split(":")[3]

    @property
    def local(self) -> str:
        """Return the last part of its id."""
        return self.id.split(":", 4)[4]


def read_space(entity: Entity) -> Space:
    """Return the space an entity describes. Raises BadSpace."""
    if len(str(entity["id"]).split(":", 4)) != 5:
        raise BadSpace(f"{entity['id']}: not urn:ngsi-ld:{TYPE}:<city>:<local>")
    try:
        told = value(entity, "bookingRules", {})
        slot = timedelta(minutes=int(value(entity, "slotMinutes", 0)))
        if slot < BASE or slot % BASE:
            raise ValueError(f"slotMinutes is no multiple of {BASE.seconds // 60}")
        return Space(
            id=entity["id"],
            name=value(entity, "name", {}),
            kind=str(value(entity, "spaceKind", "other")),
            building=str(value(entity, "refBuilding", "")),
            slot=slot,
            hours=read_hours(
                value(entity, "openingHours", ()), told.get("closed"), value(entity, "closures")
            ),
            rules=read_rules(told),
            prices=read_prices(value(entity, "priceRules", ()), told),
            parts=_several(value(entity, "refPart")),
            locks=_several(value(entity, "refLock")),
            capacity=value(entity, "capacity"),
            ledger_id=value(entity, "externalLedgerId"),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise BadSpace(f"{entity['id']}: {error}") from error


def leaves(space: Space, spaces: Mapping[str, Space]) -> tuple[str, ...]:
    """Return the ids of the spaces without parts that a space is made of, itself where it has none.

    Raises BadSpace where a part is missing, or a space is a part of itself.
    """
    found: dict[str, None] = {}

    def visit(one: Space, above: frozenset[str]) -> None:
        if one.id in above:
            raise BadSpace(f"{one.id} is a part of itself")
        if not one.parts:
            found[one.id] = None
        for part in one.parts:
            if part not in spaces:
                raise BadSpace(f"{one.id} has a part that is not known: {part}")
            visit(spaces[part], above | {one.id})

    visit(space, frozenset())
    return tuple(sorted(found))


def claimed(space: Space, span: Span) -> Span:
    """Return the time a booking takes from others: its own and the buffer after it."""
    return Span(span.start, span.end + space.rules.buffer)


def claims(space: Space, span: Span, spaces: Mapping[str, Space]) -> dict[str, tuple[str, str]]:
    """Return the claims of a booking by id: leaf and start, in UTC, of each base slot it takes."""
    found = {}
    for leaf in leaves(space, spaces):
        for start in claimed(space, span).pieces():
            code, local = leaf.split(":", 4)[3:]
            stamp = f"{start:%Y%m%dT%H%MZ}"
            told = f"{start:%Y-%m-%dT%H:%M:%SZ}"
            found[f"urn:ngsi-ld:{CLAIM}:{code}:{local}:{stamp}"] = (leaf, told)
    return found


def with_parts(wanted: Iterable[Space], spaces: Mapping[str, Space]) -> frozenset[str]:
    """Return the ids of all leaves of some spaces."""
    return frozenset(leaf for space in wanted for leaf in leaves(space, spaces))


def _several(told: Any) -> tuple[str, ...]:
    if told is None:
        return ()
    return (told,) if isinstance(told, str) else tuple(told)
