"""A page listens as docs/streams.md says: EventSource by ticket and back again, WebSocket."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from broker.client import Client
from tests.support.live import live_broker
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

GAUGE: dict[str, Any] = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge"}

LISTEN = """async (last) => {
  const { ticket } = await (await fetch("/ngsi-ld/ex/v1/tickets", { method: "POST" })).json();
  const query = new URLSearchParams({ type: "Gauge", format: "simplified", ticket });
  if (last) query.set("lastEventId", last); else query.set("snapshot", "true");
  window.told = [];
  const source = new EventSource(`/ngsi-ld/ex/v1/stream?${query}`);
  for (const name of ["open", "enter", "update", "synced", "reset"])
    source.addEventListener(name, (e) => {
      if (e.data === undefined) return;
      window.told.push([name, JSON.parse(e.data).entity?.level ?? null]);
      window.last = e.lastEventId;
    });
}"""

SUBSCRIBE = """() => {
  window.told = [];
  const socket = new WebSocket(`ws://${location.host}/ngsi-ld/ex/v1/ws`);
  socket.onopen = () => socket.send(JSON.stringify(
    { op: "subscribe", stream: "a", type: "Gauge", format: "simplified", snapshot: true }));
  socket.onmessage = ({ data }) => {
    const { event, data: told } = JSON.parse(data);
    window.told.push([event, told.entity?.level ?? null]);
  };
}"""


async def told(page: Page, count: int) -> list[list[Any]]:
    """Return what the page was told, once it is so much."""
    found: list[list[Any]] = []
    async with asyncio.timeout(PATIENCE):
        while len(found := await page.evaluate("window.told")) < count:
            await asyncio.sleep(0.05)
    return found


async def level(client: Client, value: int) -> None:
    """Set the gauge's level."""
    await client.upsert([{**GAUGE, "level": {"type": "Property", "value": value}}])


async def test_a_page_listens_by_ticket_and_resumes_with_a_new_one(
    browser: Browser, tmp_path: Path
) -> None:
    page = await browser.new_page()
    async with live_broker(tmp_path) as url, Client(url) as client:
        await level(client, 1)
        await page.goto(f"{url}/health")
        await page.evaluate(LISTEN)
        assert await told(page, 3) == [["open", None], ["enter", 1], ["synced", None]]
        await level(client, 2)
        assert (await told(page, 4))[3] == ["update", 2]
        last = await page.evaluate("window.last")
        await level(client, 3)
        await page.evaluate(LISTEN, last)
        assert await told(page, 2) == [["open", None], ["update", 3]]


async def test_a_page_listens_over_a_websocket(browser: Browser, tmp_path: Path) -> None:
    page = await browser.new_page()
    async with live_broker(tmp_path) as url, Client(url) as client:
        await level(client, 1)
        await page.goto(f"{url}/health")
        await page.evaluate(SUBSCRIBE)
        assert await told(page, 3) == [["open", None], ["enter", 1], ["synced", None]]
        await level(client, 2)
        assert (await told(page, 4))[3] == ["update", 2]
