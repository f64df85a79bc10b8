"""What the town publishes, for programs and on the page: never a draft."""

from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from apps.portal.app import PortalSettings, portal
from broker.client import Client
from tests.apps.portal.conftest import Page
from tests.support.live import serve

CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
ATOM = "{http://www.w3.org/2005/Atom}"
ORDER = "urn:ngsi-ld:EvacuationInformation:432032:hitoyoshi:7"


def order(state: str) -> dict[str, Any]:
    """Return an evacuation order in a state of publication."""
    values = {
        "publicationState": state,
        "alertLevel": 4,
        "informationKind": "evacuationOrder",
        "issuedAt": "2026-07-03T20:00:00Z",
        "operationStatus": "normal",
    }
    headline = {"ja": "避難指示です", "en": "Leave now"}
    return {
        "id": ORDER,
        "type": "EvacuationInformation",
        "headline": {"type": "LanguageProperty", "languageMap": headline},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
    }


async def seen(page: Page, state: str, broker: str) -> None:
    """Put an order, and a shelter behind it; wait until the page knows both."""
    last = {"id": "urn:ngsi-ld:EvacuationShelter:432032:last", "type": "EvacuationShelter"}
    async with Client(broker) as client:
        await client.create(order(state))
        await client.create(last)
    text = ""
    while last["id"] not in text:
        async with page.session.get("/town.json") as answer:
            text = await answer.text()


async def test_published_order_is_on_the_page_and_its_cap_document_in_the_feed(
    broker: str, town: None, page: Page
):
    await page.ready.wait()
    await seen(page, "published", broker)
    async with page.session.get("/snapshot?lang=ja") as answer:
        assert "避難指示です" in await answer.text()
    async with page.session.get("/cap/real?lang=en") as answer:
        assert answer.content_type == "application/atom+xml"
        entry = ET.fromstring(await answer.text()).find(f"{ATOM}entry")
    assert entry is not None
    assert entry.findtext(f"{ATOM}title") == "Leave now"
    (link,) = entry.iter(f"{ATOM}link")
    async with page.session.get(link.attrib["href"]) as answer:
        assert answer.content_type == "application/cap+xml"
        document = ET.fromstring(await answer.text())
    assert document.findtext(f"{CAP}status") == "Actual"


async def test_draft_is_nowhere_to_be_seen(broker: str, town: None, page: Page):
    await page.ready.wait()
    await seen(page, "draft", broker)
    for path in ("/", "/snapshot", "/town.json", "/cap/real"):
        async with page.session.get(path, params={"lang": "en"}) as answer:
            assert answer.status == 200
            assert "Leave now" not in await answer.text()
    async with page.session.get(f"/cap/real/{ORDER}") as answer:
        assert answer.status == 404
        assert "/cap/real" in (await answer.json(content_type=None))["remedy"]


@pytest.mark.parametrize("path", ["/cap/real", f"/cap/real/{ORDER}"])
async def test_without_a_broker_the_feed_never_says_that_nothing_is_in_force(path: str):
    settings = PortalSettings("http://127.0.0.1:1", "drill")
    async with (
        serve(portal(settings)) as url,
        aiohttp.ClientSession(url) as session,
        session.get(path) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_feed_of_anything_else_is_a_problem_with_the_way_to_those_there_are(page: Page):
    async with page.session.get("/cap/other") as answer:
        assert answer.status == 404
        assert "/cap/drill" in (await answer.json(content_type=None))["remedy"]
