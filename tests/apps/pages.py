"""All pages of a town in a drill, in one process, and a browser to look at them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser

from apps.portal.app import PortalSettings, portal
from apps.staff.app import StaffSettings, staff
from broker.client import Client, timestamp
from machi.flood import flood_samples
from machi.seed.parts import facts
from machi.seed.plant import plant
from machi.seed.town import DRILL_ID
from tests.support.browser import chromium
from tests.support.live import live_broker, serve

STATION = "urn:ngsi-ld:RiverLevelStation:432032:{}"
ALERT = "urn:ngsi-ld:Alert:432032:level"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the town's pages are, a client of each tenant, and a browser."""

    broker: str
    portal: str
    staff: str
    real: Client
    drill: Client
    browser: Browser


@contextlib.asynccontextmanager
async def pages(folder: Path) -> AsyncIterator[Pages]:
    """Run a town whose drill has reached 06:20 of the flood, with an alert out."""
    async with (
        live_broker(folder) as url,
        Client(url) as real,
        Client(url, tenant="drill") as drill,
        chromium() as browser,
    ):
        await plant(real, drill)
        ready = asyncio.Event()
        async with (
            serve(portal(PortalSettings(url, "drill", ready.set))) as page,
            serve(staff(StaffSettings(url, "drill"))) as desk,
        ):
            await ready.wait()
            await measure(real, "hitoyoshi", 1.25, datetime.now(UTC))
            await _flood(drill)
            yield Pages(url, page, desk, real, drill, browser)


async def measure(
    client: Client, station: str, level: float, at: datetime, origin: str | None = None
) -> None:
    """Let a station show a level."""
    instance = {"type": "Property", "value": level, "observedAt": timestamp(at)}
    if origin:
        instance["provenance"] = {"type": "Property", "value": origin}
    await client.append(STATION.format(station), {"waterLevel": instance})


async def _flood(drill: Client) -> None:
    flood, now = facts("kuma-2020"), datetime.now(UTC)
    values = {
        "drillState": "running",
        "startedAt": (now - timedelta(seconds=32)).isoformat(),
        "expectedEnd": (now + timedelta(hours=1)).isoformat(),
        "playedFrom": flood["from"],
        "playedUntil": "2020-07-04T06:20:00+09:00",
        "speed": 600.0,
    }
    parts = {name: {"type": "Property", "value": part} for name, part in values.items()}
    await drill.create({"id": DRILL_ID, "type": "Drill", **parts})
    begun, until = (datetime.fromisoformat(str(values[e])) for e in ("playedFrom", "playedUntil"))
    for sample in flood_samples(flood, begun, until):
        if sample.at.minute % 20 == 0:
            await measure(drill, sample.station, sample.level, sample.at, sample.provenance)
    texts = {
        "ja": "【訓練】人吉：計画高水位を超えました",
        "en": "【DRILL】 Hitoyoshi: above 4.07 m",
    }
    await drill.create(
        {
            "id": ALERT,
            "type": "Alert",
            "alertState": {"type": "Property", "value": "active"},
            "dateIssued": {"type": "Property", "value": "2020-07-03T20:51:00Z"},
            "headline": {"type": "LanguageProperty", "languageMap": texts},
        }
    )
