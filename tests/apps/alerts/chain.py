"""The alert chain from the gauge adapter's place: measure, run the app, wait for what shows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.alerts.cursor import cursor_from
from apps.alerts.service import Alerts
from broker.client import Client, Entity, timestamp, value
from machi.seed.town import town_entities
from tests.support.patience import PATIENCE

STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
LIGHT = "urn:ngsi-ld:IlluminationControl:432032:mizunote"
START = datetime(2026, 7, 3, 16, 0, tzinfo=UTC)


async def plant(client: Client) -> None:
    """Create the station and the light of the demo town."""
    for entity in town_entities():
        if entity["id"] in (STATION, LIGHT):
            await client.create(entity)


async def measure(
    client: Client, minute: int, level: float, of: str = STATION, **more: Any
) -> None:
    """Write a level as the gauge adapter does."""
    at = timestamp(START + timedelta(minutes=minute))
    values = {"waterLevel": level, "quality": "good", **more}
    await client.append(
        of,
        {
            name: {"type": "Property", "value": content, "observedAt": at}
            for name, content in values.items()
        },
    )


async def taken(client: Client, minute: int) -> None:
    """Wait until the app has taken the sample of a minute."""
    wanted = START + timedelta(minutes=minute)
    async with asyncio.timeout(PATIENCE):
        async for event in client.stream(type="FeedCursor", after=0):
            if event.entity is not None:
                watch = cursor_from(event.entity, "").watches.get(STATION)
                if watch and watch.state.last and watch.state.last >= wanted:
                    return


async def noted(client: Client, light: str = LIGHT) -> None:
    """Wait until the app has noticed that something is wrong with a light."""
    async with asyncio.timeout(PATIENCE):
        async for event in client.stream(type="FeedCursor", after=0):
            if event.entity is not None and light in cursor_from(event.entity, "").lights:
                return


class Wall:
    """The clock on the wall; it stands still until it is set."""

    def __init__(self, minute: float = 0) -> None:
        self.minute = minute

    def now(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    def monotonic(self) -> float:
        return self.minute * 60


@contextlib.asynccontextmanager
async def running(
    client: Client, *, drill: bool = False, wall: Wall | None = None
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Run the app beside the test; wait until it listens.

    Give what waits until the app has looked once at the time the wall shows now.
    """
    ready = asyncio.Event()
    wall = wall or Wall(200)
    pauses = 0

    async def soon(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        await asyncio.sleep(0.01)

    async def looked() -> None:
        # The pause after next ends a look that began after now.
        wanted = pauses + 2
        async with asyncio.timeout(PATIENCE):
            while pauses < wanted:
                await asyncio.sleep(0.01)

    app = Alerts(
        client,
        drill=drill,
        ready=ready.set,
        sleep=soon,
        clock=wall.now,
        monotonic=wall.monotonic,
    )
    task = asyncio.create_task(app.run())
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield looked
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def shows(client: Client, entity_id: str, **wanted: object) -> Entity:
    """Wait until an entity shows values; return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            entity = await client.retrieve(entity_id)
            if all(value(entity, name) == part for name, part in wanted.items()):
                return entity
            await asyncio.sleep(0.02)
