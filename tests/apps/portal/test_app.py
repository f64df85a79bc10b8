"""The portal over HTTP, on a real broker."""

import aiohttp
import orjson
import pytest

from apps.portal.app import PortalSettings, portal
from broker.client import Client
from tests.apps.portal.conftest import Page
from tests.support.live import serve


async def test_page_is_served_in_the_language_asked_for(town: None, page: Page):
    await page.ready.wait()
    for language, word in (("ja", "避難所"), ("en", "Shelters")):
        async with page.session.get("/", params={"lang": language}) as answer:
            text = await answer.text()
        assert f'<html lang="{language}">' in text
        assert word in text


async def test_browser_decides_the_language_where_none_is_asked_for(page: Page):
    async with page.session.get("/", headers={"Accept-Language": "en-GB,ja"}) as answer:
        assert answer.headers["Content-Language"] == "en"
    async with page.session.get("/", headers={"Accept-Language": "fr"}) as answer:
        assert answer.headers["Content-Language"] == "ja"


@pytest.mark.parametrize("path", ["/", "/town.json", "/static/town.js", "/nowhere"])
async def test_every_answer_keeps_to_its_own_files_and_out_of_search(page: Page, path: str):
    async with page.session.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "noindex" in answer.headers["X-Robots-Tag"]


async def test_page_without_a_town_says_what_is_missing(page: Page):
    async with page.session.get("/", params={"lang": "en"}) as answer:
        text = await answer.text()
    assert "No shelters are known yet." in text
    assert "No connection to the data." in text


async def test_unknown_path_gets_a_page_and_404(page: Page):
    async with page.session.get("/nowhere", params={"lang": "en"}) as answer:
        assert answer.status == 404
        assert "There is no such page." in await answer.text()


async def test_page_says_it_is_a_demo(page: Page):
    async with page.session.get("/", params={"lang": "en"}) as answer:
        assert "This is a demo, not the city of Hitoyoshi." in await answer.text()


async def test_names_in_entities_cannot_become_markup(broker: str, town: None, page: Page):
    await page.ready.wait()
    shelter = {
        "id": "urn:ngsi-ld:EvacuationShelter:432032:x",
        "type": "EvacuationShelter",
        "name": {"type": "Property", "value": "<script>alert(1)</script>"},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [130.76, 32.2]},
        },
    }
    async with Client(broker) as client:
        await client.create(shelter)
    text = ""
    while "alert(1)" not in text:
        async with page.session.get("/") as answer:
            text = await answer.text()
    assert "<script>alert" not in text


async def test_live_stream_tells_of_a_change(broker: str, town: None, page: Page):
    await page.ready.wait()
    station = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
    level = {"type": "Property", "value": 2.5, "observedAt": "2026-07-04T00:00:00Z"}
    async with page.session.get("/live", params={"lang": "en"}) as answer, Client(broker) as client:
        assert answer.content_type == "text/event-stream"
        await client.append(station, {"waterLevel": level})
        async for line in answer.content:
            if line.startswith(b"data: "):
                view = orjson.loads(line.removeprefix(b"data: "))
                if view["situations"]["real"]["station"]["levelText"] == "2.50 m":
                    break
        else:
            pytest.fail("the stream ended without the new level")


async def test_ready_only_while_the_broker_is_heard(town: None, page: Page):
    await page.ready.wait()
    async with page.session.get("/ready") as answer:
        assert answer.status == 200


async def test_without_a_broker_the_page_is_served_and_not_ready():
    settings = PortalSettings("http://127.0.0.1:1", "drill")
    async with serve(portal(settings)) as url, aiohttp.ClientSession(url) as session:
        async with session.get("/ready") as answer:
            assert answer.status == 503
        async with session.get("/", params={"lang": "ja"}) as answer:
            assert answer.status == 200
