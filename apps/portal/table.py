"""Entities as rows of a table, for CSV: one column per value, safe to open in a spreadsheet. Pure.

A value that is an object becomes a column per member (`address.addressLocality`), a point two
(`location.longitude`, `location.latitude`); sub-attributes follow as `waterLevel.observedAt`,
further instances as `waterLevel@<datasetId>`. Lists and deeper objects are written as JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from broker.client import Entity

Row = dict[str, Any]

FIRST: Final = ("id", "type")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet begins a formula with; those of Japan take the wide signs for the others."""
VALUES: Final = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
HIDDEN: Final = frozenset({"type", "datasetId", *VALUES})


def row_of(entity: Entity) -> Row:
    """Return an entity's cells by column name."""
    row: Row = {"id": entity["id"], "type": _joined(entity["type"])}
    for name, attribute in entity.items():
        if name in FIRST or name == "@context":
            continue
        for instance in attribute if isinstance(attribute, list) else [attribute]:
            row.update(_cells(name, instance))
    return row


def columns(rows: Iterable[Row], known: dict[str, None]) -> None:
    """Add the rows' columns to those known, in order of appearance."""
    for row in rows:
        known.update(dict.fromkeys(row))


def ordered(known: Iterable[str]) -> list[str]:
    """Return columns in the order of the table: id and type, then by name."""
    return [*FIRST, *sorted(set(known) - set(FIRST))]


def csv_text(rows: Iterable[Row], header: list[str], *, titled: bool) -> str:
    """Return rows as CSV (RFC 4180), `titled` with the header line first."""
    text = io.StringIO()
    writer = csv.writer(text)
    if titled:
        writer.writerow(map(_safe, header))
    writer.writerows([_safe(row.get(column)) for column in header] for row in rows)
    return text.getvalue()


def _cells(name: str, instance: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(instance, Mapping):
        yield name, instance
        return
    if "datasetId" in instance:
        name = f"{name}@{instance['datasetId']}"
    for member in VALUES:
        if member in instance:
            yield from _value(name, instance[member])
    for part, inner in instance.items():
        if part not in HIDDEN:
            yield from _cells(f"{name}.{part}", inner)


def _value(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield name, value
    elif value.get("type") == "Point" and _is_place(value.get("coordinates")):
        yield f"{name}.longitude", value["coordinates"][0]
        yield f"{name}.latitude", value["coordinates"][1]
    elif "coordinates" in value:
        yield name, value
    else:
        for member, inner in value.items():
            yield f"{name}.{member}", inner


def _is_place(coordinates: Any) -> bool:
    return isinstance(coordinates, list) and len(coordinates) > 1


def _joined(types: Any) -> str:
    return "|".join(map(str, types)) if isinstance(types, list) else str(types)


def _safe(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return cell
    text = cell if isinstance(cell, str) else orjson.dumps(cell).decode()
    return f"'{text}" if text.startswith(FORMULA) else text
