"""Writes on visible and on hidden entities."""

from __future__ import annotations

from typing import Any

from tests.broker.tripwire.hidden import (
    BATCH,
    BY_ID,
    BY_TYPE,
    CONDITIONS,
    COUNT,
    ENTITIES,
    HIDDEN,
    HIDDEN_ATTRIBUTES,
    IDS,
    ONE,
    PLACE,
    SECRET,
    TRANSACTIONS,
    VISIBLE,
    Probe,
    gauge,
    get,
)
from tests.broker.tripwire.queries import queries
from tests.support.asgi import ABSENT
from tests.support.tripwire import MARK, MARKED_TYPE


def everywhere(method: str, suffix: str, *bodies: Any) -> list[Probe]:
    """Return a write on a visible and on hidden entities, with and without If-Match."""
    probes = []
    for path in (*HIDDEN, ONE):
        for body in bodies or (ABSENT,):
            for tag in ('"v9-0"', "", '"v1-0"', "*"):
                headers = {"if-match": tag} if tag else {}
                probes.append(Probe(method, path + suffix, body, headers))
    return [*probes, get(ONE, options="sysAttrs"), get(ENTITIES, type="Gauge", count="true")]


FRAGMENTS: list[dict[str, Any]] = [
    {"level": 5},
    {"level": {"value": 6, "unitCode": "MTR"}, SECRET: "mine"},
    {SECRET: f"{MARK}Value"},
    {"name": {"value": 2, f"{MARK}Sub": 3}},
    {"type": MARKED_TYPE, "level": 7},
    {"scope": "/b", "fresh": 1},
]
NULLS = [{SECRET: "urn:ngsi-ld:null"}, {COUNT: "urn:ngsi-ld:null", "level": 8}]


def of_an_attribute(method: str, *bodies: Any) -> list[Probe]:
    return [
        probe
        for name in (SECRET, COUNT, PLACE, "level", "none")
        for probe in everywhere(method, f"/attrs/{name}", *bodies)
    ]


def batches(operation: str, *options: str) -> list[Probe]:
    elements = [
        {"id": entity_id, "type": "Gauge", **fragment}
        for fragment in FRAGMENTS
        for entity_id in IDS
        if (entity_id, operation) != (BY_TYPE["id"], "create")
    ]
    read = [get(ENTITIES, type="Gauge", options="sysAttrs"), *map(get, HIDDEN)]
    if operation == "upsert":
        elements = [one for one in elements if one["id"] != BY_TYPE["id"]]
    return [
        *(Probe("POST", f"{BATCH}/{operation}{option}", elements) for option in ("", *options)),
        *read,
    ]


def transaction(*operations: Any, key: str = "") -> Probe:
    """Return a transaction."""
    headers = {"idempotency-key": key} if key else {}
    return Probe("POST", TRANSACTIONS, {"operations": list(operations)}, headers)


def transactions() -> list[Probe]:
    probes = []
    for entity_id in [*IDS, "urn:ngsi-ld:Gauge:none"]:
        attrs = {"level": 2}
        subject = {"id": entity_id}
        entity = {**subject, "type": "Gauge", **attrs}
        operations: list[dict[str, Any]] = [
            *({"op": "check", **subject, "q": q} for q in CONDITIONS),
            {"op": "check", **subject, "ifNoneMatch": "*"},
            {"op": "check", **subject, "ifMatch": "v1"},
            {"op": "check", **subject, "ifMatch": "*"},
            {"op": "append", **subject, "attrs": {SECRET: 1}},
            {"op": "append", **subject, "attrs": {SECRET: 1}, "noOverwrite": True},
            {"op": "merge", **subject, "attrs": {COUNT: 1}},
            {"op": "merge", **subject, "attrs": attrs, "ifMatch": "v77"},
            {"op": "merge", **subject, "attrs": attrs, "ifNoneMatch": "*"},
            {"op": "add", **subject, "attribute": COUNT, "value": 1},
            {"op": "add", **subject, "attribute": "level", "value": 1},
            {"op": "replace", "entity": entity},
            {"op": "merge", **subject, "attrs": attrs},
            {"op": "delete", **subject},
        ]
        if entity_id != BY_TYPE["id"]:
            operations += [
                {"op": "create", "entity": entity},
                {"op": "create", "entity": entity, "ifNoneMatch": "*"},
            ]
        probes += [transaction(operation) for operation in operations]
    return [
        *probes,
        transaction({"op": "check", "id": BY_ID["id"], "ifNoneMatch": "*"}, key="k"),
        transaction({"op": "check", "id": BY_ID["id"], "ifNoneMatch": "*"}, key="k"),
        get(ENTITIES, type="Gauge", options="sysAttrs"),
    ]


def creations() -> list[Probe]:
    return [
        Probe("POST", ENTITIES, BY_ID),
        Probe("POST", ENTITIES, gauge(f"{MARK}none")),
        Probe("POST", ENTITIES, {**gauge("new1"), "type": MARKED_TYPE}),
        Probe("POST", ENTITIES, gauge("new2", **HIDDEN_ATTRIBUTES)),
        Probe("POST", ENTITIES, VISIBLE[0]),
        Probe("POST", ENTITIES, gauge("new3")),
        get(ENTITIES, type="Gauge", count="true"),
    ]


def purges() -> list[Probe]:
    selecting = [probe for probe in queries() if "type=" in probe.path or "q=" in probe.path]
    drops = [
        get(ENTITIES, type="Gauge", **members)
        for members in ({"drop": SECRET}, {"keep": SECRET}, {"drop": "scope"}, {"keep": "level"})
    ]
    probes = []
    for probe in [*drops, *selecting]:
        path = probe.path.replace("&count=true", "")
        probes += [Probe("DELETE", path), get(ENTITIES, type="Gauge", count="true")]
    return [*probes, Probe("DELETE", f"{ENTITIES}?local=true"), *map(get, (ONE, *HIDDEN))]
