"""A broker with the station and the light of the demo town."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.client import Client
from tests.apps.alerts.chain import plant
from tests.support.live import live_broker


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with live_broker(tmp_path) as url:
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        await plant(client)
        yield client
