"""Areas and kinds of shops, by which money is counted (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

_FACTS: Final = orjson.loads((Path(__file__).parent / "areas.json").read_bytes())
FURTHEST: Final = 5.0
"""Kilometres from an area's middle beyond which a shop is in none."""
ELSEWHERE: Final = "other"
_KM_PER_DEGREE: Final = 111.2


@dataclass(frozen=True, slots=True)
class Area:
    """An area of the town: its name by language, and its middle as longitude and latitude."""

    key: str
    name: dict[str, str]
    middle: tuple[float, float]


AREAS: Final = tuple(
    Area(one["key"], one["name"], (one["middle"][0], one["middle"][1])) for one in _FACTS["areas"]
)
KINDS: Final[dict[str, dict[str, str]]] = _FACTS["kinds"]
"""Names of kinds of shops, by the ISO 18245 code that stands for each."""


def area_of(position: tuple[float, float] | None) -> str:
    """Return the key of the area whose middle is nearest to a position."""
    if position is None:
        return ELSEWHERE
    near = min(AREAS, key=lambda area: _distance(area.middle, position))
    return near.key if _distance(near.middle, position) <= FURTHEST else ELSEWHERE


def kind_of(category: str) -> str:
    """Return the kind of a shop by its category; what is not known is `other`."""
    return category if category in KINDS else ELSEWHERE


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    east = (one[0] - other[0]) * math.cos(math.radians(one[1]))
    return _KM_PER_DEGREE * math.hypot(east, one[1] - other[1])
