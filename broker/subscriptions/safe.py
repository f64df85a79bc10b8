"""Secrets of subscriptions: header values, MQTT accounts.

A subscription is stored as strangers are shown it, with `***` in the place of secrets, and what
they were beside it, sealed.
"""

from __future__ import annotations

from typing import Any

from broker.errors import BadRequestData
from broker.safe import MASK, Safe
from broker.subscriptions.endpoint import INFOS, mask, parse_endpoint
from broker.subscriptions.parse import Members


def seal(safe: Safe, tenant: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a subscription's document as it may be stored."""
    kept = {name: value for name, value in document.items() if name != "sealed"}
    members = document["members"]
    given = members["notification"]["endpoint"]
    shown = mask(given)
    if shown == given:
        return kept
    secret = {name: given[name] for name in given if given[name] != shown[name]}
    return {
        **kept,
        "members": _with_endpoint(members, shown),
        "sealed": safe.seal((tenant, members["id"]), secret),
    }


def opened(safe: Safe, tenant: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return a stored document with the secrets in their places. Raises Sealed."""
    if "sealed" not in document:
        return document
    members = document["members"]
    secret = safe.open((tenant, members["id"]), document["sealed"])
    endpoint = members["notification"]["endpoint"] | secret
    return {**document, "members": _with_endpoint(members, endpoint)}


def refuse_masks(members: Members) -> None:
    """Refuse what was shown in the place of a secret: it would take the secret's place."""
    endpoint = members["notification"]["endpoint"]
    at = "body:/notification/endpoint"
    places = [
        f"{at}/{name}/{index}/value"
        for name in INFOS
        for index, pair in enumerate(endpoint.get(name, ()))
        if pair["value"] == MASK
    ]
    address = parse_endpoint(endpoint["uri"])
    if MASK in (address.password, address.user):
        places.append(f"{at}/uri")
    if places:
        raise BadRequestData(
            f"`{MASK}` only stands for a secret that was not shown to you.",
            place=places[0],
            remedy="Send the secret itself, or leave notification out to keep what is there.",
        )


def _with_endpoint(members: Members, endpoint: Members) -> Members:
    return {**members, "notification": {**members["notification"], "endpoint": endpoint}}
