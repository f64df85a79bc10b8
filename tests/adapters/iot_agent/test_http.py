"""The IoT agent protocols over HTTP: measures, polled and pushed commands, refusals."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import pytest

from broker.client import observed_at, value
from tests.adapters.iot_agent.school import KEY, School, school
from tests.support.patience import PATIENCE

ME = {"k": KEY, "i": "door"}
PATHS = {"ul": "/iot/d", "json": "/iot/json"}


async def post(town: School, path: str, body: bytes, **query: str) -> tuple[int, bytes, Any]:
    """Send a request as a device; return status, body and headers."""
    async with aiohttp.ClientSession(town.url) as session:
        params = {**ME, **query}
        async with session.post(path, data=body, params=params) as answer:
            return answer.status, await answer.read(), answer.headers


async def fetched(town: School, path: str, measure: bytes) -> bytes:
    """Ask for commands as a polling device does until there is one; return the answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            _, commands, _ = await post(town, path, measure, getCmd="1")
            if commands not in (b"", b"{}"):
                return commands


@pytest.mark.parametrize("protocol", ["ul", "json"])
async def test_posted_measures_are_written_with_the_time_beside_them(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        await town.plant()
        body = town.thing.message("", t=15).payload
        status, _, _ = await post(town, PATHS[protocol], body, t="2026-07-04T05:50:00+09:00")
        assert status == 200
        door = await town.shows(temperature=15)
        assert observed_at(door, "temperature") == "2026-07-03T20:50:00Z"


async def test_measures_in_a_get_are_written(tmp_path: Path):
    async with school(tmp_path) as town, aiohttp.ClientSession(town.url) as session:
        await town.plant()
        async with session.get("/iot/d", params={**ME, "d": "t|15"}) as answer:
            assert answer.status == 200
        await town.shows(temperature=15)


async def test_polling_device_fetches_its_commands_and_reports_the_result(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant(transport="HTTP", commandExpirySeconds=30)
        await town.order("now")
        assert await fetched(town, "/iot/d", b"t|15") == b"door@unlock|now"
        await town.shows(unlock_status="DELIVERED")
        await post(town, "/iot/d", b"door@unlock|opened")
        await town.shows(unlock_status="OK", unlock_info="opened")


async def test_polling_json_device_fetches_and_reports_as_json(tmp_path: Path):
    async with school(tmp_path, "json") as town:
        await town.plant(transport="HTTP", commandExpirySeconds=30)
        await town.order("now")
        assert await fetched(town, "/iot/json", b'{"t":15}') == b'{"unlock":"now"}'
        await post(town, "/iot/json/commands", b'{"unlock":"opened"}')
        await town.shows(unlock_status="OK", unlock_info="opened")


async def test_command_nobody_fetches_expires(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant(transport="HTTP", commandExpirySeconds=0.2)
        await town.order("now")
        await town.shows(unlock_status="EXPIRED")
        assert (await post(town, "/iot/d", b"", getCmd="1"))[1] == b""


async def ordered(town: School, status: str) -> str:
    """Order, and wait until the door says a status; return the info beside it."""
    await town.order("now")
    return str(value(await town.shows(unlock_status=status), "unlock_info"))


@pytest.mark.parametrize("protocol", ["ul", "json"])
async def test_pushed_command_is_done_when_the_device_says_so(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        runner = aiohttp.web.AppRunner(town.thing.application())
        await runner.setup()
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        await town.plant(transport="HTTP", endpoint=f"http://127.0.0.1:{port}/commands")
        assert await ordered(town, "OK") == "done"
        town.thing.status = 503
        assert await ordered(town, "ERROR") == "the device answers 503"
        await runner.cleanup()


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://127.0.0.1:9/", "gives no answer"),
        ("http://192.0.2.1/", "--device-network"),
        ("file:///etc/passwd", "http"),
    ],
)
async def test_device_away_or_out_of_reach_is_an_error_with_its_reason(
    endpoint: str, reason: str, tmp_path: Path
):
    async with school(tmp_path) as town:
        await town.plant(transport="HTTP", endpoint=endpoint)
        assert reason in await ordered(town, "ERROR")


async def test_requests_that_cannot_be_right_are_refused_with_the_place(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant()
        for query, body, status, place in (
            ({"k": ""}, b"t|15", 400, "query:k"),
            ({"i": "a/b"}, b"t|15", 400, "query:i"),
            ({"k": "wrong"}, b"t|15", 404, "query:k"),
            ({}, b"t", 400, "body:group 0"),
            ({"t": "noon"}, b"t|15", 400, "body:group 0"),
        ):
            answered, problem, headers = await post(town, "/iot/d", body, **query)
            assert (answered, headers["Content-Type"]) == (status, "application/problem+json")
            assert place.encode() in problem
        assert (await post(town, "/iot/d", b"x" * 70_000))[0] == 413
