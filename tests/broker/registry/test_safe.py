"""Headers for context sources: sealed in the file, told in the clear, never replaced by `***`."""

from pathlib import Path
from typing import Any

import aiohttp
import orjson

from broker.safe import KEY_FILE, MASK
from tests.broker.api.data import V1
from tests.broker.registry.sources import REGISTRATIONS, at, source
from tests.support.live import live_broker
from tests.support.receivers import receiver

INFO = [{"key": "Authorization", "value": "sesame"}, {"key": "accept", "value": "application/json"}]
MASKED = [{"key": "Authorization", "value": MASK}, INFO[1]]


async def call(url: str, method: str, path: str, body: Any = None) -> Any:
    """Return the status and the JSON of an answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, json=body) as answer,
    ):
        content = await answer.read()
        return answer.status, (orjson.loads(content) if content else None)


async def info(url: str) -> Any:
    """Return the headers a registration is shown with."""
    return (await call(url, "GET", at(1)))[1]["contextSourceInfo"]


async def test_headers_outlive_a_restart_and_are_told_but_stand_in_no_file(tmp_path: Path) -> None:
    async with receiver() as one:
        about = {
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "notification": {"endpoint": {"uri": one.url}},
        }
        async with live_broker(tmp_path) as url:
            assert (await call(url, "POST", f"{V1}/csourceSubscriptions", about))[0] == 201
            sent = source(1, contextSourceInfo=INFO)
            assert (await call(url, "POST", REGISTRATIONS, sent))[0] == 201
            (got,) = await one.wait_for(1)
        assert got.json()["data"][0]["contextSourceInfo"] == INFO
        async with live_broker(tmp_path) as url:
            assert await info(url) == INFO
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if b"sesame" in path.read_bytes()] == []


async def test_a_change_keeps_headers_it_does_not_send_and_takes_no_mask_for_one(
    tmp_path: Path,
) -> None:
    async with live_broker(tmp_path) as url:
        await call(url, "POST", REGISTRATIONS, source(1, contextSourceInfo=INFO))
        assert (await call(url, "PATCH", at(1), {"registrationName": "north"}))[0] == 204
        assert await info(url) == INFO
        status, problem = await call(url, "PATCH", at(1), {"contextSourceInfo": MASKED})
        assert (status, problem["place"]) == (400, "body:/contextSourceInfo/0/value")
        fresh = [{"key": "Authorization", "value": "open"}]
        assert (await call(url, "PATCH", at(1), {"contextSourceInfo": fresh}))[0] == 204
        assert await info(url) == fresh
        assert (await call(url, "PATCH", at(1), {"contextSourceInfo": None}))[0] == 204
        assert "contextSourceInfo" not in (await call(url, "GET", at(1)))[1]


async def test_where_the_key_is_lost_headers_are_shown_masked(tmp_path: Path) -> None:
    async with live_broker(tmp_path) as url:
        await call(url, "POST", REGISTRATIONS, source(1, contextSourceInfo=INFO))
    (tmp_path / KEY_FILE).unlink()
    async with live_broker(tmp_path) as url:
        assert await info(url) == MASKED
