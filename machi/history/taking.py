"""Taking series out of history as a table: CSV, written as it is read, or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import orjson

from broker.model.entity import DEFAULT, PRIMARY
from broker.model.times import timestamp
from broker.store.history import Moment, Window
from broker.store.sqlite.history.archive import Archive, Told

COLUMNS: Final = (
    *("id", "type", "attribute", "datasetId", "observedAt", "value", "unitCode", "instanceId"),
    *("createdAt", "modifiedAt", "deletedAt", "resampled"),
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
GROUP: Final = 50_000
"""Rows of one group of a Parquet file."""

Row: TypeAlias = dict[str, Any]
Wanted: TypeAlias = Callable[[Told], bool]
"""Whether a series is asked for."""


class NoParquet(Exception):
    """The library that writes Parquet is not installed."""


def rows_of(
    archive: Archive, wanted: Wanted, window: Window, name: Callable[[str], str]
) -> Iterator[Row]:
    """Yield a row for each instance of the series that are wanted; `name` shortens IRIs."""
    for told in archive.series():
        if not wanted(told):
            continue
        about = {
            "id": told.entity_id,
            "type": " ".join(name(iri) for iri in told.types),
            "attribute": name(told.attribute),
            "datasetId": None if told.dataset == DEFAULT else told.dataset,
        }
        for moment in archive.moments(told, window):
            yield {**about, **_cells(moment)}


def write_csv(rows: Iterable[Row], file: IO[str]) -> int:
    """Write rows as CSV; return how many. Values that are no text or number are JSON.

    So is a text that a spreadsheet would take for a formula: it begins with its quote then.
    """
    table = csv.writer(file)
    table.writerow(COLUMNS)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007 (what is left is how many there were)
        table.writerow([_cell(column, row[column]) for column in COLUMNS])
    return count


def write_parquet(rows: Iterable[Row], path: Path) -> int:
    """Write rows as Parquet; return how many. Numbers are in `number`. Raises NoParquet."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise NoParquet("Parquet needs pyarrow: pip install 'machi[parquet]'") from error
    fields = [(column, pyarrow.string()) for column in COLUMNS]
    schema = pyarrow.schema([*fields, ("number", pyarrow.float64())])
    count, left = 0, iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        while group := [_typed(row) for row in islice(left, GROUP)]:
            file.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _cells(moment: Moment) -> Row:
    instance = moment.instance
    resampled = moment.resampled
    stands_for = None
    if resampled is not None:
        stands_for = {
            "period": resampled.period // 1_000_000,
            "count": resampled.count,
            "min": resampled.minimum,
            "max": resampled.maximum,
        }
    return {
        "observedAt": instance.get("observedAt"),
        "value": instance[PRIMARY[instance["type"]]],
        "unitCode": instance.get("unitCode"),
        "instanceId": moment.instance_id,
        "createdAt": timestamp(moment.created),
        "modifiedAt": timestamp(moment.modified),
        "deletedAt": None if moment.deleted is None else timestamp(moment.deleted),
        "resampled": stands_for,
    }


def _typed(row: Row) -> Row:
    number = row["value"] if type(row["value"]) in (int, float) else None
    texts = {column: None if row[column] is None else _text(row[column]) for column in COLUMNS}
    return {**texts, "number": number}


def _cell(column: str, cell: Any) -> str:
    if column == "value" and type(cell) is str and cell.startswith(FORMULA):
        return orjson.dumps(cell).decode()
    return _text(cell)


def _text(cell: Any) -> str:
    """Return a cell as text that is read back as what it was."""
    if cell is None:
        return ""
    if type(cell) is str and not _looks_like_json(cell):
        return cell
    return orjson.dumps(cell).decode()


def _looks_like_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
