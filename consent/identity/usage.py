"""What each key has asked, by day, kept in a file of its own so that quotas outlive a restart.

Counting is done in memory; a thread writes it down every few seconds, so a kill loses those.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

log = logging.getLogger("machi.broker")

FILE: Final = "usage.sqlite"
EVERY: Final = 5.0
DAYS: Final = 90
"""Days for which counts are kept."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS usage (
    day INTEGER NOT NULL,
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    asked INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    PRIMARY KEY (day, client, key)
) WITHOUT ROWID
"""


@dataclass(slots=True)
class Count:
    """Requests of one key on one day: those let through, and those over a limit."""

    asked: int = 0
    refused: int = 0


class Usage:
    """Counts by day (since 1970), client and key; `key` is empty where none was shown."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read what a folder has, and keep it up to date there; without one, in memory only."""
        self._counts: dict[tuple[int, str, str], Count] = {}
        self._dirty: set[tuple[int, str, str]] = set()
        self._path = None if folder is None else folder / FILE
        self._ended = threading.Event()
        if self._path is not None:
            self._load(self._path)
            threading.Thread(target=self._keep, name="usage", daemon=True).start()

    def note(self, day: int, client: str, key: str, *, refused: bool) -> None:
        """Count a request."""
        place = (day, client, key)
        count = self._counts.get(place)
        if count is None:
            count = self._counts[place] = Count()
        if refused:
            count.refused += 1
        else:
            count.asked += 1
        self._dirty.add(place)

    def of_key(self, day: int, client: str, key: str) -> Count:
        """Return what a key asked on a day."""
        return self._counts.get((day, client, key)) or Count()

    def asked(self, day: int, client: str) -> int:
        """Return what all keys of a client asked on a day."""
        return sum(
            count.asked
            for (when, who, _), count in list(self._counts.items())
            if (when, who) == (day, client)
        )

    def flush(self) -> None:
        """Write down what has changed."""
        if self._path is None:
            return
        dirty, self._dirty = self._dirty, set()
        # Copied at once: the broker goes on counting while this thread looks.
        counts = [(place, self._counts[place]) for place in list(dirty)]
        rows = [(*place, count.asked, count.refused) for place, count in counts]
        if rows:
            with closing(apsw.Connection(str(self._path))) as file, file:
                file.set_busy_timeout(5000)
                file.executemany("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Write down what is left."""
        self._ended.set()
        self.flush()

    def _load(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with closing(apsw.Connection(str(path))) as file, file:
            file.set_busy_timeout(5000)
            file.execute(_SCHEMA)
            rows: list[Any] = file.execute("SELECT max(day) FROM usage").fetchall()
            newest = rows[0][0] or 0
            file.execute("DELETE FROM usage WHERE day < ?", (newest - DAYS,))
            rows = file.execute("SELECT * FROM usage WHERE day >= ?", (newest - 1,)).fetchall()
        for day, client, key, asked, refused in rows:
            self._counts[day, client, key] = Count(asked, refused)

    def _keep(self) -> None:
        while not self._ended.wait(EVERY):
            try:
                self.flush()
            except apsw.Error as error:
                log.warning("what keys asked cannot be written down: %s", error)
