"""One of each thing of the services to come: currency, purpose, consent. Pure."""

from __future__ import annotations

from typing import Any, Final

from machi.seed.parts import CITY, Entity, facts, prop, relation, texts, urn

TEXTS: Final = ("name", "description", "benefit", "risks")
"""Attributes of a purpose that are said in several languages."""


def service_entities() -> list[Entity]:
    """Return the currency and its issuer, a purpose, and a consent to it.

    Wallets are no part of it: the Kijiko app alone writes its ledger.
    """
    known = facts("services")
    currency, purpose = known["currency"], known["purpose"]
    issuer = urn("Organization", CITY)
    return [
        {"id": issuer, "type": "Organization", "name": texts(currency["issuer"])},
        {
            "id": urn("LocalCurrency", currency["local"]),
            "type": "LocalCurrency",
            **_rest(currency, "local", "name", "issuer"),
            "name": texts(currency["name"]),
            "issuer": relation(issuer),
        },
        {
            "id": urn("DataPurpose", purpose["local"]),
            "type": "DataPurpose",
            **_rest(purpose, "local", *TEXTS),
            **{name: texts(purpose[name]) for name in TEXTS},
            "required": prop(False),
        },
        _consent(known["consent"], purpose),
    ]


def _consent(consent: dict[str, Any], purpose: dict[str, Any]) -> Entity:
    return {
        "id": urn("ConsentRecord", consent["local"]),
        "type": "ConsentRecord",
        "recordId": prop(consent["local"]),
        **_rest(consent, "local", "principal"),
        "refPrincipal": relation(consent["principal"]),
        "refPurpose": relation(urn("DataPurpose", purpose["local"])),
    }


def _rest(known: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {name: prop(part) for name, part in known.items() if name not in left_out}
