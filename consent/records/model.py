"""The entities that consent is made of, as far as decisions need them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from broker.model.entity import DEFAULT, Entity
from smart_data_models.notice import FIXED, LANGUAGES, TEXTS, digest, notice
from smart_data_models.own import iri

NS: Final = "https://machi.example/ns#"
PURPOSE: Final = NS + "DataPurpose"
ASSESSMENT: Final = NS + "PrivacyImpactAssessment"
CONSENT: Final = NS + "ConsentRecord"
GUARDIANSHIP: Final = NS + "Guardianship"
OVERRIDE: Final = NS + "EmergencyOverride"
KINDS: Final = (PURPOSE, ASSESSMENT, CONSENT, GUARDIANSHIP, OVERRIDE)

STATUS: Final = "https://uri.etsi.org/ngsi-ld/status"
HOLDER: Final = iri("refHolder")
PRINCIPAL: Final = NS + "refPrincipal"
GUARDIAN: Final = NS + "refGuardian"
RECIPIENTS: Final = NS + "recipients"
STATE: Final = iri("state")

Names: TypeAlias = frozenset[str] | None
"""IRIs of attributes, None for all."""


def value(entity: Entity, iri: str) -> Any:
    """Return what an attribute says, None where there is none."""
    instance = entity["attrs"].get(iri, {}).get(DEFAULT)
    if instance is None:
        return None
    for member in ("value", "object", "languageMap", "vocab", "json"):
        if member in instance:
            return instance[member]
    return None


def own(entity: Entity, name: str) -> Any:
    """Return what an attribute says, by its name in the town's context."""
    return value(entity, iri(name))


def said_of(entity: Entity, name: str) -> Mapping[str, Any]:
    """Return what an attribute says by language."""
    told = own(entity, name)
    return told if isinstance(told, Mapping) else {}


def moment(told: Any) -> str | None:
    """Return a time as texts that sort; None where it is none."""
    if not isinstance(told, str):
        return None
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def texts(told: Any) -> frozenset[str]:
    """Return the texts of a value that is one or a list of them."""
    many = told if isinstance(told, list) else [told]
    return frozenset(each for each in many if isinstance(each, str))


def _types(scope: Any) -> frozenset[str]:
    return texts(scope.get("types", [])) if isinstance(scope, Mapping) else frozenset()


def _attributes(categories: Any) -> Names:
    """Return the attributes of all categories; None where one names none, which means all."""
    found: set[str] = set()
    many = categories if isinstance(categories, list) else [categories]
    for each in many:
        named = texts(each.get("attributes", [])) if isinstance(each, Mapping) else frozenset()
        if not named:
            return None
        found |= named
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Purpose:
    """A `DataPurpose`. `offer` is what a consent to it says, `notices` its notices' digests.

    `lasts` is how long a consent to it lasts at most, such as `P1Y`.
    """

    id: str
    status: str
    assessment: str
    until: str | None
    offer: Mapping[str, Any]
    notices: frozenset[str]
    lasts: str = ""

    @classmethod
    def of(cls, entity: Entity) -> Purpose:
        """Return the purpose an entity is."""
        return cls(
            entity["id"],
            str(value(entity, STATUS)),
            str(own(entity, "refPia")),
            moment(own(entity, "validUntil")),
            offer(entity),
            notices(entity),
            str(own(entity, "validFor") or ""),
        )


OFFERED: Final = ("recipients", "dataCategories", "entityScope", "retention", "withdrawalEffect")


def offer(entity: Entity) -> dict[str, Any]:
    """Return what a purpose offers, or a consent agrees to."""
    return {name: own(entity, name) for name in OFFERED}


def notices(purpose: Entity) -> frozenset[str]:
    """Return the digests of a purpose's notices in all languages."""
    told: dict[str, Any] = {name: said_of(purpose, name) for name in TEXTS}
    told |= {name: own(purpose, name) for name in FIXED}
    return frozenset(digest(notice(told, language)) for language in LANGUAGES)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A `PrivacyImpactAssessment`, as the board decided on it."""

    id: str
    status: str
    until: str | None

    @classmethod
    def of(cls, entity: Entity) -> Assessment:
        """Return the assessment an entity is."""
        until = moment(own(entity, "validUntil"))
        return cls(entity["id"], str(value(entity, STATUS)), until)

    def counts(self, now: str) -> bool:
        """Tell whether it is approved and has not run out."""
        return self.status == "approved" and self.until is not None and now < self.until


@dataclass(frozen=True, slots=True)
class Consent:
    """A `ConsentRecord`: what `principal` agreed to for a purpose."""

    id: str
    principal: str
    purpose: str
    recipients: frozenset[str]
    types: frozenset[str]
    attributes: Names
    state: str
    until: str | None
    effect: str
    done: bool

    @classmethod
    def of(cls, entity: Entity) -> Consent:
        """Return the consent an entity is. It ends at majority, where a guardian gave it."""
        ends = [moment(own(entity, name)) for name in ("validUntil", "majorityAt")]
        return cls(
            entity["id"],
            str(own(entity, "refPrincipal")),
            str(own(entity, "refPurpose")),
            texts(own(entity, "recipients")),
            _types(own(entity, "entityScope")),
            _attributes(own(entity, "dataCategories")),
            str(own(entity, "state")),
            min((end for end in ends if end is not None), default=None),
            str(own(entity, "withdrawalEffect")),
            own(entity, "effectDoneAt") is not None,
        )

    @property
    def withdrawn(self) -> bool:
        """Whether the person took it back."""
        return self.state == "withdrawn"

    def given(self, now: str) -> bool:
        """Tell whether it holds: only what was given, and has not ended, does."""
        return self.state == "given" and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Guardianship:
    """A `Guardianship`: who acts for a minor, until majority."""

    id: str
    guardian: str
    ward: str
    until: str | None

    @classmethod
    def of(cls, entity: Entity) -> Guardianship:
        """Return the guardianship an entity is."""
        return cls(
            entity["id"],
            str(own(entity, "refGuardian")),
            str(own(entity, "refHolder")),
            moment(own(entity, "majorityAt")),
        )

    def holds(self, now: str) -> bool:
        """Tell whether the ward is still a minor."""
        return self.until is not None and now < self.until


@dataclass(frozen=True, slots=True)
class Override:
    """An `EmergencyOverride`; `holders` is None for everybody."""

    id: str
    officer: str
    reason: str
    types: frozenset[str]
    holders: frozenset[str] | None
    since: str | None
    until: str | None

    @classmethod
    def of(cls, entity: Entity) -> Override:
        """Return the override an entity is."""
        holders = own(entity, "refHolders")
        return cls(
            entity["id"],
            str(own(entity, "openedBy")),
            str(own(entity, "reason")),
            texts(own(entity, "targetTypes")),
            None if holders is None else texts(holders),
            moment(own(entity, "beginsAt")),
            moment(own(entity, "endsAt")),
        )

    def holds(self, now: str) -> bool:
        """Tell whether it is open."""
        return bool(self.since and self.until and self.since <= now < self.until)
