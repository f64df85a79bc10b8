"""A portal on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from apps.portal.app import PortalSettings, portal
from broker.client import Client
from machi.seed.plant import plant
from tests.support.live import live_broker, serve


@dataclass
class Page:
    """A running portal; `ready` is set once it hears the broker."""

    session: aiohttp.ClientSession
    ready: asyncio.Event


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[str]:
    async with live_broker(tmp_path) as url:
        yield url


@pytest.fixture
async def town(broker: str) -> None:
    async with Client(broker) as real, Client(broker, tenant="drill") as drill:
        await plant(real, drill)


@pytest.fixture
async def page(broker: str) -> AsyncIterator[Page]:
    ready = asyncio.Event()
    settings = PortalSettings(broker, "drill", ready.set)
    async with serve(portal(settings)) as url, aiohttp.ClientSession(url) as session:
        yield Page(session, ready)
