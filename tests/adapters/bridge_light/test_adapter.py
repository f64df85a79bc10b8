"""The bridge light on its real wires: entity in, packets and JSON out, the real colour back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.bridge_light.look import DARK
from broker.client import Client, observed_at, value
from tests.adapters.bridge_light.house import (
    BLINKING_RED,
    LIGHT,
    RED,
    WHITE,
    attributes,
    comes,
    command,
    lit,
    plant,
    reports,
    running,
    sacn,
    settles,
)
from tests.support.live import live_broker


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        yield client


async def test_sacn_light_follows_white_red_and_blinking_red(client: Client, tmp_path: Path):
    async with lit(fixtures=3).running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        await reports(client, "confirmed", reportedColour="#FFFFFF", reportedEffect="steady")
        assert light.colours() == [(255, 255, 255)] * 3
        await command(client, RED)
        await reports(client, "confirmed", reportedColour="#FF0000", reportedEffect="steady")
        await command(client, BLINKING_RED)
        entity = await reports(
            client, "confirmed", reportedColour="#FF0000", reportedEffect="blink"
        )
        assert observed_at(entity, "reportedColour") is not None
        alternating = {bytes(DARK), b"\xff\x00\x00"}
        assert await comes(lambda: {bytes(p.slots[:3]) for p in light.packets[-8:]} == alternating)


async def test_wled_light_follows_and_blinks_by_itself(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "wled", {"url": light.url}, **BLINKING_RED)
        await reports(client, "confirmed", reportedColour="#FF0000", reportedEffect="blink")
        assert light.posts[0]["on"] is True
        assert light.packets == []
        await command(client, WHITE)
        entity = await reports(client, "confirmed", reportedColour="#FFFFFF")
        assert value(entity, "reportedEffect") == "steady"


async def test_sacn_by_multicast_reaches_the_universe(client: Client, tmp_path: Path):
    light = lit(universe=4711)
    async with light.running(multicast=True), running(client.url, tmp_path / "state"):
        addressing = sacn(light, interface="127.0.0.1")
        del addressing["host"]
        await plant(client, "sacn", addressing)
        assert await settles(client, "confirmed", "#FFFFFF") == ("confirmed", "#FFFFFF")


async def test_light_that_cannot_be_asked_is_sent_and_reports_no_colour(
    client: Client, tmp_path: Path
):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light, readBack=None))
        entity = await reports(client, "sent")
        assert value(entity, "reportedColour") is None
        assert light.colours() == [(255, 255, 255)]


async def test_packets_carry_priority_name_and_rising_numbers(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        await reports(client, "confirmed")
        await command(client, {**RED, "mode": "ordinary"})
        await reports(client, "confirmed", reportedColour="#FF0000")
        numbers = [packet.sequence for packet in light.packets]
        assert numbers == [number % 256 for number in range(len(numbers))]
        assert {packet.source for packet in light.packets} == {"machi mizunote"}
        assert (light.packets[0].priority, light.packets[-1].priority) == (200, 100)


async def test_preview_is_for_visualisers_and_turns_no_fixture(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light, preview=True, readBack=None))
        await reports(client, "sent")
        assert all(packet.preview for packet in light.packets)
        assert light.colours() != [(255, 255, 255)]


async def test_an_orderly_end_says_so_in_the_stream(client: Client, tmp_path: Path):
    async with lit().running() as light:
        async with running(client.url, tmp_path / "state"):
            await plant(client, "sacn", sacn(light))
            await reports(client, "confirmed")
        assert await comes(lambda: light.packets[-1].terminated)


async def test_light_that_is_deleted_is_let_go(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        await reports(client, "confirmed")
        await client.delete(LIGHT)
        assert await comes(lambda: light.packets[-1].terminated)


async def test_light_outside_the_device_networks_is_not_called(client: Client, tmp_path: Path):
    async with running(client.url, tmp_path / "state"):
        await plant(client, "wled", {"url": "http://192.0.2.1"})
        entity = await reports(client, "unreachable")
        assert "--device-network" in value(entity, "commandInfo")


async def test_light_that_asks_for_no_look_fails_safe(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light), colour="salmon", mode="alert")
        assert await settles(client, "confirmed", "#0000FF") == ("confirmed", "#0000FF")


async def test_the_same_command_again_is_confirmed_again(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        await reports(client, "confirmed")
        await client.append(LIGHT, attributes(commandStatus="pending"))
        assert await settles(client, "confirmed", "#FFFFFF") == ("confirmed", "#FFFFFF")


async def test_commands_in_quick_succession_are_all_answered(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        for _ in range(40):
            await client.append(LIGHT, attributes(commandStatus="pending"))
            await asyncio.sleep(0.013)
        assert await settles(client, "confirmed", "#FFFFFF") == ("confirmed", "#FFFFFF")
