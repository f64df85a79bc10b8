"""Pages of other sites in a real browser: what one that is named may do, and others may not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from broker.client import Client
from broker.settings import Settings
from tests.support.live import live_broker, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

GAUGE: dict[str, Any] = {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": 1}
READ: dict[str, Any] = {
    "headers": {"Accept": "application/json", "Authorization": "Bearer mk_none"}
}
WRITE: dict[str, Any] = {
    "method": "PATCH",
    "headers": {
        "Content-Type": "application/json",
        "If-Match": '"v1"',
        "Machi-Purpose": "urn:x:p",
    },
    "body": '{"level": 2}',
}

ASK = """async ([url, asked]) => {
  try {
    const answer = await fetch(url, asked);
    return [answer.status, answer.headers.get("ETag"), await answer.text()];
  } catch (fault) {
    return [fault.name, null, ""];
  }
}"""
REFUSED = ["TypeError", None, ""]
"""What a page sees of an answer that its browser keeps from it."""


async def a_page(request: Request) -> Response:
    """Answer with an empty page."""
    return HTMLResponse("<!doctype html><title>a page</title>")


PAGE = [Route("/", a_page)]


@dataclass
class Sites:
    """A broker, and pages of two sites that are none of its own."""

    client: Client
    named: Page
    other: Page

    async def ask(self, page: Page, path: str = "", **asked: Any) -> list[Any]:
        """Ask the broker about the gauge as a script of a page does."""
        url = f"{self.client.url}/ngsi-ld/v1/entities/{GAUGE['id']}{path}"
        found: list[Any] = await page.evaluate(ASK, [url, asked])
        return found

    async def level(self) -> Any:
        """Return the gauge's level."""
        return (await self.client.retrieve(GAUGE["id"]))["level"]["value"]


@asynccontextmanager
async def sites(browser: Browser, data: Path, *allowed: str) -> AsyncIterator[Sites]:
    """Run a broker that lets pages of these origins read; without any, those of the first site."""
    async with serve(Starlette(routes=PAGE)) as one, serve(Starlette(routes=PAGE)) as two:
        settings = Settings(data=data, allow_origins=allowed or (one,))
        async with live_broker(data, settings) as url, Client(url) as client:
            await client.create(GAUGE)
            named, other = await browser.new_page(), await browser.new_page()
            await named.goto(one)
            await other.goto(two)
            yield Sites(client, named, other)


async def test_a_named_page_reads_and_writes_with_the_headers_of_the_api(
    browser: Browser, tmp_path: Path
) -> None:
    async with sites(browser, tmp_path) as town:
        status, tag, text = await town.ask(town.named, **READ)
        assert (status, tag.startswith('"v1-'), '"level"' in text) == (200, True, True)
        assert (await town.ask(town.named, "/attrs", **WRITE))[0] == 204
        assert await town.level() == 2
        assert (await town.ask(town.named, "?nonsense=1"))[0] == 400


async def test_another_page_reads_nothing_and_its_write_is_not_sent(
    browser: Browser, tmp_path: Path
) -> None:
    async with sites(browser, tmp_path) as town:
        assert await town.ask(town.other) == REFUSED
        assert await town.ask(town.other, "/attrs", **WRITE) == REFUSED
        assert await town.level() == 1


@pytest.mark.parametrize("allowed", [(), ("*",)], ids=["named", "all"])
async def test_no_page_may_come_with_cookies(
    browser: Browser, tmp_path: Path, allowed: tuple[str, ...]
) -> None:
    async with sites(browser, tmp_path, *allowed) as town:
        assert (await town.ask(town.named))[0] == 200
        assert await town.ask(town.named, credentials="include") == REFUSED
        assert (await town.ask(town.other))[0] == (200 if allowed else "TypeError")
