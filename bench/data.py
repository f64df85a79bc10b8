"""The entities of the benchmark: 15 attributes, about 1.4 KB, the same in every run."""

import random
from functools import cache
from typing import Any

TYPE = "AirQualityObserved"
PREFIX = f"urn:ngsi-ld:{TYPE}:"
OBSERVED = "2026-04-01T09:30:00Z"

TEMPERATURE_STEP = 0.002
"""Each seeded entity has its own temperature, a multiple of this: filters select exact numbers."""

MEASURED = (
    ("relativeHumidity", "P1", 20, 100),
    ("co", "GP", 0, 2000),
    ("no2", "GQ", 0, 200),
    ("o3", "GQ", 0, 180),
    ("so2", "GQ", 0, 120),
    ("pm10", "GQ", 0, 150),
    ("pm25", "GQ", 0, 90),
    ("windSpeed", "MTS", 0, 30),
    ("windDirection", "DD", 0, 360),
    ("precipitation", "MMT", 0, 40),
)
LEVELS = ("good", "moderate", "unhealthyForSensitiveGroups", "unhealthy", "veryUnhealthy")


@cache
def ranks(count: int) -> list[int]:
    """Return a fixed permutation: place of each entity among all when ordered by temperature."""
    order = list(range(count))
    random.Random(15).shuffle(order)
    return order


def seeded(number: int, count: int, generation: int = 0) -> dict[str, Any]:
    """Return the entity `number` of `count`. Another generation has other measured values."""
    return entity(
        f"{PREFIX}{number:06d}",
        random.Random(number + 1_000_003 * generation),
        temperature=round(ranks(count)[number] * TEMPERATURE_STEP, 3),
    )


def cold(draw: random.Random) -> dict[str, Any]:
    """Return an entity without id, colder than any filter of the benchmark selects."""
    body = entity("", draw, temperature=round(draw.uniform(-20, 0), 3))
    del body["id"]
    return body


def entity(entity_id: str, draw: random.Random, temperature: float) -> dict[str, Any]:
    """Return an entity with 15 attributes in the normalized representation."""
    return {
        "id": entity_id,
        "type": TYPE,
        "temperature": measured(temperature, "CEL"),
        **{
            name: measured(round(draw.uniform(low, high), 3), unit)
            for name, unit, low, high in MEASURED
        },
        "airQualityIndex": {"type": "Property", "value": draw.randrange(500)},
        "airQualityLevel": {"type": "Property", "value": draw.choice(LEVELS)},
        "refDevice": {
            "type": "Relationship",
            "object": f"urn:ngsi-ld:Device:{draw.randrange(5000):05d}",
        },
        "location": {
            "type": "GeoProperty",
            "value": {
                "type": "Point",
                "coordinates": [
                    round(draw.uniform(130.70, 130.82), 6),
                    round(draw.uniform(32.15, 32.27), 6),
                ],
            },
        },
    }


def measured(value: float, unit: str) -> dict[str, Any]:
    """Return a measured Property."""
    return {"type": "Property", "value": value, "unitCode": unit, "observedAt": OBSERVED}
