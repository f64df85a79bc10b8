"""The simulated locks of the facilities on a real MQTT broker."""

import asyncio
from pathlib import Path

import aiomqtt
import orjson

from machi.doors import run_doors
from machi.seed.facilities import facility_entities, simulated_locks
from tests.support import free_port
from tests.support.mqtt import HOST, background, mqtt_broker
from tests.support.patience import PATIENCE


async def test_every_lock_reports_and_takes_codes(tmp_path: Path):
    port, names = free_port(), simulated_locks("zigbee_lock")
    async with (
        mqtt_broker("mosquitto", port, tmp_path),
        aiomqtt.Client(HOST, port) as mqtt,
    ):
        await mqtt.subscribe("zigbee2mqtt/+")
        async with background(run_doors(HOST, port, 3600)), asyncio.timeout(PATIENCE):
            seen: set[str] = set()
            async for message in mqtt.messages:
                seen.add(str(message.topic).split("/")[1])
                if seen == set(names):
                    break
            code = orjson.dumps({"pin_code": {"user": 1, "pin_code": 4829135}})
            await mqtt.publish(f"zigbee2mqtt/{names[0]}/set", code, qos=1)
            async for message in mqtt.messages:
                assert isinstance(message.payload, bytes)
                if orjson.loads(message.payload)["users"]["1"]["status"] == "enabled":
                    break


def test_every_facility_has_a_lock_that_an_adapter_serves():
    locks = [e for e in facility_entities() if "SmartLock" in e["type"]]
    served = [lock["adapter"]["value"] for lock in locks]
    assert len(locks) == 16
    assert set(served) == {"zigbee_lock", "key_box", "remotelock"}
    for adapter in ("zigbee_lock", "remotelock"):
        assert 0 < served.count(adapter) == len(simulated_locks(adapter))
