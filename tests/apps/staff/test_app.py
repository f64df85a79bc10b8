"""The staff page on a real broker: two persons publish, overrides expire, forms are its own."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from apps.staff.app import TEXTS, StaffSettings, staff
from broker.client import Client, value
from machi.seed.town import town_entities
from tests.support import free_port
from tests.support.live import live_broker, serve

NOW = datetime(2026, 7, 4, tzinfo=UTC)
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"
DRAFT = "urn:ngsi-ld:EvacuationInformation:432032:hitoyoshi:7"


def draft() -> dict[str, Any]:
    """Return a drafted evacuation order."""
    values = {
        "publicationState": "draft",
        "alertLevel": 4,
        "informationKind": "evacuationOrder",
        "areas": [{"name": "球磨川沿い", "geocode": "432032"}],
        "issuedAt": "2026-07-03T20:00:00Z",
        "operationStatus": "normal",
        "messageType": "alert",
        "approvals": [],
    }
    return {
        "id": DRAFT,
        "type": "EvacuationInformation",
        "headline": {"type": "LanguageProperty", "languageMap": {"ja": "避難指示", "en": "Order"}},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
    }


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path) as url, Client(url) as client:
        for entity in town_entities():
            if "EvacuationShelter" not in entity["type"]:
                await client.create(entity)
        await client.create(draft())
        yield client


@pytest.fixture
async def page(broker: Client) -> AsyncIterator[aiohttp.ClientSession]:
    settings = StaffSettings(broker.url, "drill", clock=lambda: NOW)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serve(staff(settings)) as url,
        aiohttp.ClientSession(url, cookie_jar=jar) as session,
    ):
        yield session


async def token(page: aiohttp.ClientSession) -> str:
    """Load the page; return its forms' token."""
    async with page.get("/?lang=en") as answer:
        return re.findall('name="token" value="([0-9a-f]+)"', await answer.text())[0]


async def send(page: aiohttp.ClientSession, deed: str, **fields: str) -> tuple[int, str]:
    """Send a form as the page does; return the status and what the page then says."""
    form = {"tenant": "real", "token": await token(page), "id": DRAFT, **fields}
    async with page.post(f"/act/{deed}?lang=en", data=form) as answer:
        told = re.findall('class="told.*?>(.*?)</p>', await answer.text())
        return answer.status, told[0] if told else ""


async def version(broker: Client, entity_id: str = DRAFT) -> str:
    """Return the version of an entity."""
    return (await broker.retrieve_with_version(entity_id))[1]


async def test_order_is_published_by_two_persons_and_told_as_cap(broker: Client, page):
    first = await send(page, "approve", staff="17", version=await version(broker))
    assert first == (200, "Approved. A second person must approve too.")
    assert value(await broker.retrieve(DRAFT), "publicationState") == "draft"
    again = await send(page, "approve", staff="17", version=await version(broker))
    assert again[0] == 409
    second = await send(page, "approve", staff="23", version=await version(broker))
    assert second == (200, "Published.")
    entity = await broker.retrieve(DRAFT)
    assert value(entity, "publicationState") == "published"
    assert value(entity, "issuedAt") == "2026-07-04T00:00:00Z"
    async with page.get("/cap/real") as answer:
        (listed,) = await answer.json()
    async with page.get(listed["href"]) as answer:
        assert answer.content_type == "application/cap+xml"
        alert = ET.fromstring(await answer.text())
    assert alert.findtext("{*}status") == "Actual"


async def test_draft_is_no_cap_document(broker: Client, page):
    async with page.get("/cap/real") as answer:
        assert await answer.json() == []
    async with page.get(f"/cap/real/{DRAFT}") as answer:
        assert answer.status == 404


async def test_draft_that_changed_since_it_was_seen_is_not_published(broker: Client, page):
    seen = await version(broker)
    await broker.append(DRAFT, {"alertLevel": {"type": "Property", "value": 3}})
    status, told = await send(page, "approve", staff="17", version=seen)
    assert (status, "changed since you saw it" in told) == (409, True)


TEXTS_GIVEN = {
    "headline_ja": "避難指示：球磨川沿いの方は避難してください",
    "headline_en": "Evacuate from the Kuma River",
    "body_ja": "第一中学校が開いています。\r\n車では行かないでください。",
    "body_en": "",
}


async def test_changed_text_is_a_draft_that_two_persons_approve_anew(broker: Client, page):
    await send(page, "approve", staff="17", version=await version(broker))
    status, told = await send(
        page, "reword", staff="23", version=await version(broker), **TEXTS_GIVEN
    )
    assert (status, told) == (200, "The text is changed. It must now be approved anew.")
    entity = await broker.retrieve(DRAFT)
    assert value(entity, "approvals") == []
    assert value(entity, "publicationState") == "draft"
    assert value(entity, "textVersion") == 2
    assert value(entity, "textBy") == "urn:ngsi-ld:Staff:23"
    assert value(entity, "headline")["en"] == "Evacuate from the Kuma River"
    assert value(entity, "body") == {"ja": "第一中学校が開いています。\n車では行かないでください。"}
    assert (await send(page, "approve", staff="17", version=await version(broker)))[0] == 200
    assert value(await broker.retrieve(DRAFT), "publicationState") == "draft"


async def test_text_changed_meanwhile_is_not_overwritten(broker: Client, page):
    seen = await version(broker)
    assert (await send(page, "reword", staff="17", version=seen, **TEXTS_GIVEN))[0] == 200
    assert (await send(page, "reword", staff="23", version=seen, **TEXTS_GIVEN))[0] == 409
    assert value(await broker.retrieve(DRAFT), "textBy") == "urn:ngsi-ld:Staff:17"


async def test_published_text_is_not_changed(broker: Client, page):
    for person in ("17", "23"):
        await send(page, "approve", staff=person, version=await version(broker))
    refused = await send(page, "reword", staff="17", version=await version(broker), **TEXTS_GIVEN)
    assert refused[0] == 409
    assert value(await broker.retrieve(DRAFT), "headline")["en"] == "Order"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"headline_en": ""}, 403),
        ({"headline_ja": "長" * 201}, 403),
        ({"headline_ja": "二\n行"}, 403),
        ({"body_ja": "長" * 601}, 403),
        ({"body_en": "bell\x07"}, 403),
        ({"headline_ja": "【訓練】避難指示"}, 409),
    ],
    ids=str,
)
async def test_text_that_is_not_right_changes_nothing(broker: Client, page, fields, status):
    given = {"version": await version(broker), "staff": "17", **TEXTS_GIVEN, **fields}
    assert (await send(page, "reword", **given))[0] == status
    assert value(await broker.retrieve(DRAFT), "headline")["en"] == "Order"


async def test_text_of_a_drill_keeps_its_mark_whatever_is_typed(broker: Client, page):
    await broker.append(DRAFT, {"operationStatus": {"type": "Property", "value": "test"}})
    await send(page, "reword", staff="17", version=await version(broker), **TEXTS_GIVEN)
    entity = await broker.retrieve(DRAFT)
    texts = [*value(entity, "headline").values(), *value(entity, "body").values()]
    assert all(text.startswith("【訓練】") for text in texts)


async def test_discarded_draft_cannot_be_published(broker: Client, page):
    assert (await send(page, "discard", staff="17", version=await version(broker)))[0] == 200
    assert value(await broker.retrieve(DRAFT), "publicationState") == "discarded"
    assert (await send(page, "approve", staff="23", version=await version(broker)))[0] == 409


async def test_light_is_run_by_hand_for_a_time_with_a_reason(broker: Client, page):
    wish = {"look": "blinkingRed", "minutes": "15", "reason": "test", "staff": "17"}
    assert (await send(page, "override", id=LIGHT, **wish))[0] == 200
    light = await broker.retrieve(LIGHT)
    told = {n: value(light, n) for n in ("mode", "colour", "effect", "commandStatus")}
    assert told == {
        "mode": "manual",
        "colour": "#FF0000",
        "effect": "blink",
        "commandStatus": "pending",
    }
    assert value(light, "overrideUntil") == "2026-07-04T00:15:00Z"
    assert value(light, "overrideReason") == "test"
    assert (await send(page, "release", id=LIGHT))[0] == 200
    assert value(await broker.retrieve(LIGHT), "overrideUntil") == "2026-07-04T00:00:00Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"staff": "Jo Doe"},
        {"staff": ""},
        {"minutes": "241"},
        {"minutes": "0"},
        {"minutes": "٣"},
        {"look": "pink"},
        {"reason": "because"},
        {"tenant": "other"},
        {"token": "0" * 64},
    ],
    ids=str,
)
async def test_form_that_is_not_right_changes_nothing(broker: Client, page, fields):
    right = {"look": "red", "minutes": "5", "reason": "test", "staff": "17", "id": LIGHT}
    status, told = await send(page, "override", **(right | fields))
    assert (status, told.startswith("Not done: ")) == (403, True)
    assert value(await broker.retrieve(LIGHT), "mode") == "ordinary"


@pytest.mark.parametrize(
    ("look", "status"),
    [("white", 409), ("red", 409), ("blinkingRed", 409), ("warmWhite", 200), ("off", 200)],
)
async def test_event_has_no_look_that_says_something_of_the_river(
    broker: Client, page, look, status
):
    wish = {"look": look, "minutes": "5", "reason": "event", "staff": "17", "id": LIGHT}
    assert (await send(page, "override", **wish))[0] == status
    assert value(await broker.retrieve(LIGHT), "mode") == (
        "ordinary" if status == 409 else "manual"
    )


async def test_form_of_another_site_is_refused(broker: Client, page):
    form = {"tenant": "real", "token": await token(page), "id": LIGHT}
    headers = {"Origin": "http://evil.example"}
    async with page.post("/act/release", data=form, headers=headers) as answer:
        assert answer.status == 403


async def test_name_that_is_rebound_to_this_machine_is_not_served(page):
    async with page.get("/", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_only_evacuation_information_and_lights_can_be_written(broker: Client, page):
    station = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
    approved = await send(page, "approve", id=station, staff="1", version=await version(broker))
    wish = {"look": "red", "minutes": "5", "reason": "test", "staff": "17"}
    assert (approved[0], (await send(page, "override", id=station, **wish))[0]) == (409, 409)


async def test_page_works_without_the_broker_and_says_so(tmp_path: Path):
    settings = StaffSettings("http://127.0.0.1:9", "drill")
    async with (
        serve(staff(settings)) as url,
        aiohttp.ClientSession(url) as session,
        session.get("/?lang=en") as answer,
    ):
        assert "No connection to the data" in await answer.text()


async def test_every_word_is_there_in_both_languages():
    assert TEXTS["ja"].keys() == TEXTS["en"].keys()


async def test_cap_says_that_the_broker_is_away_and_when_to_ask_again():
    settings = StaffSettings(f"http://127.0.0.1:{free_port()}", "drill", clock=lambda: NOW)
    async with serve(staff(settings)) as url, aiohttp.ClientSession(url) as session:
        for path in ("/cap/real", f"/cap/real/{DRAFT}"):
            async with session.get(path) as answer:
                assert (answer.status, answer.headers["retry-after"]) == (503, "5")
                assert (await answer.json(content_type=None))["remedy"]


async def test_cap_document_that_is_not_there_is_a_problem_with_the_way_to_the_list(
    page: aiohttp.ClientSession,
):
    async with page.get("/cap/real/urn:ngsi-ld:Alert:none") as answer:
        assert answer.status == 404
        assert "/cap/real" in (await answer.json(content_type=None))["remedy"]


async def test_draft_can_be_decided_on_whatever_else_it_says(broker: Client, page):
    odd = {
        "alertLevel": "four",
        "issuedAt": "soon",
        "approvals": 5,
        "areas": [5],
        "textVersion": [],
    }
    await broker.append(DRAFT, {n: {"type": "Property", "value": v} for n, v in odd.items()})
    await broker.append(LIGHT, {"overrideUntil": {"type": "Property", "value": "tomorrow"}})
    first = await send(page, "approve", staff="17", version=await version(broker))
    assert first == (200, "Approved. A second person must approve too.")
    assert value(await broker.retrieve(DRAFT), "publicationState") == "draft"


async def test_documents_are_listed_newest_first(broker: Client, page):
    for place, hour in ((9, 1), (10, 2), (8, 3)):
        at = {"type": "Property", "value": f"2026-07-04T0{hour}:00:00Z"}
        await broker.create({"id": f"urn:ngsi-ld:Alert:{place}", "type": "Alert", "dateIssued": at})
    await broker.create({"id": "urn:ngsi-ld:Alert:11", "type": "Alert"})
    async with page.get("/cap/real") as answer:
        listed = [one["identifier"].rpartition(":")[2] for one in await answer.json()]
    assert listed == ["8", "10", "9"]
