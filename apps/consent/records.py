"""Consents as the broker keeps them (ISO/IEC TS 27560): what a purpose offers, agreed to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from apps.shell.refused import FormRefused
from broker.client import Entity, value
from smart_data_models.notice import FIXED, TEXTS, digest, notice, term

SCHEMA: Final = "machi-consent/1.0"
YEAR: Final = timedelta(days=365)
OFFERED: Final = ("recipients", "dataCategories", "entityScope", "retention", "withdrawalEffect")
_RECEIPT: Final = (
    *("schemaVersion", "recordId", "refPrincipal", "refGuardian", "majorityAt", "refPurpose"),
    *("controller", "recipients"),
    *("dataCategories", "entityScope", "legalBasis", "state", "givenAt", "validUntil"),
    *("withdrawnAt", "collectionMethod", "noticeRef", "noticeDigest", "noticeLanguage"),
    *("retention", "storageLocation", "jurisdiction", "withdrawalMethod", "withdrawalEffect"),
)


def told(purpose: Entity) -> dict[str, Any]:
    """Return what a purpose says, by the names of its attributes."""
    return {name: value(purpose, name) for name in (*TEXTS, *FIXED)}


def shown(purpose: Entity, language: str) -> dict[str, Any]:
    """Return the notice of a purpose in a language (ja, ja-Hira, en)."""
    return notice(told(purpose), language)


def holder(user: str) -> str:
    """Return the holder id of an account."""
    return f"urn:ngsi-ld:Holder:{user}"


def decided(purpose: Entity, fields: Mapping[str, str]) -> tuple[str, str]:
    """Return what a form below a notice says: the decision, and the notice's language.

    Raises FormRefused where the notice is another one by now: nobody agrees to what they were not
    shown.
    """
    state, language = fields.get("state", ""), fields.get("notice", "")
    if state not in ("given", "refused") or fields.get("seen") != digest(shown(purpose, language)):
        raise FormRefused("bad_form")
    return state, language


def record(
    purpose: Entity,
    user: str,
    state: str,
    language: str,
    now: datetime,
    local: str,
    bond: Entity | None = None,
) -> Entity:
    """Return the record of what a person decided after they were shown the notice.

    It lasts as long as the notice says, a year where it says nothing that is a duration. With a
    guardianship it is about its ward, and ends at majority.
    """
    lasts = term(value(purpose, "validFor")) or YEAR
    said = {
        "schemaVersion": SCHEMA,
        "recordId": local,
        "controller": value(purpose, "controller"),
        **{name: value(purpose, name) for name in OFFERED},
        "legalBasis": "consent",
        "state": state,
        "givenAt": _time(now),
        "validUntil": _time(now + lasts),
        "collectionMethod": "webForm",
        "noticeRef": f"/notice?purpose={purpose['id']}",
        "noticeDigest": digest(shown(purpose, language)),
        "noticeLanguage": language,
        "storageLocation": value(purpose, "storageLocation") or "JP",
        "jurisdiction": "JP",
        "withdrawalMethod": "/",
    }
    people = {"refPrincipal": holder(user)}
    if bond is not None:
        people = {"refPrincipal": value(bond, "refHolder"), "refGuardian": holder(user)}
        said["majorityAt"] = value(bond, "majorityAt")
    return {
        "id": f"urn:ngsi-ld:ConsentRecord:{local}",
        "type": "ConsentRecord",
        "refPurpose": {"type": "Relationship", "object": purpose["id"]},
        **{name: {"type": "Relationship", "object": one} for name, one in people.items()},
        **{name: {"type": "Property", "value": one} for name, one in said.items()},
    }


def end(now: datetime) -> dict[str, Any]:
    """Return the attributes by which a consent is withdrawn."""
    return {
        "state": {"type": "Property", "value": "withdrawn"},
        "withdrawnAt": {"type": "Property", "value": _time(now)},
    }


def receipt(consent: Entity) -> dict[str, Any]:
    """Return what a person takes along of a consent: every field of it that they were told."""
    found = {name: value(consent, name) for name in _RECEIPT}
    return {"id": consent["id"], **{name: one for name, one in found.items() if one is not None}}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
