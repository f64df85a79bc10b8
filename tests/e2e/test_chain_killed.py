"""Every process of the alert chain killed while the water rises: it ends as if none had been."""

import asyncio
import getpass
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt

from adapters.bridge_light.fake import FakeLight
from adapters.contract import Message
from adapters.river_gauge.fake import FakeGauge
from broker.client import Client, Entity, NotFound, Retry, value
from machi.access import hand_out
from machi.seed.town import gauges, town_entities
from tests.apps.alerts.chain import LIGHT, STATION
from tests.e2e.processes import module, running
from tests.support import free_port, require_tool
from tests.support.mqtt import listening
from tests.support.mqtt import publish as send

GAUGE = next(gauge for gauge in gauges() if gauge.local == "hitoyoshi")
DEVICE = "urn:ngsi-ld:Device:432032:gauge-hitoyoshi"
RISE = [round(2.9 + 0.04 * number, 2) for number in range(36)]
"""A level a minute, from below the first threshold to above the highest."""
SEED = 20200704
VICTIMS = ("broker", "alerts", "adapters", "mqtt", "broker", "alerts", "adapters")


async def publish(port: int, message: Message) -> None:
    """Publish an uplink; wait for an MQTT broker that is being started again."""
    while True:
        try:
            await listening(port)
            await send(port, message)
            return
        except aiomqtt.MqttError:
            await asyncio.sleep(0.05)


async def plant(client: Client, light: FakeLight) -> None:
    """Create the station, its gauge and the bridge light, whose fixtures are `light`."""
    place = {
        "universe": light.universe,
        "host": "127.0.0.1",
        "port": light.udp_port,
        "readBack": light.url,
    }
    for entity in town_entities():
        if entity["id"] in (STATION, DEVICE, LIGHT):
            more = {"addressing": {"type": "JsonProperty", "json": place}}
            await client.create(entity | (more if entity["id"] == LIGHT else {}))


async def shows(client: Client, entity_id: str, **wanted: Any) -> Entity:
    """Wait until an entity shows values; return it."""
    async with asyncio.timeout(60):
        while True:
            try:
                entity = await client.retrieve(entity_id)
            except NotFound:
                entity = {"id": entity_id}
            if all(value(entity, name) == part for name, part in wanted.items()):
                return entity
            await asyncio.sleep(0.05)


async def test_chain_killed_at_any_point_ends_in_the_right_state_and_says_so(tmp_path: Path):
    chance = random.Random(SEED)
    deaths = dict(zip(chance.sample(range(4, 32), len(VICTIMS)), VICTIMS, strict=True))
    broker_port, mqtt_port = free_port(), free_port()
    url = f"http://127.0.0.1:{broker_port}"
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {mqtt_port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
        f"persistence_location {tmp_path}/\nuser {getpass.getuser()}\n"
        "autosave_on_changes true\nautosave_interval 1\n"
    )
    at = ("--host", "127.0.0.1", "--port", str(broker_port), "--data", str(tmp_path / "data"))
    handed = hand_out(tmp_path / "data")
    adapters = ("--mqtt-port", str(mqtt_port), "--state", str(tmp_path / "adapters"))
    gauge = FakeGauge(GAUGE.dev_eui, GAUGE.local, GAUGE.sensor_height)
    begin = datetime.now(UTC) - timedelta(minutes=len(RISE))
    async with (
        FakeLight().running() as light,
        running(
            tmp_path,
            {f"MACHI_KEY_{name.upper()}": key for name, key in handed.keys.items()},
            broker=module("machi", "broker", *at, "--auth", "embedded", "--pinned-context"),
            mqtt=[require_tool("mosquitto"), "-c", str(config)],
            alerts=module("apps.alerts", "--broker", url),
            adapters=module("adapters", "river_gauge", "bridge_light", "--broker", url, *adapters),
        ) as processes,
        Client(url, key=handed.keys["seed"], retry=Retry(attempts=None)) as client,
    ):
        await plant(client, light)
        # An MQTT broker keeps nothing for an adapter that has never been there, and a stage needs
        # two samples: an alerts app whose first life began after the rise would know one.
        for name in ("adapters", "alerts"):
            await processes[name].ready()
        for minute, level in enumerate(RISE):
            time = (begin + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
            await publish(mqtt_port, gauge.message(time, level=level))
            if minute in deaths:
                await asyncio.sleep(chance.uniform(0, 0.2))
                await processes[deaths[minute]].kill()
        station = await shows(client, STATION, waterLevel=RISE[-1], stageStep="designHighWater")
        shown = {"reportedColour": "#FF0000", "reportedEffect": "blink"}
        told = await shows(
            client, LIGHT, step="designHighWater", commandStatus="confirmed", **shown
        )
        alerts = await client.query(type="Alert", q='subCategory=="flood"')
        drafts = await client.query(type="EvacuationInformation")
    assert (value(station, "stage"), value(told, "mode")) == (4, "alert")
    states = Counter(str(value(alert, "alertState")) for alert in alerts)
    assert states["active"] == 1
    steps = [value(alert, "stageStep") for alert in alerts]
    assert len(set(steps)) == len(steps), "an effect happened twice"
    (draft,) = drafts
    assert value(draft, "publicationState") == "draft"
    assert "計画高水位" in value(draft, "headline")["ja"]
