"""A bridge with a light, for the tests of this folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from adapters.bridge_light import adapter, lamp
from adapters.bridge_light.adapter import BridgeLight
from adapters.bridge_light.fake import FakeLight
from adapters.bridge_light.keeper import Timing
from adapters.bridge_light.manifest import MANIFEST
from adapters.common.host import Settings, run
from broker.client import Client, Entity, value
from tests.support.mqtt import background
from tests.support.patience import PATIENCE

LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"
QUICK = Timing(settle=0.05, soon=0.1, later=0.3, repeat=60.0)

WHITE = {"colour": "#FFFFFF", "effect": "steady", "brightness": 100, "mode": "alert"}
RED = {**WHITE, "colour": "#FF0000"}
BLINKING_RED = {**RED, "effect": "blink", "blinkPeriodMs": 1000}


def attributes(**values: Any) -> dict[str, Any]:
    """Return normalized attributes of plain values."""
    return {name: {"type": "Property", "value": part} for name, part in values.items()}


def lit(**options: Any) -> FakeLight:
    """Return a fake light that gives no source up, however late a packet is on a busy machine."""
    return FakeLight(monotonic=lambda: 0.0, **options)


def sacn(light: FakeLight, **more: Any) -> dict[str, Any]:
    """Return the addressing of a fake light by unicast sACN, read back through its JSON API."""
    return {
        "universe": light.universe,
        "fixtures": light.fixtures,
        "host": "127.0.0.1",
        "port": light.udp_port,
        "readBack": light.url,
        **more,
    }


async def plant(client: Client, protocol: str, addressing: dict[str, Any], **look: Any) -> None:
    """Create the light's entity."""
    await client.create(
        {
            "id": LIGHT,
            "type": ["Streetlight", "IlluminationControl"],
            **attributes(protocol=protocol, commandStatus="pending", **(look or WHITE)),
            "addressing": {"type": "JsonProperty", "json": addressing},
        }
    )


async def command(client: Client, look: dict[str, Any]) -> None:
    """Tell the light to look otherwise, as the alerts app does."""
    await client.append(LIGHT, attributes(**look, commandStatus="pending"))


async def reports(client: Client, status: str, **reported: Any) -> Entity:
    """Wait until the light's entity reports a status, and these reported values."""
    async with asyncio.timeout(PATIENCE):
        while True:
            light = await client.retrieve(LIGHT)
            told = {name: value(light, name) for name in reported}
            if value(light, "commandStatus") == status and told == reported:
                return light
            await asyncio.sleep(0.02)


async def settles(client: Client, status: str, colour: str) -> tuple[Any, Any]:
    """Return the status and colour the light's entity reports, once they are these.

    Where they do not come to be, return what they are.
    """
    try:
        light = await reports(client, status, reportedColour=colour)
    except TimeoutError:
        light = await client.retrieve(LIGHT)
    return value(light, "commandStatus"), value(light, "reportedColour")


async def comes(holds: Callable[[], bool]) -> bool:
    """Say whether something comes to hold."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.01)
    return holds()


@contextlib.asynccontextmanager
async def running(url: str, state: Path, hold: float = adapter.HOLD) -> AsyncIterator[None]:
    """Run the adapter beside the test. It has time for an answer: a light is away or it is not."""

    def build(host):
        return BridgeLight(host, timing=QUICK, hold=hold)

    with patch.object(lamp, "TIMEOUT", PATIENCE):
        async with background(run(MANIFEST, build, Settings(url, state))):
            yield
