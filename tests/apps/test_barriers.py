"""No page has a barrier that axe-core finds, on a phone and on a desk, in Japanese and English."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.apps.pages import STATION, Pages

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATHS = {
    "the town": "{0.portal}/?lang={1}",
    "the town in the past": "{0.portal}/?at=2020-07-04T06:00&lang={1}",
    "levels over time": "{0.portal}/levels?of=drill/" + STATION.format("hitoyoshi") + "&lang={1}",
    "light page": "{0.portal}/snapshot?lang={1}",
    "developers": "{0.portal}/developers?lang={1}",
    "counts": "{0.portal}/counts?lang={1}",
    "models": "{0.portal}/models?lang={1}",
    "a model": "{0.portal}/models?subject=Machi&model=RiverLevelStation&lang={1}",
    "a path that leads nowhere": "{0.portal}/nowhere?lang={1}",
    "staff": "{0.staff}/?lang={1}",
    "keys and locks": "{0.staff}/keys?lang={1}",
    "bookings": "{0.bookings}/?lang={1}",
    "a space to book": "{0.bookings}/spaces/E4321400005111?lang={1}",
    "my bookings": "{0.bookings}{0.booking[0]}&lang={1}",
    "cost and effect": "{0.bookings}/case?lang={1}",
    "counter": "{0.counter}/?lang={1}",
    "operator": "{0.broker}/operator?lang={1}",
    "API": "{0.broker}/docs",
}

CASES = [
    (n, one) for n, path in PATHS.items() for one in ("ja", "en") if "{1}" in path or one == "en"
]
"""Every page in every language it has."""

STICKING_OUT = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.outerHTML.slice(0, 120))"""
"""What makes the page wider than the window."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(looked_at: Pages) -> AsyncIterator[Page]:
    """Give one page for all tests of this file: most of a page's time goes into its making."""
    page = await looked_at.browser.new_page()
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(shared: Page) -> Page:
    """Give the page as a stranger has it."""
    await shared.context.clear_cookies()
    return shared


async def barriers(page: Page) -> list[str]:
    """Return what axe-core objects to: the rule, where, and why."""
    found = await Axe().run(page)
    violations: list[dict[str, Any]] = found.response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in violations
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("name", "language"), CASES)
async def test_page_has_no_barrier_at_either_width(
    looked_at: Pages, page: Page, name: str, language: str
):
    await page.goto(PATHS[name].format(looked_at, language))
    await page.evaluate("document.querySelectorAll('details').forEach((e, i) => e.open = i < 3)")
    found = []
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate(STICKING_OUT) == []
        found += [f"{width}: {barrier}" for barrier in await barriers(page)]
    assert found == []


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_paid_booking_has_no_barrier_at_either_width(
    looked_at: Pages, page: Page, language: str
):
    link, path = looked_at.booking
    await page.goto(f"{looked_at.bookings}{link}")
    await page.goto(f"{looked_at.bookings}{path}?lang={language}")
    assert await page.locator(".pin").count() == 1
    await page.evaluate("document.querySelectorAll('details').forEach((e) => e.open = true)")
    found = []
    for width in (390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate(STICKING_OUT) == []
        found += [f"{width}: {barrier}" for barrier in await barriers(page)]
    assert found == []


async def test_a_barrier_would_be_found(looked_at: Pages, page: Page):
    await page.goto(f"{looked_at.portal}/snapshot?lang=en")
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(barrier.startswith("button-name") for barrier in await barriers(page))
