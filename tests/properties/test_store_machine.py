"""Any sequence of operations gives the same on the reference engine and on SQLite."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from broker.entities.sweeper import sweep
from broker.errors import MachiError
from broker.query.ast import EntityQuery
from broker.store.contract import Answer, Store, Tx, TypeRules
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.maintenance import check
from tests.broker.store.helpers import HandClock
from tests.support.queries import nodes
from tests.support.runs import effort
from tests.support.strategies import entities, iris, type_iris

TENANTS = st.sampled_from(["", "町"])
NUMBERED = st.integers(0, 4)
CLIENTS = st.sampled_from(["", "bank"])
EXPIRY = [None, "2025-12-31T00:00:00Z", "2026-01-02T00:00:00.5Z", "2026-01-03T00:00:00,000001Z"]


class Stop(Exception):
    """Fails a unit of work on purpose."""


def rule_sets() -> st.SearchStrategy[TypeRules | None]:
    """Rules that bind now and then."""
    bounds = st.tuples(iris(), st.sampled_from([None, 0.0]), st.sampled_from([None, 1e9]))
    return st.none() | st.builds(
        TypeRules,
        append_only=st.booleans(),
        writers=st.sampled_from([None, frozenset({"bank"})]),
        balanced=st.none() | iris(),
        balanced_by=st.none() | iris(),
        bounded=st.lists(bounds, max_size=1).map(tuple),
    )


async def _awaited(act: Callable[[Store], Awaitable[Any]], store: Store) -> Any:
    return await act(store)


class Engines(RuleBasedStateMachine):
    """Drives both engines with the same units of work."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = HandClock()
        self.days = 0
        self.known: list[Any] = []
        self.reference = MemoryStore(clock=self.clock)
        self.engine = self._opened()
        self._run(self.reference.open())
        self._run(self.engine.open())

    def _opened(self) -> Store:
        """Return the engine that is held against the reference, not yet open."""
        return SqliteStore(Path(self.folder.name), clock=self.clock, inline_seconds=10)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def _both(self, act: Callable[[Store], Awaitable[Any]]) -> Any:
        """Do the same on both; the result, or the error, must be the same."""
        results = []
        for store in (self.reference, self.engine):
            try:
                results.append(("returned", self._run(_awaited(act, store))))
            except (MachiError, Stop, ValueError) as error:
                results.append(("raised", repr(error)))
        assert results[0] == results[1]
        return results[0][1]

    def _write(self, tenant: str, work: Callable[[Tx], Awaitable[Any]], **options: Any) -> None:
        self._both(lambda store: store.write(tenant, work, **options))

    @rule(
        tenant=TENANTS,
        steps=st.lists(st.tuples(st.sampled_from("pppd"), entities()), min_size=1, max_size=3),
        client=CLIENTS,
        fails=st.integers(0, 5),
    )
    def write(self, tenant: str, steps: list[tuple[str, Any]], client: str, fails: int) -> None:
        async def work(tx: Tx) -> list[Any]:
            seen: list[Any] = []
            for kind, entity in steps:
                record = await tx.get(entity["id"])
                if kind == "p":
                    put = await tx.put(entity, record)
                    seen.append((orjson.dumps(put.entity), put.version))
                elif record is not None:
                    seen.append(await tx.delete(record))
            if not fails:
                raise Stop
            return seen

        self.known += [entity for _, entity in steps]
        self._write(tenant, work, client=client, create_tenant=True)

    @rule(tenant=TENANTS, entity=entities(), data=st.data())
    def change_one_attribute(self, tenant: str, entity: Any, data: st.DataObject) -> None:
        ids = sorted({each["id"] for each in self.known})
        if not ids:
            return
        wanted = data.draw(st.sampled_from(ids))

        async def work(tx: Tx) -> int | None:
            record = await tx.get(wanted)
            if record is None:
                return None
            old = record.entity
            return (
                await tx.put({**old, "attrs": {**old["attrs"], **entity["attrs"]}}, record)
            ).version

        self._write(tenant, work)

    @rule(tenant=TENANTS, entity=entities())
    def create(self, tenant: str, entity: Any) -> None:
        async def work(tx: Tx) -> int:
            return (await tx.put(entity, None)).version

        self.known.append(entity)
        self._write(tenant, work)

    @rule(
        tenant=TENANTS,
        entity=entities(),
        expiry=st.tuples(st.sampled_from(EXPIRY), st.sampled_from(EXPIRY)),
        overwrite=st.booleans(),
    )
    def write_transient(
        self, tenant: str, entity: Any, expiry: tuple[str | None, str | None], overwrite: bool
    ) -> None:
        whole, part = expiry
        if whole is not None:
            entity["expiresAt"] = whole
        for instances in entity["attrs"].values():
            for instance in instances.values():
                if part is not None:
                    instance["expiresAt"] = part

        async def work(tx: Tx) -> int:
            record = await tx.get(entity["id"]) if overwrite else None
            return (await tx.put(entity, record)).version

        self.known.append(entity)
        self._write(tenant, work, create_tenant=True)

    @rule()
    def sweep(self) -> None:
        async def swept(store: Store) -> set[tuple[str, str]]:
            stuck: set[tuple[str, str]] = set()
            await sweep(store, self.clock, stuck)
            return stuck

        stuck = self._both(swept)
        assert set(self._run(self.engine.due(self.clock(), limit=1000))) == stuck

    @rule(tenant=TENANTS, key=st.sampled_from("ab"), body=st.binary(max_size=4))
    def remember(self, tenant: str, key: str, body: bytes) -> None:
        async def work(tx: Tx) -> Answer | None:
            known = await tx.answer(key)
            await tx.remember(key, Answer(body, 200, body))
            return known

        self._write(tenant, work)

    @rule(tenant=TENANTS, type_iri=type_iris(), rules=rule_sets())
    def set_rules(self, tenant: str, type_iri: str, rules: TypeRules | None) -> None:
        async def work(tx: Tx) -> dict[str, TypeRules]:
            await tx.set_rules(type_iri, rules)
            return await tx.rules()

        self._write(tenant, work)

    @rule()
    def wait_a_day(self) -> None:
        self.days += 1
        self.clock.time = f"2026-01-{self.days % 28 + 1:02}T00:00:00.000000Z"

    @rule(days=st.integers(0, 3))
    def prune(self, days: int) -> None:
        before = f"2026-01-{max(1, self.days % 28 + 1 - days):02}T00:00:00.000000Z"
        self._both(lambda store: store.prune(before))

    @precondition(lambda self: self.known)
    @rule(tenant=TENANTS, data=st.data())
    def forget(self, tenant: str, data: st.DataObject) -> None:
        wanted = data.draw(st.sampled_from(sorted({each["id"] for each in self.known})))
        self._both(lambda store: store.forget(tenant, wanted))

    @rule(tenant=TENANTS)
    def drop_tenant(self, tenant: str) -> None:
        self._both(lambda store: store.drop_tenant(tenant))

    @rule()
    def reopen(self) -> None:
        self._run(self.engine.close())
        self.engine = self._opened()
        self._run(self.engine.open())

    @rule()
    def recover_a_copy(self) -> None:
        """What a crash at this moment would leave is opened and holds the same."""
        with tempfile.TemporaryDirectory() as folder:
            left = Path(folder) / "left"
            shutil.copytree(self.folder.name, left)
            assert check(left) == []
            store = SqliteStore(left, clock=self.clock)
            self._run(store.open())
            assert self._run(everything(store)) == self._run(everything(self.engine))
            self._run(store.close())
            assert check(left) == []

    @precondition(lambda self: self.known)
    @rule(
        tenant=TENANTS,
        data=st.data(),
        limit=st.sampled_from([0, 1, 3, 100]),
        offset=st.integers(0, 2),
        count=st.booleans(),
        after=st.none() | st.just("urn:ngsi-ld:Bridge:5"),
    )
    def query(
        self,
        tenant: str,
        data: st.DataObject,
        limit: int,
        offset: int,
        count: bool,
        after: str | None,
    ) -> None:
        where = data.draw(nodes(self.known))
        asked = EntityQuery(where, limit=limit, offset=offset, count=count, after=after)

        async def ask(store: Store) -> Any:
            page = await store.query(tenant, asked)
            return [(r.id, r.version, r.entity) for r in page.records], page.total

        self._both(ask)

    @invariant()
    def the_same_is_stored(self) -> None:
        self._both(everything)

    @invariant()
    def figures_agree(self) -> None:
        figures = [self.reference.count(), self.engine.count()]
        for name in ("entities", "tenants"):
            assert figures[0][name] == figures[1][name]

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self._run(self.engine.close())
            self._ended()
            self.loop.close()
            self.folder.cleanup()

    def _ended(self) -> None:
        """See that what was left behind is whole."""
        assert check(Path(self.folder.name)) == []


async def everything(store: Store) -> Any:
    """Return all that a store holds, in a form that keeps 1, 1.0 and true apart."""
    tenants = await store.tenants()
    held: list[Any] = [store.span()]
    for tenant in tenants:
        page = await store.query(tenant, EntityQuery(limit=1000, count=True))
        held.append((tenant, page.total, await store.rules(tenant)))
        held += [(r.id, r.version, canonical(r.entity)) for r in page.records]
    held.append(sorted(await store.due("9999", limit=1000)))
    held += [
        (
            c.seq,
            c.tenant,
            c.entity_id,
            c.version,
            c.kind,
            c.at,
            canonical(c.delta),
            canonical(c.before),
        )
        for c in await store.changes(0)
    ]
    return held


def canonical(entity: Any) -> bytes:
    """Return JSON with sorted keys."""
    return orjson.dumps(entity, option=orjson.OPT_SORT_KEYS)


TestEngines = Engines.TestCase
TestEngines.settings = settings(
    max_examples=effort(quick=12, long=500), stateful_step_count=effort(quick=15, long=60)
)
