"""Alerts app, light adapter and fixtures together: what is wrong with a light is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.bridge_light.fake import FakeLight
from broker.client import Client, Entity, value
from tests.adapters.bridge_light.house import lit, sacn
from tests.adapters.bridge_light.house import running as lights_driven
from tests.apps.alerts.chain import LIGHT, Wall, measure, noted, running, shows, taken
from tests.apps.alerts.test_faults import technical

GREEN = (0, 255, 0)


@contextlib.asynccontextmanager
async def red_bridge(client: Client, folder: Path, wall: Wall) -> AsyncIterator[FakeLight]:
    """Give the fixtures of a bridge that the alerts app and the adapter have turned red."""
    async with (
        lit().running() as light,
        lights_driven(client.url, folder),
        running(client, wall=wall),
    ):
        place = {"type": "JsonProperty", "json": sacn(light)}
        await client.append(LIGHT, {"addressing": place})
        for minute in (0, 1):
            await measure(client, minute, 3.5)
        await taken(client, 1)
        await shows(client, LIGHT, commandStatus="confirmed", reportedColour="#FF0000")
        yield light


async def told_of(client: Client, wall: Wall) -> Entity:
    """Let half minutes pass on the wall until there is an alert of the light; return it.

    Where a read of a stalled machine times out meanwhile, the app counts anew.
    """
    for _ in range(15):
        await noted(client)
        wall.minute += 0.5
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4):
                (alert,) = await technical(client, "active", of=LIGHT)
                return alert
    raise AssertionError("nobody is told of the light")


async def test_light_showing_another_colour_is_told_and_held_to_the_stage(
    client: Client, tmp_path: Path
):
    wall = Wall(1)
    async with red_bridge(client, tmp_path / "state", wall) as light:
        light.stuck = GREEN
        told = await shows(client, LIGHT, commandStatus="mismatch", reportedColour="#00FF00")
        assert value(told, "colour") == "#FF0000"
        alert = await told_of(client, wall)
        assert value(alert, "faultKind") == "mismatch"
        light.stuck = None
        await shows(client, LIGHT, commandStatus="confirmed", reportedColour="#FF0000")
        assert light.colours() == [(255, 0, 0)]
        (alert,) = await technical(client, "ended", of=LIGHT)
    assert value(alert, "headline")["ja"].startswith("【復旧】")


@pytest.mark.parametrize("status", [200, 503])
async def test_light_that_cannot_be_reached_keeps_its_command_and_is_told(
    client: Client, tmp_path: Path, status: int
):
    wall = Wall(1)
    async with red_bridge(client, tmp_path / "state", wall) as light:
        light.away, light.status = status == 200, status
        await shows(client, LIGHT, commandStatus="unreachable", colour="#FF0000", mode="alert")
        alert = await told_of(client, wall)
        assert value(alert, "faultKind") == "unreachable"
        light.away, light.status = False, 200
        await shows(client, LIGHT, commandStatus="confirmed", reportedColour="#FF0000")
        (alert,) = await technical(client, "ended", of=LIGHT)
    assert value(alert, "faultKind") == "unreachable"
