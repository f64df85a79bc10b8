"""The flood of 4 July 2020, from the gauge's uplinks to the light on the page."""

import asyncio
import re
from datetime import datetime
from itertools import groupby
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from adapters.bridge_light.fake import FakeLight
from broker.client import Client, value
from machi.flood import flood_samples
from machi.seed.parts import facts
from tests.e2e.town import Town

FLOOD = facts("kuma-2020")
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"
STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
THRESHOLDS = {"caution": 3.00, "danger": 3.40, "designHighWater": 4.07}

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
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


def confirmed_at(level: float) -> datetime:
    """Return when the second sample in a row reaches a level."""
    night = flood_samples(FLOOD, *(datetime.fromisoformat(FLOOD[e]) for e in ("from", "until")))
    reached = [s for s in night if s.station == "hitoyoshi" and s.level >= level]
    return reached[1].at


async def stages(town: Town) -> list[tuple[str, datetime]]:
    """Return the stages the station went through, with the times they show."""
    async with Client(town.broker, tenant="drill") as client:
        alerts = await client.query(type="Alert")
    found = [
        (value(alert, "stageStep"), datetime.fromisoformat(value(alert, "dateIssued")))
        for alert in alerts
        if value(alert, "alertSource") == STATION
    ]
    return sorted(found, key=lambda pair: pair[1])


LOOKS = ["#FFB46B off", "#FFFFFF steady", "#FF0000 steady", "#FF0000 blink"]
COMPLETE = "last => window.looks.slice(-last.length).join() === last.join()"


@pytest.mark.timeout(180)
async def test_light_turns_white_red_and_blinking_red_at_the_published_thresholds(
    town: Town, browser: Browser
):
    page = await open_page(browser, town)
    await page.evaluate(WATCH)
    replay = await play(town, "--speed", "600", "--from", "03:50", "--until", "06:00")
    drill = page.locator('[data-situation="drill"]')
    await expect(page.locator("body")).to_have_attribute("data-drill", "running")
    output, _ = await replay.communicate()
    assert replay.returncode == 0
    await page.wait_for_function(COMPLETE, arg=LOOKS, timeout=30_000)
    # The light from before this drill may still be on the page when it begins; nothing else may.
    looks = await page.evaluate("window.looks")
    assert looks[-len(LOOKS) :] == LOOKS
    assert len(looks) <= len(LOOKS) + 1
    await expect(drill.locator(".lamps")).to_have_class("lamps blinking")
    await expect(drill.locator(".light-words")).to_have_text("blinking red")
    said = [line for line in output.decode().splitlines() if "the bridge light turns" in line]
    assert [line.split(" turns ")[1] for line in said] == ["white", "red", "blinking red"]
    assert await stages(town) == [(step, confirmed_at(level)) for step, level in THRESHOLDS.items()]


@pytest.mark.timeout(180)
async def test_real_packets_carry_the_colours_and_the_light_reports_the_one_it_shows(town: Town):
    async with (
        FakeLight(universe=9).running() as light,
        Client(town.broker, tenant="drill") as drill,
    ):
        place = {
            "universe": 9,
            "host": "127.0.0.1",
            "port": light.udp_port,
            "readBack": light.url,
        }
        before = await drill.retrieve(LIGHT)
        await drill.append(LIGHT, {"addressing": {"type": "JsonProperty", "json": place}})
        replay = await play(town, "--speed", "600", "--from", "03:50", "--until", "06:00")
        await replay.communicate()
        async with asyncio.timeout(60):
            while value(await drill.retrieve(LIGHT), "reportedEffect") != "blink":
                await asyncio.sleep(0.1)
        shown = await drill.retrieve(LIGHT)
        await drill.append(LIGHT, {"addressing": before["addressing"]})
    assert value(shown, "commandStatus") == "confirmed"
    assert value(shown, "reportedColour") == "#FF0000"
    colours = [colour for colour, _ in groupby(packet.slots[:3] for packet in light.packets)]
    start = colours.index(b"\xff\xff\xff")
    assert colours[start : start + 4] == [
        b"\xff\xff\xff",
        b"\xff\x00\x00",
        bytes(3),
        b"\xff\x00\x00",
    ]
    assert {packet.priority for packet in light.packets} == {100}


@pytest.mark.timeout(120)
async def test_second_replay_starts_from_the_beginning(town: Town, browser: Browser):
    for _ in range(2):
        replay = await play(town, "--speed", "3000", "--from", "05:20", "--until", "05:55")
        await replay.communicate()
        assert replay.returncode == 0
        assert [step for step, _ in await stages(town)] == ["danger", "designHighWater"]


@pytest.mark.timeout(120)
async def test_drill_is_marked_and_leaves_the_real_river_alone(town: Town, browser: Browser):
    page = await open_page(browser, town, "ja")
    replay = await play(town, "--speed", "3000", "--from", "05:20", "--until", "05:55")
    drill, real = (page.locator(f'[data-situation="{kind}"]') for kind in ("drill", "real"))
    await expect(drill.locator(".mark-drill")).to_contain_text("【訓練】")
    await expect(drill.locator("[data-alerts] li").first).to_contain_text(
        "【訓練】", timeout=60_000
    )
    await expect(drill.locator("[data-stage]")).to_contain_text("計画高水位", timeout=60_000)
    await expect(real.locator("[data-stage]")).to_have_text("平常")
    await expect(real.locator(".light-words")).to_have_text(re.compile("^(電球色・点灯|消灯)$"))
    await replay.communicate()
    async with Client(town.broker) as client:
        assert await client.query(type="Alert") == []


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


@pytest.mark.timeout(120)
async def test_gauge_that_falls_silent_holds_the_stage_and_the_page_says_so(
    town: Town, browser: Browser
):
    page = await open_page(browser, town, "ja")
    replay = await play(town, "--speed", "3000", "--from", "08:00", "--until", "09:00")
    await replay.communicate()
    drill = page.locator('[data-situation="drill"]')
    silence = drill.locator("[data-alerts] li", has_text="人吉：水位計からのデータが途絶")
    await expect(silence).to_have_text(re.compile("【訓練】.*段階は維持"), timeout=60_000)
    await expect(drill.locator("[data-stage]")).to_contain_text("計画高水位")
    await expect(drill.locator(".light-words")).to_contain_text("情報なし")
