"""The keyboard of a person who uses a page without a mouse."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Page

_MOST_TABS: Final = 80


async def focus(page: Page, selector: str) -> None:
    """Press Tab until something that matches has the focus."""
    for _ in range(_MOST_TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def press(page: Page, selector: str) -> None:
    """Go to something by Tab, and press Enter."""
    await focus(page, selector)
    await page.keyboard.press("Enter")


async def write(page: Page, selector: str, text: str) -> None:
    """Go to a field by Tab, and type."""
    await focus(page, selector)
    await page.keyboard.type(text)
