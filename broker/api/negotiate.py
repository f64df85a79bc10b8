"""Which media type a response takes, from the Accept header (§6.3.4, §6.3.6)."""

from __future__ import annotations

import re
from functools import lru_cache

from broker.api.response import GEO, JSON, LD
from broker.errors import NotAcceptable

_OFFERS = (JSON, LD)
_GEO_OFFERS = (JSON, LD, GEO)
_WEIGHT = re.compile(r"[01](?:\.[0-9]{0,10})?")


def _specificity(pattern: str, offer: str) -> int:
    if pattern == offer:
        return 3
    if pattern == "application/*":
        return 2
    return 1 if pattern == "*/*" else 0


def _ranges(accept: str) -> list[tuple[str, float]]:
    ranges = []
    for part in accept.split(","):
        pattern, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                weight = float(value) if _WEIGHT.fullmatch(value.strip()) else 1.0
        if pattern:
            ranges.append((pattern.lower(), weight))
    return ranges


@lru_cache(maxsize=512)
def media_type(accept: bytes, geo: bool) -> bytes:
    """Return the media type to answer with; `geo` where GeoJSON can be produced.

    The most specific range decides the weight of a type, higher weights win, and at equal
    weights JSON comes before JSON-LD before GeoJSON. Raises NotAcceptable.
    """
    offers = _GEO_OFFERS if geo else _OFFERS
    ranges = _ranges(accept.decode("latin-1"))
    if not ranges:
        return JSON
    best: bytes | None = None
    best_weight = 0.0
    for offer in offers:
        name = offer.decode()
        rank, weight = 0, 0.0
        for pattern, given in ranges:
            specificity = _specificity(pattern, name)
            if specificity > rank:
                rank, weight = specificity, given
        if weight > best_weight:
            best, best_weight = offer, weight
    if best is None:
        raise NotAcceptable(
            "None of the media types in Accept can be produced here.",
            place="header:Accept",
            remedy="Ask for one of the types listed in `available`.",
            available=[offer.decode() for offer in offers],
        )
    return best
