"""The ordering language `orderBy`: text → AST, and the key an entity is ordered by (§4.23).

orders = order *("," order)
order  = path [";" ("asc" / "desc" / "dist-asc" / "dist-desc")]

An entity is ordered by the first target found at the path, default instances first. Values of
different kinds come in this order: numbers, texts, objects, arrays, booleans, times, dates,
dateTimes; then null, then entities without a target, whichever the direction. By distance,
GeoProperties come before all other values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import orjson

from broker.errors import BadRequestData, TooComplexQuery
from broker.query.ast import Order, Path
from broker.query.collation import check_collation, sort_key
from broker.query.faults import check_unicode, refuse
from broker.query.geo import parse_reference
from broker.query.moment import clock, instant, is_datetime
from broker.query.operands import number
from broker.query.q import parse_path

Key: TypeAlias = int | float | bytes

MAX_LENGTH: Final = 1024
MAX_ORDERS: Final = 8

NULL: Final = b"\x08"
MISSING: Final = b"\x09"
_TEXT, _OBJECT, _ARRAY, _BOOLEAN, _TIME, _DATE, _DATETIME = (bytes([rank]) for rank in range(1, 8))
_DIRECTIONS = {"": False, "asc": False, "desc": True, "dist-asc": False, "dist-desc": True}
_REMEDY = "For example orderBy=name,waterLevel;desc or orderBy=location;dist-asc&orderFrom=[8,40]."


def parse_order(
    text: str,
    expand: Callable[[str], str],
    *,
    collation: str | None = None,
    coordinates: str | None = None,
    geometry: str | None = None,
    place_of: Callable[[str], str] = "query:{}".format,
) -> tuple[Order, ...]:
    """Parse `orderBy` with its companions `collation`, `orderFrom` and `orderGeometry`.

    Raises BadRequestData, and TooComplexQuery beyond the limits.
    """
    place = place_of("orderBy")
    check_unicode(text, place)
    items = _items(text, place)
    tag = "" if collation is None else check_collation(collation, place_of("collation"))
    reference = None
    if any(direction.startswith("dist") for _, _, direction in items):
        if coordinates is None:
            raise BadRequestData(
                "An order by distance needs to know from where.",
                place=place_of("orderFrom"),
                remedy="Add orderFrom=[longitude,latitude].",
            )
        reference = parse_reference(geometry or "Point", coordinates, place_of("orderFrom"))
    elif coordinates is not None:
        raise no_distance(place_of("orderFrom"))
    return tuple(
        Order(
            _path(path, expand, place, at),
            _DIRECTIONS[direction],
            tag,
            reference if direction.startswith("dist") else None,
        )
        for at, path, direction in items
    )


def no_distance(place: str) -> BadRequestData:
    """Return the error for a place to order from, where nothing is ordered by distance."""
    return BadRequestData(
        "Nothing is ordered by the distance from there.",
        place=place,
        remedy="Order by distance, as in orderBy=location;dist-asc, or leave it out.",
    )


def _items(text: str, place: str) -> list[tuple[int, str, str]]:
    """Return (offset, path, direction) of each order."""
    parts = text.split(",")
    if len(text) > MAX_LENGTH or len(parts) > MAX_ORDERS:
        raise TooComplexQuery(
            f"More than {MAX_ORDERS} orders, or more than {MAX_LENGTH} characters.",
            place=place,
            remedy="Order by fewer attributes.",
        )
    items, at = [], 0
    for part in parts:
        path, semicolon, direction = part.partition(";")
        if direction not in _DIRECTIONS or (semicolon and not direction):
            refuse(
                f"{direction[:60]!r} is no direction.",
                place=place,
                at=at + len(path),
                remedy="Use asc, desc, dist-asc or dist-desc.",
            )
        if path.endswith((":asc", ":desc")):
            refuse("a direction follows a semicolon.", place=place, at=at, remedy=_REMEDY)
        items.append((at, path, direction))
        at += len(part) + 1
    return items


def _path(text: str, expand: Callable[[str], str], place: str, at: int) -> Path:
    path, end = parse_path(text, expand, place=place, remedy=_REMEDY)
    if end < len(text):
        refuse(f"{text[end]!r} does not belong here.", place=place, at=at + end, remedy=_REMEDY)
    return path


def value_key(collation: str, value: Any) -> Key:
    """Return the key of a JSON value: numbers are themselves, all else comes after as bytes."""
    kind = value.__class__
    if kind is int or kind is float:
        return number(value)
    if kind is str:
        return _text_key(collation, value)
    if kind is bool:
        return _BOOLEAN + bytes([value])
    if value is None:
        return NULL
    return (_OBJECT if kind is dict else _ARRAY) + orjson.dumps(value)


def _text_key(collation: str, text: str) -> bytes:
    key = instant(text)
    if key is not None:
        return (_DATETIME if is_datetime(text) else _DATE) + key.encode()
    key = clock(text)
    if key is not None:
        return _TIME + key.encode()
    return _TEXT + sort_key(collation, text)


def behind(key: Key) -> bytes:
    """Return a value's key for an order by distance, in which numbers are distances."""
    if isinstance(key, bytes):
        return key
    (bits,) = struct.unpack(">Q", struct.pack(">d", key))
    return b"\x00" + struct.pack(">Q", bits ^ (2**64 - 1 if bits >> 63 else 2**63))


def group(key: Key, distance: bool) -> int:
    """Return what comes before the key and is never turned round."""
    if key == MISSING:
        return 3
    if key == NULL:
        return 2
    return int(distance and isinstance(key, bytes))
