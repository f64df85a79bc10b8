"""One query under way: which of the ways is taken, and the statements of each.

The ways find which entities are on the page; their documents are read last, and only those that
are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from broker.query.ast import EntityQuery, Node
from broker.query.plan import IndexTerm, without
from broker.query.sql import compile_sql
from broker.query.sql_order import compile_keys, terms
from broker.store.contract import Kept
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import Offer, Probe, candidates, listed
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.hops import Find, Hop, Resolver
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.session import ALL_TYPES

Row: TypeAlias = tuple[str, int, bytes | None]
"""Id, version, document; None for one that is not needed."""

Met: TypeAlias = list[tuple[str, int, int]]
"""Id, version and number of entities, in order."""

Test: TypeAlias = tuple[str, tuple[Any, ...]]
"""An SQL condition on an entity `e`, and its bindings."""

FEW: Final = 64
"""Rows of an index up to which it is used without a look at the alternative."""

PROBE: Final = 2000
"""Rows of an index that are read to learn how selective it is."""

WALK: Final = (500, 4_000, 15_500)
"""Entities a walk looks at, step by step, before it leaves the rest to an index."""

TYPES: Final = 32
"""Types of a tenant up to which a query without a type may use the indexes by type."""

OF_TYPE: Final = (
    "(e.type = ? OR (e.type = 0 AND "
    "EXISTS (SELECT 1 FROM etype t WHERE t.type = ? AND t.key = e.id)))"
)

SORT_COST: Final = 0.1
"""Cost of putting one candidate of an index in order, in tests of one entity."""


@dataclass(slots=True)
class Plan:
    """A compiled query. `types` and `ids` are None where the query does not ask for them.

    `where` is what is to be tested of entities found by a single required type; `numbers` has
    the number of every attribute in it.
    """

    tid: int
    query: EntityQuery
    types: list[int] | None
    ids: list[str] | None
    where: Node
    numbers: dict[str, int | None]
    probes: list[Probe]
    hops: list[Hop]
    find: Find
    pairs: Pairs
    kept: Kept | None
    _test: Test | None = field(default=None, init=False)

    def run(self, budget: Budget) -> tuple[list[Row], int | None]:
        """Return the rows of the page, and the total if asked for."""
        run = runner(budget.connection)
        if self.ids is not None:
            met, total = self._by_ids(run, budget)
        else:
            met, total = self._find(run, self._best(run, budget.inline), budget)
        return self._rows(run, met, budget.inline), total

    def _find(self, run: Run, best: Offer | None, budget: Budget) -> tuple[Met, int | None]:
        query = self.query
        if best is not None and best.few is not None:
            return self._by_few(run, best, best.few, budget.inline)
        if query.order or query.count:
            self._leave_loop(run, best, budget)
        if query.order:
            return self._ordered(run, "FROM entity e", *self._source(run, best))
        total = self._count(run, best) if query.count else None
        if query.limit == 0 or total == 0:
            return [], total
        if best is None:
            return self._walk_whole(run), total
        if best.count < PROBE and self._index_is_shorter(run, best.count):
            return self._by_index(run, best, query.offset, query.limit), total
        return self._walk_then_index(run, best), total

    def _leave_loop(self, run: Run, best: Offer | None, budget: Budget) -> None:
        """Go to a thread at once with what looks at very many entities."""
        if best is None and self._exact_test()[0] == "1" and not self.query.order:
            return
        if (self._entities(run) if best is None else best.count) >= PROBE:
            budget.leave_loop()

    def _rows(self, run: Run, met: Met, inline: bool) -> list[Row]:
        """Return rows with the documents the caller has not kept."""
        kept = self.kept if inline else None
        rows: list[Row] = []
        for entity_id, version, eid in met:
            if kept is not None and kept(entity_id, version):
                rows.append((entity_id, version, None))
            else:
                document = run("SELECT doc FROM entity WHERE eid = ?", (eid,)).get
                rows.append((entity_id, version, document))
        return rows

    def _by_ids(self, run: Run, budget: Budget) -> tuple[Met, int | None]:
        query, found = self.query, []
        test, bindings = self._exact_test()
        if query.order:
            where = f"e.tid = ? AND e.id IN (SELECT value FROM json_each(?)) AND {test}"
            given = (self.tid, orjson.dumps(self.ids).decode(), *bindings)
            return self._ordered(run, "FROM entity e", where, given)
        for entity_id in self.ids or ():
            budget.check()
            found += run(
                "SELECT e.id, e.version, e.eid FROM entity e WHERE e.tid = ? AND e.id = ? "
                f"AND {test}",
                (self.tid, entity_id, *bindings),
            ).fetchall()
        rest = [row for row in found if query.after is None or row[0] > query.after]
        page = rest[query.offset : query.offset + query.limit]
        return page, len(found) if query.count else None

    def _best(self, run: Run, inline: bool) -> Offer | None:
        """Return the most selective index."""
        best: Offer | None = None
        types = self._index_types(run, self.types) if self.probes or self.hops else []
        for probe in (*self.probes, *self._resolved(run, inline)):
            exact = self.pairs.exactness(types, probe.path) if types else None
            if exact is None:
                continue
            term = probe.term
            decided = isinstance(term, IndexTerm) and exact >= term.needs
            offered = candidates(term, probe.path, types, probe.waiting, many=not decided)
            rows = run(f"{offered.text} LIMIT {PROBE}", offered.bindings).fetchall()
            count, few = len(rows), None
            if count < PROBE:
                eids = list(dict.fromkeys(eid for (eid,) in rows))
                offered = listed(eids)
                few = eids if count <= FEW else None
            if best is None or count < best.count:
                best = Offer(probe, offered, decided, count, few)
            if few is not None:
                break
        return best

    def _resolved(self, run: Run, inline: bool) -> Iterator[Probe]:
        """Yield the probes for conditions on linked entities."""
        if self.hops:
            every, find = self._index_types(run, None), self.find if inline else None
            resolver = Resolver(run, self.tid, self.pairs, every, find)
            for hop in self.hops:
                found = resolver.probe(hop)
                if found is not None:
                    yield found

    def _index_types(self, run: Run, types: list[int] | None) -> list[int]:
        if types is not None:
            return types
        rows = run(
            "SELECT type FROM counter WHERE tid = ? AND type <> ? AND n > 0 LIMIT ?",
            (self.tid, ALL_TYPES, TYPES + 1),
        ).fetchall()
        return [nid for (nid,) in rows] if len(rows) <= TYPES else []

    def _by_few(
        self, run: Run, best: Offer, eids: list[int], inline: bool
    ) -> tuple[Met, int | None]:
        """Put the few entities an index offers in order, testing what it has not decided.

        Only on the event loop, `inline`, is it known which of its rows wait.
        """
        query, touched = self.query, best.probe.touched
        if inline and best.exact:
            test, bindings = self._few_test(best, [eid for eid in eids if eid in touched])
        else:
            test, bindings = self._offer_test(run, best)
        source = "FROM json_each(?) c CROSS JOIN entity e ON e.eid = c.value"
        given = (orjson.dumps(eids).decode(), *bindings)
        if query.order:
            return self._ordered(run, source, test, given)
        source += f" WHERE {test}"
        total = run(f"SELECT count(*) {source}", given).get if query.count else None
        met = run(
            f"SELECT e.id, e.version, e.eid {source} AND e.id > ? ORDER BY e.id LIMIT ? OFFSET ?",
            (*given, query.after or "", query.limit, query.offset),
        ).fetchall()
        return met, total

    def _few_test(self, best: Offer, doubtful: list[int]) -> Test:
        """Return the test of entities an exact index offers, which is whole for the `doubtful`."""
        test, bindings = self._rest_test(best)
        if not doubtful:
            return test, bindings
        whole, values = self._index_test()
        return (
            f"CASE WHEN e.eid IN (SELECT value FROM json_each(?)) THEN {whole} ELSE {test} END",
            (orjson.dumps(doubtful).decode(), *values, *bindings),
        )

    def _offer_test(self, run: Run, best: Offer) -> Test:
        """Return the test of entities an index offers.

        An exact one has decided its term of those whose newest change is all in the index.
        """
        whole, values = self._index_test()
        if not best.exact:
            return whole, values
        test, bindings = self._rest_test(best)
        indexed: int = run("SELECT value FROM meta WHERE key = 'indexed'").get
        return (
            f"CASE WHEN e.seq > ? THEN {whole} ELSE {test} END",
            (indexed, *values, *bindings),
        )

    def _rest_test(self, best: Offer) -> Test:
        """Return the test of what an exact index does not decide."""
        term = best.probe.term
        assert isinstance(term, IndexTerm)
        assert term.node is not None
        return self._compiled(without(self.where, term.node))

    def _ordered(
        self, run: Run, source: str, test: str, given: tuple[Any, ...]
    ) -> tuple[Met, int | None]:
        """Put all that satisfies the test into the order asked for, and count it."""
        query = self.query
        total = None
        if query.count:
            total = run(f"SELECT count(*) {source} WHERE {test}", given).get
        keys = compile_keys(query.order, self.numbers.get)
        columns = [f"k{number}" for number in range(len(keys))]
        named = ", ".join(f"{key.text} AS {c}" for key, c in zip(keys, columns, strict=True))
        met: Met = run(
            f"WITH m AS MATERIALIZED (SELECT e.id, e.version, e.eid, {named} {source} "
            f"WHERE {test}) SELECT id, version, eid FROM m "
            f"ORDER BY {terms(query.order, columns)}, id LIMIT ? OFFSET ?",
            (
                *(value for key in keys for value in key.params),
                *given,
                query.limit,
                query.offset,
            ),
        ).fetchall()
        return met, total

    def _index_is_shorter(self, run: Run, found: int) -> bool:
        entities = self._entities(run)
        wanted = self.query.offset + self.query.limit
        walked = entities * min(1.0, wanted / max(1, found))
        return min(found, wanted) + found * SORT_COST < walked

    def _entities(self, run: Run) -> int:
        """Return how many entities a walk could meet at most."""
        total = 0
        for nid in (ALL_TYPES,) if self.types is None else self.types:
            total += (
                run("SELECT n FROM counter WHERE tid = ? AND type = ?", (self.tid, nid)).get or 0
            )
        return total

    def _count(self, run: Run, best: Offer | None) -> int:
        test, _ = self._exact_test()
        if test == "1" and (self.types is None or len(self.types) == 1):
            return self._entities(run)
        where, bindings = self._source(run, best)
        total: int = run(f"SELECT count(*) FROM entity e WHERE {where}", bindings).get
        return total

    def _source(self, run: Run, best: Offer | None) -> Test:
        """Return the condition of all that is asked for, with where to begin."""
        test, bindings = self._exact_test()
        if best is not None:
            source: tuple[Any, ...] = best.candidates.bindings
            where = f"e.eid IN ({best.candidates.text})"
            test, bindings = self._offer_test(run, best)
        elif self.types is None:
            where, source = "e.tid = ?", (self.tid,)
        else:
            where = f"e.eid IN (SELECT eid FROM etype WHERE type IN ({_marks(self.types)}))"
            source = tuple(self.types)
        return f"{where} AND {test}", (*source, *bindings)

    def _by_index(self, run: Run, best: Offer, offset: int, limit: int) -> Met:
        """Put what the index offers in order, and test until the page is full.

        The LIMIT within keeps SQLite from dropping the inner order; the CROSS JOIN follows it.
        """
        test, bindings = self._offer_test(run, best)
        offered = best.candidates
        met: Met = run(
            "SELECT e.id, e.version, e.eid FROM (SELECT eid FROM entity "
            f"WHERE eid IN ({offered.text}) AND id > ? ORDER BY id LIMIT -1) c "
            f"CROSS JOIN entity e ON e.eid = c.eid WHERE {test} LIMIT ? OFFSET ?",
            (*offered.bindings, self.query.after or "", *bindings, limit, offset),
        ).fetchall()
        return met

    def _index_test(self) -> Test:
        """Return the test for what an index offers, which may be out of date in all it says.

        Even the number may by now be that of another tenant's entity, which has none of these
        names. `where` leaves a single required type to the walk; more of them it tests itself.
        """
        test, bindings = self._exact_test()
        if self.types is None or len(self.types) > 1:
            return test, bindings
        (nid,) = self.types
        return f"{OF_TYPE} AND {test}", (nid, nid, *bindings)

    def _exact_test(self) -> Test:
        if self._test is None:
            self._test = self._compiled(self.where)
        return self._test

    def _compiled(self, where: Node) -> Test:
        text, bindings = compile_sql(where, self.numbers.get)
        return text, tuple(bindings)

    def _walk_whole(self, run: Run) -> Met:
        query, start = self.query, self.query.after or ""
        if self._exact_test()[0] != "1" or self.types is None or len(self.types) > 1:
            return self._walk(run, start, None, query.limit, query.offset)
        met: Met = run(
            "SELECT e.id, e.version, e.eid FROM (SELECT key, eid FROM etype WHERE type = ? "
            "AND key > ? ORDER BY key LIMIT ? OFFSET ?) t CROSS JOIN entity e ON e.eid = t.eid "
            "ORDER BY t.key",
            (*self.types, start, query.limit, query.offset),
        ).fetchall()
        return met

    def _walk_then_index(self, run: Run, best: Offer) -> Met:
        """Walk a bounded way; where that does not fill the page, let the index have its turn."""
        query = self.query
        wanted, start = query.offset + query.limit, query.after or ""
        met: Met = []
        for entities in WALK:
            end = self._key_after(run, start, entities)
            met += self._walk(run, start, end, wanted - len(met), 0)
            if end is None or len(met) == wanted:
                return met[query.offset :]
            start = end
        return self._by_index(run, best, query.offset, query.limit)

    def _key_after(self, run: Run, start: str, entities: int) -> str | None:
        """Return the id a walk of so many entities from `start` ends at; None for the last."""
        if self.types is None:
            ends = [
                run(
                    "SELECT id FROM entity WHERE tid = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?",
                    (self.tid, start, entities),
                ).get
            ]
        else:
            ends = [
                run(
                    "SELECT key FROM etype WHERE type = ? AND key > ? ORDER BY key "
                    "LIMIT 1 OFFSET ?",
                    (nid, start, entities),
                ).get
                for nid in self.types
            ]
        return min((end for end in ends if end is not None), default=None)

    def _walk(self, run: Run, start: str, end: str | None, limit: int, offset: int) -> Met:
        """Return matches in the order of ids, from behind `start` to `end` included."""
        test, tested = self._exact_test()
        last = "" if end is None else "AND {} <= ?"
        ends = () if end is None else (end,)
        if self.types is None:
            text = (
                "SELECT e.id, e.version, e.eid FROM entity e "
                f"WHERE e.tid = ? AND e.id > ? {last.format('e.id')} AND {test}"
            )
            bindings: tuple[Any, ...] = (self.tid, start, *ends, *tested)
        else:
            text = " UNION ".join(
                [
                    "SELECT e.id, e.version, e.eid FROM etype t CROSS JOIN entity e "
                    "ON e.eid = t.eid "
                    f"WHERE t.type = ? AND t.key > ? {last.format('t.key')} AND {test}"
                ]
                * len(self.types)
            )
            bindings = tuple(each for nid in self.types for each in (nid, start, *ends, *tested))
        order = "t.key" if self.types is not None and len(self.types) == 1 else "1"
        met: Met = run(
            f"{text} ORDER BY {order} LIMIT ? OFFSET ?", (*bindings, limit, offset)
        ).fetchall()
        return met


def _marks(values: list[int]) -> str:
    return ", ".join("?" * len(values))
