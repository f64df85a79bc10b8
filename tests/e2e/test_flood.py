"""The flood of 4 July 2020, from the gauge's uplinks to the light on the page."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from adapters.bridge_light.fake import FakeLight
from broker.client import Client, Retry, value
from machi.flood import flood_samples
from machi.seed.parts import facts
from tests.apps.alerts.chain import shows
from tests.e2e.town import Town, town_in
from tests.support import free_port
from tests.support.mqtt import mosquitto
from tests.support.patience import PATIENCE
from tests.support.receivers import Receiver, receiver

FLOOD = facts("kuma-2020")
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"
STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
LATE = 4 * PATIENCE
"""Seconds the chain may be behind: on a crowded machine a night at 600 times its speed backs up."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(4 * LATE)]
THRESHOLDS = {"caution": 3.00, "danger": 3.40, "designHighWater": 4.07}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a town whose gauges speak over Mosquitto."""
    folder: Path = tmp_path_factory.mktemp("town")
    port = free_port()
    with mosquitto(port, folder):
        town = town_in(folder, port)
        town.server.start()
        try:
            yield town
        finally:
            town.server.stop()


WATCH = """() => {
  window.looks = [];
  const note = () => {
    const lamps = document.querySelector('[data-situation="drill"] .lamps');
    if (!lamps) return;
    const look = `${lamps.dataset.colour} ${lamps.dataset.effect}`;
    if (window.looks.at(-1) !== look) window.looks.push(look);
  };
  note();
  new MutationObserver(note).observe(document.body, {
    subtree: true, attributes: true, attributeFilter: ["data-colour", "data-effect"],
  });
}"""


async def open_page(browser: Browser, town: Town, language: str = "en", **options: Any) -> Page:
    """Open the town's page and wait until it is live; fail on any script error."""
    page = await browser.new_page(**options)
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    await page.goto(f"{town.page}/?lang={language}")
    await expect(page.locator("#live")).to_be_visible()
    return page


async def play(town: Town, *options: str) -> asyncio.subprocess.Process:
    """Start a replay."""
    command = town.replay_command(*options)
    return await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=town.environment
    )


def confirmed_at(level: float) -> datetime:
    """Return when the second sample in a row reaches a level."""
    night = flood_samples(FLOOD, *(datetime.fromisoformat(FLOOD[e]) for e in ("from", "until")))
    reached = [s for s in night if s.station == "hitoyoshi" and s.level >= level]
    return reached[1].at


async def stages(town: Town) -> list[tuple[str, datetime]]:
    """Return the stages the station went through, with the times they show."""
    async with Client(town.broker, tenant="drill", key=town.key) as client:
        alerts = await client.query(type="Alert", q='subCategory=="flood"')
    found = [
        (value(alert, "stageStep"), datetime.fromisoformat(value(alert, "dateIssued")))
        for alert in alerts
        if value(alert, "alertSource") == STATION
    ]
    return sorted(found, key=lambda pair: pair[1])


async def stages_up_to(town: Town, last: str) -> list[tuple[str, datetime]]:
    """Return the stages the station went through, once this one is among them."""
    async with asyncio.timeout(LATE):
        while last not in dict(found := await stages(town)):
            await asyncio.sleep(0.1)
    return found


LOOKS = ["#FFB46B off", "#FFFFFF steady", "#FF0000 steady", "#FF0000 blink"]
BLUE = "#0000FF steady"
"""The look of no information; a chain that is held up for seconds shows it meanwhile."""


def told(looks: list[str]) -> list[str]:
    """Return the looks that stood for the water, each once in a row, from the drill's first on."""
    known = [look for look, _ in groupby(look for look in looks if look != BLUE)]
    return known[len(known) - 1 - known[::-1].index(LOOKS[0]) :]


@contextlib.asynccontextmanager
async def watched(town: Town, drill: Client) -> AsyncIterator[tuple[FakeLight, Receiver]]:
    """Give fixtures in the bridge's place, and a receiver subscribed to the drill's alerts."""
    async with FakeLight(universe=9).running() as light, receiver() as subscriber:
        place = {
            "universe": 9,
            "host": "127.0.0.1",
            "port": light.udp_port,
            "readBack": light.url,
        }
        before = await drill.retrieve(LIGHT)
        await drill.append(LIGHT, {"addressing": {"type": "JsonProperty", "json": place}})
        subscription = {
            "id": "urn:ngsi-ld:Subscription:alerts",
            "type": "Subscription",
            "entities": [{"type": "Alert"}],
            "notification": {"endpoint": {"uri": subscriber.url}},
        }
        url = f"{town.broker}/ngsi-ld/v1/subscriptions"
        headers = {"NGSILD-Tenant": "drill", "Authorization": f"Bearer {town.key}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(url, json=subscription) as answer:
                assert answer.status == 201
            yield light, subscriber
            async with session.delete(f"{url}/{subscription['id']}") as answer:
                assert answer.status == 204
        await drill.append(LIGHT, {"addressing": before["addressing"]})


async def documents(town: Town) -> list[ET.Element]:
    """Return the drill's CAP documents, oldest first."""
    async with aiohttp.ClientSession(town.staff) as session:
        async with session.get("/cap/drill") as answer:
            listed = await answer.json()
        found = []
        for one in reversed(listed):
            async with session.get(one["href"]) as answer:
                assert answer.content_type == "application/cap+xml"
                found.append(ET.fromstring(await answer.text()))
    return found


async def test_flood_of_2020_at_600_times_its_speed(town: Town, browser: Browser):
    """Play the night from before the first threshold until half an hour after the gauge was lost.

    Gauge over Mosquitto, light over UDP, page in a browser, alerts by HTTP and as CAP.
    """
    async with (
        Client(town.broker, tenant="drill", key=town.key, retry=Retry(attempts=None)) as drill,
        watched(town, drill) as (light, subscriber),
    ):
        page = await open_page(browser, town)
        await page.evaluate(WATCH)
        replay = await play(town, "--speed", "600", "--from", "03:50")
        shown = page.locator('[data-situation="drill"]')
        await expect(page.locator("body")).to_have_attribute("data-drill", "running")
        output, _ = await replay.communicate()
        assert replay.returncode == 0
        # The gauge went silent at 08:30: the stage holds, the light says that nothing is known.
        silence = shown.locator("[data-alerts] li", has_text="Hitoyoshi: the gauge is silent")
        held = re.compile("【訓練】.*its stage is held")
        await expect(silence).to_have_text(held, timeout=1000 * LATE)
        await expect(shown.locator("[data-stage]")).to_contain_text("design high water")
        async with asyncio.timeout(LATE):
            while await page.evaluate("window.looks.at(-1)") != BLUE:
                await asyncio.sleep(0.05)
        async with asyncio.timeout(PATIENCE):
            while light.colours() != [(0, 0, 153)]:
                await asyncio.sleep(0.05)
        steps = [*THRESHOLDS, "silent"]
        async with asyncio.timeout(PATIENCE):
            while not {*steps} <= {*notified(subscriber)}:
                await asyncio.sleep(0.05)
        looks = await page.evaluate("window.looks")
        fixtures = await shows(drill, LIGHT, reportedColour="#0000FF", commandStatus="confirmed")
    said = [line for line in output.decode().splitlines() if "the bridge light turns" in line]
    assert [line.split(" turns ")[1] for line in said] == ["white", "red", "blinking red"]
    assert await stages(town) == [(step, confirmed_at(level)) for step, level in THRESHOLDS.items()]
    assert told(looks) == LOOKS
    assert value(fixtures, "mode") == "failSafe"
    sent = [colour for colour, _ in groupby(packet.slots[:3] for packet in light.packets)]
    white, red, dark = b"\xff\xff\xff", b"\xff\x00\x00", bytes(3)
    flood = [colour for colour in sent[sent.index(white) :] if colour != b"\x00\x00\x99"]
    assert flood[:4] == [white, red, dark, red]
    assert {packet.priority for packet in light.packets} <= {100, 200}
    told_as_cap = await documents(town)
    assert [alert.findtext("{*}status") for alert in told_as_cap] == ["Test"] * 3
    headlines = [info.findtext("{*}headline") for cap in told_as_cap for info in cap.iter(INFO)]
    assert len(headlines) == 6
    assert all(str(headline).startswith("【訓練】") for headline in headlines)


INFO = "{urn:oasis:names:tc:emergency:cap:1.2}info"


def notified(subscriber: Receiver) -> list[str]:
    """Return the steps and faults of which an HTTP subscriber was told."""
    entities = [entity for got in subscriber.got for entity in got.json()["data"]]
    return [str(value(one, "faultKind") or value(one, "stageStep")) for one in entities]


async def test_second_replay_starts_from_the_beginning(town: Town, browser: Browser):
    for _ in range(2):
        replay = await play(town, "--speed", "3000", "--from", "05:20", "--until", "05:55")
        await replay.communicate()
        assert replay.returncode == 0
        reached = await stages_up_to(town, "designHighWater")
        assert [step for step, _ in reached] == ["danger", "designHighWater"]


async def test_drill_is_marked_and_leaves_the_real_river_alone(town: Town, browser: Browser):
    page = await open_page(browser, town, "ja")
    replay = await play(town, "--speed", "3000", "--from", "05:20", "--until", "05:55")
    drill, real = (page.locator(f'[data-situation="{kind}"]') for kind in ("drill", "real"))
    await expect(drill.locator(".mark-drill")).to_contain_text("【訓練】")
    await expect(drill.locator("[data-alerts] li").first).to_contain_text("【訓練】")
    await expect(drill.locator("[data-stage]")).to_contain_text("計画高水位", timeout=1000 * LATE)
    await expect(real.locator("[data-stage]")).to_have_text("平常")
    await expect(real.locator(".light-words")).to_have_text(re.compile("^(電球色・点灯|消灯)$"))
    await replay.communicate()
    async with Client(town.broker, key=town.key) as client:
        assert await client.query(type="Alert") == []
    async with Client(town.broker, tenant="drill", key=town.key) as client:
        names = {info["typeName"] for info in await client.types()} - {"StreetlightGroup"}
        standing = await client.query(type=",".join(sorted(names)))
    assert {"Alert", "EvacuationInformation", "Drill"} <= names
    assert {value(entity, "operationStatus") for entity in standing} == {"test"}
    texts = [text for one in standing for text in value(one, "headline", {}).values()]
    assert texts
    assert all(text.startswith("【訓練】") for text in texts)


async def test_page_is_usable_by_keyboard_on_a_phone(town: Town, browser: Browser):
    page = await open_page(browser, town, "en", viewport={"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator(".language")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("lang", "ja")


async def test_blinking_stands_still_for_who_prefers_less_motion(town: Town, browser: Browser):
    page = await open_page(browser, town, reduced_motion="reduce")
    lamps = page.locator('[data-situation="real"] .lamps')
    await lamps.evaluate("element => element.classList.add('blinking')")
    assert await lamps.evaluate("element => getComputedStyle(element).animationName") == "none"
