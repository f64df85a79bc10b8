"""Walking the entities of a tenant in the order of their ids, by type where types are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeAlias

from broker.store.sqlite.candidates import Candidates
from broker.store.sqlite.conditions import Test
from broker.store.sqlite.connection import Run

Met: TypeAlias = list[tuple[str, int, int]]
"""Id, version and number of entities, in order."""

_TYPED: Final = "CROSS JOIN entity e ON e.eid = t.eid"


@dataclass(frozen=True, slots=True)
class Walk:
    """A way through all entities of a tenant, or of some of its types."""

    run: Run
    tid: int
    types: list[int] | None

    def untested(self, start: str, limit: int, offset: int) -> Met:
        """Return entities of the only type from behind `start` on."""
        assert self.types is not None
        met: Met = self.run(
            "SELECT e.id, e.version, e.eid FROM (SELECT key, eid FROM etype WHERE type = ? "
            "AND key > ? ORDER BY key LIMIT ? OFFSET ?) t CROSS JOIN entity e ON e.eid = t.eid "
            "ORDER BY t.key",
            (*self.types, start, limit, offset),
        ).fetchall()
        return met

    def end(self, start: str, entities: int) -> str | None:
        """Return the id a walk of so many entities from `start` ends at; None for the last."""
        if self.types is None:
            ends = [
                self.run(
                    "SELECT id FROM entity WHERE tid = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?",
                    (self.tid, start, entities),
                ).get
            ]
        else:
            ends = [
                self.run(
                    "SELECT key FROM etype WHERE type = ? AND key > ? ORDER BY key "
                    "LIMIT 1 OFFSET ?",
                    (nid, start, entities),
                ).get
                for nid in self.types
            ]
        return min((end for end in ends if end is not None), default=None)

    def tested(
        self,
        test: Test,
        start: str,
        end: str | None,
        limit: int,
        offset: int,
        sieve: Candidates | None = None,
    ) -> Met:
        """Return matches from behind `start` to `end` included.

        Those that are not in the `sieve`, where there is one, are passed without a look.
        """
        condition, tested = test
        sifted = () if sieve is None else sieve.bindings
        ends = () if end is None else (end,)
        if self.types is None:
            source = "entity e WHERE e.tid = ? AND e.id > ? " + _until("e.id", end)
            text = f"{source} AND {_sifted('e', sieve)} {condition} ORDER BY e.id"
            bindings: tuple[Any, ...] = (self.tid, start, *ends, *sifted, *tested)
        elif len(self.types) == 1:
            source = f"{_TYPED} WHERE t.type = ? AND t.key > ? {_until('t.key', end)}"
            text = f"etype t {source} AND {_sifted('t', sieve)} {condition} ORDER BY t.key"
            bindings = (*self.types, start, *ends, *sifted, *tested)
        else:
            part = f"SELECT key, eid FROM etype WHERE type = ? AND key > ? {_until('key', end)}"
            parts = " UNION ".join([part] * len(self.types))
            # The LIMIT keeps SQLite from dropping the order, in which the parts are merged.
            source = f"({parts} ORDER BY 1, 2 LIMIT -1) t {_TYPED}"
            text = f"{source} WHERE {_sifted('t', sieve)} {condition}"
            starts = chain.from_iterable((nid, start, *ends) for nid in self.types)
            bindings = (*starts, *sifted, *tested)
        met: Met = self.run(
            f"SELECT e.id, e.version, e.eid FROM {text} LIMIT ? OFFSET ?",
            (*bindings, limit, offset),
        ).fetchall()
        return met


def _until(key: str, end: str | None) -> str:
    return "" if end is None else f"AND {key} <= ?"


def _sifted(alias: str, sieve: Candidates | None) -> str:
    # The plus keeps SQLite from beginning with the sieve, out of order.
    return "" if sieve is None else f"+{alias}.eid IN ({sieve.text}) AND"
