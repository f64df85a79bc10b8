"""Everything that is known of consent, in memory: read at the start, then followed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, TypeAlias

from broker.model.entity import Entity
from broker.store.contract import Committed
from consent.records.model import (
    ASSESSMENT,
    CONSENT,
    GUARDIANSHIP,
    KINDS,
    OVERRIDE,
    PURPOSE,
    Assessment,
    Consent,
    Guardianship,
    Override,
    Purpose,
)

Made: TypeAlias = Purpose | Assessment | Consent | Guardianship | Override
_MAKE: dict[str, Any] = {
    PURPOSE: Purpose.of,
    ASSESSMENT: Assessment.of,
    CONSENT: Consent.of,
    GUARDIANSHIP: Guardianship.of,
    OVERRIDE: Override.of,
}


@dataclass(slots=True)
class Known:
    """What is known in one tenant, by id; consents by purpose too."""

    purposes: dict[str, Purpose] = field(default_factory=dict)
    assessments: dict[str, Assessment] = field(default_factory=dict)
    consents: dict[str, Consent] = field(default_factory=dict)
    guardianships: dict[str, Guardianship] = field(default_factory=dict)
    overrides: dict[str, Override] = field(default_factory=dict)
    by_purpose: dict[str, dict[str, Consent]] = field(default_factory=lambda: defaultdict(dict))

    def shelf(self, kind: str) -> dict[str, Any]:
        """Return where entities of a kind are."""
        shelves: dict[str, Any] = {
            PURPOSE: self.purposes,
            ASSESSMENT: self.assessments,
            CONSENT: self.consents,
            GUARDIANSHIP: self.guardianships,
            OVERRIDE: self.overrides,
        }
        found: dict[str, Any] = shelves[kind]
        return found

    def active(self, purpose: str, now: str) -> bool:
        """Tell whether data may be used for a purpose: it is active, and its assessment counts."""
        found = self.purposes.get(purpose)
        if found is None or found.status != "active":
            return False
        if found.until is not None and now >= found.until:
            return False
        assessment = self.assessments.get(found.assessment)
        return assessment is not None and assessment.counts(now)

    def given(self, purpose: str, now: str) -> Iterator[Consent]:
        """Yield the consents to a purpose that hold."""
        if self.active(purpose, now):
            for consent in self.by_purpose.get(purpose, {}).values():
                if consent.given(now):
                    yield consent

    def agreed(self, person: str, now: str) -> frozenset[str]:
        """Return the types of entities that a person lets be used for some purpose."""
        given = (one for one in self.consents.values() if one.principal == person)
        return frozenset(iri for one in given if one.given(now) for iri in one.types)

    def wards(self, guardian: str, now: str) -> list[str]:
        """Return whom somebody may act for."""
        return sorted(
            one.ward
            for one in self.guardianships.values()
            if one.guardian == guardian and one.holds(now)
        )

    def minor(self, person: str, now: str) -> bool:
        """Tell whether somebody acts for a person."""
        return any(one.ward == person and one.holds(now) for one in self.guardianships.values())

    def open_overrides(self, officer: str, now: str) -> list[Override]:
        """Return the overrides an officer has open."""
        return [one for one in self.overrides.values() if one.officer == officer and one.holds(now)]


class Register:
    """What is known in all tenants. `generation` rises with whatever may change a decision."""

    def __init__(self) -> None:
        self.generation = 0
        self._tenants: dict[str, Known] = {}
        self._moments: list[str] = []

    def of(self, tenant: str) -> Known:
        """Return what is known in a tenant."""
        return self._tenants.get(tenant) or _NOTHING

    def left_over(self) -> list[tuple[str, Consent]]:
        """Return (tenant, consent) of withdrawals whose effect is not done."""
        return [
            (tenant, one)
            for tenant, known in self._tenants.items()
            for one in known.consents.values()
            if one.withdrawn and not one.done
        ]

    def load(self, tenant: str, entities: Iterable[Entity]) -> None:
        """Take in what a tenant has."""
        for entity in entities:
            self._take(tenant, None, entity)

    def commit(self, changes: Iterable[Committed]) -> None:
        """Take in what was committed: a listener of the store."""
        for one in changes:
            self._take(one.change.tenant, one.before, one.after)

    def tick(self, now: str) -> int:
        """Return the generation at a time: it also rises as what was agreed to ends or begins."""
        while self._moments and self._moments[0] <= now:
            heappop(self._moments)
            self.generation += 1
        return self.generation

    def _take(self, tenant: str, before: Entity | None, after: Entity | None) -> None:
        kinds = {*(before["type"] if before else ()), *(after["type"] if after else ())}
        for kind in kinds.intersection(KINDS):
            known = self._tenants.setdefault(tenant, Known())
            side = after or before
            assert side is not None
            self._drop(known, kind, side["id"])
            if after is not None and kind in after["type"]:
                self._put(known, kind, _MAKE[kind](after))
            self.generation += 1

    def _drop(self, known: Known, kind: str, entity_id: str) -> None:
        found = known.shelf(kind).pop(entity_id, None)
        if isinstance(found, Consent):
            known.by_purpose[found.purpose].pop(entity_id, None)

    def _put(self, known: Known, kind: str, made: Made) -> None:
        known.shelf(kind)[made.id] = made
        if isinstance(made, Consent):
            known.by_purpose[made.purpose][made.id] = made
        for name in ("since", "until"):
            end = getattr(made, name, None)
            if end is not None:
                heappush(self._moments, end)


_NOTHING = Known()
