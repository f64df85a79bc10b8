"""A town and a browser for the tests of this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.town import Town, town_in
from tests.support.browser import chromium


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("town")
    town = town_in(folder)
    town.server.start()
    try:
        yield town
    finally:
        town.server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def browser(started: Browser) -> AsyncIterator[Browser]:
    """Give the browser of the file; what a test has opened in it is closed at the test's end."""
    yield started
    for context in started.contexts:
        await context.close()
