"""Rows of a table, one for each observation, as entries of history (pure).

A row names its entity (`id`, `type`) and its time (`observedAt`). In a long table it has one
`attribute` with its `value`, and perhaps `unitCode` and `datasetId`; in a wide one every other
column is an attribute. Empty cells say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

import orjson

from broker.model.entity import DEFAULT, Instance
from broker.model.names import check_attribute_name
from broker.model.times import is_datetime
from broker.store.history import Entry, Fact
from machi.history.errors import UnreadableSource

LONG: Final = frozenset(("attribute", "value"))
META: Final = frozenset(("id", "type", "unitCode", "datasetId"))
LEFT_OUT: Final = frozenset(("createdAt", "modifiedAt", "deletedAt", "instanceId", "resampled"))


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read: what holds where a row does not say, and where its time is.

    `zone` is that of times without one. `expand` gives the IRI of a name.
    """

    expand: Callable[[str], str]
    entity_id: str = ""
    entity_type: str = ""
    time: str = "observedAt"
    zone: tzinfo = UTC


def entry_of_row(row: Mapping[str, Any], reading: Reading, at: int) -> Entry:
    """Return what a row tells; raises UnreadableSource, BadRequestData for a name."""
    entity_id = row.get("id") or reading.entity_id
    type_name = row.get("type") or reading.entity_type
    if not entity_id or not type_name:
        missing = "type" if entity_id else "id"
        raise UnreadableSource(f"there is no {missing}: add a column `{missing}`, or --{missing}")
    observed = _observed(row.get(reading.time), reading)
    if row.keys() >= LONG:
        cells = [(str(row["attribute"]), row["value"])]
    else:
        skipped = (reading.time, *META, *LEFT_OUT)
        cells = [(name, cell) for name, cell in row.items() if name not in skipped]
    facts = tuple(
        Fact(_named(name, reading), _instance(told, observed, row), _dataset(row))
        for name, told in ((name, value(cell)) for name, cell in cells)
        if told not in ("", None)
    )
    return Entry(str(entity_id), (reading.expand(str(type_name)),), at, facts)


def value(cell: Any) -> Any:
    """Return what a cell says: a number or another JSON value where it is one, else its text."""
    if type(cell) is not str:
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell


@lru_cache(maxsize=8192)
def utc(text: str, zone: tzinfo) -> str:
    """Return a time as a DateTime in UTC; raises UnreadableSource."""
    if is_datetime(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableSource(
            f"{text!r} is no time: write 2020-07-04T06:00:00Z, or 2020-07-04 15:00 with --zone"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    moment = moment.astimezone(UTC)
    spec = "microseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def _observed(text: Any, reading: Reading) -> str:
    if type(text) is not str or not text:
        raise UnreadableSource(f"there is no time in {reading.time!r}: name its column by --time")
    return utc(text, reading.zone)


def _instance(told: Any, observed: str, row: Mapping[str, Any]) -> Instance:
    place = type(told) is dict and "coordinates" in told
    kind = "GeoProperty" if place else "Property"
    instance: Instance = {"type": kind, "value": told, "observedAt": observed}
    if row.get("unitCode"):
        instance["unitCode"] = row["unitCode"]
    return instance


def _named(name: str, reading: Reading) -> str:
    return reading.expand(check_attribute_name(name, name))


def _dataset(row: Mapping[str, Any]) -> str:
    return str(row.get("datasetId") or DEFAULT)
