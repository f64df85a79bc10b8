"""What of an entity is indexed: numbers, texts and boxes of its attributes (pure).

Index rows only narrow a search; the exact condition is always tested on the document. So they
must cover every value a condition on an attribute could look at, and may cover more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from broker.model.entity import PRIMARY, Instance
from broker.query.plan import TEXT_LENGTH

MANY: Final = b""
"""Stands for the values of an attribute that has more than `MAX_VALUES` of them."""

MAX_VALUES: Final = 100
LARGEST: Final = 2**63 - 1

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(slots=True)
class Terms:
    """What the index holds of one attribute of an entity; `box` is west, east, south, north."""

    numbers: set[int | float | bytes] = field(default_factory=set)
    texts: set[str | bytes] = field(default_factory=set)
    box: Box | None = None


NOTHING: Final = Terms()


def terms(instances: dict[str, Instance]) -> Terms:
    """Return what to index of the instances of one attribute."""
    found = Terms()
    points: list[tuple[float, float]] = []
    for instance in instances.values():
        kind = instance["type"]
        value = instance.get(PRIMARY.get(kind, "value"))
        if value.__class__ is float or value.__class__ is str or value.__class__ is int:
            _add(found, value)
        elif kind == "GeoProperty":
            points += positions(value)
        else:
            for scalar in _scalars(value, kind == "LanguageProperty"):
                _add(found, scalar)
                if len(found.numbers) + len(found.texts) > MAX_VALUES:
                    found.numbers, found.texts = {MANY}, {MANY}
                    return found
    if points:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        found.box = (min(xs), max(xs), min(ys), max(ys))
    return found


def number_key(number: int | float) -> int | float:
    """Return a number as SQLite can hold it. Keeps order, not exactness, beyond 64 bits."""
    return number if -LARGEST <= number <= LARGEST else float(number)


def positions(geometry: Any) -> Iterator[tuple[float, float]]:
    """Yield the positions (longitude, latitude) of a GeoJSON geometry."""
    if not isinstance(geometry, dict):
        return
    for part in geometry.get("geometries", ()):
        yield from positions(part)
    yield from _positions(geometry.get("coordinates"))


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(coordinates, list) or not coordinates:
        return
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    elif len(coordinates) > 1:
        yield coordinates[0], coordinates[1]


def _add(found: Terms, value: Any) -> None:
    if value.__class__ is str:
        found.texts.add(value[:TEXT_LENGTH])
    elif value.__class__ is int or value.__class__ is float:
        found.numbers.add(number_key(value))


def _scalars(value: Any, mapping: bool = False) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _scalars(part, mapping)
    elif isinstance(value, dict) and mapping:
        for part in value.values():
            yield from _scalars(part)
    else:
        yield value
