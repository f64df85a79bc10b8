"""Queries and retrievals that name hidden things."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.broker.tripwire.hidden import (
    BATCH,
    CONDITIONS,
    COUNT,
    ENTITIES,
    HIDDEN,
    IDS,
    LINKING,
    NEAR,
    NUMBER,
    ONE,
    PLACE,
    SECRET,
    Probe,
    get,
)
from tests.support.tripwire import MARK, MARKED_TYPE


def queries() -> list[Probe]:
    everything = [
        get(ENTITIES, type="Gauge", options=options, count="true")
        for options in ("normalized", "concise", "keyValues", "sysAttrs")
    ]
    pages = [
        get(ENTITIES, type="Gauge", limit="1", offset=str(offset), count="true")
        for offset in range(5)
    ]
    selections = [
        get(ENTITIES, local="true", count="true"),
        get(ENTITIES, local="true", count="true", limit="0"),
        get(ENTITIES, type=MARKED_TYPE, count="true"),
        get(ENTITIES, type=f"(Gauge;{MARKED_TYPE})", count="true"),
        get(ENTITIES, type="*", id=",".join(IDS), count="true"),
        get(ENTITIES, type="*", idPattern=MARK, count="true"),
        get(ENTITIES, type="*", idPattern="2", count="true"),
        get(ENTITIES, attrs=SECRET, count="true"),
        get(ENTITIES, attrs=f"level,{SECRET}", count="true"),
        get(ENTITIES, attrs="secret", count="true"),
        get(ENTITIES, **NEAR, geoproperty=PLACE, count="true"),
        get(ENTITIES, **{**NEAR, "georel": "disjoint"}, geoproperty=PLACE, count="true"),
        get(ENTITIES, **{**NEAR, "georel": "disjoint"}, count="true"),
    ]
    conditions = [get(ENTITIES, type="Gauge", q=q, count="true") for q in CONDITIONS]
    alone = [get(ENTITIES, q=q, count="true") for q in CONDITIONS]
    features = [
        replace(get(ENTITIES, **parameters), headers={"accept": "application/geo+json"})
        for parameters in (
            {"type": "Gauge"},
            {"type": "Gauge", "geometryProperty": PLACE, "options": "keyValues"},
        )
    ]
    shown = [
        get(ENTITIES, type="Gauge", **parameters)
        for parameters in (
            {"pick": SECRET},
            {"pick": f"id,{SECRET}"},
            {"omit": "level"},
            {"scopeQ": "/#", "lang": "ja", "datasetId": "@none"},
            *({"join": join, "joinLevel": "3"} for join in ("inline", "flat")),
            {"join": "flat", "pick": "id,above{id,secret}"},
            {"join": "inline", "format": "simplified"},
            *(
                {"join": "inline", "joinLevel": "2", "q": q, "count": "true"}
                for q in (
                    "above{level}",
                    "!above{level}",
                    f"above{{level}}=={NUMBER}",
                    f"above{{level}}!={NUMBER}",
                    "above{Gauge:level}>1",
                    f"above{{{MARKED_TYPE}:level}}",
                    f"below{{{SECRET}}}",
                    f"below{{{COUNT}}}>5",
                    "below{above{level}}",
                    f"{SECRET}{{level}}",
                )
            ),
            *(
                {"orderBy": order, "orderFrom": "[123,1]", "limit": "2"}
                for order in (
                    f"{SECRET};desc,level;desc",
                    f"{COUNT},id;desc",
                    f"name.{MARK}Sub;desc,level",
                    f"{PLACE};dist-desc,level;desc",
                    "type;desc",
                    "id;desc",
                )
            ),
        )
    ]
    return everything + pages + selections + conditions + alone + features + shown


def posted_queries() -> list[Probe]:
    selectors: list[dict[str, Any]] = [
        {"type": "Gauge"},
        {"type": "*", "id": IDS},
        {"type": MARKED_TYPE},
        {"type": "*", "idPattern": MARK},
    ]
    bodies: list[dict[str, Any]] = [
        *({"entities": [selector]} for selector in selectors),
        {"entities": selectors},
        *({"q": q} for q in CONDITIONS),
        {"attrs": [SECRET, "level"]},
        {"geoQ": {**NEAR, "geoproperty": PLACE}},
        {"entities": selectors, "join": "flat", "joinLevel": 2},
        {"entities": selectors, "ordering": {"orderBy": [f"{COUNT};desc", "level;desc"]}},
        {"entities": selectors, "pick": ["id", SECRET]},
    ]
    return [
        Probe("POST", f"{BATCH}/query?count=true", {"type": "Query", **body}) for body in bodies
    ]


def retrievals() -> list[Probe]:
    probes = []
    for path in (ONE, LINKING, *HIDDEN, f"{ENTITIES}/urn:ngsi-ld:Gauge:none"):
        probes += [
            get(path),
            get(path, options="keyValues,sysAttrs"),
            get(path, attrs=SECRET),
            get(path, attrs=f"{SECRET},level"),
            get(path, pick=SECRET),
            get(path, omit=f"{SECRET},level"),
            get(path, join="inline"),
            get(path, join="flat", joinLevel="2"),
            get(path, type="Gauge"),
            get(path, type=MARKED_TYPE),
            replace(get(path), headers={"if-none-match": "*"}),
            replace(get(path), headers={"accept": "application/ld+json"}),
            replace(get(path, geometryProperty=PLACE), headers={"accept": "application/geo+json"}),
        ]
    return probes
