"""A whole town: from an MQTT message to ten open pages, and from the command to the page.

The clock is the machine's own, read by the sender, by the listeners and in the pages.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from math import ceil
from pathlib import Path

import aiohttp
import aiomqtt
import orjson
from playwright.async_api import Browser, Page

from adapters.river_gauge.fake import FakeGauge
from bench.figures import Figure, Target
from bench.rates import Say
from bench.requests import RequestFailed
from broker.client import Client, value
from machi.seed.town import gauges
from tests.e2e.town import Town, town_in
from tests.support.browser import chromium
from tests.support.mqtt import mosquitto
from tests.support.ports import free_port
from tests.support.server import HOST

PAGES = 10
MESSAGES = 20
WARM_UP = 3
"""Messages sent before those that count: an adapter reads a station once, then remembers it."""

EVERY = 1.0
PATIENCE = 30.0
FIRST = 1.30
"""Metres of the first level; each message raises it by a centimetre, below every threshold."""

WATCH = """() => {
  window.seen = {};
  const shown = document.querySelector('[data-situation="real"] [data-bind="station.levelText"]');
  new MutationObserver(() => {
    const text = shown.textContent;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => { window.seen[text] = Date.now(); };
      painted.port2.postMessage(0);
    });
  }).observe(shown, { childList: true, characterData: true, subtree: true });
}"""
"""Notes when a level's text has been painted: the first task after the frame that draws it."""

Seen = dict[str, float]


def measure_town(folder: Path, rounds: int, say: Say) -> list[Figure]:
    """Return the figures of all hops, 95th percentiles of each round, and of the start."""
    port = free_port()
    for name in ("start", "live"):
        (folder / name).mkdir()
    begun = asyncio.run(_start(town_in(folder / "start")))
    say(f"town on the page {begun.values[0]:.1f} s after the command")
    with mosquitto(port, folder), _running(town_in(folder / "live", port)) as town:
        hops = asyncio.run(_messages(town, port, rounds, say))
    return [begun, *hops]


@contextmanager
def _running(town: Town) -> Iterator[Town]:
    town.server.command.append("--no-devices")
    town.server.start(timeout=60)
    try:
        yield town
    finally:
        town.server.stop()


async def _start(town: Town) -> Figure:
    """Start a town on an empty folder and open its page as soon as there is one."""
    async with chromium(whole=True) as browser:
        page = await browser.new_page()
        begun = time.perf_counter()
        town.server.spawn()
        await asyncio.to_thread(town.server.wait_ready, 60)
        await page.goto(town.page)
        await page.locator('[data-situation="real"] .figure', has_text=" m").wait_for()
        await page.locator("#shelter-1").wait_for()
        took = time.perf_counter() - begun
    await asyncio.to_thread(town.server.stop)
    return Figure(
        "from `machi up` on an empty folder to shelters and a level on the page",
        "s",
        Target(10, at_least=False),
        [took],
    )


async def _messages(town: Town, port: int, rounds: int, say: Say) -> list[Figure]:
    """Send levels, one a second, and return how long each hop took them."""
    reached: dict[str, Seen] = {"broker": {}, "event": {}}
    hops = {
        "broker": Figure("MQTT message to the broker's stream, p95", "ms"),
        "event": Figure("MQTT message to SSE event, p95", "ms", Target(50, at_least=False)),
        "pixel": Figure(f"MQTT message to pixel, {PAGES} open pages, p95", "ms",
                        Target(150, at_least=False)),
    }  # fmt: skip
    async with chromium(whole=True) as browser, asyncio.TaskGroup() as tasks:
        listeners = [
            tasks.create_task(_listen_to_broker(town, reached["broker"])),
            tasks.create_task(_listen_to_portal(town, reached["event"])),
        ]
        pages = [await _open(browser, town) for _ in range(PAGES)]
        await _send(port, FIRST, WARM_UP)
        for number in range(rounds):
            sent = await _send(port, FIRST + (WARM_UP + number * MESSAGES) / 100, MESSAGES)
            painted = [await _painted(page, sent) for page in pages]
            for name, seen in reached.items():
                await _until(partial(_all, sent, seen))
                hops[name].values.append(_p95([seen[text] - at for text, at in sent.items()]))
            hops["pixel"].values.append(
                _p95([seen[text] - at for seen in painted for text, at in sent.items()])
            )
            told = (f"{name} {hop.values[-1]:.0f} ms" for name, hop in hops.items())
            say(f"round {number + 1} of messages: {', '.join(told)}")
        for listener in listeners:
            listener.cancel()
    return list(hops.values())


async def _open(browser: Browser, town: Town) -> Page:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{town.page}/?lang=en")
    await page.locator("#live").wait_for()
    await page.evaluate(WATCH)
    return page


async def _send(port: int, first: float, messages: int) -> Seen:
    """Publish levels, one a second; return when each was handed over, by its text."""
    gauge = next(one for one in gauges() if one.local == "hitoyoshi")
    device = FakeGauge(gauge.dev_eui, gauge.local, gauge.sensor_height)
    sent: Seen = {}
    async with aiomqtt.Client(HOST, port) as client:
        for number in range(messages):
            level = round(first + number / 100, 2)
            text = datetime.now(UTC).isoformat(timespec="milliseconds")
            message = device.message(text, level=level, battery=100)
            sent[f"{level:.2f} m"] = time.time() * 1000
            await client.publish(message.topic, message.payload, qos=1)
            await asyncio.sleep(EVERY)
    return sent


async def _listen_to_broker(town: Town, seen: Seen) -> None:
    async with Client(town.broker) as client:
        async for event in client.stream(type="RiverLevelStation"):
            level = value(event.entity, "waterLevel") if event.entity else None
            if isinstance(level, int | float):
                seen.setdefault(f"{level:.2f} m", time.time() * 1000)


async def _listen_to_portal(town: Town, seen: Seen) -> None:
    endless = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=endless, read_bufsize=2**20) as session,
        session.get(f"{town.page}/live?lang=en") as answer,
    ):
        async for line in answer.content:
            if line.startswith(b"data: {"):
                now = time.time() * 1000
                station = orjson.loads(line[6:])["situations"]["real"]["station"]
                seen.setdefault(station["levelText"], now)


async def _painted(page: Page, sent: Seen) -> Seen:
    """Return when a page had painted each level. Raises RequestFailed."""
    wanted = list(sent)
    try:
        await page.wait_for_function(
            "wanted => wanted.every((text) => text in window.seen)", arg=wanted,
            timeout=PATIENCE * 1000,
        )  # fmt: skip
    except TimeoutError as error:
        raise RequestFailed("town: a page did not show every level") from error
    found: Seen = await page.evaluate("window.seen")
    return found


def _all(sent: Seen, seen: Seen) -> bool:
    return sent.keys() <= seen.keys()


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RequestFailed("town: a listener was not told of every level")
        await asyncio.sleep(0.01)


def _p95(values: list[float]) -> float:
    return sorted(values)[ceil(len(values) * 0.95) - 1]
