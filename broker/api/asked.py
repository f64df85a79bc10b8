"""What a consumption operation is asked: parameters as text, from the URL or a Query (§5.2.23)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from broker.errors import BadRequestData, TooComplexQuery
from broker.model.place import show

MOST_SELECTORS: Final = 100


class Asked(dict[str, str]):
    """Parameters by name. `selectors` are a Query's `entities`, None where it has none."""

    def __init__(self, url: dict[str, str]) -> None:
        super().__init__(url)
        self.selectors: list[dict[str, Any]] | None = None
        self._places: dict[str, str] = {}

    def place(self, name: str) -> str:
        """Return how an error names where a parameter was given."""
        return self._places.get(name, f"query:{name}")

    def take(self, name: str, text: str, place: str) -> None:
        """Add a parameter given in the body at `place`."""
        self[name] = text
        self._places[name] = place

    def belongs(self, name: str, place: str) -> None:
        """Say where a parameter that is not given is to be added."""
        if name not in self:
            self._places[name] = place


def place_of(query: dict[str, str], name: str) -> str:
    """Return how an error names where a parameter was given."""
    return query.place(name) if isinstance(query, Asked) else f"query:{name}"


def from_query(value: Any, url: dict[str, str], *, temporal: bool = False) -> Asked:
    """Return what a Query in a request body asks, beside the URL parameters.

    A query of history (`temporal`) has members of its own, and joins nothing. Raises
    BadRequestData for what is no Query: a wrong `type`, unknown members, members of other
    operations or of the wrong JSON type, empty lists.
    """
    if not isinstance(value, dict):
        raise _wrong("body:", "The body is no Query.", 'Send {"type": "Query", …}.')
    if value.get("type") != "Query":
        raise _wrong(
            "body:/type", "The type of the body is not Query.", 'Send {"type": "Query", …}.'
        )
    asked = Asked(url)
    members = _TEMPORAL if temporal else _MEMBERS
    if temporal:
        asked.belongs("timerel", "body:/temporalQ/timerel")
    for name, member in value.items():
        if name != "type":
            reader = members.get(name)
            if reader is None:
                raise _wrong(
                    f"body:/{name}",
                    f"A query of entities has no member {show(name)}.",
                    "Use only these: " + ", ".join(sorted(members)) + ".",
                )
            reader(asked, name, member, f"body:/{name}")
    return asked


def _wrong(place: str, detail: str, remedy: str) -> BadRequestData:
    return BadRequestData(detail, place=place, remedy=remedy)


def _text(asked: Asked, name: str, value: Any, place: str) -> None:
    if not isinstance(value, str) or not value:
        raise _wrong(place, f"{name} must be a text; this is {show(value)}.", "Send a string.")
    asked.take(name, value, place)


def _list(asked: Asked, name: str, value: Any, place: str) -> None:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items or not all(isinstance(i, str) for i in items):
        raise _wrong(
            place,
            f"{name} must be a list of texts that is not empty; this is {show(value)}.",
            f'Send for example "{name}": ["…"], or leave it out.',
        )
    asked.take(name, ",".join(items), place)


def _level(asked: Asked, name: str, value: Any, place: str) -> None:
    if value.__class__ is not int or value < 1:
        raise _wrong(
            place, f"{name} must be a positive integer; this is {show(value)}.", "Send 1 or more."
        )
    asked.take(name, str(value), place)


def _truth(asked: Asked, name: str, value: Any, place: str) -> None:
    if not isinstance(value, bool):
        raise _wrong(
            place, f"{name} must be true or false; this is {show(value)}.", "Send true or false."
        )
    asked.take(name, "true" if value else "false", place)


def _coordinates(asked: Asked, name: str, value: Any, place: str) -> None:
    if not isinstance(value, str | list):
        raise _wrong(place, f"{name} must be an array; this is {show(value)}.", "Send an array.")
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    asked.take(name, text, place)


def _object(readers: dict[str, tuple[str, Reader]]) -> Reader:
    """Return the reader of an object with members that stand for other parameters."""

    def read(asked: Asked, name: str, value: Any, place: str) -> None:
        if not isinstance(value, dict) or not value:
            raise _wrong(place, f"{name} must be an object; this is {show(value)}.", "Send {…}.")
        for key, member in value.items():
            if key not in readers:
                raise _wrong(
                    f"{place}/{key}",
                    f"{name} has no member {show(key)}.",
                    "Use only these: " + ", ".join(sorted(readers)) + ".",
                )
            parameter, reader = readers[key]
            reader(asked, parameter, member, f"{place}/{key}")

    return read


def _entities(asked: Asked, name: str, value: Any, place: str) -> None:
    if not isinstance(value, list) or not value:
        raise _wrong(
            place,
            f"{name} must be a list of selectors that is not empty; this is {show(value)}.",
            'Send for example "entities": [{"type": "Gauge"}], or leave it out.',
        )
    if len(value) > MOST_SELECTORS:
        raise TooComplexQuery(
            f"There are {len(value)} selectors; {MOST_SELECTORS} are taken at once.",
            place=place,
            remedy="A selector may list types and ids; or split the query into several.",
        )
    for position, selector in enumerate(value):
        _check_selector(selector, f"{place}/{position}")
    asked.selectors = value


def _check_selector(selector: Any, place: str) -> None:
    if not isinstance(selector, dict) or not isinstance(selector.get("type"), str):
        raise _wrong(
            place,
            "An entity selector needs a type.",
            'Send {"type": "Gauge"}, or {"type": "*"} for any type.',
        )
    for name, value in selector.items():
        listed = name == "id" and isinstance(value, list) and value
        if name not in ("type", "id", "idPattern"):
            raise _wrong(
                f"{place}/{name}",
                f"An entity selector has no member {show(name)}.",
                "Use only type, id and idPattern.",
            )
        if not all(isinstance(each, str) for each in (value if listed else [value])):
            raise _wrong(
                f"{place}/{name}",
                f"{name} must be a text{' or a list of texts' if name == 'id' else ''}; "
                f"this is {show(value)}.",
                "Send a string.",
            )


Reader = Callable[[Asked, str, Any, str], None]

_GEO: dict[str, tuple[str, Reader]] = {
    "georel": ("georel", _text),
    "geometry": ("geometry", _text),
    "coordinates": ("coordinates", _coordinates),
    "geoproperty": ("geoproperty", _text),
}
_ORDERING: dict[str, tuple[str, Reader]] = {
    "orderBy": ("orderBy", _list),
    "collation": ("collation", _text),
    "coordinates": ("orderFrom", _coordinates),
    "geometry": ("orderGeometry", _text),
}
_MEMBERS: Final[dict[str, Reader]] = {
    "entities": _entities,
    **dict.fromkeys(("q", "scopeQ", "csf", "lang", "join"), _text),
    **dict.fromkeys(
        ("attrs", "pick", "omit", "datasetId", "containedBy", "expandValues", "jsonKeys"), _list
    ),
    "joinLevel": _level,
    **dict.fromkeys(("splitEntities", "entityMap"), _truth),
    "entityMapLifetime": _text,
    "geoQ": _object(_GEO),
    "ordering": _object(_ORDERING),
}
_AGGREGATION: dict[str, tuple[str, Reader]] = {
    "aggrMethods": ("aggrMethods", _list),
    "aggrPeriodDuration": ("aggrPeriodDuration", _text),
}
_TEMPORAL_QUERY: dict[str, tuple[str, Reader]] = {
    **{name: (name, _text) for name in ("timerel", "timeAt", "endTimeAt", "timeproperty")},
    "lastN": ("lastN", _level),
    **_AGGREGATION,
}
_TEMPORAL: Final[dict[str, Reader]] = {
    **{
        name: reader
        for name, reader in _MEMBERS.items()
        if name not in ("join", "joinLevel", "containedBy")
    },
    "temporalQ": _object(_TEMPORAL_QUERY),
    "aggrParams": _object(_AGGREGATION),
}
