"""Reads the data file of the package `pysmartdatamodels`: flat rows in, models out.

The file has one row for each property of each schema. Three traps: parts of structured values
often come without a pointer to their parent; the file says of no attribute whether it is
required; and it is a single JSON array that takes 640 MB when parsed whole, so it is read row by
row.
"""

from __future__ import annotations

import gzip
import json
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from smart_data_models.model import Attribute, Model

ROWS: Final = "model-assets/smartdatamodels.json.gz"
METADATA: Final = "model-assets/datamodels_metadata.json"
SUBJECT: Final = "dataModel."
NAMESPACE: Final = "https://smartdatamodels.org/"

_GEOJSON: Final = "https://purl.org/geojson/vocab#"
_KEPT: Final = ("type", "enum", "format")

Row = dict[str, Any]


class UnexpectedAssets(ValueError):
    """The data file is not laid out as this module expects."""


def read(folder: Path) -> Iterator[Model]:
    """Yield the official models of an unpacked package. Raises UnexpectedAssets."""
    metadata = {
        (entry["subject"].removeprefix(SUBJECT), entry["dataModel"]): entry
        for entry in json.loads((folder / METADATA).read_bytes())
    }
    for key, rows in groupby(_rows(folder / ROWS), _model):
        yield _to_model(key, list(rows), metadata.get(key, {}))


def top_level(names: list[str]) -> list[int]:
    """Return which of a model's parentless properties are its own attributes.

    A schema lists its attributes in alphabetical order, and parts of a value right after it. So
    the attributes are the longest rising sequence of names; what interrupts it is a part.
    """
    tails: list[str] = []
    ends: list[int] = []
    before: list[int] = []
    for index, name in enumerate(names):
        place = bisect_left(tails, name)
        before.append(ends[place - 1] if place else -1)
        tails[place : place + 1] = [name]
        ends[place : place + 1] = [index]
    found = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]


def _model(row: Row) -> tuple[str, str]:
    try:
        return row["repoName"].removeprefix(SUBJECT), row["dataModel"]
    except (KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAssets(f"a row of {ROWS} names no model: {row!r:.200}") from error


def _rows(path: Path) -> Iterator[Row]:
    decoder = json.JSONDecoder()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        text = file.read()
    place = text.find("[") + 1
    while place < len(text):
        while place < len(text) and text[place] in " \t\r\n,":
            place += 1
        if place >= len(text) or text[place] == "]":
            return
        try:
            row, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise UnexpectedAssets(f"{ROWS} is not a list of JSON objects: {error}") from error
        yield row


def _to_model(key: tuple[str, str], rows: list[Row], metadata: Row) -> Model:
    subject, name = key
    parents = [row for row in rows if "parentId" not in row and not _value_part(row)]
    chosen = [parents[index] for index in top_level([row["property"] for row in parents])]
    tops = {row["property"]: row for row in chosen if not row["context"].startswith("@")}
    own = f"/{name}/"
    attributes = [_attribute(name, row) for name, row in tops.items()]
    parts: dict[str, Attribute] = {}
    for row in rows:
        if "parentId" in row:
            path = row["id"].partition("#")[0].partition(own)[2].replace("/", ".")
            if path.partition(".")[0] in tops and "." in path:
                parts.setdefault(path, _attribute(path, row))
    required = [attribute for attribute in metadata.get("required") or () if attribute in tops]
    return Model(
        subject=subject,
        name=name,
        iri=f"{NAMESPACE}{SUBJECT}{subject}/{name}",
        version=str(rows[0].get("schemaVersion", "")),
        description=" ".join(str(metadata.get("description", "")).split()),
        licence=str(rows[0].get("license", "")),
        origin="official",
        required=tuple(required),
        attributes=(*attributes, *parts.values()),
    )


def _value_part(row: Row) -> bool:
    return str(row["context"]).startswith(_GEOJSON)


def _attribute(path: str, row: Row) -> Attribute:
    return Attribute(
        path=path,
        iri=row["context"],
        kind=row.get("typeNGSI") or "",
        schema={member: row[member] for member in _KEPT if row.get(member)},
        description=" ".join(str(row.get("description", "")).split()),
        units=str(row.get("units", "")),
    )
