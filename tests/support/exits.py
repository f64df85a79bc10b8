"""Requests to every exit of a town that shows values about persons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from smart_data_models.own import iri
from tests.support.drawn import PEOPLE, PERSONAL, RIVER, entity_id
from tests.support.persons import ENTITIES, FEW, RESCUE, RSSI, SHOPS, TAG, policy

V1: Final = "/ngsi-ld/v1"
EX: Final = "/ngsi-ld/ex/v1"
TEMPORAL: Final = f"{V1}/temporal/entities"
LETTERS: Final = f"{EX}/dead-letters"
LONG_AGO: Final = "2020-01-01T00:00:00Z"
GAUGE: Final = "urn:ngsi-ld:RiverLevelStation:mark"
"""What everybody may see; it is linked with everything about everybody."""
LINKED: Final = "refAll"
JOINED: Final = {"join": "inline", "joinLevel": 2}
TYPES: Final = ",".join(quote(kind, safe="") for kind in PERSONAL)
FOLLOWED: Final = f"{TYPES},{quote(RIVER, safe='')}"
ATTRIBUTE: Final = quote(RSSI, safe="")
NO_PATH: Final = b"There is nothing at this path."
PASSED: Final = {"refDetector": "urn:ngsi-ld:Device:bridge", "dateObserved": "2026-01-01T03:00:00Z"}
"""Where and when everybody was, to be counted."""
COUNTED: Final = policy(
    "counted",
    "aggregateOnly",
    {"types": [TAG]},
    purposes=[RESCUE, SHOPS, FEW],
    transform=[
        {"op": "count", "attribute": iri("refDetector")},
        {"op": "count", "attribute": iri("dateObserved"), "param": 3600},
    ],
)


def to_all() -> dict[str, Any]:
    """Return a relationship to everything about everybody."""
    every = [entity_id(kind, person) for person in PEOPLE for kind in PERSONAL]
    return {"type": "Relationship", "object": every}


def exits() -> Iterator[tuple[str, str, Any]]:
    """Yield requests as (method, path, body)."""
    for person in PEOPLE:
        for kind in PERSONAL:
            one = entity_id(kind, person)
            yield "GET", f"{ENTITIES}/{one}", None
            yield "GET", f"{TEMPORAL}/{one}", None
    every = f"{ENTITIES}?type={TYPES}"
    yield "GET", every, None
    yield "GET", f"{every}&format=simplified&orderBy={ATTRIBUTE}", None
    yield "GET", f"{every}&q={ATTRIBUTE}%3E0", None
    yield from _joined()
    history = f"{TEMPORAL}?type={TYPES}&timerel=after&timeAt={LONG_AGO}&timeproperty=modifiedAt"
    yield "GET", f"{history}&options=temporalValues", None
    figures = "format=aggregatedValues&aggrMethods=max,min&aggrPeriodDuration=PT0S"
    yield "GET", f"{history}&{figures}", None
    asked = [{"type": kind} for kind in PERSONAL]
    yield "POST", f"{V1}/entityOperations/query", {"type": "Query", "entities": asked}
    span = {"timerel": "after", "timeAt": LONG_AGO, "timeproperty": "modifiedAt"}
    query = {"type": "Query", "entities": asked, "temporalQ": span}
    yield "POST", f"{V1}/temporal/entityOperations/query", query
    yield "GET", f"{V1}/types?details=true", None
    yield "GET", f"{V1}/attributes?details=true", None
    yield "GET", f"{V1}/subscriptions", None
    yield "GET", LETTERS, None
    yield "GET", f"{EX}/explain/query?type={TYPES}", None
    yield "GET", f"{EX}/counts", None


def _joined() -> Iterator[tuple[str, str, Any]]:
    """Yield requests that show linked entities within, and beside, what links them."""
    for join in ("inline", "flat"):
        more = f"join={join}&joinLevel=2"
        yield "GET", f"{ENTITIES}/{GAUGE}?{more}", None
        yield "GET", f"{ENTITIES}?type={quote(RIVER, safe='')}&{more}", None
        yield "GET", f"{ENTITIES}?type={FOLLOWED}&format=simplified&{more}", None
    asked = {"type": "Query", "entities": [{"type": RIVER}], "join": "flat", "joinLevel": 2}
    yield "POST", f"{V1}/entityOperations/query", asked
