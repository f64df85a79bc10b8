"""One town and one browser for all tests that look at pages."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.apps.pages import Pages, pages


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def looked_at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    async with pages(tmp_path_factory.mktemp("pages")) as running:
        yield running
