"""All pages of a town in a drill, in one process, and a browser to look at them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from playwright.async_api import Browser

from apps.bookings.app import citizens, counter
from apps.bookings.core.when import Span, at, local
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import Contact, Holders
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.pages.site import Site
from apps.bookings.process.runner import Process
from apps.bookings.wish import Wish
from apps.portal.app import PortalSettings, portal
from apps.staff.app import StaffSettings, staff
from broker.client import Client, timestamp
from machi.flood import flood_samples
from machi.seed.parts import facts
from machi.seed.plant import plant
from machi.seed.town import DRILL_ID
from tests.apps.bookings.stage import PaperLocks, Postbox
from tests.support.browser import chromium
from tests.support.live import live_broker, serve
from tests.support.paper_vault import PaperVault

STATION = "urn:ngsi-ld:RiverLevelStation:432032:{}"
GYM = "urn:ngsi-ld:BookableSpace:432148:E4321400005111"
ALERT = "urn:ngsi-ld:Alert:432032:level"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the town's pages are, a client of each tenant, and a browser."""

    broker: str
    portal: str
    staff: str
    bookings: str
    counter: str
    booking: tuple[str, str]
    """The link that lets its holder in, and the path of a booking that is paid."""
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
            async with (
                booked(real) as (site, booking),
                serve(citizens(site)) as bookings,
                serve(counter(site)) as day,
            ):
                yield Pages(url, page, desk, bookings, day, booking, real, drill, browser)


@contextlib.asynccontextmanager
async def booked(client: Client) -> AsyncIterator[tuple[Site, tuple[str, str]]]:
    """Give the bookings app of a town in which a gym is booked and paid, and a door was forced."""
    async with aiohttp.ClientSession() as session:
        provider = HttpProvider("http://127.0.0.1:9", "secret", "", session)
        locks, holders = PaperLocks(client), Holders(PaperVault())
        process = Process(client, locks, provider, Postbox(), lambda: datetime.now(UTC))
        site = Site(process, Desk(process), holders, provider)
        holder = await holders.new(Contact("阿蘇 花子", "hanako@example.jp"))
        start = at(local(datetime.now(UTC)).date() + timedelta(days=5), 10 * 60)
        span = Span(start, start + timedelta(hours=2))
        case = await site.desk.hold(Wish(GYM, span, holder, "1", channel="import"))
        await site.desk.cash(case.booking.id)
        await process.settle(case.booking.id)
        values = {"misuse": "forced", "alertState": "active", "occurredAt": timestamp(start)}
        alert = {"id": "urn:ngsi-ld:AccessAlert:432148:1-forced", "type": "AccessAlert",
                 "refLock": {"type": "Relationship", "object": "urn:ngsi-ld:SmartLock:432148:1"},
                 **{name: {"type": "Property", "value": part} for name, part in values.items()},
                 }  # fmt: skip
        await client.create(alert)
        link = f"/open?key={await holders.secret(holder)}"
        yield site, (link, f"/bookings/{case.booking.local}")


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
