"""Bookings as people meet them."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from apps.bookings.app import citizens, counter
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.pages.site import Site
from tests.apps.bookings.browsing import BUILDING, Pages
from tests.apps.bookings.stage import GYM, LEFT, RIGHT, Noting, broker, space, stage
from tests.support.live import serve
from tests.support.paper_vault import PaperVault


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    spaces = [space(GYM, (LEFT, RIGHT)), space(LEFT), space(RIGHT)]
    noting = Noting()
    async with broker(tmp_path, noting) as url, stage(url, "aso", spaces) as town:
        await town.client.create(BUILDING)
        provider = town.process.provider
        assert isinstance(provider, HttpProvider)
        site = Site(
            town.process, town.desk, Holders(PaperVault()), provider, "secret", clock=town.clock
        )
        jars = [aiohttp.CookieJar(unsafe=True) for _ in range(2)]
        async with (
            serve(citizens(site)) as first,
            serve(counter(site)) as second,
            aiohttp.ClientSession(first, cookie_jar=jars[0]) as citizen,
            aiohttp.ClientSession(second, cookie_jar=jars[1]) as desk,
        ):
            yield Pages(town, site, citizen, desk, noting)
