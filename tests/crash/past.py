"""A process whose history is written, merged, thinned out and imported until it is killed.

Run as `python -m tests.crash.past FOLDER SEED`. Says a line for each few commits.
"""

import asyncio
import sys
from pathlib import Path
from random import Random
from unittest.mock import patch

from broker.clock import now
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import DEFAULT, Entity
from broker.model.times import microseconds, timestamp
from broker.store.contract import Tx
from broker.store.keeping import Keeping, Step
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.history import merging, thinning
from broker.store.sqlite.history import store as engine
from broker.temporal.follower import Follower
from machi.history import bringing
from machi.history.sources import Source
from machi.history.tables import Reading

TYPE = "https://example.org/Gauge"
LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"
IMPORTED = "urn:crash:imported"
SOURCE = "levels"
START = microseconds("2020-07-04T00:00:00Z")
SECOND = 1_000_000
ENTITIES = 4
ROWS = 600
KEEPING = Keeping(60 * SECOND, (Step(10 * SECOND),))


def small() -> list[object]:
    """Return patches that make chunks small and merging frequent."""
    return [
        patch.object(engine, "GROWTH", 40),
        patch.object(merging, "FEWEST", 2),
        patch.object(merging, "MOST", 8),
        patch.object(thinning, "MOST", 8),
        patch.object(bringing, "BATCH", 25),
    ]


def source(folder: Path) -> Source:
    """Return a file of levels, one a second."""
    path = folder / "levels.csv"
    if not path.exists():
        rows = (f"{timestamp(START + n * SECOND)},{n}\n" for n in range(ROWS))
        path.write_text("observedAt,level\n" + "".join(rows))
    reading = Reading(CORE_CONTEXT.expand, IMPORTED, TYPE)
    return Source(path, "csv", reading, CORE_CONTEXT, START)


async def update(store: SqliteStore, draw: Random) -> None:
    """Give one of the entities the next level, a second later than the one before."""
    entity_id = f"urn:crash:{draw.randrange(ENTITIES)}"

    async def work(tx: Tx) -> None:
        before = await tx.get(entity_id)
        number = 0 if before is None else before.version
        time = now()
        instance = {
            "type": "Property",
            "value": number,
            "observedAt": timestamp(START + number * SECOND),
        }
        entity: Entity = {
            "id": entity_id,
            "type": [TYPE],
            "createdAt": time,
            "modifiedAt": time,
            "attrs": {LEVEL: {DEFAULT: instance}},
        }
        await tx.put(entity, before)

    await store.write("", work)


async def live(folder: Path, draw: Random) -> None:
    """Do everything at once, for ever."""
    store = SqliteStore(folder / "data")
    await store.open()
    follower = Follower(store)
    await follower.start()

    def say(*_: object) -> None:
        print("on", flush=True)

    async def write() -> None:
        while True:
            await asyncio.gather(*(update(store, draw) for _ in range(10)))
            await follower.catch_up()
            say()

    async def thin() -> None:
        while True:
            await store.history.retain("", lambda types, attribute: KEEPING, START + 300 * SECOND)
            await store.history.compact()

    async def fill() -> None:
        while True:
            await bringing.bring(store, "", source(folder), SOURCE, say)

    await asyncio.gather(write(), thin(), fill())


if __name__ == "__main__":
    for each in small():
        each.start()  # type: ignore[attr-defined]
    asyncio.run(live(Path(sys.argv[1]), Random(int(sys.argv[2]))))
