"""Entities shown one by one, so that one that says nonsense is missing and the page is not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, TypeVar

from broker.client import Entity, value

log = logging.getLogger("apps.portal")

Shown = TypeVar("Shown")
NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def shown(entity: Entity | None, show: Callable[[Entity], Shown]) -> Shown | None:
    """Return an entity as `show` gives it; None where there is none, or it cannot be shown."""
    if entity is None:
        return None
    try:
        return show(entity)
    except NONSENSE as fault:
        _tell(str(entity["id"]), repr(fault))
        return None


def each(entities: Iterable[Entity], show: Callable[[Entity], Shown]) -> list[Shown]:
    """Return the entities that can be shown, as `show` gives them."""
    views = (shown(entity, show) for entity in entities)
    return [view for view in views if view is not None]


def place_of(entity: Entity) -> list[float] | None:
    """Return where an entity is, east and north in degrees: for an area the middle of its corners.

    None where it says no place.
    """
    location = value(entity, "location")
    corners = list(_corners(location.get("coordinates"))) if isinstance(location, dict) else []
    if not corners:
        return None
    return [sum(corner[axis] for corner in corners) / len(corners) for axis in (0, 1)]


def _corners(coordinates: Any) -> Iterable[tuple[float, float]]:
    if not isinstance(coordinates, list):
        return
    if len(coordinates) > 1 and all(isinstance(one, int | float) for one in coordinates[:2]):
        yield coordinates[0], coordinates[1]
        return
    for inner in coordinates:
        yield from _corners(inner)


@lru_cache(maxsize=1000)
def _tell(entity_id: str, fault: str) -> None:
    log.warning("%s cannot be shown: %s", entity_id, fault)
