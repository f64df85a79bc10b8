"""Print what a store operation costs: `python -m bench.store_micro [entities]`."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from broker.clock import now
from broker.query.ast import And, Compare, EntityQuery, HasType, Op
from broker.query.ast import Path as QueryPath
from broker.store.contract import Tx
from broker.store.sqlite import SqliteStore

TYPE = "https://example.org/AirQualityObserved"
NAMES = [f"https://example.org/attribute/number-{n}" for n in range(15)]


def entity(number: int) -> dict[str, Any]:
    """Return an entity of 15 attributes, about 1.4 KB."""
    time_now = now()
    attributes: dict[str, Any] = {}
    for position, name in enumerate(NAMES):
        if position % 3 == 0:
            value: Any = (number * 7919 + position * 104729) % 100_000 / 10
        elif position % 3 == 1:
            value = f"text {number % 1000} of position {position}"
        else:
            value = number * position
        attributes[name] = {"@none": {"type": "Property", "value": value, "unitCode": "CEL"}}
    attributes["https://uri.etsi.org/ngsi-ld/location"] = {
        "@none": {
            "type": "GeoProperty",
            "value": {
                "type": "Point",
                "coordinates": [130 + number % 997 / 500, 32 + number % 499 / 250],
            },
        }
    }
    return {
        "id": f"urn:ngsi-ld:AirQualityObserved:{number:08}",
        "type": [TYPE],
        "createdAt": time_now,
        "modifiedAt": time_now,
        "attrs": attributes,
    }


async def measure(name: str, count: int, work: Callable[[int], Awaitable[Any]]) -> None:
    """Run `work` 64 at a time and print the time and the processor time of one."""
    begin, used = time.perf_counter(), time.process_time()
    for start in range(0, count, 64):
        await asyncio.gather(*(work(n) for n in range(start, min(start + 64, count))))
    each = (time.perf_counter() - begin) / count * 1e6
    processor = (time.process_time() - used) / count * 1e6
    print(f"{name:34} {each:9.1f} µs  {processor:9.1f} µs of processor")


async def main(entities: int) -> None:
    """Fill a store and measure it."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        await store.open()

        async def create(n: int) -> None:
            document = entity(n)

            async def work(tx: Tx) -> None:
                await tx.put(document, None)

            await store.write("", work)

        async def update(n: int) -> None:
            entity_id = f"urn:ngsi-ld:AirQualityObserved:{chance.randrange(entities):08}"

            async def work(tx: Tx) -> None:
                record = await tx.get(entity_id)
                assert record is not None
                instance = {"type": "Property", "value": chance.random(), "unitCode": "CEL"}
                attributes = {**record.entity["attrs"], NAMES[n % 15]: {"@none": instance}}
                await tx.put({**record.entity, "modifiedAt": now(), "attrs": attributes}, record)

            await store.write("", work)

        async def get(n: int) -> None:
            entity_id = f"urn:ngsi-ld:AirQualityObserved:{chance.randrange(entities):08}"
            await store.get("", entity_id)

        async def get_parsed(n: int) -> None:
            entity_id = f"urn:ngsi-ld:AirQualityObserved:{chance.randrange(entities):08}"
            record = await store.get("", entity_id)
            assert record is not None
            assert record.entity

        def query(*conditions: Any, count: bool = False) -> Callable[[int], Awaitable[Any]]:
            where = And((HasType(TYPE), *conditions))

            async def run(n: int) -> None:
                await store.query("", EntityQuery(where, count=count))

            return run

        few = Compare(QueryPath((NAMES[0],)), Op.LT, (10 * 20_000 / entities,))
        many = Compare(QueryPath((NAMES[0],)), Op.GT, (2_000.0,))
        await measure("create", entities, create)
        await measure("update one attribute", 5_000, update)
        await measure("get", 5_000, get)
        await measure("get and parse", 5_000, get_parsed)
        await measure("query type", 640, query())
        await measure("query type, count", 640, query(count=True))
        await measure("query type and selective q", 640, query(few))
        await measure("query type and broad q", 640, query(many))
        await measure("query type and selective q, count", 128, query(few, count=True))
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
