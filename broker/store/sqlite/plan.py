"""One query under way: which of the ways is taken, and the statements of each.

The ways find which entities are on the page; their documents are read last, and only those that
are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import apsw
import orjson

from broker.query.ast import EntityQuery, Node
from broker.query.plan import Exact, GeoTerm, IndexTerm
from broker.store.contract import Kept, Record
from broker.store.sqlite import ordered
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import Offer, Probe, candidates, counted, gathered, listed
from broker.store.sqlite.conditions import Conditions, Test
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.costs import (
    COUNTED,
    boxes_are_shorter,
    index_is_shorter,
    most_probed,
    order_index_is_shorter,
    sieve_first,
    steps,
)
from broker.store.sqlite.entering import ALL_TYPES
from broker.store.sqlite.hops import Hop, relationships
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.pending import NUMBERS, TEXTS, Pending, holds, table_of
from broker.store.sqlite.probing import Probing
from broker.store.sqlite.walk import Met, Walk

Row: TypeAlias = tuple[str, int, bytes] | Record
"""Id, version, document; or the record that the caller had kept."""

SIFTED: Final = 30_000
"""Rows of an index from which on a walk is not sifted: it would take longer than the walk."""

MANY: Final = 2_000
"""Documents of which it is known that the event loop cannot wait for them."""


@dataclass(slots=True)
class Plan:
    """A compiled query. `types` and `ids` are None where the query does not ask for them.

    `where` is what is to be tested of entities found by a single required type; `numbers` has
    the number of every attribute in it. `pending` is a copy once the read went to a thread;
    `committed` is the newest change known to be in the file.
    """

    tid: int
    query: EntityQuery
    types: list[int] | None
    ids: list[str] | None
    where: Node
    numbers: dict[str, int | None]
    probes: list[Probe]
    hops: list[Hop]
    pending: Pending
    pairs: Pairs
    kept: Kept | None
    committed: int
    conditions: Conditions = field(init=False)
    _offer: Offer | None = field(default=None, init=False)
    _probed: bool = field(default=False, init=False)
    """Whether the indexes were asked already: a thread goes on with what they said."""
    _indexed: int = field(init=False)
    """The newest change all of whose rows were in the file when the query was planned."""

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.where, self.types, self.numbers)
        self._indexed = self.pending.indexed

    def run(self, budget: Budget) -> tuple[list[Row], int | None]:
        """Return the rows of the page, and the total if asked for."""
        try:
            return self._answer(budget)
        except apsw.InterruptError:
            if budget.inline:
                self.pending = self.pending.copy(self._waited_for())
            raise

    def _answer(self, budget: Budget) -> tuple[list[Row], int | None]:
        run = runner(budget.connection)
        if self.ids is not None:
            met, total = self._by_ids(run, budget)
        else:
            if not self._probed:
                self._offer, self._probed = self._best(run), True
            met, total = self._find(run, self._offer, budget)
        return documents(run, met, self.kept if budget.inline else None), total

    def _waited_for(self) -> Iterator[tuple[int, int]]:
        """Yield where rows may wait that are looked for while the query is under way."""
        for probe in self.probes:
            if isinstance(probe.term, IndexTerm):
                yield table_of(probe.term), probe.path
        for path in relationships(self.hops):
            yield TEXTS, path
        for order in self.query.order:
            for number in map(self.numbers.get, order.path.names[:1]):
                if number is not None:
                    yield NUMBERS, number

    def _find(self, run: Run, best: Offer | None, budget: Budget) -> tuple[Met, int | None]:
        query = self.query
        if best is not None and best.few is not None:
            return self._by_few(run, best, best.few, budget.inline)
        total = self._count(run, best, budget) if query.count else None
        if query.limit == 0 or total == 0:
            return [], total
        if query.order:
            return self._in_order(run, best, budget), total
        if best is None:
            return self._walk_whole(run), total
        wanted = query.offset + query.limit
        if best.listed and index_is_shorter(best.count, wanted, self._entities(run)):
            return self._by_index(run, best, query.offset, query.limit), total
        return self._walk_then_index(run, best), total

    def _leave_loop(self, run: Run, best: Offer | None, budget: Budget) -> None:
        """Go to a thread at once with what looks at very many documents."""
        if (self._entities(run) if best is None else best.count) >= MANY:
            budget.leave_loop()

    def _by_ids(self, run: Run, budget: Budget) -> tuple[Met, int | None]:
        query, found = self.query, []
        test, bindings = self.conditions.exact()
        if query.order:
            where = f"e.tid = ? AND e.id IN (SELECT value FROM json_each(?)) AND {test}"
            given = (self.tid, orjson.dumps(self.ids).decode(), *bindings)
            return self._ordered(run, "FROM entity e", (where, given))
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

    def _best(self, run: Run) -> Offer | None:
        """Return the most selective index."""
        if not self.probes and not self.hops:
            return None
        probing = Probing(run, self.tid, self.pairs, self.pending)
        return probing.best(self.types, self.probes, self.hops)

    def _by_few(
        self, run: Run, best: Offer, eids: list[int], inline: bool
    ) -> tuple[Met, int | None]:
        """Put the few entities an index offers in order, testing what it has not decided.

        Only on the event loop, `inline`, is it known which of its rows wait.
        """
        query, touched = self.query, best.probe.touched
        if inline and best.exact:
            doubtful = [eid for eid in eids if eid in touched]
            test, bindings = self.conditions.of_few(best, doubtful)
        else:
            test, bindings = self.conditions.of_offer(best, self._indexed)
        source = "FROM json_each(?) c CROSS JOIN entity e ON e.eid = c.value"
        given = (orjson.dumps(eids).decode(), *bindings)
        if query.order:
            return self._ordered(run, source, (test, given))
        source += f" WHERE {test}"
        total = run(f"SELECT count(*) {source}", given).get if query.count else None
        met = run(
            f"SELECT e.id, e.version, e.eid {source} AND e.id > ? ORDER BY e.id LIMIT ? OFFSET ?",
            (*given, query.after or "", query.limit, query.offset),
        ).fetchall()
        return met, total

    def _in_order(self, run: Run, best: Offer | None, budget: Budget) -> Met:
        path = self._order_path()
        if path is not None and self._order_index_is_shorter(run, best):
            met = self._by_order_index(run, best, path)
            if met is not None:
                return met
        self._leave_loop(run, best, budget)
        source = "FROM entity e"
        window = (self.query.limit, self.query.offset)
        return ordered.by_documents(
            run, self.query.order, self.numbers, source, self._source(run, best), window
        )

    def _ordered(self, run: Run, source: str, test: Test) -> tuple[Met, int | None]:
        """Put all that satisfies the test into the order asked for, and count it."""
        query, total = self.query, None
        if query.count:
            total = run(f"SELECT count(*) {source} WHERE {test[0]}", test[1]).get
        window = (query.limit, query.offset)
        return (
            ordered.by_documents(run, query.order, self.numbers, source, test, window),
            total,
        )

    def _order_path(self) -> int | None:
        """Return the attribute whose index rows are in the order asked for, if there is one."""
        if len(self.query.order) > 1 or self.types is None or len(self.types) > 1:
            return None
        (order,) = self.query.order
        path = order.path
        if len(path.names) != 1 or path.member or path.keys or order.reference is not None:
            return None
        number = self.numbers.get(path.names[0])
        if number is None or self.pairs.exactness(self.types, number) is not Exact.SINGLE:
            return None
        return number

    def _order_index_is_shorter(self, run: Run, best: Offer | None) -> bool:
        if best is None:
            return True
        wanted = self.query.offset + self.query.limit
        found = self._counted(run, best, COUNTED)
        return order_index_is_shorter(found, wanted, self._entities(run))

    def _by_order_index(self, run: Run, best: Offer | None, path: int) -> Met | None:
        assert self.types is not None
        whole = self.conditions.whole()
        return ordered.Indexed(
            run,
            self.types[0],
            path,
            self.query.order[0],
            self.numbers,
            None if best is None else best.candidates,
            whole if best is None else self.conditions.of_offer(best, self._indexed),
            whole,
            sorted(self.pending.touched(NUMBERS, path)),
        ).page(self.query.limit, self.query.offset)

    def _counted(self, run: Run, best: Offer, most: int) -> int:
        """Return how many rows an index offers, counted further where the probe ended before."""
        probed = most_probed(best.probe.term)
        if best.listed or best.count < probed or most <= probed:
            return best.count
        return counted(run, best.candidates, most)

    def _entities(self, run: Run) -> int:
        """Return how many entities a walk could meet at most."""
        total = 0
        for nid in (ALL_TYPES,) if self.types is None else self.types:
            total += (
                run("SELECT n FROM counter WHERE tid = ? AND type = ?", (self.tid, nid)).get or 0
            )
        return total

    def _count(self, run: Run, best: Offer | None, budget: Budget) -> int:
        if self.conditions.none and (self.types is None or len(self.types) == 1):
            return self._entities(run)
        if best is not None and best.exact and self.types is not None and len(self.types) == 1:
            exact = self.pairs.exactness(self.types, best.probe.path)
            if exact is Exact.SINGLE and self.conditions.rest(best)[0] == "1":
                return self._count_rows(run, best.probe, self.types[0])
        self._leave_loop(run, best, budget)
        where, bindings = self._source(run, best)
        total: int = run(f"SELECT count(*) FROM entity e WHERE {where}", bindings).get
        return total

    def _count_rows(self, run: Run, probe: Probe, nid: int) -> int:
        """Count the rows of an index that are alone for their entities; some of them may wait."""
        term = probe.term
        assert isinstance(term, IndexTerm)
        offered = candidates(term, probe.path, [nid], (), many=False)
        waiting = self.pending.of_type(table_of(term), probe.path, nid)
        text, bindings = f"SELECT count(*) FROM ({offered.text})", offered.bindings
        if waiting:
            text += " WHERE eid NOT IN (SELECT value FROM json_each(?))"
            bindings = (*bindings, orjson.dumps(list(waiting)).decode())
        count: int = run(text, bindings).get
        doubtful = []
        for eid, (value, (_, _, seq)) in waiting.items():
            if seq > self.committed:
                doubtful.append(eid)
            elif value is not None and holds(term, value):
                count += 1
        return count + self._count_of(run, doubtful)

    def _count_of(self, run: Run, eids: list[int]) -> int:
        """Count which of some entities satisfy the query, by their documents."""
        if not eids:
            return 0
        test, bindings = self.conditions.whole()
        counted: int = run(
            "SELECT count(*) FROM json_each(?) c CROSS JOIN entity e ON e.eid = c.value "
            f"WHERE {test}",
            (orjson.dumps(eids).decode(), *bindings),
        ).get
        return counted

    def _source(self, run: Run, best: Offer | None) -> Test:
        """Return the condition of all that is asked for, with where to begin."""
        test, bindings = self.conditions.exact()
        if best is not None:
            source: tuple[Any, ...] = best.candidates.bindings
            where = f"e.eid IN ({best.candidates.text})"
            test, bindings = self.conditions.of_offer(best, self._indexed)
        elif self.types is None:
            where, source = "e.tid = ?", (self.tid,)
        else:
            where = f"e.eid IN (SELECT eid FROM etype WHERE type IN ({_marks(self.types)}))"
            source = tuple(self.types)
        return f"{where} AND {test}", (*source, *bindings)

    def _by_index(self, run: Run, best: Offer, offset: int, limit: int, after: str = "") -> Met:
        """Put what the index offers in order, and test until the page is full.

        The LIMIT within keeps SQLite from dropping the inner order; the CROSS JOIN follows it.
        """
        test, bindings = self.conditions.of_offer(best, self._indexed)
        offered = best.candidates
        met: Met = run(
            "SELECT e.id, e.version, e.eid FROM (SELECT eid FROM entity "
            f"WHERE eid IN ({offered.text}) AND id > ? ORDER BY id LIMIT -1) c "
            f"CROSS JOIN entity e ON e.eid = c.eid WHERE {test} LIMIT ? OFFSET ?",
            (*offered.bindings, max(after, self.query.after or ""), *bindings, limit, offset),
        ).fetchall()
        return met

    def _walk_whole(self, run: Run) -> Met:
        query, start = self.query, self.query.after or ""
        walk = Walk(run, self.tid, self.types)
        if self.conditions.none and self.types is not None and len(self.types) == 1:
            return walk.untested(start, query.limit, query.offset)
        return walk.tested(self.conditions.exact(), start, None, query.limit, query.offset)

    def _walk_then_index(self, run: Run, best: Offer) -> Met:
        """Walk a bounded way; where that does not fill the page, let the index have its turn."""
        query, walk = self.query, Walk(run, self.tid, self.types)
        wanted, start = query.offset + query.limit, query.after or ""
        sieve = best.candidates if self._is_sieve_first(run, best, wanted) else None
        met: Met = []
        left = steps(best, sifted=sieve is not None)
        while left:
            step, left = left[0], left[1:]
            end = walk.end(start, step)
            test = (
                self.conditions.exact()
                if sieve is None
                else self.conditions.of_offer(best, self._indexed)
            )
            met += walk.tested(test, start, end, wanted - len(met), 0, sieve)
            if end is None or len(met) == wanted:
                return met[query.offset :]
            start = end
            if sieve is None and self._is_worth_sifting(run, best, len(met), step):
                self._list(run, best)
                sieve, left = best.candidates, steps(best, sifted=True)
        met += self._by_index(run, best, 0, wanted - len(met), start)
        return met[query.offset :]

    def _is_sieve_first(self, run: Run, best: Offer, wanted: int) -> bool:
        if best.listed or isinstance(best.probe.term, GeoTerm):
            return best.listed
        return sieve_first(best.count, wanted, self._entities(run))

    def _is_worth_sifting(self, run: Run, best: Offer, found: int, walked: int) -> bool:
        if isinstance(best.probe.term, GeoTerm):
            return boxes_are_shorter(found, walked, self._entities(run))
        return self._counted(run, best, SIFTED) < SIFTED

    def _list(self, run: Run, best: Offer) -> None:
        """Ask for all boxes at once, which are dear: the offer has them from now on."""
        if isinstance(best.probe.term, GeoTerm) and not best.listed:
            eids, best.count = gathered(run, best.candidates, ordered.ALL)
            best.candidates, best.listed = listed(eids), True


def documents(run: Run, met: Met, kept: Kept | None) -> list[Row]:
    """Return rows with the documents the caller has not kept."""
    records = {} if kept is None else kept(met)
    return [
        records.get(entity_id)
        or (entity_id, version, run("SELECT doc FROM entity WHERE eid = ?", (eid,)).get)
        for entity_id, version, eid in met
    ]


def _marks(values: list[int]) -> str:
    return ", ".join("?" * len(values))
