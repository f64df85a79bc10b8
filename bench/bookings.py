"""How fast the pages of the bookings app answer in a town with 10,000 bookings over a year.

The broker is a process of its own, the pages are served by uvicorn in this one: what is measured is
one client that waits for each answer, search of all spaces on a day and a space's week, all days of
the year by turns, the busy ones among them.
"""

import asyncio
import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import aiohttp

from apps.bookings.app import citizens, counter
from apps.bookings.core.spaces import claims
from apps.bookings.core.town import Town, read_town
from apps.bookings.core.when import Span, at
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.pages.site import Site
from apps.bookings.process.case import Booking, Case, Status
from apps.bookings.process.entities import operations
from apps.bookings.process.runner import Process
from apps.bookings.wish import booking_number
from bench.figures import Figure, Target
from bench.rates import Say
from broker.client import Client, Entity
from machi.seed.town import town_entities
from tests.apps.bookings.stage import PaperLocks, Postbox
from tests.support.live import serve
from tests.support.paper_vault import PaperVault
from tests.support.server import broker

BOOKINGS = 10_000
FIRST = date(2026, 4, 1)
DAYS = 365
NOW = datetime(2026, 10, 1, tzinfo=UTC)
LOOKS = 40
BATCH = 900
LIMIT = Target(150.0, at_least=False, worst=True)
PAGES = {
    "search of a day": "/?date={day}",
    "search by name": "/?date={day}&place=%E6%B3%A2%E9%87%8E",
    "a space's week": "/spaces/E4321400005111?date={day}",
}


def measure_bookings(folder: Path, say: Say) -> list[Figure]:
    """Return the milliseconds of each page."""
    with broker(folder / "data", folder / "broker.log") as server:
        return asyncio.run(_measure(server.url, say))


async def _measure(url: str, say: Say) -> list[Figure]:
    async with Client(url, name="bookings") as client, aiohttp.ClientSession() as session:
        town = await _fill(client)
        say(f"{BOOKINGS:,} bookings of {len(town.spaces)} spaces")
        provider = HttpProvider("http://127.0.0.1:9", "", "", session)
        process = Process(client, PaperLocks(client), provider, Postbox(), lambda: NOW)
        site = Site(process, Desk(process), Holders(PaperVault()), provider, clock=lambda: NOW)
        figures = []
        async with serve(citizens(site)) as pages, serve(counter(site)) as day:
            for name, path in PAGES.items():
                figures.append(await _look(session, name, pages + path))
            figures.append(await _look(session, "the counter's day", f"{day}/?day={{day}}"))
        say("bookings done")
        return figures


async def _look(session: aiohttp.ClientSession, name: str, url: str) -> Figure:
    figure = Figure(f"bookings: {name}, {BOOKINGS:,} a year", "ms", LIMIT)
    for number in range(LOOKS):
        day = FIRST + timedelta(days=number * 7 % DAYS)
        begun = time.perf_counter()
        async with session.get(url.format(day=day)) as answer:
            await answer.read()
            answer.raise_for_status()
        figure.values.append((time.perf_counter() - begun) * 1000)
    return figure


async def _fill(client: Client) -> Town:
    """Plant the town's facilities and bookings of one to three hours, none on another's slot."""
    kinds = ("Building", "BookableSpace")
    await client.upsert([one for one in town_entities() if one["type"] in kinds])
    town = read_town(await client.query(type="BookableSpace"))
    dice, taken = random.Random(7), set[str]()
    spaces = list(town.spaces.values())
    batch: list[Entity] = []
    made = 0
    while made < BOOKINGS:
        space = dice.choice(spaces)
        start = at(FIRST + timedelta(days=dice.randrange(DAYS)), 60 * dice.randrange(9, 20))
        span = Span(start, start + timedelta(hours=dice.randint(1, 3)))
        wanted = tuple(claims(space, span, town.spaces))
        if taken & set(wanted):
            continue
        taken |= set(wanted)
        batch += _entities(f"{made:020x}", space.id, span, wanted)
        made += 1
        if len(batch) >= BATCH:
            await client.upsert(batch)
            batch = []
    await client.upsert(batch)
    return town


def _entities(local: str, space: str, span: Span, wanted: tuple[str, ...]) -> list[Entity]:
    booking_id = f"urn:ngsi-ld:FacilityBooking:432148:{local}"
    booking = Booking(booking_id, booking_number(booking_id), space, span, Status.CONFIRMED,
                      f"urn:ngsi-ld:Holder:{local}", 660, claims=wanted)  # fmt: skip
    return [one["entity"] for one in operations(None, "", Case(booking))]
