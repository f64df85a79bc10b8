"""Pictures of how money goes round: a bar for each month, and the town's map with what was spent
where (pure).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import atan2, cos, pi, sin
from typing import Any, Final

from apps.kijiko.pages.showing import line_name
from apps.kijiko.reports.analysis import Month
from apps.kijiko.use.areas import AREAS
from apps.shell.ground import NAME, PHONE, Box, Place, pixels, point, river

_WIDE: Final = 320
_HIGH: Final = 200
_EDGE: Final = 40
LARGEST: Final = 22.0
"""Radius in pixels of the disc of the area in which most was spent."""
ROW: Final = 17.0
"""Height in pixels of a row of a label: a row for each area, and one for the amount below."""
WAYS: Final = sorted(
    product(range(40, 280, 15), (sign * pi * step / 12 for step in range(13) for sign in (1, -1))),
    key=lambda way: way[0] * (1 + abs(way[1])),
)
"""Pixels between a disc's middle and a label's, and turns from straight outwards: near ones and
small ones first.
"""
NARROW, WIDE = 8.2, 13.0
"""Pixels of a letter, and of a Japanese character."""
MIDDLES: Final = {one.key: one.middle for one in AREAS}


def bars(months: Sequence[Month]) -> list[dict[str, Any]]:
    """Return the bars of what was spent by month: places and sizes in a picture of 320 × 200."""
    shown = [(one.first, one.spent.total or 0) for one in months][-12:]
    most = max((amount for _, amount in shown), default=0) or 1
    width = (_WIDE - _EDGE) / max(1, len(shown))
    return [
        {
            "x": round(_EDGE / 2 + place * width + width * 0.15, 1),
            "y": round(_HIGH - 24 - (_HIGH - 60) * amount / most, 1),
            "width": round(width * 0.7, 1),
            "height": round((_HIGH - 60) * amount / most, 1),
            "label": f"{first:%Y-%m}",
            "amount": amount,
        }
        for place, (first, amount) in enumerate(shown)
    ]


def area_map(month: Month, language: str, other: str) -> dict[str, Any]:
    """Return the map of a month: discs as large as what was spent, and labels apart from them.

    Joined areas have one disc in the middle of theirs; what is in none is not on the map.
    """
    most = max(month.spent.rows.values(), default=0) or 1
    spots: list[dict[str, Any]] = []
    places: list[Place] = []
    for line, amount in sorted(month.spent.rows.items(), key=lambda one: -one[1]):
        if amount <= 0 or (place := _middle(line)) is None:
            continue
        places.append(place)
        spots.append({
            **point(place),
            "names": [line_name((part,), language, other) for part in line],
            "amount": amount,
            "r": round(LARGEST * (amount / most) ** 0.5, 1),
        })  # fmt: skip
    for spot, box in zip(spots, _labels(spots, [pixels(one) for one in places]), strict=True):
        spot["label"] = {
            "x": round(100 * box.x / PHONE[0], 2),
            "y": round(100 * box.y / PHONE[1], 2),
        }
        spot["width"], spot["height"] = round(box.width), round(box.height)
    return {"spots": spots, "river": river(), "name": point(NAME)}


def _labels(spots: Sequence[dict[str, Any]], places: Sequence[Place]) -> list[Box]:
    """Return where labels stand: outwards of their discs, as near as there is room for each."""
    x, y = (sum(one[axis] for one in places) / max(1, len(places)) for axis in (0, 1))
    taken = [Box(*pixels(NAME), 70, 20)]
    taken += [
        Box(east, south, 2 * spot["r"], 2 * spot["r"])
        for spot, (east, south) in zip(spots, places, strict=True)
    ]
    boxes = []
    for spot, (east, south) in zip(spots, places, strict=True):
        outwards, width, height = atan2(south - y, east - x), _width(spot), _height(spot)
        around = [
            Box(east + away * cos(outwards + turn), south + away * sin(outwards + turn), width,
                height)
            for away, turn in WAYS
        ]  # fmt: skip
        free = (one for one in around if _shown(one) and not any(map(one.covers, taken)))
        boxes.append(next(free, around[0]))
        taken.append(boxes[-1])
    return boxes


def _shown(box: Box) -> bool:
    across, down = PHONE[0] - box.width / 2 - 2, PHONE[1] - box.height / 2 - 2
    return PHONE[0] - across < box.x < across and PHONE[1] - down < box.y < down


def _middle(line: Sequence[Any]) -> Place | None:
    """Return the middle of joined areas; None where one of them is nowhere."""
    places = [MIDDLES[key] for key in line if key in MIDDLES]
    if not places or len(places) < len(line):
        return None
    return (
        sum(east for east, _ in places) / len(places),
        sum(north for _, north in places) / len(places),
    )


def _width(spot: Mapping[str, Any]) -> float:
    """Return the pixels that a label takes from left to right."""
    names = [sum(NARROW if one.isascii() else WIDE for one in name) for name in spot["names"]]
    return 8 + max(*names, NARROW * (len(f"{spot['amount']:,}") + 4))


def _height(spot: Mapping[str, Any]) -> float:
    return ROW * (len(spot["names"]) + 1) + 2
