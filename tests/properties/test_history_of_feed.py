"""What the feed makes: a snapshot and the changes since are the present, and history the past."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.change import apply
from broker.model.entity import DEFAULT, NULL, Entity
from broker.model.times import timestamp
from broker.store.contract import Kind, Store, Tx
from broker.store.sqlite import SqliteStore
from broker.temporal.follower import Follower
from tests.broker.store.helpers import LEVEL, NAME, SHELTER
from tests.support import effort

Deed = tuple[str, str, dict[str, int]]
"""What happens, to which entity, and the values of its attributes."""

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "delete", "snapshot", "prune", "merge", "read"]),
        st.sampled_from(["urn:a", "urn:b"]),
        st.dictionaries(st.sampled_from([LEVEL, NAME]), st.integers(0, 3)),
    ),
    max_size=25,
)


class Clock:
    """A clock that goes on at each look."""

    def __init__(self) -> None:
        self.now = 1_600_000_000_000_000

    def __call__(self) -> str:
        self.now += 1
        seconds, fraction = divmod(self.now, 1_000_000)
        return f"{timestamp(seconds * 1_000_000)[:-1]}.{fraction:06}Z"


class Town:
    """A store with what it should hold, now and in the past."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.follower = Follower(store)
        self.past: dict[tuple[str, str], list[Any]] = {}
        self.snapshot: tuple[int, dict[str, Entity]] = (0, {})

    async def do(self, deed: Deed) -> None:
        """Do one of the things that happen."""
        match deed:
            case "put", entity_id, values:
                await self.store.write("", lambda tx: self._put(tx, entity_id, values))
            case "delete", entity_id, _:
                await self.store.write("", lambda tx: self._delete(tx, entity_id))
            case "snapshot", _, _:
                self.snapshot = (self.store.span()[1], await present(self.store))
            case "prune", _, _:
                await self.follower.catch_up()
                if self.snapshot[0] == self.store.span()[1]:
                    await self.store.prune(self.clock())
            case "merge", _, _:
                if isinstance(self.store, SqliteStore):
                    await self.store.history.compact()
            case _:
                await self.read()

    async def read(self) -> None:
        """Hold history to everything that was answered before."""
        await self.follower.catch_up()
        found = await self.store.history.read("", ["urn:a", "urn:b"])
        told = {
            (entity_id, one.attribute): [m.instance["value"] for m in one.moments]
            for entity_id, every in found.items()
            for one in every
        }
        assert told == self.past

    async def rebuild(self) -> None:
        """Hold the snapshot and the changes since to the present."""
        seq, entities = self.snapshot
        for change in await self.store.changes(seq):
            if change.kind is Kind.DELETE:
                del entities[change.entity_id]
            else:
                before = entities.get(change.entity_id, {"attrs": {}})
                entities[change.entity_id] = apply(before, change.delta or {})
        assert entities == await present(self.store)

    async def _put(self, tx: Tx, entity_id: str, values: dict[str, int]) -> None:
        before = await tx.get(entity_id)
        was = {} if before is None else dict(before.entity["attrs"])
        attrs = {name: {DEFAULT: self._instance(value)} for name, value in values.items()}
        created = tx.at if before is None else before.entity["createdAt"]
        entity: Entity = {"id": entity_id, "type": [SHELTER], "createdAt": created}
        await tx.put({**entity, "modifiedAt": tx.at, "attrs": attrs}, before)
        for name in was.keys() - attrs.keys():
            self._tell(entity_id, name, NULL)
        for name, value in values.items():
            self._tell(entity_id, name, value)

    async def _delete(self, tx: Tx, entity_id: str) -> None:
        before = await tx.get(entity_id)
        if before is not None:
            await tx.delete(before)
            for name in before.entity["attrs"]:
                self._tell(entity_id, name, NULL)

    def _instance(self, value: int) -> dict[str, Any]:
        return {"type": "Property", "value": value, "modifiedAt": self.clock()}

    def _tell(self, entity_id: str, name: str, value: Any) -> None:
        self.past.setdefault((entity_id, name), []).append(value)


async def present(store: Store) -> dict[str, Entity]:
    """Return the entities as they are."""
    records = await store.get_many("", ["urn:a", "urn:b"])
    return {
        record.id: {**record.entity, "attrs": dict(record.entity["attrs"])} for record in records
    }


async def live(store: Store, clock: Clock, deeds: list[Deed]) -> None:
    """Let things happen in a store that is not yet open, and hold the feed to them."""
    await store.open()
    town = Town(store, clock)
    await town.follower.start()
    try:
        for deed in deeds:
            await town.do(deed)
        await town.read()
        await town.rebuild()
    finally:
        await town.follower.close()
        await store.close()


@settings(max_examples=effort(quick=25, long=400))
@given(DEEDS)
def test_the_feed_rebuilds_the_present_and_history_has_the_past(deeds: list[Deed]) -> None:
    with TemporaryDirectory() as folder:
        clock = Clock()
        asyncio.run(live(SqliteStore(Path(folder), clock=clock), clock, deeds))
