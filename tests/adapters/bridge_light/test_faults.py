"""The light with parts killed, away or wrong: it ends in the right look, and says what is so."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from broker.client import Client, Retry, value
from tests.adapters.bridge_light.house import (
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
from tests.support.patience import PATIENCE
from tests.support.server import broker


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        yield client


async def test_light_that_is_away_is_unreachable_and_commanded_when_it_is_back(
    client: Client, tmp_path: Path
):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        light.away = True
        await plant(client, "wled", {"url": light.url}, **RED)
        await reports(client, "unreachable")
        light.away = False
        assert await settles(client, "confirmed", "#FF0000") == ("confirmed", "#FF0000")


async def test_light_that_answers_nonsense_is_unreachable(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        light.status = 503
        await plant(client, "sacn", sacn(light))
        entity = await reports(client, "unreachable")
        assert value(entity, "commandInfo") == "the light answers 503"


async def test_light_showing_another_colour_is_a_mismatch_with_that_colour(
    client: Client, tmp_path: Path
):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        light.stuck = (0, 255, 0)
        await plant(client, "sacn", sacn(light), **RED)
        await reports(client, "mismatch", reportedColour="#00FF00")
        light.stuck = None
        assert await settles(client, "confirmed", "#FF0000") == ("confirmed", "#FF0000")


async def test_light_that_came_up_in_its_own_colour_is_commanded_again(
    client: Client, tmp_path: Path
):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "wled", {"url": light.url}, **RED)
        await reports(client, "confirmed", reportedColour="#FF0000")
        posts = len(light.posts)
        light.state["seg"][0]["col"] = [[255, 160, 0]]
        assert await comes(lambda: len(light.posts) > posts)
        assert await comes(lambda: light.state["seg"][0]["col"][0] == [255, 0, 0])


async def test_report_on_an_earlier_command_never_stands_beside_a_newer_one(
    client: Client, tmp_path: Path
):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        for number in range(12):
            await command(client, RED if number % 2 else WHITE)
            await asyncio.sleep(0.03)
        entity = await reports(client, "confirmed")
        assert value(entity, "reportedColour") == value(entity, "colour") == "#FF0000"


async def test_adapter_started_without_a_broker_commands_what_it_last_knew(
    tmp_path: Path,
):
    async with lit().running() as light:
        async with (
            live_broker(tmp_path / "data") as url,
            Client(url) as client,
            running(url, tmp_path / "state"),
        ):
            await plant(client, "sacn", sacn(light), **RED)
            await reports(client, "confirmed", reportedColour="#FF0000")
        light.packets.clear()
        async with running("http://127.0.0.1:9", tmp_path / "state"), asyncio.timeout(PATIENCE):
            while not light.packets or light.packets[-1].terminated:
                await asyncio.sleep(0.02)
            assert light.colours() == [(255, 0, 0)]


async def test_light_without_a_broker_holds_and_then_fails_safe(tmp_path: Path):
    server = broker(tmp_path / "data", tmp_path / "broker.log")
    server.start()
    async with (
        lit().running() as light,
        Client(server.url) as client,
        running(server.url, tmp_path / "state", hold=0.5),
    ):
        await plant(client, "sacn", sacn(light), **RED)
        await reports(client, "confirmed", reportedColour="#FF0000")
        server.kill()
        assert light.colours() == [(255, 0, 0)]
        async with asyncio.timeout(PATIENCE):
            while light.colours() != [(0, 0, 153)]:
                await asyncio.sleep(0.02)
        server.start()
        assert await settles(client, "confirmed", "#FF0000") == ("confirmed", "#FF0000")
    server.stop()


async def test_broker_that_opens_streams_and_says_no_more_is_away(tmp_path: Path):
    """A broker lost again before it has said how its lights stand must not end the silence."""

    async def half(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/stream"):
            return web.json_response({}, status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'id: 1\nevent: open\ndata: {"seq": 1}\n\n')
        await ended.wait()
        return response

    server, ended = broker(tmp_path / "data", tmp_path / "broker.log"), asyncio.Event()
    server.start()
    async with lit().running() as light, running(server.url, tmp_path / "state", hold=0.5):
        async with Client(server.url) as client:
            await plant(client, "sacn", sacn(light), **RED)
            await reports(client, "confirmed", reportedColour="#FF0000")
        server.kill()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", half)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", server.port).start()
            assert await comes(lambda: light.colours() == [(0, 0, 153)])
        finally:
            ended.set()
            await runner.cleanup()


async def test_light_is_right_again_after_the_adapter_was_killed(client: Client, tmp_path: Path):
    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "adapters", "bridge_light", "--broker", client.url),
            *("--state", str(tmp_path / "state")),
            stderr=asyncio.subprocess.DEVNULL,
        )

    async with lit().running() as light:
        await plant(client, "sacn", sacn(light), **WHITE)
        process = await start()
        await reports(client, "confirmed", reportedColour="#FFFFFF")
        process.kill()
        await process.wait()
        await command(client, RED)
        process = await start()
        await reports(client, "confirmed", reportedColour="#FF0000")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert await comes(lambda: light.packets[-1].terminated)


async def test_light_is_driven_whatever_others_write_to_it(client: Client, tmp_path: Path):
    async with lit().running() as light, running(client.url, tmp_path / "state"):
        await plant(client, "sacn", sacn(light))
        writer = Client(client.url, retry=Retry(attempts=None))
        async with writer:
            for number in range(20):
                await writer.append(
                    "urn:ngsi-ld:IlluminationControl:432032:mizunote", attributes(note=number)
                )
        assert await settles(client, "confirmed", "#FFFFFF") == ("confirmed", "#FFFFFF")
