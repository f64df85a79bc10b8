"""One query under way: which of the ways is taken, and the statements of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from broker.query.ast import EntityQuery
from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import Candidates, candidates
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.session import ALL_TYPES

Row: TypeAlias = tuple[str, int, bytes]

PROBE: Final = 2000
"""Rows of an index that are counted to learn how selective it is."""

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


@dataclass(frozen=True, slots=True)
class Probe:
    """A term an index could serve, the number of its attribute, and what waits to be indexed."""

    term: IndexTerm | GeoTerm
    path: int
    waiting: list[int]


@dataclass(slots=True)
class Plan:
    """A compiled query. `types` and `ids` are None where the query does not ask for them."""

    tid: int
    query: EntityQuery
    types: list[int] | None
    ids: list[str] | None
    test: str
    bindings: tuple[Any, ...]
    probes: list[Probe]

    def run(self, budget: Budget) -> tuple[list[Row], int | None]:
        """Return the rows (id, version, document) of the page, and the total if asked for."""
        run = runner(budget.connection)
        if self.ids is not None:
            return self._by_ids(run, budget)
        best, found = self._best(run)
        total = self._count(run, best) if self.query.count else None
        if self.query.limit == 0 or total == 0:
            return [], total
        if best is None:
            return self._walk_whole(run), total
        if found < PROBE and self._index_is_shorter(run, found):
            return self._by_index(run, best, self.query.offset, self.query.limit), total
        return self._walk_then_index(run, best), total

    def _by_ids(self, run: Run, budget: Budget) -> tuple[list[Row], int | None]:
        query, found = self.query, []
        for entity_id in self.ids or ():
            budget.check()
            found += run(
                "SELECT e.id, e.version, e.doc FROM entity e WHERE e.tid = ? AND e.id = ? "
                f"AND {self.test}",
                (self.tid, entity_id, *self.bindings),
            ).fetchall()
        rest = [row for row in found if query.after is None or row[0] > query.after]
        page = rest[query.offset : query.offset + query.limit]
        return page, len(found) if query.count else None

    def _best(self, run: Run) -> tuple[Candidates | None, int]:
        """Return the most selective index, and how many rows it has, counted up to `PROBE`."""
        best: Candidates | None = None
        fewest = PROBE + 1
        types = self._index_types(run) if self.probes else []
        for probe in self.probes:
            if not types or not self._covered(run, probe.path, types):
                continue
            offer = candidates(probe.term, probe.path, types, probe.waiting)
            count: int = run(
                f"SELECT count(*) FROM (SELECT 1 FROM ({offer.text}) LIMIT {PROBE})",
                offer.bindings,
            ).get
            if count < fewest:
                best, fewest = offer, count
        return best, fewest

    def _index_types(self, run: Run) -> list[int]:
        if self.types is not None:
            return self.types
        rows = run(
            "SELECT type FROM counter WHERE tid = ? AND type <> ? AND n > 0 LIMIT ?",
            (self.tid, ALL_TYPES, TYPES + 1),
        ).fetchall()
        return [nid for (nid,) in rows] if len(rows) <= TYPES else []

    def _covered(self, run: Run, path: int, types: list[int]) -> bool:
        """Return whether the attribute is indexed for all the types."""
        return not run(
            f"SELECT EXISTS (SELECT 1 FROM pair WHERE type IN ({_marks(types)}) "
            "AND path = ? AND NOT indexed)",
            (*types, path),
        ).get

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

    def _count(self, run: Run, best: Candidates | None) -> int:
        if self.test == "1" and (self.types is None or len(self.types) == 1):
            return self._entities(run)
        test, bindings = self.test, self.bindings
        if best is not None:
            source: tuple[Any, ...] = best.bindings
            where = f"e.eid IN ({best.text})"
            test, bindings = self._index_test()
        elif self.types is None:
            where, source = "e.tid = ?", (self.tid,)
        else:
            where = f"e.eid IN (SELECT eid FROM etype WHERE type IN ({_marks(self.types)}))"
            source = tuple(self.types)
        total: int = run(
            f"SELECT count(*) FROM entity e WHERE {where} AND {test}", (*source, *bindings)
        ).get
        return total

    def _by_index(self, run: Run, best: Candidates, offset: int, limit: int) -> list[Row]:
        """Put what the index offers in order, and test until the page is full.

        The LIMIT within keeps SQLite from dropping the inner order; the CROSS JOIN follows it.
        """
        test, bindings = self._index_test()
        rows: list[Row] = run(
            "SELECT e.id, e.version, e.doc FROM (SELECT eid FROM entity "
            f"WHERE eid IN ({best.text}) AND id > ? ORDER BY id LIMIT -1) c "
            f"CROSS JOIN entity e ON e.eid = c.eid WHERE {test} LIMIT ? OFFSET ?",
            (*best.bindings, self.query.after or "", *bindings, limit, offset),
        ).fetchall()
        return rows

    def _index_test(self) -> tuple[str, tuple[Any, ...]]:
        """Return the test for what an index offers, which may be out of date even in the type.

        `test` leaves a single required type to the walk; more of them it tests itself.
        """
        if self.types is None or len(self.types) > 1:
            return self.test, self.bindings
        (nid,) = self.types
        return f"{OF_TYPE} AND {self.test}", (nid, nid, *self.bindings)

    def _walk_whole(self, run: Run) -> list[Row]:
        query = self.query
        return self._walk(run, query.after or "", None, query.limit, query.offset)

    def _walk_then_index(self, run: Run, best: Candidates) -> list[Row]:
        """Walk a bounded way; where that does not fill the page, let the index have its turn."""
        query = self.query
        wanted, start = query.offset + query.limit, query.after or ""
        met: list[Row] = []
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

    def _walk(self, run: Run, start: str, end: str | None, limit: int, offset: int) -> list[Row]:
        """Return matches in the order of ids, from behind `start` to `end` included."""
        last = "" if end is None else "AND {} <= ?"
        ends = () if end is None else (end,)
        if self.types is None:
            text = (
                "SELECT e.id, e.version, e.doc FROM entity e "
                f"WHERE e.tid = ? AND e.id > ? {last.format('e.id')} AND {self.test}"
            )
            bindings: tuple[Any, ...] = (self.tid, start, *ends, *self.bindings)
        else:
            text = " UNION ".join(
                [
                    "SELECT e.id, e.version, e.doc FROM etype t CROSS JOIN entity e "
                    "ON e.eid = t.eid "
                    f"WHERE t.type = ? AND t.key > ? {last.format('t.key')} AND {self.test}"
                ]
                * len(self.types)
            )
            bindings = tuple(
                each for nid in self.types for each in (nid, start, *ends, *self.bindings)
            )
        order = "t.key" if self.types is not None and len(self.types) == 1 else "1"
        rows: list[Row] = run(
            f"{text} ORDER BY {order} LIMIT ? OFFSET ?", (*bindings, limit, offset)
        ).fetchall()
        return rows


def _marks(values: list[int]) -> str:
    return ", ".join("?" * len(values))
