"""The short way of what most queries are: a type, and one comparison that few index rows decide.

The rows name the entities, and that is all there is to find: no document is tested. Of entities
with rows that wait to go into the file, the newest of them says what is so, unless it is of a
change that is not committed: those are tested in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import apsw
import orjson

from broker.query.ast import And, Compare, EntityQuery, HasType
from broker.query.plan import Exact, IndexTerm, index_term
from broker.store.contract import Kept
from broker.store.sqlite import probing
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.candidates import candidates
from broker.store.sqlite.conditions import Conditions
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.names import Names
from broker.store.sqlite.pairs import Pairs
from broker.store.sqlite.pending import Pending, holds, table_of
from broker.store.sqlite.plan import Row, documents
from broker.store.sqlite.waiting import Whose
from broker.store.sqlite.walk import Met

Read: TypeAlias = Callable[[Budget], tuple[list[Row], int | None]]

FOUND: Final = "SELECT e.id, e.version, e.eid FROM"
LISTED: Final = "json_each(?) c CROSS JOIN entity e ON e.eid = c.value"


@dataclass(slots=True)
class Direct:
    """A query for entities of a type that satisfy a comparison an exact index serves.

    `single` tells that an entity has one row at most. `committed` is the newest change known to be
    in the file. `plan` makes the read that answers where this way is too long; it is called on the
    event loop.
    """

    query: EntityQuery
    compare: Compare
    term: IndexTerm
    nid: int
    path: int
    single: bool
    pending: Pending
    committed: int
    kept: Kept | None
    plan: Callable[[], Read]
    _planned: Read | None = field(default=None, init=False)

    def run(self, budget: Budget) -> tuple[list[Row], int | None]:
        """Return the rows of the page, and the total if asked for."""
        if self._planned is None:
            try:
                found = self._answer(runner(budget.connection))
            except apsw.InterruptError:
                found = None
            if found is not None:
                return found
            self._planned = self.plan()
        return self._planned(budget)

    def _answer(self, run: Run) -> tuple[list[Row], int | None] | None:
        query, met = self.query, self._find(run)
        if met is None:
            return None
        total = len(met) if query.count else None
        met.sort()
        if query.after is not None:
            met = [row for row in met if row[0] > query.after]
        page = met[query.offset : query.offset + query.limit]
        return documents(run, page, self.kept), total

    def _find(self, run: Run) -> Met | None:
        """Return all that the index finds; None where that is more than few."""
        offered = candidates(self.term, self.path, (self.nid,), (), many=False)
        rows: Met = run(
            f"{FOUND} ({offered.text}) c CROSS JOIN entity e ON e.eid = c.eid LIMIT ?",
            (*offered.bindings, probing.FEW + 1),
        ).fetchall()
        if len(rows) > probing.FEW:
            return None
        if not self.single:
            # An entity is found by each value that the comparison holds for.
            rows = list(set(rows))
        newest = self.pending.newest(table_of(self.term), self.path)
        if not newest:
            return rows
        waiting = self.pending.find(self.term, self.path)
        if len(waiting) > probing.FEW:
            return None
        met = [row for row in rows if row[2] not in newest]
        return met + self._waiting(run, newest, {*waiting, *(row[2] for row in rows)})

    def _waiting(self, run: Run, newest: Mapping[int, tuple[Any, Whose]], eids: set[int]) -> Met:
        """Return which entities are met of those that have rows that wait."""
        sure, doubtful = [], []
        for eid in newest.keys() & eids:
            value, (_, nid, seq) = newest[eid]
            if not self.single or nid != self.nid or seq > self.committed:
                doubtful.append(eid)
            elif value is not None and holds(self.term, value):
                sure.append(eid)
        met: Met = []
        if sure:
            met += run(f"{FOUND} {LISTED}", (orjson.dumps(sure).decode(),)).fetchall()
        if doubtful:
            numbers = {self.term.attribute: self.path}
            test, bindings = Conditions(self.compare, [self.nid], numbers).whole()
            given = (orjson.dumps(doubtful).decode(), *bindings)
            met += run(f"{FOUND} {LISTED} WHERE {test}", given).fetchall()
        return met


def direct(
    names: Names,
    pending: Pending,
    pairs: Pairs,
    query: EntityQuery,
    kept: Kept | None,
    committed: int,
    plan: Callable[[], Read],
) -> Direct | None:
    """Return the short way of a query, None where it has none; on the event loop only."""
    where = query.where
    if where.__class__ is not And or len(where.nodes) != 2 or query.order:
        return None
    typed, compare = where.nodes
    if not isinstance(typed, HasType) or not isinstance(compare, Compare):
        return None
    term = index_term(compare)
    if term is None:
        return None
    nid, path = names.nid(typed.iri), names.nid(term.attribute)
    if nid is None or path is None:
        return None
    exact = pairs.exactness((nid,), path)
    if exact is None or exact < term.needs:
        return None
    single = exact is Exact.SINGLE
    return Direct(query, compare, term, nid, path, single, pending, committed, kept, plan)
