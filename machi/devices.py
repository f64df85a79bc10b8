"""The town's simulated devices: gauges on an ordinary river, lights on the bridge, locks.

A vendor's cloud of locks is among them, where an account at it is given.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import math
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt

from adapters.bridge_light.fake import FakeLight
from adapters.common.mqtt_client import MqttClient
from adapters.contract import Message
from adapters.river_gauge.fake import FakeGauge
from machi.doors import run_doors
from machi.lock_cloud import run_cloud
from machi.pauses import pauses
from machi.seed.lights import FIXTURES, light_port, universe
from machi.seed.town import Gauge, gauges

log = logging.getLogger("machi.devices")

SWELL = 0.04
PERIOD = 3600.0
DOORS = 300.0
"""Seconds between two reports of a lock."""


def ordinary_level(gauge: Gauge, moment: datetime) -> float:
    """Return the level in metres a gauge reports at a moment: a slow, small swell."""
    phase = 2 * math.pi * moment.timestamp() / PERIOD
    return round(gauge.ordinary_level + SWELL * math.sin(phase), 3)


async def run(
    host: str, port: int, every: float, first_light: int, cloud: Path | None, cloud_port: int
) -> None:
    """Run all devices until cancelled."""
    async with AsyncExitStack() as stack:
        for drill in (False, True):
            light = FakeLight(universe(drill=drill), fixtures=FIXTURES)
            at = light_port(first_light, drill=drill)
            await stack.enter_async_context(light.running(udp_port=at, http_port=at))
        doors = asyncio.create_task(run_doors(host, port, DOORS))
        stack.callback(doors.cancel)
        if cloud is not None:
            vendor = asyncio.create_task(run_cloud(cloud, cloud_port))
            stack.callback(vendor.cancel)
        await report(host, port, every)


async def report(host: str, port: int, every: float) -> None:
    """Report all gauges every so many seconds until cancelled; wait out an absent MQTT broker.

    The first pauses are short, so that who begins to listen a little later need not wait for long.
    """
    devices = [(g, FakeGauge(g.dev_eui, g.local, g.sensor_height)) for g in gauges()]
    told = False
    while True:
        try:
            async with MqttClient(host, port, protocol=aiomqtt.ProtocolVersion.V311) as client:
                for pause in pauses(every):
                    now = datetime.now(UTC)
                    for gauge, device in devices:
                        message = _report(gauge, device, now)
                        await client.publish(message.topic, message.payload, qos=1)
                    if not told:
                        log.info(
                            "ready: %d gauges report every %g s, and the lights are on",
                            len(devices),
                            every,
                        )
                        told = True
                    await asyncio.sleep(pause)
        except aiomqtt.MqttError as error:
            log.warning("MQTT at %s:%d is away: %s", host, port, error)
            await asyncio.sleep(2.0)


def _report(gauge: Gauge, device: FakeGauge, now: datetime) -> Message:
    text = now.isoformat(timespec="milliseconds")
    return device.message(text, level=ordinary_level(gauge, now), battery=100)


def main() -> None:
    """Run the simulated devices until they are stopped."""
    parser = argparse.ArgumentParser(prog="machi.devices", description="Simulated devices.")
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two reports")
    parser.add_argument("--light-port", type=int, default=5568)
    parser.add_argument("--cloud", type=Path, help="file with an account at a vendor of locks")
    parser.add_argument("--cloud-port", type=int, default=8088)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(
            run(
                options.mqtt_host,
                options.mqtt_port,
                options.every,
                options.light_port,
                options.cloud,
                options.cloud_port,
            )
        )


if __name__ == "__main__":
    main()
