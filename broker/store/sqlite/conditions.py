"""The conditions of a query as SQL tests: what is left to test of entities, by how they were met.

A test is a condition on an entity `e` and its bindings. An index may offer entities that do not
satisfy its own term any more: those are tested in full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from broker.query.ast import Node
from broker.query.plan import IndexTerm, without
from broker.query.sql import compile_sql
from broker.store.sqlite.candidates import Offer

Test: TypeAlias = tuple[str, tuple[Any, ...]]
"""An SQL condition on an entity `e`, and its bindings."""


@dataclass(slots=True)
class Conditions:
    """The tests of one query. `where` leaves the types that are required to the walk.

    `numbers` has the number of every attribute in it, `types` are those a walk goes through.
    `noted` is an SQL condition that always holds, put before every test of a document.
    """

    where: Node
    types: list[int] | None
    numbers: Mapping[str, int | None]
    noted: str = ""
    _exact: Test | None = field(default=None, init=False)

    def exact(self) -> Test:
        """Return the test of entities a walk meets."""
        if self._exact is None:
            self._exact = self._compiled(self.where)
        return self._exact

    @property
    def none(self) -> bool:
        """Tell whether nothing is to be tested of what a walk meets."""
        return self.exact()[0] == "1"

    def whole(self) -> Test:
        """Return the test for what an index offers, which may be out of date in all it says.

        Even the number may by now be that of another tenant's entity, which has none of these
        names.
        """
        test, bindings = self.exact()
        if self.types is None:
            return test, bindings
        marks = ", ".join("?" * len(self.types))
        return (
            f"(e.type IN ({marks}) OR (e.type = 0 AND EXISTS "
            f"(SELECT 1 FROM etype t WHERE t.type IN ({marks}) AND t.key = e.id))) AND {test}",
            (*self.types, *self.types, *bindings),
        )

    def rest(self, offer: Offer) -> Test:
        """Return the test of what an exact index does not decide."""
        term = offer.probe.term
        assert isinstance(term, IndexTerm)
        assert term.node is not None
        return self._compiled(without(self.where, term.node))

    def of_few(self, offer: Offer, doubtful: Sequence[int]) -> Test:
        """Return the test of entities an exact index offers, in full of the `doubtful`."""
        test, bindings = self.rest(offer)
        if not doubtful:
            return test, bindings
        whole, values = self.whole()
        return (
            f"CASE WHEN e.eid IN (SELECT value FROM json_each(?)) THEN {whole} ELSE {test} END",
            (orjson.dumps(doubtful).decode(), *values, *bindings),
        )

    def of_offer(self, offer: Offer, indexed: int) -> Test:
        """Return the test of entities an index offers.

        An exact one has decided its term of those whose newest change is all in the index, as it
        was up to `indexed` when the query was planned; whatever waited then is newer. It also
        offers some by a change that is not committed yet.
        """
        whole, values = self.whole()
        if not offer.exact:
            return whole, values
        test, bindings = self.rest(offer)
        doubt = "e.seq > ?"
        given: tuple[Any, ...] = (indexed,)
        if offer.probe.doubtful:
            doubt += " OR e.eid IN (SELECT value FROM json_each(?))"
            given = (indexed, orjson.dumps(offer.probe.doubtful).decode())
        return (
            f"CASE WHEN {doubt} THEN {whole} ELSE {test} END",
            (*given, *values, *bindings),
        )

    def _compiled(self, where: Node) -> Test:
        text, bindings = compile_sql(where, self.numbers.get)
        if self.noted and text != "1":
            text = f"({self.noted} AND {text})"
        return text, tuple(bindings)
