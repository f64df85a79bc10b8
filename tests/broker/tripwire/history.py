"""Questions about history, and writes to it, that name hidden things."""

from __future__ import annotations

from typing import Any

from tests.broker.tripwire.hidden import (
    BY_ID,
    CONDITIONS,
    COUNT,
    ENTITIES,
    HIDDEN,
    IDS,
    LINKING,
    NEAR,
    ONE,
    PLACE,
    SECRET,
    V1,
    Probe,
    get,
)
from tests.support.tripwire import MARK, MARKED_TYPE

HISTORY = f"{V1}/temporal/entities"
RANGE = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
PASTS = [path.replace(ENTITIES, HISTORY) for path in (ONE, LINKING, *HIDDEN)]


SHOWN_HISTORY: list[dict[str, str]] = [
    {},
    {"options": "sysAttrs"},
    {"options": "temporalValues"},
    {"attrs": SECRET},
    {"attrs": f"level,{SECRET}"},
    {"pick": SECRET},
    {"pick": f"id,{SECRET}"},
    {"omit": f"{SECRET},level"},
    {"lastN": "1"},
    {"aggrMethods": "totalCount,distinctCount,max"},
    {"aggrMethods": "avg", "attrs": COUNT},
    {"aggrMethods": "avg", "attrs": "level", "aggrPeriodDuration": "PT1H"},
]


def histories() -> list[Probe]:
    selections: list[dict[str, str]] = [
        *({"type": "Gauge", **shown} for shown in SHOWN_HISTORY),
        *({"type": "Gauge", "q": q} for q in CONDITIONS),
        *({"type": "Gauge", "limit": "1", "offset": str(offset)} for offset in range(4)),
        {"local": "true", "orderBy": "id;desc"},
        {"type": MARKED_TYPE},
        {"type": f"(Gauge;{MARKED_TYPE})"},
        {"type": "*", "id": ",".join(IDS), "local": "true"},
        {"type": "*", "idPattern": MARK, "local": "true"},
        {"type": "Gauge", "scopeQ": "/#"},
        {**NEAR, "geoproperty": PLACE},
        {**NEAR, "georel": "disjoint", "geoproperty": PLACE},
    ]
    return [
        *(get(HISTORY, **RANGE, count="true", **selection) for selection in selections),
        get(HISTORY, type="Gauge", **{**RANGE, "timeproperty": "observedAt"}),
    ]


def posted_histories() -> list[Probe]:
    bodies: list[dict[str, Any]] = [
        {"entities": [{"type": "Gauge"}]},
        {"entities": [{"type": "*", "id": IDS}]},
        {"attrs": [SECRET, "level"]},
        {"geoQ": {**NEAR, "geoproperty": PLACE}},
        *({"q": q} for q in CONDITIONS),
    ]
    path = HISTORY.replace("/entities", "/entityOperations/query?count=true")
    return [Probe("POST", path, {"type": "Query", "temporalQ": RANGE, **body}) for body in bodies]


def told_histories() -> list[Probe]:
    read = [get(path, options="sysAttrs") for path in PASTS]
    level = {"value": 5, "observedAt": "2020-07-03T00:00:00Z", "instanceId": "urn:x:instance"}
    upserts = [
        {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": level},
        {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", SECRET: level},
        {"id": "urn:ngsi-ld:Gauge:1", "type": MARKED_TYPE, "level": level},
        {"id": BY_ID["id"], "type": "Gauge", "level": level},
        {"id": "urn:ngsi-ld:Gauge:new", "type": "Gauge", "level": level},
    ]
    told = [Probe("POST", HISTORY, body) for body in upserts]
    for path in PASTS:
        told += [Probe("POST", f"{path}/attrs", {name: level}) for name in ("level", SECRET, COUNT)]
        for name in ("level", SECRET, COUNT, "none"):
            one = f"{path}/attrs/{name}/urn:x:instance"
            told += [Probe("PATCH", one, level), Probe("DELETE", one)]
            told += [Probe("DELETE", f"{path}/attrs/{name}?deleteAll=true")]
    return [*told, *read, *(Probe("DELETE", path) for path in PASTS), *read]
