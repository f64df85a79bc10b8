"""Putting what satisfies a query into an order asked for (`orderBy`, §4.23).

In general every entity's key is computed from its document. Where the order is that of one
attribute of which a type has single numbers only, its index rows are in the order already: they
are read from the right end, until the page is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from broker.query.ast import Order
from broker.query.sql_order import compile_keys, terms
from broker.store.sqlite.candidates import Candidates
from broker.store.sqlite.conditions import Test
from broker.store.sqlite.connection import Run
from broker.store.sqlite.walk import Met

Found: TypeAlias = tuple[Any, str, int, int]
"""The key of an entity, its id, version and number."""

ALL: Final = -1


def by_documents(
    run: Run,
    orders: Sequence[Order],
    numbers: Mapping[str, int | None],
    source: str,
    test: Test,
    window: tuple[int, int],
) -> Met:
    """Order all of `source` that passes the test; the `bindings` are those of both.

    `window` is limit and offset.
    """
    condition, given = test
    keys = compile_keys(orders, numbers.get)
    columns = [f"k{number}" for number in range(len(keys))]
    named = ", ".join(f"{key.text} AS {c}" for key, c in zip(keys, columns, strict=True))
    met: Met = run(
        f"WITH m AS MATERIALIZED (SELECT e.id, e.version, e.eid, {named} {source} "
        f"WHERE {condition}) SELECT id, version, eid FROM m "
        f"ORDER BY {terms(orders, columns)}, id LIMIT ? OFFSET ?",
        (*(value for key in keys for value in key.params), *given, *window),
    ).fetchall()
    return met


@dataclass(frozen=True, slots=True)
class Indexed:
    """An order that the index rows of one attribute (`path`) of one type are in.

    `test` is that of entities the rows lead to, `whole` that of those the rows may be out of date
    about, which are `touched`. Both are made only of what is in the `sieve`, if there is one.
    """

    run: Run
    nid: int
    path: int
    order: Order
    numbers: Mapping[str, int | None]
    sieve: Candidates | None
    test: Test
    whole: Test
    touched: Sequence[int]

    def page(self, limit: int, offset: int) -> Met | None:
        """Return the page; None where entities without the attribute may have to be on it."""
        wanted = limit + offset
        found = self._rows(wanted + 1)
        if len(found) > wanted and found[-1][0] == (last := found[-2][0]):
            found = [row for row in found if row[0] != last] + self._rows(ALL, last)
        found += self._touched()
        if len(found) < wanted:
            return None
        found.sort(key=lambda row: row[1])
        found.sort(key=lambda row: row[0], reverse=self.order.descending)
        return [(entity_id, version, eid) for _, entity_id, version, eid in found[offset:wanted]]

    def _rows(self, limit: int, value: Any = None) -> list[Found]:
        """Return what the rows lead to, in their order, or all that have one value."""
        sieve, sifted = self._sifted("a.eid")
        condition, tested = self.test
        only = "" if value is None else "AND a.value = ?"
        found: list[Found] = self.run(
            "SELECT a.value, e.id, e.version, e.eid FROM anum a "
            "CROSS JOIN entity e ON e.eid = a.eid WHERE a.type = ? AND a.path = ? "
            f"{only} AND a.eid NOT IN (SELECT value FROM json_each(?)) {sieve} AND {condition} "
            f"ORDER BY a.value {'DESC' if self.order.descending else ''} LIMIT ?",
            (
                self.nid,
                self.path,
                *(() if value is None else (value,)),
                orjson.dumps(self.touched).decode(),
                *sifted,
                *tested,
                limit,
            ),
        ).fetchall()
        return found

    def _touched(self) -> list[Found]:
        if not self.touched:
            return []
        sieve, sifted = self._sifted("c.value")
        condition, tested = self.whole
        (key,) = compile_keys((self.order,), self.numbers.get)
        found = self.run(
            f"SELECT {key.text}, e.id, e.version, e.eid FROM json_each(?) c "
            f"CROSS JOIN entity e ON e.eid = c.value WHERE true {sieve} AND {condition}",
            (*key.params, orjson.dumps(self.touched).decode(), *sifted, *tested),
        ).fetchall()
        return [row for row in found if not isinstance(row[0], bytes)]

    def _sifted(self, eid: str) -> Test:
        if self.sieve is None:
            return "", ()
        return f"AND +{eid} IN ({self.sieve.text})", self.sieve.bindings
