"""People who walk through the demo town, made up with a fixed seed: consents and sightings. Pure.

They agreed to be counted, so that the page of counts has something to show; nobody else is made up.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from apps.consent.records import record
from apps.portal.times import JST
from consent.releases.counting import AFTER
from machi.seed.consent import purpose_entities
from machi.seed.parts import CITY, Entity, prop, relation, urn

PEOPLE: Final = 60
PURPOSE: Final = urn("DataPurpose", "people-flow")
HABITS: Final = (
    *(("hitoyoshi-station", hour, share) for hour, share in ((8, 0.7), (12, 0.45), (17, 0.6))),
    *(("castle-ruins", hour, share) for hour, share in ((8, 0.4), (12, 0.6), (17, 0.45))),
    *(("aoi-shrine", hour, share) for hour, share in ((8, 0.45), (12, 0.5), (17, 0.4))),
)
"""By which detector people pass, about what hour, and how many of all."""


def in_order(now: datetime) -> Iterator[list[Entity]]:
    """Yield what is planted one after the other: each part all or nothing."""
    yield [_purpose()]
    yield consents(now)
    yield sightings(yesterday(now))


def consents(now: datetime) -> list[Entity]:
    """Return the consents of the made-up people, given now."""
    return [
        record(_purpose(), _user(number), "given", "ja", now, f"{CITY}:{_user(number)}-people-flow")
        for number in range(PEOPLE)
    ]


def yesterday(now: datetime) -> date:
    """Return the last day in Japan of which people are counted: it has been over for an hour."""
    return (now - AFTER).astimezone(JST).date() - timedelta(days=1)


def sightings(day: date) -> list[Entity]:
    """Return where the people's tags were seen on a day in Japan: the same for the same day."""
    drawn = random.Random(f"{CITY} {day}")
    return list(_sightings(day, drawn))


def _sightings(day: date, drawn: random.Random) -> Iterator[Entity]:
    for number in range(PEOPLE):
        for place, hour, share in HABITS:
            if drawn.random() < share:
                begin = datetime.combine(day, time(hour, drawn.randrange(60)), JST)
                seen = begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                local = f"flow-{day:%Y%m%d}-{number:02}-{hour:02}-{place}"
                yield {
                    "id": urn("TagDetection", local),
                    "type": "TagDetection",
                    "refHolder": relation(f"urn:ngsi-ld:Holder:{_user(number)}"),
                    "refDetector": relation(urn("Device", place)),
                    "dateObserved": prop(seen),
                    "tagRef": prop(f"{drawn.getrandbits(32):08x}"),
                    "tagKind": prop("drill"),
                    "rssi": prop(-60 - drawn.randrange(30)),
                }


def _purpose() -> Entity:
    return next(one for one in purpose_entities() if one["id"] == PURPOSE)


def _user(number: int) -> str:
    return f"demo-{number:02}"
