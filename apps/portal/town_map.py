"""The map of shelters as a drawing in per cent: outline, river, bridge, numbered places. Pure.

Places close together that suit floods alike share a label; labels are moved apart until none covers
another on a phone, and a line leads from each to its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, hypot, pi, sin
from typing import Any, Final

from apps.shell.ground import FRAME, NAME, PHONE, Box, Place, inside, pixels, point, river

SHORTER: Final = 0.846
"""A degree of longitude against one of latitude here: cos 32.2°."""

TOGETHER: Final = 0.0022
"""Degrees of latitude within which places share a label: about 240 m."""

MARGIN: Final = 0.006
TURNS: Final = tuple(2 * pi * step / 24 for step in range(24))
"""Degrees between a place and the outline, and the directions in which it is kept."""

LABEL: Final = 23.0
DIGIT: Final = 8.0
ROUNDS: Final = 400

ARROWS: Final = dict(zip(("n", "ne", "e", "se", "s", "sw", "w", "nw"), "↑↗→↘↓↙←↖", strict=True))


def numbered(shelters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return shelters in the order of their numbers: groups from west to east, places together."""
    groups = _groups([s for s in shelters if s["position"]])
    ordered = [shelter for group in groups for shelter in group]
    ordered += [s for s in shelters if not s["position"]]
    return [{**shelter, "number": number} for number, shelter in enumerate(ordered, 1)]


def town_map(shelters: Sequence[dict[str, Any]], bridge: Place | None) -> dict[str, Any] | None:
    """Return the drawing of numbered shelters; None where none has a place."""
    placed = [s for s in shelters if s["position"]]
    if not placed:
        return None
    groups = _groups(placed)
    places = tuple(_middle(group) for group in groups)
    texts = tuple(
        _arrow(place) + _range([s["number"] for s in group])
        for place, group in zip(places, groups, strict=True)
    )
    labels = [
        {**label, "flood": group[0]["flood"], "first": group[0]["number"],
         "names": [s["name"] for s in group]}
        for group, label in zip(groups, _labels(places, texts, bridge), strict=True)
    ]  # fmt: skip
    points = [
        {**point(tuple(s["position"])), "flood": s["flood"]}
        for s in placed
        if inside(s["position"])
    ]
    return {
        "labels": labels,
        "points": points,
        "outline": _path(_outline(tuple(places))),
        "river": river(),
        "bridge": None if bridge is None else point(bridge),
        "name": point(NAME),
    }


def _arrow(place: Place) -> str:
    """Return the direction in which a place lies off the map; nothing for one on it."""
    west, south, east, north = FRAME
    side = "w" if place[0] < west else "e" if place[0] > east else ""
    return ARROWS.get(("s" if place[1] < south else "n" if place[1] > north else "") + side, "")


def _groups(shelters: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Put shelters close to a group's first together where they suit alike, from west to east."""
    groups: list[list[dict[str, Any]]] = []
    for shelter in sorted(shelters, key=lambda s: (s["position"][0], s["position"][1])):
        for group in groups:
            first = group[0]
            near = _apart(first["position"], shelter["position"]) <= TOGETHER
            if near and first["flood"] == shelter["flood"]:
                group.append(shelter)
                break
        else:
            groups.append([shelter])
    return groups


def _apart(one: Sequence[float], two: Sequence[float]) -> float:
    return hypot((one[0] - two[0]) * SHORTER, one[1] - two[1])


def _middle(group: Sequence[dict[str, Any]]) -> Place:
    east = sum(s["position"][0] for s in group) / len(group)
    return east, sum(s["position"][1] for s in group) / len(group)


def _range(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"


@lru_cache(maxsize=8)
def _labels(
    places: tuple[Place, ...], texts: tuple[str, ...], bridge: Place | None
) -> tuple[dict[str, Any], ...]:
    """Return each label: its place, where it stands, and whether its place is off the map."""
    width, height = PHONE
    points = [point(place) for place in places]
    boxes = [
        Box(
            min(max(p["x"], 4), 96) / 100 * width,
            min(max(p["y"], 5), 95) / 100 * height,
            LABEL + DIGIT * (len(text) - 1),
            LABEL,
        )
        for p, text in zip(points, texts, strict=True)
    ]
    _separate(boxes, _obstacles(bridge))
    return tuple(
        {
            "text": text,
            "x": round(100 * box.x / width, 2),
            "y": round(100 * box.y / height, 2),
            "width": box.width,
            "place": at,
            "outside": not inside(place),
        }
        for place, at, text, box in zip(places, points, texts, boxes, strict=True)
    )


def _obstacles(bridge: Place | None) -> list[Box]:
    """Return what no label may cover: the bridge with its name, and the river's name."""
    found = []
    if bridge is not None:
        x, y = pixels(bridge)
        found = [Box(x, y, 30, 26, True), Box(x + 66, y + 4, 104, 40, True)]
    return [*found, Box(*pixels(NAME), 70, 20, True)]


def _separate(boxes: list[Box], fixed: list[Box]) -> None:
    """Push boxes apart, the way that needs least, until none covers another."""
    for _ in range(ROUNDS):
        moved = False
        everything = [*boxes, *fixed]
        for number, one in enumerate(boxes):
            for two in everything[number + 1 :]:
                moved = _push(one, two) or moved
        for box in boxes:
            box.x = min(max(box.x, box.width / 2 + 2), PHONE[0] - box.width / 2 - 2)
            box.y = min(max(box.y, box.height / 2 + 2), PHONE[1] - box.height / 2 - 2)
        if not moved:
            return


def _push(one: Box, two: Box) -> bool:
    """Move two boxes that overlap apart; a fixed one stays. Tell whether they did."""
    over_x = (one.width + two.width) / 2 + 1 - abs(one.x - two.x)
    over_y = (one.height + two.height) / 2 + 1 - abs(one.y - two.y)
    if over_x <= 0 or over_y <= 0:
        return False
    share = 1.0 if two.fixed else 0.5
    if over_x < over_y:
        step = over_x * share * (1 if one.x >= two.x else -1)
        one.x += step
        two.x -= 0 if two.fixed else step
    else:
        step = over_y * share * (1 if one.y >= two.y else -1)
        one.y += step
        two.y -= 0 if two.fixed else step
    return True


@lru_cache(maxsize=8)
def _outline(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return a soft line around the places inside the frame, `MARGIN` away from them."""
    around = [(MARGIN * cos(turn), MARGIN * sin(turn)) for turn in TURNS]
    shown = [place for place in places if inside(place)]
    return _hull([(x + dx, y + dy) for x, y in shown for dx, dy in around])


def _hull(points: Sequence[Place]) -> tuple[Place, ...]:
    """Return the convex hull, counter-clockwise, its first point not repeated (Andrew)."""
    ordered = sorted(set(points))
    return tuple(_half(ordered)[:-1] + _half(ordered[::-1])[:-1])


def _half(ordered: Sequence[Place]) -> list[Place]:
    """Return the points of one side, each a turn to the left of the two before."""
    side: list[Place] = []
    for x, y in ordered:
        while len(side) > 1 and not _left(side[-2], side[-1], (x, y)):
            side.pop()
        side.append((x, y))
    return side


def _left(one: Place, two: Place, three: Place) -> bool:
    return (two[0] - one[0]) * (three[1] - one[1]) > (two[1] - one[1]) * (three[0] - one[0])


def _path(places: Sequence[Place]) -> str:
    points = [point(place) for place in places]
    return "M" + "L".join(f"{p['x']} {p['y']}" for p in points) + "Z"
