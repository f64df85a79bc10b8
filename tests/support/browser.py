"""A real browser for tests."""

import contextlib
from collections.abc import AsyncIterator

from playwright.async_api import Browser, async_playwright, expect

from tests.support.patience import PATIENCE
from tests.support.tools import require_tool

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# What a page comes to show is waited for as long as everything else: the machine may be busy.
expect.set_options(timeout=1000 * PATIENCE)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium."""
    path = require_tool("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        await browser.close()
