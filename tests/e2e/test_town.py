"""A town's life: start, loss of a part, stop, start again."""

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from broker.client import Client
from tests.e2e.town import town_in
from tests.support.crowding import crowding
from tests.support.patience import PATIENCE

SOON = 5.0
"""Seconds a second start may take on a machine that has nothing else to do."""

STARTS = 3
"""Something else may take the machine for a moment; it does not each time."""


WATCH = """() => {
  const told = document.getElementById("broker-lost");
  window.lost = new Promise((tell) => {
    const look = () => { if (!told.hidden) tell(true); };
    new MutationObserver(look).observe(told, { attributes: true });
  });
}"""
"""Notes in the page itself that the loss was told: it may be there for less than a second."""


async def test_second_start_finds_the_town_as_it_was_left(tmp_path: Path):
    town = town_in(tmp_path)
    town.server.start()
    async with Client(town.broker, key=town.key) as client:
        await client.create({"id": "urn:ngsi-ld:Note:1", "type": "Note"})
        shelters = len(await client.query(type="EvacuationShelter"))
    town.server.stop()
    for _ in range(STARTS):
        if town.server.start() < SOON * crowding():
            break
        town.server.stop()
    else:
        pytest.fail(f"none of {STARTS} starts was soon")
    try:
        async with Client(town.broker, key=town.key) as client:
            assert [note["id"] for note in await client.query(type="Note")] == [
                "urn:ngsi-ld:Note:1"
            ]
            assert len(await client.query(type="EvacuationShelter")) == shelters
    finally:
        town.server.stop()
    assert "stopped" in town.server.tail()


@pytest.mark.asyncio(loop_scope="module")
async def test_page_shows_the_loss_of_the_broker_and_its_return(tmp_path: Path, browser: Browser):
    town = town_in(tmp_path)
    with town.server:
        page = await browser.new_page()
        await page.goto(f"{town.page}/?lang=en")
        await expect(page.locator("#live")).to_be_visible()
        await page.evaluate(WATCH)
        os.kill(int((tmp_path / "data" / "machi.lock").read_text()), signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            assert await page.evaluate("window.lost")
        await expect(page.locator("#broker-lost")).to_be_hidden()
        town.server.kill()
        await expect(page.locator("#page-lost")).to_be_visible()


def test_town_stops_while_it_is_starting(tmp_path: Path):
    town = town_in(tmp_path)
    town.server.spawn()
    deadline = time.monotonic() + PATIENCE
    while not re.search(r"ready", town.server.tail()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    town.server.stop()
    assert "Traceback" not in town.server.tail(20_000)
