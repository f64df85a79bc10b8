"""Two stores that are to come to the same, row by row, though one may take short ways."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from broker.entities.service import Entities
from broker.errors import MachiError
from broker.guard import OpenGuard
from broker.model.entity import Entity
from broker.store.contract import Committed
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE, connect
from broker.store.sqlite.maintenance import check
from tests.broker.store.helpers import HandClock

TABLES = (
    *("entity", "etype", "change", "grave", "anum", "atxt", "box", "boxkey", "counter"),
    *("pair", "due", "name"),
)


class Side:
    """A store, and what it told."""

    def __init__(self, folder: Path, clock: HandClock) -> None:
        self.folder = folder
        self.store = SqliteStore(folder, clock=clock)
        self.entities = Entities(self.store, OpenGuard(), clock)
        self.told: list[Any] = []

    async def open(self) -> None:
        await self.store.open()
        self.store.listen(self._listen)

    def _listen(self, committed: list[Committed]) -> None:
        self.told += [(each.change, shown(each.before), shown(each.after)) for each in committed]


class Pair:
    """Two stores with one clock: what may take a short way in one may not in the other."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.numbers = itertools.count()
        self.short, self.working = (Side(folder / name, self.clock) for name in ("one", "two"))

    async def open(self) -> None:
        await self.short.open()
        await self.working.open()

    async def close(self) -> None:
        await self.short.store.close()
        await self.working.store.close()

    def rows(self) -> list[list[Any]]:
        """Return what both files hold."""
        found = []
        for side in (self.short, self.working):
            connection = connect(side.folder / DATA_FILE)
            tables = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES]
            found.append([sorted(map(repr, rows)) for rows in tables])
            connection.close()
        return found


@contextlib.contextmanager
def compared(runner: asyncio.Runner, folder: Path) -> Iterator[Pair]:
    """Give two stores; in the end their files are sound and hold the same."""
    pair = Pair(folder)
    runner.run(pair.open())
    yield pair
    runner.run(pair.close())
    one, two = pair.rows()
    assert one == two
    assert check(pair.short.folder) == []


def shown(one: Entity | None) -> Entity | None:
    return None if one is None else {**one, "attrs": dict(one["attrs"])}


async def outcome(writing: Any) -> Any:
    try:
        told = await writing
    except MachiError as error:
        return type(error), str(error), error.place
    if not isinstance(told, tuple):
        return told
    record, result = told
    return shown(record.entity), record.version, result
