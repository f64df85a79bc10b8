"""A real browser for tests."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

from tests.support.patience import PATIENCE
from tests.support.tools import find_tool, require_tool

WHOLE = "chromium"
HEADLESS = "chromium-headless-shell"
"""The same engine without a window, its frame and a profile: a third of the processor time."""

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
LIMIT = 1000 * PATIENCE
expect.set_options(timeout=LIMIT)


@contextlib.asynccontextmanager
async def chromium(*more: str, whole: bool = False) -> AsyncIterator[Browser]:
    """Run Chromium without a window; `more` are options besides.

    `whole` asks for the one with a user interface, without which no page has a camera.
    """
    path = (None if whole else find_tool(HEADLESS)) or require_tool(WHOLE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*OPTIONS, *more])
        for name in ("new_context", "new_page"):
            setattr(browser, name, _patient(getattr(browser, name)))
        yield browser
        await browser.close()


def _patient(make: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return what makes a page or a context in which clicks and loads are waited for as long."""

    async def made(**options: Any) -> Any:
        found = await make(**options)
        found.set_default_timeout(LIMIT)
        return found

    return made
