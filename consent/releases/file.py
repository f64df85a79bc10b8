"""The tables that were released, in a file of their own: a table that is out is not made again."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from consent.files import File

FILE: Final = "releases.sqlite"
_APPLICATION: Final = 0x4D52454C
_SCHEMA: Final = """
CREATE TABLE release (
    tenant TEXT NOT NULL,
    type TEXT NOT NULL,
    day TEXT NOT NULL,
    policy TEXT NOT NULL,
    told BLOB NOT NULL,
    PRIMARY KEY (tenant, type, day)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Which table: entities of one type, of a day."""

    tenant: str
    type: str
    day: str


class Releases:
    """Released tables; of a type and a day there is one, whoever asks, however often."""

    def __init__(self, folder: Path) -> None:
        """Open the file of a folder, or make it. Raises Unusable."""
        self._file = File(folder / FILE, _APPLICATION, _SCHEMA)

    def get(self, place: Place) -> tuple[str, dict[str, Any]] | None:
        """Return the policy a table was made by, and the table; None where there is none."""
        rows = self._file.run(
            "SELECT policy, told FROM release WHERE (tenant, type, day) = (?, ?, ?)",
            *(place.tenant, place.type, place.day),
        )
        return (rows[0][0], orjson.loads(rows[0][1])) if rows else None

    async def keep(self, place: Place, policy: str, told: dict[str, Any]) -> None:
        """Keep a table, durably; where one was kept meanwhile, that stays."""
        await asyncio.to_thread(
            self._file.one,
            "INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, ?)",
            *(place.tenant, place.type, place.day, policy, orjson.dumps(told)),
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def copy(source: Path, target: Path) -> None:
    """Add the tables in one file to those in another, which may be missing; none replaces one.

    May run beside a broker. Raises Unusable.
    """
    with (
        closing(File(source, _APPLICATION, _SCHEMA)) as there,
        closing(File(target, _APPLICATION, _SCHEMA)) as here,
        here.written(),
    ):
        for row in there.each("SELECT tenant, type, day, policy, told FROM release"):
            here.run("INSERT OR IGNORE INTO release VALUES (?, ?, ?, ?, ?)", *row)
