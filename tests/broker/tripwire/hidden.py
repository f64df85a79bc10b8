"""Two brokers that differ in what one hides, and how they are asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import orjson

from broker.entities.service import Entities
from broker.guard import OpenGuard
from tests.support.asgi import ABSENT, Answer, Client
from tests.support.tripwire import MARK, MARKED_TYPE

V1 = "/ngsi-ld/v1"
EX = "/ngsi-ld/ex/v1"
ENTITIES = f"{V1}/entities"
BATCH = f"{V1}/entityOperations"
TRANSACTIONS = f"{EX}/transactions"
CONTEXTS = f"{V1}/jsonldContexts"
NUMBER = 987654321
TRACES = (MARK.encode(), str(NUMBER).encode(), b"123.456789")
"""What only the hidden things contain."""

_INSTANCE_ID = re.compile(rb"urn:ngsi-ld:instance:[0-9a-zA-Z:-]+")
"""An instance's id says how many instances were ever kept, and nothing of which."""
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


def _without_instance_ids(answer: Answer) -> Answer:
    if not _INSTANCE_ID.search(answer.body):
        return answer
    headers = tuple(pair for pair in answer.headers if pair[0] != "content-length")
    return Answer(answer.status, headers, _INSTANCE_ID.sub(b"urn:x", answer.body))


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
