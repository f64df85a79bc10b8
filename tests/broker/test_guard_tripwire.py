"""Hidden things leak on no route.

Each route of the dispatch table is driven against two brokers that differ in one thing only:
one has entities and attributes that its guard hides, the other never had them. Whatever is
asked, in whatever way the hidden things are named, both must answer alike, byte for byte.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from broker.api.routes import TABLE
from broker.api.sockets import Sockets
from broker.api.table import Route
from broker.api.websocket import ABORT
from broker.clock import now
from broker.entities.service import Entities
from broker.guard import Guard, OpenGuard
from broker.store.contract import Store, TypeRules
from broker.store.memory import MemoryStore
from broker.store.outbox import Outcome, Settlement
from broker.store.sqlite import SqliteStore
from broker.subscriptions.live import Feed
from tests.support.asgi import ABSENT, Answer, Client, Event, Stream, Ticking, running
from tests.support.patience import PATIENCE
from tests.support.policies import marking_guard
from tests.support.receivers import receiver
from tests.support.tripwire import MARK, MARKED_TYPE, MARKED_TYPE_IRI, TripwireGuard

V1 = "/ngsi-ld/v1"
EX = "/ngsi-ld/ex/v1"
ENTITIES = f"{V1}/entities"
BATCH = f"{V1}/entityOperations"
TRANSACTIONS = f"{EX}/transactions"
CONTEXTS = f"{V1}/jsonldContexts"
NUMBER = 987654321
TRACES = (MARK.encode(), str(NUMBER).encode(), b"123.456789")
"""What only the hidden things contain."""

_SUB = f"{MARK}Sub".encode()
SECRET, COUNT, PLACE = f"{MARK}Secret", f"{MARK}Count", f"{MARK}Place"
HIDDEN_ATTRIBUTES: dict[str, Any] = {
    SECRET: f"{MARK}Value",
    COUNT: NUMBER,
    PLACE: {"type": "Point", "coordinates": [123.456789, 1.5]},
}


def gauge(number: int | str, level: float = 1, **members: Any) -> dict[str, Any]:
    """Return a visible entity."""
    here = {"type": "Point", "coordinates": [130.5, 32.25]}
    found = {"id": f"urn:ngsi-ld:Gauge:{number}", "type": "Gauge", "level": level, **members}
    return {**found, "location": here}


BY_ID = gauge(f"{MARK}1", NUMBER)
BY_TYPE = {**gauge("2b", NUMBER), "type": ["Gauge", MARKED_TYPE], "secret": f"{MARK}Value"}
LINK = {"object": BY_TYPE["id"]}
TO_VISIBLE = {"object": ["urn:ngsi-ld:Gauge:1", "urn:ngsi-ld:Gauge:2"]}
VISIBLE = [
    gauge(1, 1),
    gauge(2, 2, above=LINK),
    gauge(3, 3, scope="/a", below=TO_VISIBLE),
]
ONE = f"{ENTITIES}/{VISIBLE[0]['id']}"
LINKING = f"{ENTITIES}/{VISIBLE[1]['id']}"
HIDDEN = [f"{ENTITIES}/{BY_ID['id']}", f"{ENTITIES}/{BY_TYPE['id']}"]
IDS = [VISIBLE[0]["id"], BY_ID["id"], BY_TYPE["id"]]


@dataclass(frozen=True)
class Probe:
    """One request."""

    method: str
    path: str
    json: Any = ABSENT
    headers: dict[str, str] = field(default_factory=dict)
    echoes: bool = False
    """Whether the answer repeats what an earlier probe of the same caller brought."""

    async def send(self, client: Client) -> Answer:
        """Send the probe."""
        return await client.request(self.method, self.path, self.headers, json=self.json)

    def names(self, trace: bytes) -> bool:
        """Tell whether the request itself brings a trace, so that an echo is no leak."""
        return self.echoes or trace in f"{self.path} {self.json}".encode()


class Pair:
    """The broker with hidden things, the twin without, and a way around the guard of each."""

    def __init__(self, brokers: list[Client], *, subs: bool) -> None:
        self.real, self.twin = brokers
        self._subs = subs
        self.inside = [_unguarded(client) for client in brokers]

    async def fill(self) -> None:
        """Create what is seen on both, and what is hidden on one.

        The twin writes as often, in another tenant, so that sequence numbers and times agree.
        """
        real, twin = self.inside
        sub = {"value": 1, f"{MARK}Sub": NUMBER} if self._subs else 1
        for entity in VISIBLE:
            await real.post(ENTITIES, {**entity, "name": sub, **HIDDEN_ATTRIBUTES})
            await twin.post(ENTITIES, {**entity, "name": 1})
        await self.beside("POST", ENTITIES, BY_ID)
        await self.beside("POST", ENTITIES, BY_TYPE)

    async def hush(self) -> None:
        """Let nothing be delivered: when a receiver was tried is no matter of permissions."""
        for client in (self.real, self.twin):
            await client.broker.delivery.close()

    async def beside(self, method: str, path: str, json: Any) -> None:
        """Write something hidden; the twin writes it where nobody looks."""
        real, twin = self.inside
        one = await real.request(method, path, json=json)
        other = await twin.request(method, path, {"ngsild-tenant": "elsewhere"}, json=json)
        assert one.status == other.status

    async def compare(self, probe: Probe) -> Answer:
        """Send a probe to both and return their one answer.

        Policies hide no sub-attributes, so a marked one is not hidden where it is written.
        """
        if not self._subs and f"{MARK}Sub" in f"{probe.json}":
            probe = replace(
                probe, json=orjson.loads(orjson.dumps(probe.json).replace(_SUB, b"sub"))
            )
        real = _without_instance_ids(await probe.send(self.real))
        twin = _without_instance_ids(await probe.send(self.twin))
        assert real == twin, probe
        for trace in TRACES:
            if not probe.names(trace):
                assert trace not in f"{real.headers}".encode() + real.body, probe
        return real


def _unguarded(client: Client) -> Client:
    guard = OpenGuard()
    entities = Entities(client.broker.store, guard, client.broker.entities.clock)
    return Client(replace(client.broker, guard=guard, entities=entities))


def _by_policies() -> Guard:
    return marking_guard(MARK, MARKED_TYPE_IRI, [_iri(name) for name in HIDDEN_ATTRIBUTES], now)


def _iri(name: str) -> str:
    return MARKED_TYPE_IRI.replace(MARKED_TYPE, name)


@pytest.fixture(params=["memory by policies", "sqlite"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    """Give the two brokers, filled: their guard hides by the mark, or by policies on names."""
    by_policies = request.param.endswith("policies")
    guard = _by_policies if by_policies else TripwireGuard

    def store(name: str) -> Store:
        if by_policies:
            return MemoryStore(clock=Ticking())
        return SqliteStore(tmp_path / name, clock=Ticking())

    async with AsyncExitStack() as stack:
        brokers = [
            await stack.enter_async_context(running(store(name), guard=guard()))
            for name in ("real", "twin")
        ]
        pair = Pair(brokers, subs=not by_policies)
        await pair.fill()
        yield pair


def get(path: str, **parameters: str) -> Probe:
    """Return a GET with encoded parameters."""
    query = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return Probe("GET", f"{path}?{query}" if query else path)


CONDITIONS = [
    SECRET,
    f"!{SECRET}",
    f'{SECRET}=="{MARK}Value"',
    f'{SECRET}!="{MARK}Value"',
    f'{SECRET}~="."',
    f"{COUNT}>5",
    f"{COUNT}<5",
    f"{COUNT}!=5",
    f"{COUNT}=={NUMBER}",
    f"level>1|{COUNT}>5",
    f"level>0;{COUNT}>5",
    f"name.{MARK}Sub",
    f"name.{MARK}Sub>5",
    f"!name.{MARK}Sub",
    f"level=={NUMBER}",
    f'id~="{MARK}"',
    f'type=="{MARKED_TYPE}"',
]
POINT = {"geometry": "Point", "coordinates": "[123.456789,1.5]"}
NEAR = {"georel": "near;maxDistance==5000", **POINT}


def _queries() -> list[Probe]:
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


def _posted_queries() -> list[Probe]:
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


def _retrievals() -> list[Probe]:
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


def _everywhere(method: str, suffix: str, *bodies: Any) -> list[Probe]:
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


def _attribute(method: str, *bodies: Any) -> list[Probe]:
    return [
        probe
        for name in (SECRET, COUNT, PLACE, "level", "none")
        for probe in _everywhere(method, f"/attrs/{name}", *bodies)
    ]


def _batches(operation: str, *options: str) -> list[Probe]:
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


def _transactions() -> list[Probe]:
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


def _creations() -> list[Probe]:
    return [
        Probe("POST", ENTITIES, BY_ID),
        Probe("POST", ENTITIES, gauge(f"{MARK}none")),
        Probe("POST", ENTITIES, {**gauge("new1"), "type": MARKED_TYPE}),
        Probe("POST", ENTITIES, gauge("new2", **HIDDEN_ATTRIBUTES)),
        Probe("POST", ENTITIES, VISIBLE[0]),
        Probe("POST", ENTITIES, gauge("new3")),
        get(ENTITIES, type="Gauge", count="true"),
    ]


def _purges() -> list[Probe]:
    queries = [probe for probe in _queries() if "type=" in probe.path or "q=" in probe.path]
    drops = [
        get(ENTITIES, type="Gauge", **members)
        for members in ({"drop": SECRET}, {"keep": SECRET}, {"drop": "scope"}, {"keep": "level"})
    ]
    probes = []
    for probe in [*drops, *queries]:
        path = probe.path.replace("&count=true", "")
        probes += [Probe("DELETE", path), get(ENTITIES, type="Gauge", count="true")]
    return [*probes, Probe("DELETE", f"{ENTITIES}?local=true"), *map(get, (ONE, *HIDDEN))]


HISTORY = f"{V1}/temporal/entities"
RANGE = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "modifiedAt"}
PASTS = [path.replace(ENTITIES, HISTORY) for path in (ONE, LINKING, *HIDDEN)]
_INSTANCE_ID = re.compile(rb"urn:ngsi-ld:instance:[0-9a-zA-Z:-]+")
"""An instance's id says how many instances were ever kept, and nothing of which."""


def _without_instance_ids(answer: Answer) -> Answer:
    if not _INSTANCE_ID.search(answer.body):
        return answer
    headers = tuple(pair for pair in answer.headers if pair[0] != "content-length")
    return Answer(answer.status, headers, _INSTANCE_ID.sub(b"urn:x", answer.body))


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


def _histories() -> list[Probe]:
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


def _posted_histories() -> list[Probe]:
    bodies: list[dict[str, Any]] = [
        {"entities": [{"type": "Gauge"}]},
        {"entities": [{"type": "*", "id": IDS}]},
        {"attrs": [SECRET, "level"]},
        {"geoQ": {**NEAR, "geoproperty": PLACE}},
        *({"q": q} for q in CONDITIONS),
    ]
    path = HISTORY.replace("/entities", "/entityOperations/query?count=true")
    return [Probe("POST", path, {"type": "Query", "temporalQ": RANGE, **body}) for body in bodies]


def _told_histories() -> list[Probe]:
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


SUBSCRIPTIONS = f"{V1}/subscriptions"


def _subscription(number: int = 1, **members: Any) -> dict[str, Any]:
    """Return a subscription, to all gauges unless told otherwise."""
    return {
        "id": f"urn:ngsi-ld:Subscription:{number}",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://localhost:9/"}},
        **members,
    }


def _subscribing() -> list[Probe]:
    """Subscribe in every way that names hidden things, let things happen, and look."""
    sent = [
        _subscription(1),
        _subscription(2, q=f"{SECRET}"),
        _subscription(3, q=f"{COUNT}>5", throttling=60),
        _subscription(4, watchedAttributes=[SECRET], notificationTrigger=["entityUpdated"]),
        _subscription(5, entities=[{"type": MARKED_TYPE}, {"type": "*", "id": BY_ID["id"]}]),
        _subscription(6, geoQ={**NEAR, "geoproperty": PLACE}),
        _subscription(1),
    ]
    each = [f"{SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:{number}" for number in range(1, 7)]
    return [
        *(Probe("POST", SUBSCRIPTIONS, one) for one in sent),
        *_everywhere("PATCH", "/attrs", *FRAGMENTS),
        *(Probe("GET", one, echoes=True) for one in each),
        Probe("GET", f"{SUBSCRIPTIONS}?count=true&options=sysAttrs&limit=2", echoes=True),
        *(Probe("PATCH", one, {"q": f"{SECRET}|level>0"}) for one in each),
        *_creations(),
        Probe("GET", SUBSCRIPTIONS, echoes=True),
        *(Probe("DELETE", one) for one in (*each, each[0])),
    ]


def _lists(path: str) -> list[Probe]:
    return [get(path), get(path, details="true", count="true")]


def _named(path: str, *names: str) -> list[Probe]:
    return [get(f"{path}/{name}") for name in names]


REGISTRATIONS = f"{V1}/csourceRegistrations"
REGISTERED = f"{REGISTRATIONS}/urn:ngsi-ld:ContextSourceRegistration:1"


def _registering() -> list[Probe]:
    """Register sources of what is hidden, in each mode, and ask for sources of it."""
    infos = [{"type": "Gauge", "id": one} for one in IDS] + [{"type": MARKED_TYPE}]
    return [
        *(
            Probe(
                "POST",
                REGISTRATIONS,
                {
                    "type": "ContextSourceRegistration",
                    "mode": mode,
                    "endpoint": "http://localhost:9",
                    "information": [{"entities": [info], "propertyNames": [SECRET, COUNT]}],
                },
            )
            for mode in ("exclusive", "redirect", "inclusive")
            for info in infos
        ),
        *(get(REGISTRATIONS, type="Gauge", q=q, count="true") for q in CONDITIONS),
        get(REGISTRATIONS, type=MARKED_TYPE, csf=f"{SECRET}"),
        Probe("GET", REGISTERED),
        Probe("PATCH", REGISTERED, {"mode": "redirect"}),
        Probe("DELETE", REGISTERED),
    ]


SOURCE_SUBSCRIPTIONS = f"{V1}/csourceSubscriptions"


def _listening() -> list[Probe]:
    """Subscribe to registrations in every way that names hidden things, and look."""
    sent = [
        _subscription(1),
        _subscription(2, entities=[{"type": MARKED_TYPE}, {"type": "*", "id": BY_ID["id"]}]),
        _subscription(3, watchedAttributes=[SECRET], csf=f"{SECRET}"),
        _subscription(4, geoQ={**NEAR, "geoproperty": PLACE}),
        _subscription(1),
    ]
    each = [f"{SOURCE_SUBSCRIPTIONS}/urn:ngsi-ld:Subscription:{number}" for number in range(1, 5)]
    return [
        *(Probe("POST", SOURCE_SUBSCRIPTIONS, one) for one in sent),
        *(Probe("GET", one, echoes=True) for one in each),
        Probe("GET", f"{SOURCE_SUBSCRIPTIONS}?count=true&options=sysAttrs", echoes=True),
        *(Probe("PATCH", one, {"entities": [{"type": MARKED_TYPE}]}) for one in each),
        *_registering(),
        *_creations(),
        Probe("GET", SOURCE_SUBSCRIPTIONS, echoes=True),
        *(Probe("DELETE", one) for one in (*each, each[0])),
    ]


LETTERS = f"{EX}/dead-letters"
NAMED: list[dict[str, Any]] = [
    {"subscriptionId": f"urn:ngsi-ld:Subscription:{number}"} for number in (1, 9)
]
RULES = f"{EX}/typeRules"
REPLACEMENTS = [{**gauge(1, 4), SECRET: "mine"}, gauge(1, 5), {**gauge(1), "type": MARKED_TYPE}]

PROBES: dict[str, list[Probe]] = {
    "query_entities": _queries(),
    "query_by_post": _posted_queries(),
    "create_entity": _creations(),
    "retrieve_entity": _retrievals(),
    "purge_entities": _purges(),
    "replace_entity": _everywhere("PUT", "", *REPLACEMENTS),
    "merge_entity": _everywhere("PATCH", "", *FRAGMENTS, *NULLS),
    "delete_entity": _everywhere("DELETE", ""),
    "append_attributes": [
        *_everywhere("POST", "/attrs?options=noOverwrite", *FRAGMENTS),
        *_everywhere("POST", "/attrs", *FRAGMENTS),
    ],
    "update_attributes": _everywhere("PATCH", "/attrs", *FRAGMENTS, *NULLS),
    "partial_attribute_update": _attribute("PATCH", {"value": 5}, {"unitCode": "MTR"}),
    "replace_attribute": _attribute("PUT", {"value": 5}),
    "delete_attribute": [
        *_attribute("DELETE"),
        *_everywhere("DELETE", f"/attrs/{SECRET}?deleteAll=true"),
    ],
    "batch_create": _batches("create"),
    "batch_upsert": _batches("upsert", "?options=update"),
    "batch_update": _batches("update", "?options=noOverwrite"),
    "batch_merge": _batches("merge"),
    "batch_delete": [
        Probe("POST", f"{BATCH}/delete", [*IDS, *IDS, "urn:x:none"]),
        get(ENTITIES, type="Gauge", count="true"),
    ],
    "create_subscription": _subscribing(),
    "query_subscriptions": _subscribing(),
    "retrieve_subscription": _subscribing(),
    "update_subscription": _subscribing(),
    "delete_subscription": _subscribing(),
    "query_history": _histories(),
    "query_history_by_post": _posted_histories(),
    "retrieve_history": [get(path, **shown) for path in PASTS for shown in SHOWN_HISTORY],
    **dict.fromkeys(
        (
            *("upsert_history", "append_history", "modify_instance", "delete_instance"),
            *("delete_attribute_history", "delete_history"),
        ),
        _told_histories(),
    ),
    "create_registration": _registering(),
    "query_registrations": _registering(),
    "retrieve_registration": _registering(),
    "update_registration": _registering(),
    "delete_registration": _registering(),
    "create_registration_subscription": _listening(),
    "query_registration_subscriptions": _listening(),
    "retrieve_registration_subscription": _listening(),
    "update_registration_subscription": _listening(),
    "delete_registration_subscription": _listening(),
    "add_context": [Probe("POST", CONTEXTS, {"@context": body}) for body in (MARK, {}, {"a": 5})],
    "list_contexts": [
        Probe("POST", CONTEXTS, {"@context": {"a": "https://example.org/a"}}),
        get(CONTEXTS),
        get(CONTEXTS, details="true"),
    ],
    "serve_context": [get(f"{CONTEXTS}/{MARK}"), get(f"{CONTEXTS}/{MARK}", details="true")],
    "delete_context": [
        Probe("DELETE", f"{CONTEXTS}/{MARK}"),
        Probe("DELETE", f"{CONTEXTS}/{MARK}?reload=true"),
    ],
    "source_identity": [get(f"{V1}/info/sourceIdentity")],
    "list_types": _lists(f"{V1}/types"),
    "retrieve_type": _named(f"{V1}/types", "Gauge", MARKED_TYPE),
    "list_attributes": _lists(f"{V1}/attributes"),
    "retrieve_attribute": _named(
        f"{V1}/attributes", "level", "name", "secret", SECRET, COUNT, PLACE, f"{MARK}Sub"
    ),
    "explain_subscription": [
        *_subscribing()[:6],
        *_everywhere("PATCH", "/attrs", *FRAGMENTS),
        *(
            Probe(
                "GET",
                f"{EX}/subscriptions/urn:ngsi-ld:Subscription:{number}/explain?{asked}",
                echoes=True,
            )
            for number in range(1, 7)
            for asked in (
                *(f"seq={seq}" for seq in range(1, 12)),
                *(f"entity={one}" for one in IDS),
            )
        ),
    ],
    "run_transaction": _transactions(),
    "stream": [get(f"{EX}/stream", q="level>"), get(f"{EX}/stream", lastEventId="x")],
    "websocket": [get(f"{EX}/ws"), get(f"{EX}/ws", tenant="nowhere")],
    "explain_query": [
        replace(probe, path=probe.path.replace(ENTITIES, f"{EX}/explain/query", 1))
        for probe in _queries()
        if probe.method == "GET"
    ],
    "explain_term": [get(f"{EX}/explain/term", term=SECRET), get(f"{EX}/explain/term", term="a")],
    "sign_in": [Probe("POST", f"{EX}/sessions", {"name": MARK, "password": "x"})],
    "disclosures": [get(f"{EX}/disclosures"), get(f"{EX}/disclosures", holder=f"urn:{MARK}")],
    "note_disclosures": [Probe("POST", f"{EX}/disclosures", [{"holder": f"urn:{MARK}"}])],
    "current_session": [get(f"{EX}/sessions/current")],
    "sign_out": [Probe("DELETE", f"{EX}/sessions/current")],
    "list_counts": [get(f"{EX}/counts")],
    "retrieve_counts": [
        get(f"{EX}/counts/urn:x:{MARK}", day="2026-11-26"),
        get(f"{EX}/counts/urn:x:{MARK}", day=MARK),
    ],
    "list_keys": [get(f"{EX}/keys")],
    "make_key": [Probe("POST", f"{EX}/keys")],
    "rotate_key": [Probe("POST", f"{EX}/keys/{MARK}/rotate")],
    "revoke_key": [Probe("DELETE", f"{EX}/keys/{MARK}")],
    "issue_ticket": [Probe("POST", f"{EX}/tickets", headers={"ngsild-tenant": "nowhere"})],
    "query_dead_letters": [
        *_subscribing()[:7],
        get(LETTERS, count="true"),
        get(LETTERS, subscriptionId="urn:ngsi-ld:Subscription:1"),
        get(LETTERS, subscriptionId="urn:ngsi-ld:Subscription:none"),
    ],
    "retrieve_dead_letter": [get(f"{LETTERS}/{letter}") for letter in ("1-1", "1-2", "x", MARK)],
    "replay_dead_letter": [Probe("POST", f"{LETTERS}/{letter}/replay") for letter in ("1-1", "x")],
    "discard_dead_letter": [Probe("DELETE", f"{LETTERS}/{letter}") for letter in ("1-1", "x")],
    "replay_dead_letters": [
        *_subscribing()[:7],
        *(Probe("POST", f"{LETTERS}/replay", one) for one in NAMED),
    ],
    "discard_dead_letters": [
        *_subscribing()[:7],
        *(Probe("POST", f"{LETTERS}/discard", one) for one in NAMED),
    ],
    "books": [get(f"{EX}/books"), get(f"{EX}/books", subscriptionId=f"urn:x:{MARK}")],
    "operator": [get("/operator"), get("/operator", tenant="elsewhere")],
    "operator_replay": [Probe("POST", "/operator/replay", {})],
    "operator_discard": [Probe("POST", "/operator/discard", {})],
    "operator_sign_in": [Probe("POST", "/operator/sign-in", {})],
    "operator_sign_out": [Probe("POST", "/operator/sign-out", {})],
    "list_type_rules": [get(RULES)],
    "put_type_rules": [Probe("PUT", f"{RULES}/{MARKED_TYPE}", {"appendOnly": True})],
    "delete_type_rules": [Probe("DELETE", f"{RULES}/{MARKED_TYPE}")],
    "health": [get("/health")],
    "ready": [get("/ready")],
    "metrics": [],
    "openapi": [get("/openapi.json")],
    "docs": [get("/docs")],
}
"""What is asked of each route; `stream` and `metrics` have tests of their own besides."""


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
async def test_no_answer_tells_what_is_hidden(pair: Pair, route: Route) -> None:
    assert route.name in PROBES, f"say how to drive {route.name}: hidden things may leak there"
    if "subscription" in route.name or "letter" in route.name:
        await pair.hush()
    driven = 0
    for probe in PROBES[route.name]:
        found = TABLE.find(probe.path.partition("?")[0].encode())
        assert found is not None
        driven += found.routes.get(probe.method) is route
        await pair.compare(probe)
    assert driven or route.name == "metrics"


def _stable(answer: Answer) -> list[str]:
    """Return the lines of /metrics that do not depend on time or on the size of the file."""
    return [line for line in answer.body.decode().splitlines() if "requests_total{" in line]


async def test_metrics_name_and_count_nothing_hidden(pair: Pair) -> None:
    for probe in (*_queries(), *_retrievals(), *_creations(), get(f"/{MARK}")):
        await pair.compare(probe)
    real, twin = await pair.real.get("/metrics"), await pair.twin.get("/metrics")
    assert _stable(real) == _stable(twin)
    for trace in TRACES:
        assert trace not in real.body


FOLLOWED: list[dict[str, str]] = [
    {},
    {"snapshot": "true", "type": "Gauge"},
    {"snapshot": "true", "q": f"level>1|{COUNT}>5"},
    {"attrs": SECRET},
    {"attrs": "level", "watchedAttributes": f"{SECRET},{COUNT}"},
    {"id": ",".join(IDS)},
    {**NEAR, "geoproperty": PLACE},
    {"type": "Gauge", "options": "sysAttrs"},
    {"type": f"Gauge,{MARKED_TYPE}"},
    *({"q": q} for q in CONDITIONS),
]
LAST = gauge("last", NUMBER + 1, secret=1)


async def _events(stream: Stream) -> list[tuple[Any, ...]]:
    """Return the events up to that on the entity LAST."""
    found = []
    while True:
        event = await _news(stream)
        found.append((event.name, event.id, event.data))
        if event.data.get("id") == LAST["id"]:
            return found


async def _news(stream: Stream) -> Event:
    """Return the next event that is no heartbeat."""
    while (event := await stream.event()).name == ":":
        pass
    return event


async def _live(pair: Pair) -> None:
    """Let visible and hidden things happen, and at last something every stream is told of."""
    await pair.beside("PATCH", f"{HIDDEN[0]}/attrs/level", {"value": NUMBER})
    for inside in pair.inside:
        await inside.patch(f"{ONE}/attrs", {"level": 4})
    await pair.beside("DELETE", HIDDEN[1], ABSENT)
    await pair.beside("POST", ENTITIES, BY_TYPE)
    for inside in pair.inside:
        await inside.delete(f"{ENTITIES}/{VISIBLE[1]['id']}")
    await pair.beside("PUT", HIDDEN[1], BY_TYPE)
    for inside in pair.inside:
        await inside.post(ENTITIES, {**LAST, "id": "urn:ngsi-ld:Gauge:before"})
        await inside.post(ENTITIES, LAST)


@pytest.mark.parametrize("parameters", FOLLOWED, ids=str)
@pytest.mark.parametrize("when", ["live", "resumed", "from the store"])
async def test_no_stream_tells_what_is_hidden(
    pair: Pair, parameters: dict[str, str], when: str
) -> None:
    path = get(f"{EX}/stream", **parameters).path
    everything = f"{EX}/stream"
    for client in (pair.real, pair.twin):
        often = replace(client.broker.settings, heartbeat=0.01)
        object.__setattr__(client.broker, "settings", often)
    if when != "live":
        await _live(pair)
        path = get(f"{EX}/stream", **parameters, lastEventId="0").path
        everything += "?lastEventId=0"
    if when == "from the store":
        for client in (pair.real, pair.twin):
            object.__setattr__(client.broker, "feed", Feed(client.broker.store, exact=False))
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(client.stream(one))
            for client in (pair.real, pair.twin)
            for one in (path, everything)
        ]
        begun = [await _begin(streams[index], parameters, when) for index in (0, 2)]
        if when == "live":
            await _live(pair)
        told = [await _events(streams[index]) for index in (1, 3)]
        told += [
            await _until(stream, client.broker.feed.told)
            for stream, client in ((streams[0], pair.real), (streams[2], pair.twin))
        ]
    assert told[0] == told[1]
    assert told[2] == told[3]
    assert begun[0] == begun[1]
    for trace in TRACES:
        assert trace not in repr(begun + told).encode()


async def _begin(stream: Stream, parameters: dict[str, str], when: str) -> list[Any]:
    """Return the snapshot a live stream begins with, where it has one."""
    told: list[Any] = []
    while "snapshot" in parameters and when == "live" and "synced" not in told[-1:]:
        event = await _news(stream)
        told += [event.id, event.data, event.name]
    return told


async def _until(stream: Stream, place: int) -> list[tuple[Any, ...]]:
    """Return what a stream was told until a heartbeat says that it has come to a place."""
    found: list[tuple[Any, ...]] = []
    while True:
        event = await stream.event()
        if event.name != ":":
            found.append((event.name, event.id, event.data))
        elif int(event.data.partition("id: ")[2]) >= place:
            return found


async def _socket(client: Client, heard: list[dict[str, Any]]) -> None:
    """Subscribe to every stream over one WebSocket, and note what it says for ever."""
    asked = [
        {"op": "subscribe", "stream": str(number), "after": 0, **parameters}
        for number, parameters in enumerate(FOLLOWED)
    ]
    messages = [{"type": "websocket.connect"}]
    messages += [
        {"type": "websocket.receive", "text": orjson.dumps(message).decode()} for message in asked
    ]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        if "text" in message:
            heard.append(orjson.loads(message["text"]))

    scope: MutableMapping[str, Any] = {"type": "websocket", "headers": [], "query_string": b""}
    scope["extensions"] = {ABORT: lambda: None}
    await Sockets(client.broker)(scope, receive, send)


def _arrived(heard: list[dict[str, Any]], place: int) -> set[str]:
    """Return the streams of which a heartbeat has said that they have come to a place."""
    return {
        each["stream"]
        for each in heard
        if each["event"] == "heartbeat" and each["data"]["seq"] >= place
    }


async def test_no_websocket_tells_what_is_hidden(pair: Pair) -> None:
    told: list[list[dict[str, Any]]] = [[], []]
    for client in (pair.real, pair.twin):
        often = replace(client.broker.settings, heartbeat=0.01)
        object.__setattr__(client.broker, "settings", often)
    sockets = [
        asyncio.ensure_future(_socket(client, heard))
        for client, heard in zip((pair.real, pair.twin), told, strict=True)
    ]
    await _live(pair)
    async with asyncio.timeout(PATIENCE):
        for client, heard in zip((pair.real, pair.twin), told, strict=True):
            while len(_arrived(heard, client.broker.feed.told)) < len(FOLLOWED):
                await asyncio.sleep(0.01)
    for socket in sockets:
        socket.cancel()
    events = [[each for each in heard if each["event"] != "heartbeat"] for heard in told]
    by_stream = [sorted(heard, key=lambda each: each["stream"]) for heard in events]
    assert by_stream[0] == by_stream[1]
    assert len(by_stream[0]) > len(FOLLOWED)
    for trace in TRACES:
        assert trace not in orjson.dumps(by_stream)


async def test_a_change_of_hidden_attributes_only_is_no_event(pair: Pair) -> None:
    async with pair.real.stream(f"{EX}/stream") as stream:
        await stream.event()
        real = pair.inside[0]
        await real.patch(f"{ONE}/attrs", {COUNT: 5})
        await real.patch(f"{ONE}/attrs", {SECRET: "urn:ngsi-ld:null"})
        await real.post(f"{ONE}/attrs", {"scope": "/seen"})
        event = await stream.event()
    assert (event.name, event.data["id"]) == ("update", VISIBLE[0]["id"])
    assert event.data["entity"]["scope"] == "/seen"


async def _die(client: Client) -> None:
    """Let everything that waits become a dead letter."""
    outbox = client.broker.store.outbox
    for sid in await outbox.queues():
        rows = await outbox.waiting(sid, limit=1000)
        await outbox.settle(
            [Settlement(sid, row.seq, Outcome.DEAD, "", 1, "Refused.") for row in rows]
        )


TOLD = [
    _subscription(1),
    _subscription(2, watchedAttributes=["level"], q=f"{COUNT}>5"),
    _subscription(3, watchedAttributes=[SECRET, "level"]),
    _subscription(4, notificationTrigger=["entityDeleted", "attributeDeleted"]),
]


async def test_no_dead_letter_tells_what_is_hidden(pair: Pair) -> None:
    await pair.hush()
    for one in TOLD:
        assert (await pair.compare(Probe("POST", SUBSCRIPTIONS, one))).status == 201
    await _live(pair)
    for inside in pair.inside:
        await inside.patch(f"{ONE}/attrs", {COUNT: 5} if inside is pair.inside[0] else {"level": 4})
    for client in (pair.real, pair.twin):
        await _die(client)
    listed = [
        await client.get(f"{LETTERS}?limit=100&count=true") for client in (pair.real, pair.twin)
    ]
    kept = [_letters(answer) for answer in listed]
    assert kept[0]
    assert set(kept[0]) <= set(kept[1])
    assert listed[0].header("ngsild-results-count") == str(len(kept[0]))
    for letter in kept[0]:
        answer = await pair.real.get(f"{LETTERS}/{letter}")
        assert answer.status == 200
        for trace in TRACES:
            assert trace not in answer.body + listed[0].body


def _letters(answer: Answer) -> list[str]:
    return [one["id"] for one in answer.json()]


@pytest.mark.parametrize("accept", ["application/json", "application/geo+json"])
async def test_no_notification_tells_what_is_hidden(pair: Pair, accept: str) -> None:
    async with receiver() as one, receiver() as other:
        for subscription in TOLD:
            for client, where in ((pair.real, one), (pair.twin, other)):
                endpoint = {"uri": where.url, "accept": accept}
                notification = {"endpoint": endpoint, "showChanges": True, "sysAttrs": True}
                sent = {**subscription, "notification": notification}
                assert (await client.post(SUBSCRIPTIONS, sent)).status == 201
        await _live(pair)
        for client in (pair.real, pair.twin):
            async with asyncio.timeout(PATIENCE):
                while (await client.broker.store.outbox.books()).waiting:
                    await asyncio.sleep(0.001)
        told = b"".join(got.body + repr(got.headers).encode() for got in one.got)
        assert 0 < len(one.got) <= len(other.got)
    for trace in TRACES:
        assert trace not in told


EDITS = [
    Probe("PUT", ONE, gauge(1, 9)),
    Probe("PATCH", ONE, {"level": 9, "name": {"value": 7}}),
    Probe("POST", f"{ONE}/attrs", {"level": 9}),
    Probe("PATCH", f"{ONE}/attrs", {"level": 9, SECRET: "urn:ngsi-ld:null"}),
    Probe("PATCH", f"{ONE}/attrs/name", {"value": 9}),
    Probe("DELETE", f"{ONE}/attrs/level"),
    Probe("POST", f"{BATCH}/upsert", [gauge(1, 9)]),
    transaction({"op": "replace", "entity": gauge(1, 9)}),
    transaction({"op": "add", "id": IDS[0], "attribute": "level", "value": 1}),
]


@pytest.mark.parametrize("probe", EDITS, ids=lambda probe: f"{probe.method} {probe.path}")
async def test_what_is_hidden_survives_edits_of_the_rest(pair: Pair, probe: Probe) -> None:
    before = (await pair.inside[0].get(ONE)).json()
    answer = await pair.compare(probe)
    assert answer.status in (200, 204)
    after = (await pair.inside[0].get(ONE)).json()
    for name in HIDDEN_ATTRIBUTES:
        assert after[name] == before[name]
    assert {**after, "modifiedAt": ""} != {**before, "modifiedAt": ""}


async def test_a_rule_on_a_hidden_attribute_does_not_betray_it(pair: Pair) -> None:
    iri = f"https://uri.etsi.org/ngsi-ld/default-context/{COUNT}"
    kind = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"

    async def work(tx: Any) -> None:
        await tx.set_rules(kind, TypeRules(bounded=((iri, None, 5),)))

    for client in (pair.real, pair.twin):
        await client.broker.store.write("", work)
    answer = await pair.compare(Probe("PATCH", f"{ONE}/attrs", {"level": 9}))
    assert answer.status == 204
