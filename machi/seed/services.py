"""One of each thing of the services to come: currency, wallet, purpose, consent. Pure."""

from __future__ import annotations

from typing import Any, Final

from machi.seed.parts import CITY, Entity, facts, prop, relation, texts, urn

TEXTS: Final = ("name", "description", "benefit", "risks")
"""Attributes of a purpose that are said in several languages."""


def service_entities() -> list[Entity]:
    """Return the currency and its issuer, an empty wallet, a purpose, and a consent to it."""
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
        _wallet(known["wallet"], currency),
        {
            "id": urn("DataPurpose", purpose["local"]),
            "type": "DataPurpose",
            **_rest(purpose, "local", *TEXTS),
            **{name: texts(purpose[name]) for name in TEXTS},
            "required": prop(False),
        },
        _consent(known["consent"], known["wallet"]["holder"], purpose),
    ]


def _wallet(wallet: dict[str, Any], currency: dict[str, Any]) -> Entity:
    return {
        "id": urn("Wallet", wallet["local"]),
        "type": "Wallet",
        "walletKind": prop("citizen"),
        "status": prop("active"),
        "balance": prop(0),
        "refCurrency": relation(urn("LocalCurrency", currency["local"])),
        "refHolder": relation(wallet["holder"]),
    }


def _consent(consent: dict[str, Any], principal: str, purpose: dict[str, Any]) -> Entity:
    return {
        "id": urn("ConsentRecord", consent["local"]),
        "type": "ConsentRecord",
        "recordId": prop(consent["local"]),
        **_rest(consent, "local"),
        "refPrincipal": relation(principal),
        "refPurpose": relation(urn("DataPurpose", purpose["local"])),
    }


def _rest(known: dict[str, Any], *left_out: str) -> dict[str, Any]:
    return {name: prop(part) for name, part in known.items() if name not in left_out}
