"""Any sequence of operations leaves the same outbox on the reference engine and on another.

Here that is SQLite; `test_mongodb_machines` has the other.

After each step the books balance, in all and for each subscription, and what waits is what the
books say.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broker.errors import MachiError
from broker.store.contract import Store, Tx
from broker.store.memory import MemoryStore
from broker.store.outbox import Failure, Outcome, Settlement, StoredSubscription
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.maintenance import check
from tests.broker.store.helpers import HandClock, entity, prop
from tests.broker.store.matching import ByEntity
from tests.support.runs import effort

TENANTS = st.sampled_from(["", "町"])
IDS = ["urn:a", "urn:b", "urn:c"]
NAMES = st.sampled_from(["urn:s1", "urn:s2", "urn:s3"])
SOME_IDS = st.lists(st.sampled_from(IDS), max_size=3)
DOCUMENTS = st.fixed_dictionaries({"wants": SOME_IDS}, optional={"throttles": SOME_IDS})
NUMBERS = st.integers(0, 30)
MOST = 10_000


async def everything(store: Store) -> Any:
    """Return all that an outbox tells."""
    outbox = store.outbox
    subscriptions = await outbox.all()
    queues = {one.sid: await outbox.waiting(one.sid, limit=MOST) for one in subscriptions}
    letters = await outbox.dead_letters(limit=MOST)
    return subscriptions, queues, letters, sorted(await outbox.queues()), outbox.figures()


class Outboxes(RuleBasedStateMachine):
    """Drives both engines with the same operations."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.minutes = 0
        self.reference = MemoryStore(clock=self.clock)
        self.engine = self._opened()
        self._run(self.reference.open())
        for store in (self.reference, self.engine):
            store.outbox.match_with(ByEntity())

    def _opened(self) -> Store:
        """Return the engine under test, open."""
        return self._sqlite(Path(self.folder.name))

    def _ended(self) -> None:
        """Look at what the engine has left, once it is closed."""
        assert check(Path(self.folder.name)) == []

    def _sqlite(self, folder: Path) -> SqliteStore:
        store = SqliteStore(folder, clock=self.clock, inline_seconds=10, longest_seconds=60)
        self._run(store.open())
        return store

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def _both(self, act: Callable[[Store], Awaitable[Any]]) -> Any:
        async def awaited(store: Store) -> Any:
            return await act(store)

        results = []
        for store in (self.reference, self.engine):
            try:
                results.append(("returned", self._run(awaited(store))))
            except MachiError as error:
                results.append(("raised", repr(error)))
        assert results[0] == results[1], f"{results[0]}\n{results[1]}"
        return results[0][1]

    def _rows(self) -> list[tuple[int, int]]:
        """Return what waits, by subscription and row."""
        _, queues, _, _, _ = self._run(everything(self.reference))
        return [(sid, row.seq) for sid, rows in queues.items() for row in rows]

    @rule(tenant=TENANTS, name=NAMES, document=DOCUMENTS)
    def create(self, tenant: str, name: str, document: Any) -> None:
        self._both(lambda store: store.outbox.create(tenant, name, document))

    @rule(tenant=TENANTS, name=NAMES, document=DOCUMENTS, cancel=st.booleans())
    def replace(self, tenant: str, name: str, document: Any, cancel: bool) -> None:
        self._both(lambda store: store.outbox.replace(tenant, name, document, cancel=cancel))

    @rule(tenant=TENANTS, name=NAMES)
    def remove(self, tenant: str, name: str) -> None:
        self._both(lambda store: store.outbox.remove(tenant, name))

    @rule(
        tenant=TENANTS,
        steps=st.lists(st.tuples(st.sampled_from(IDS), NUMBERS), min_size=1, max_size=4),
    )
    def write(self, tenant: str, steps: list[tuple[str, int]]) -> None:
        async def work(tx: Tx) -> None:
            for entity_id, number in steps:
                record = await tx.get(entity_id)
                if number % 5 == 0 and record is not None:
                    await tx.delete(record)
                else:
                    await tx.put(entity(entity_id, level=prop(number)), record)

        self._both(lambda store: store.write(tenant, work, create_tenant=True))

    @rule(data=st.data(), at_once=st.booleans())
    def settle(self, data: st.DataObject, at_once: bool) -> None:
        rows = self._rows()
        if not rows:
            return
        ends = data.draw(
            st.lists(
                st.tuples(st.sampled_from(rows), st.sampled_from(list(Outcome)), st.integers(0, 2)),
                max_size=6,
            )
        )
        at = self.clock.time
        settlements = [
            Settlement(sid, seq, outcome, at, attempts) for (sid, seq), outcome, attempts in ends
        ]

        async def settled(store: Store) -> None:
            if at_once:
                await store.outbox.settle(settlements)
            else:
                await asyncio.gather(*(store.outbox.settle([each]) for each in settlements))

        self._both(settled)

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        rows = self._rows()
        if rows:
            sid, seq = data.draw(st.sampled_from(rows))
            failed = Failure(sid, seq, self.clock.time, data.draw(st.integers(1, 3)), "later", "x")
            self._both(lambda store: store.outbox.settle(failures=[failed]))

    @rule(data=st.data(), some=st.booleans(), replay=st.booleans())
    def dispose_of_letters(self, data: st.DataObject, some: bool, replay: bool) -> None:
        letters, _ = self._run(self.reference.outbox.dead_letters(limit=MOST))
        if not letters:
            return
        one = data.draw(st.sampled_from(letters))
        seqs = [one.row.seq] if some else None
        if replay:
            self._both(lambda store: store.outbox.replay(one.tenant, one.sid, seqs))
        else:
            self._both(lambda store: store.outbox.discard(one.tenant, one.sid, seqs))

    @rule(data=st.data(), ids=SOME_IDS, noticed=st.booleans())
    def queue_period(self, data: st.DataObject, ids: list[str], noticed: bool) -> None:
        subscriptions: list[StoredSubscription] = self._run(self.reference.outbox.all())
        if not subscriptions:
            return
        one = data.draw(st.sampled_from(subscriptions))
        entities = [entity(each) for each in ids]
        at, notice = self.clock.time, {"ids": ids} if noticed else None
        if notice is not None:
            entities = []
        self._both(lambda store: store.outbox.queue_period(one, at, entities, notice))

    @rule()
    def wait(self) -> None:
        self.minutes += 1
        self.clock.time = f"2026-01-01T{self.minutes // 60:02}:{self.minutes % 60:02}:00.000000Z"

    @rule(minutes=st.integers(0, 3))
    def prune(self, minutes: int) -> None:
        minute = max(0, self.minutes - minutes)
        before = f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00.000000Z"
        self._both(lambda store: store.prune(before))

    @rule(tenant=TENANTS, entity_id=st.sampled_from(IDS))
    def forget(self, tenant: str, entity_id: str) -> None:
        self._both(lambda store: store.forget(tenant, entity_id))

    @rule(tenant=TENANTS)
    def drop_tenant(self, tenant: str) -> None:
        self._both(lambda store: store.drop_tenant(tenant))

    @rule()
    def reopen(self) -> None:
        self._run(self.engine.close())
        self._ended()
        self.engine = self._opened()
        self.engine.outbox.match_with(ByEntity())

    @rule()
    def recover_a_copy(self) -> None:
        """What a crash at this moment would leave is opened and holds the same but for tries."""
        with tempfile.TemporaryDirectory() as folder:
            left = Path(folder) / "left"
            shutil.copytree(self.folder.name, left)
            assert check(left) == []
            store = self._sqlite(left)
            found, known = self._run(everything(store)), self._run(everything(self.engine))
            assert found[0] == known[0]
            assert found[2:] == known[2:]
            assert {
                sid: [(row.seq, row.committed, row.entities) for row in rows]
                for sid, rows in found[1].items()
            } == {
                sid: [(row.seq, row.committed, row.entities) for row in rows]
                for sid, rows in known[1].items()
            }
            self._run(store.close())
            assert check(left) == []

    @invariant()
    def the_same_is_there_and_balances(self) -> None:
        subscriptions, queues, _, _, _ = self._both(everything)
        books = self._both(lambda store: store.outbox.books())
        assert books.balanced
        assert books.waiting == sum(map(len, queues.values()))
        for one in subscriptions:
            assert one.books.balanced
            assert one.books.waiting == len(queues[one.sid])

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self._run(self.engine.close())
            self._ended()
            self.loop.close()
            self.folder.cleanup()


Outboxes.TestCase.settings = settings(
    max_examples=effort(quick=25, long=500), stateful_step_count=effort(quick=30, long=60)
)
TestOutboxes = Outboxes.TestCase
