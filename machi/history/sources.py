"""Files of history, read piece by piece: CSV, JSON lines, NGSI-LD temporal bodies."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from broker.errors import MachiError
from broker.model.names import Names
from broker.store.history import Entry
from broker.temporal.body import parse_evolution
from machi.history.errors import UnreadableSource
from machi.history.tables import Reading, entry_of_row

FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}
EDGE: Final = 1 << 20
"""Bytes at the beginning and at the end by which a file is known again."""


def format_of(path: Path) -> str:
    """Return the format a file's name tells; raises UnreadableSource."""
    known = FORMATS.get(path.suffix.lower())
    if known is None:
        raise UnreadableSource(f"{path}: name it by --format, the ending does not tell it")
    return known


def identity(path: Path, *options: str) -> str:
    """Return a name for a file as it is now, read with these options."""
    digest = hashlib.sha256("\n".join(options).encode())
    size = path.stat().st_size
    with path.open("rb") as file:
        digest.update(b"%d" % size + file.read(EDGE))
        file.seek(max(0, size - EDGE))
        digest.update(file.read(EDGE))
    return digest.hexdigest()


class Source:
    """The entries of a file, in order. `done` tells how many bytes of it were read.

    `names` expands what NGSI-LD bodies name, `at` is the system's time. Raises UnreadableSource,
    with the place, for the first thing that cannot be read.
    """

    def __init__(self, path: Path, form: str, reading: Reading, names: Names, at: int) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.done = 0
        self._form = form
        self._reading = reading
        self._names = names
        self._at = at

    def entries(self, skip: int) -> Iterator[Entry]:
        """Yield what the file tells, without the first `skip` entries."""
        with self.path.open("rb") as file:
            read = {"csv": self._rows, "jsonl": self._lines, "json": self._bodies}[self._form]
            for number, told in enumerate(read(file), 1):
                if number > skip:
                    yield self._entry(told, number)
        self.done = self.size

    def _entry(self, told: Any, number: int) -> Entry:
        try:
            if type(told) is dict and self._reading.time in told and self._form != "json":
                return entry_of_row(told, self._reading, self._at)
            entity_id, evolution = parse_evolution(told, self._names)
        except UnreadableSource as error:
            raise UnreadableSource(f"{self.path}, entry {number}: {error}") from error
        except MachiError as error:
            raise UnreadableSource(
                f"{self.path}, entry {number}: {error} {error.remedy}"
            ) from error
        return Entry(entity_id, evolution.types, self._at, evolution.facts)

    def _rows(self, file: BinaryIO) -> Iterator[Mapping[str, Any]]:
        rows = csv.reader(self._texts(file))
        heading = next(rows, None)
        if heading is None:
            return
        if self._reading.time not in heading:
            raise UnreadableSource(
                f"{self.path} has no column {self._reading.time!r}: name that of the time by --time"
            )
        for row in rows:
            if row:
                yield dict(zip(heading, row, strict=False))

    def _lines(self, file: BinaryIO) -> Iterator[Any]:
        for line in file:
            self.done += len(line)
            if line.strip():
                yield self._json(line)

    def _bodies(self, file: BinaryIO) -> Iterator[Any]:
        whole = self._json(file.read())
        yield from whole if type(whole) is list else [whole]

    def _texts(self, file: BinaryIO) -> Iterator[str]:
        for number, line in enumerate(file):
            self.done += len(line)
            try:
                yield line.decode("utf-8-sig" if number == 0 else "utf-8")
            except UnicodeDecodeError as error:
                raise UnreadableSource(
                    f"{self.path}, line {number + 1} is not UTF-8: convert the file first"
                ) from error

    def _json(self, text: bytes) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UnreadableSource(f"{self.path} has something that is no JSON: {error}") from error
