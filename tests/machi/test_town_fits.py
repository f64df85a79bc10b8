"""The town held to its data models: each process's writes, with every type set to `reject`."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.bridge_light.keeper import report_attributes
from adapters.bridge_light.look import Verdict
from adapters.contract import Message
from adapters.river_gauge.fake import FakeGauge
from adapters.zigbee_lock.fake import FakeLock
from adapters.zigbee_lock.lock import attributes, read
from apps.alerts.channels.config import Webhook
from apps.alerts.channels.messenger import Messenger
from apps.alerts.cursor import CURSOR_ID, cursor_from
from apps.alerts.effects import Change
from apps.alerts.evacuation import draft_operations
from apps.alerts.stage import Step
from apps.staff.acts import Override, approve, discard, override
from broker.client import Client, Entity, timestamp
from broker.jsonld.core import CORE_TERMS
from broker.validation import Mode
from machi.flood import flood_samples
from machi.replay import Replay
from machi.seed.parts import facts
from machi.seed.plant import connect_light, plant
from machi.seed.town import DRILL_TENANT
from machi.seed.town import gauges as gauges_of_the_town
from smart_data_models.offer import CONTEXT, offered
from smart_data_models.pinned import pinned
from smart_data_models.registry import Registry
from tests.adapters.river_gauge.town import gauges
from tests.apps.alerts.chain import LIGHT, START, STATION, Wall, running
from tests.support.live import live_broker
from tests.support.mqtt import background

PATH = f"/ngsi-ld/v1/jsonldContexts/urn:ngsi-ld:Context:{CONTEXT}"
FLOOD = facts("kuma-2020")
DRAFT = "urn:ngsi-ld:EvacuationInformation:432032:hitoyoshi:"
CORE = frozenset(("id", "type", "location", "name", "description", "createdAt", "modifiedAt"))
TERMS: Mapping[str, Any] = orjson.loads(pinned())["@context"]


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Give clients of the town and of the drill, who speak in the pinned context's terms."""
    models = offered(Mode.REJECT)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(live_broker(tmp_path / "data", models=models))
        town = await stack.enter_async_context(Client(url, context=url + PATH))
        drill = await stack.enter_async_context(
            Client(url, tenant=DRILL_TENANT, context=url + PATH)
        )
        await plant(town, drill)
        for client, is_drill in ((town, False), (drill, True)):
            await connect_light(client, 5568, drill=is_drill)
        yield town, drill


def known_attributes(entity: Entity, registry: Registry) -> set[str]:
    """Return the IRIs of the attributes that the models of an entity's types have."""
    kinds = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
    models = [registry.by_iri(iri_of(kind)) for kind in kinds]
    assert all(models), kinds
    return {attribute.iri for model in models if model for attribute in model.attributes}


def iri_of(term: str) -> str:
    """Return what a term means beside the core context's; the term itself where it has none."""
    if term in CORE_TERMS:
        return CORE_TERMS[term]
    found = TERMS.get(term, term)
    iri = found["@id"] if isinstance(found, dict) else found
    prefix, _, rest = str(iri).partition(":")
    return str(TERMS[prefix]) + rest if prefix in TERMS and rest else str(iri)


async def strangers(*clients: Client) -> set[tuple[str, str]]:
    """Return (type, attribute) of what stands in the broker and no model knows."""
    registry, found = Registry(), set()
    for client in clients:
        listed = [info["typeName"] for info in await client.types()]
        for name in (*listed, "FeedCursor"):
            for entity in await client.query(type=name):
                known = known_attributes(entity, registry)
                unknown = {n for n in entity if n not in CORE and iri_of(n) not in known}
                found |= {(str(entity["type"]), name) for name in unknown}
    registry.close()
    return found


async def test_everything_planted_fits_its_models(clients: tuple[Client, Client]):
    assert await strangers(*clients) == set()


async def test_everything_a_flood_leaves_behind_fits_its_models(
    clients: tuple[Client, Client], tmp_path: Path
):
    _, drill = clients
    begin = datetime.fromisoformat("2020-07-04T05:40:00+09:00")
    samples = flood_samples(FLOOD, begin, begin + timedelta(minutes=15))
    wall = Later()

    async def publish(message: Message) -> None:
        await station.ingest(message)

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0.01)

    dead = Webhook("signage", frozenset(("alert", "technical")), "http://127.0.0.1:9", "secret")
    messenger = Messenger(drill, [dead], sleep=at_once, clock=wall.now)
    gauge = FakeGauge(gauges_of_the_town()[0].drill_dev_eui, "hitoyoshi", 10.5)
    ahead = gauge.message("2126-07-04T05:50:00+09:00", level=4.0)
    async with (
        gauges(tmp_path, drill) as station,
        running(drill, drill=True, wall=wall),
        background(messenger.run()),
    ):
        play = Replay(drill, publish, samples, 1200, lambda text: None, patience=30)
        assert (await play.play())[-1].step == "designHighWater"
        await station.ingest(ahead)
        async with background(unreachable(drill)):
            await noted(drill, "unreachable")
        wall.later = timedelta(minutes=1)
        await issued(drill, 'faultKind=="unreachable"')
        await issued(drill, "channels")
    assert station.health.refused == 0
    assert await strangers(drill) == set()


async def test_what_staff_and_locks_write_fits_its_models(clients: tuple[Client, Client]):
    town, _ = clients
    for number in (1, 2):
        await town.create(draft(number))
    outcome = ""
    for person in ("17", "23"):
        _, version = await town.retrieve_with_version(DRAFT + "1")
        outcome = await approve(town, DRAFT + "1", version, person, START)
    assert outcome == "published"
    _, version = await town.retrieve_with_version(DRAFT + "2")
    await discard(town, DRAFT + "2", version, "17")
    await override(town, LIGHT, Override("blinkingRed", 5, "test"), "17", START)
    lock = next(one["id"] for one in await town.query(type="SmartLock"))
    fake = FakeLock("gym")
    for message in (fake.message(at(0), door_state="closed"), fake.availability("online")):
        reading = read(replace(message, received=at(0)))
        assert reading is not None
        await town.append(lock, attributes(reading))
    assert await strangers(town) == set()


def draft(number: int) -> Entity:
    """Return a drafted evacuation order, as the alerts app makes it."""
    river = {"id": STATION, "riverName": {"value": "球磨川"}, "name": {"value": "人吉"}}
    change = Change(river, Step("danger", 3.4, 4), True, START, 3.45, drill=False)
    (operation,) = draft_operations(change, [], number)
    entity: Entity = operation["entity"]
    return entity | {"id": f"{DRAFT}{number}"}


class Later(Wall):
    """The clock on the wall, put on by as much as the test says."""

    later = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    def monotonic(self) -> float:
        return time.monotonic() + self.later.total_seconds()


def at(minute: int) -> str:
    """Return a time."""
    return timestamp(START + timedelta(minutes=minute))


async def unreachable(client: Client) -> None:
    """Report that the light is away, again and again: each new command makes it `pending`."""
    while True:
        await client.append(LIGHT, report_attributes(Verdict("unreachable", info="away"), at(0)))
        await asyncio.sleep(0.02)


async def noted(client: Client, kind: str) -> None:
    """Wait until the app, which follows the feed, knows what is wrong with the light."""
    async with asyncio.timeout(60):
        while True:
            fault = cursor_from(await client.retrieve(CURSOR_ID), "").lights.get(LIGHT)
            if fault is not None and fault.kind == kind:
                return
            await asyncio.sleep(0.02)


async def issued(client: Client, q: str) -> None:
    """Wait until there is an alert of which `q` is true."""
    async with asyncio.timeout(60):
        while not await client.query(type="Alert", q=q):
            await asyncio.sleep(0.02)
