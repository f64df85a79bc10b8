"""The page for developers: what it prints works, and what it offers is whole."""

import asyncio
import csv
import html
import io
import re
import sys
from typing import Any

import orjson
import pytest

from apps.portal.app import PortalSettings, portal
from broker.client import Client
from tests.apps.portal.conftest import Page
from tests.support import require_tool
from tests.support.live import serve

STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"


async def read(page: Page, language: str = "en") -> str:
    """Return the page."""
    async with page.session.get("/developers", params={"lang": language}) as answer:
        assert answer.status == 200
        return await answer.text()


def program(text: str, key: str, number: int) -> str:
    """Return a program as a reader copies it."""
    found = re.search(rf'<pre id="{key}-code-{number}"[^>]*><code>(.*?)</code>', text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


async def output(*command: str) -> str:
    """Run a command to its end and return what it prints."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def first_event(*command: str) -> str:
    """Run a command until it has printed the first data of an event, and end it."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if b"data: " in line and b"entity" in line:
                return line.decode()
    finally:
        process.kill()
        await process.wait()
    raise AssertionError("the stream ended")


async def download(page: Page, type: str, ending: str) -> tuple[Any, bytes]:
    """Return a file's headers and bytes."""
    async with page.session.get("/download", params={"type": type, "as": ending}) as answer:
        assert answer.status == 200
        return answer.headers, await answer.read()


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_page_lists_every_type_with_its_count_and_a_sample(
    broker: str, town: None, page: Page, language: str
):
    text = await read(page, language)
    async with Client(broker) as client:
        types = await client.types()
        shelters = await client.query(type="EvacuationShelter")
    assert len(types) > 3
    for type in types:
        assert f"<strong>{type['typeName']}</strong>" in text
    count = f"{len(shelters)}件" if language == "ja" else f"entities: {len(shelters)}"
    assert f'<strong>EvacuationShelter</strong> <span class="fine">{count}</span>' in text
    assert html.escape(str(shelters[0]["id"])) in text


async def test_start_page_leads_to_the_developers_page(town: None, page: Page):
    async with page.session.get("/", params={"lang": "en"}) as answer:
        assert 'href="/developers?lang=en"' in await answer.text()


async def test_printed_curl_and_python_print_the_town(town: None, page: Page):
    text = await read(page)
    require_tool("curl")
    found = orjson.loads(await output("bash", "-c", program(text, "start-query", 1)))
    assert STATION in [entity["id"] for entity in found]
    assert STATION in await output(sys.executable, "-c", program(text, "start-query", 2))


async def test_printed_programs_work_for_every_type(broker: str, town: None, page: Page):
    text = await read(page)
    async with Client(broker) as client:
        types = await client.types()
    for number in range(1, len(types) + 1):
        curl = program(text, f"type-{number}-query", 1)
        assert orjson.loads(await output("bash", "-c", curl))


async def test_printed_live_streams_begin_with_what_is_there(town: None, page: Page):
    text = await read(page)
    require_tool("curl")
    assert STATION.rpartition(":")[0] in await first_event(
        "bash", "-c", "exec " + program(text, "start-stream", 1)
    )
    assert STATION.rpartition(":")[0] in await first_event(
        sys.executable, "-c", program(text, "start-stream", 2)
    )


async def test_csv_has_every_entity_and_no_byte_order_mark(broker: str, town: None, page: Page):
    headers, content = await download(page, "EvacuationShelter", "csv")
    assert headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert headers["Content-Disposition"] == 'attachment; filename="EvacuationShelter.csv"'
    assert content.startswith(b"id,type,")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    async with Client(broker) as client:
        shelters = await client.query(type="EvacuationShelter")
    assert {row["id"] for row in rows} == {shelter["id"] for shelter in shelters}
    assert len(rows) == len(shelters)
    assert rows[0]["name.ja"]
    assert 130 < float(rows[0]["location.longitude"]) < 131


async def test_geojson_and_json_ld_have_every_entity(broker: str, town: None, page: Page):
    async with Client(broker) as client:
        ids = [shelter["id"] for shelter in await client.query(type="EvacuationShelter")]
    _, content = await download(page, "EvacuationShelter", "geojson")
    features = orjson.loads(content)["features"]
    assert [feature["id"] for feature in features] == ids
    assert features[0]["geometry"]["type"] == "Point"
    headers, content = await download(page, "EvacuationShelter", "jsonld")
    entities = orjson.loads(content)
    assert headers["Content-Type"] == "application/ld+json"
    assert [entity["id"] for entity in entities] == ids
    assert "@context" in entities[0]


@pytest.mark.parametrize(
    ("query", "status"), [("type=Nothing&as=csv", 404), ("type=Alert&as=xls", 400), ("as=csv", 400)]
)
async def test_download_of_nothing_says_what_to_do(page: Page, query: str, status: int):
    async with page.session.get(f"/download?{query}") as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["remedy"]


async def test_page_shows_the_brokers_public_address(broker: str, town: None):
    settings = PortalSettings(broker, "drill", public_broker="https://data.town.example/")
    async with serve(portal(settings)) as url:
        text = await output("curl", "-s", f"{url}/developers?lang=en")
    assert "curl -s &#39;https://data.town.example/ngsi-ld/v1/entities?type=" in text
    assert broker not in text


async def test_without_a_broker_the_page_says_so():
    settings = PortalSettings("http://127.0.0.1:1", "drill")
    async with serve(portal(settings)) as url:
        text = await output("curl", "-s", f"{url}/developers?lang=en")
    assert "No connection to the data." in text
